/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_mountinfo - the kernel's list of mounts, its escapes and lines that are none.
 */
#include "tests/unit/unit.h"

#include <string.h>

#include "lib/mountinfo.h"

static void test_names_are_without_escapes(void **state)
{
	static const char text[] =
		"20 1 0:20 /a\\040b\\134c /with\\011tab rw,nosuid shared:1 - tmpfs tmpfs rw\n"
		"21 20 0:21 / /odd\\9\\04 rw - tmpfs tmpfs rw\n";
	_mountinfo_ struct mountinfo info = { 0 };

	(void)state;
	mountinfo_parse(text, &info);
	assert_int_equal(info.n, 2);
	assert_int_equal(info.entries[0].id, 20);
	assert_int_equal(info.entries[0].parent, 1);
	assert_string_equal(info.entries[0].root, "/a b\\c");
	assert_string_equal(info.entries[0].point, "/with\ttab");
	assert_string_equal(info.entries[1].point, "/odd\\9\\04");
	assert_string_equal(info.entries[1].options, "rw");
}

static void test_lines_of_another_format_are_left_out(void **state)
{
	static const char *const texts[] = { "", "\n\n", "20 1 0:20 /", "x 1 0:20 / / rw",
					     "20 -1 0:20 / / rw" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_mountinfo_ struct mountinfo info = { 0 };

		mountinfo_parse(texts[i], &info);
		assert_int_equal(info.n, 0);
	}
}

static void test_own_mounts_begin_at_the_root(void **state)
{
	_mountinfo_ struct mountinfo info = { 0 };
	bool has_root = false;
	struct error e;

	(void)state;
	assert_int_equal(mountinfo_read(&info, &e), 0);
	for (size_t i = 0; i < info.n; i++)
		has_root |= strcmp(info.entries[i].point, "/") == 0;
	assert_true(has_root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_without_escapes),
		cmocka_unit_test(test_lines_of_another_format_are_left_out),
		cmocka_unit_test(test_own_mounts_begin_at_the_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
