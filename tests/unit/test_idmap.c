/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_idmap - maps of owners as text, and who somebody inside is outside.
 */

#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "lib/idmap.h"
#include "lib/rpc/proto/oci.pb-c.h"

static void test_snapshotters_maps_are_read(void **state)
{
	_cleanup_(idmap_done) struct idmap map = { 0 };
	_free_ char *text = NULL;
	struct error e;

	(void)state;
	assert_int_equal(idmap_parse("0:666:1000,1000:6666:64536", "0:5:10", &map, &e), 0);
	text = idmap_text(&map);
	assert_string_equal(text, "0 666 1000\n1000 6666 64536\n/0 5 10\n");
}

static void test_what_is_no_map_is_refused(void **state)
{
	static const char *const cases[] = { "0", "0:1", "0:1:2:3", "a:1:2", "0:1:4294967296" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct idmap map = { 0 };
		struct error e;

		assert_true(idmap_parse(cases[i], "0:1:2", &map, &e) < 0);
		assert_true(idmap_parse("0:1:2", cases[i], &map, &e) < 0);
		assert_true(idmap_is_empty(&map));
	}
}

static void test_who_is_inside_is_somebody_outside(void **state)
{
	static const struct {
		uint32_t inside, user, group;
	} cases[] = { { 0, 666, 5 }, { 9, 675, 14 }, { 999, 1665, 0 }, { 1000, 6666, 0 } };
	_cleanup_(idmap_done) struct idmap map = { 0 };
	struct error e;
	uint32_t id;

	(void)state;
	assert_int_equal(idmap_parse("0:666:1000,1000:6666:1", "0:5:10", &map, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(idmap_user(&map, cases[i].inside, &id, &e), 0);
		assert_int_equal(id, cases[i].user);
		if (cases[i].group) {
			assert_int_equal(idmap_group(&map, cases[i].inside, &id, &e), 0);
			assert_int_equal(id, cases[i].group);
		} else {
			assert_int_equal(idmap_group(&map, cases[i].inside, &id, &e), -EINVAL);
		}
	}
	assert_int_equal(idmap_user(&map, 1001, &id, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "user 1001"));
}

static void test_without_a_map_everybody_is_the_same(void **state)
{
	const struct idmap none = { 0 };
	struct error e;
	uint32_t id;

	(void)state;
	assert_int_equal(idmap_user(&none, 12345, &id, &e), 0);
	assert_int_equal(id, 12345);
	assert_int_equal(idmap_group(&none, 12345, &id, &e), 0);
	assert_int_equal(id, 12345);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_snapshotters_maps_are_read),
		cmocka_unit_test(test_what_is_no_map_is_refused),
		cmocka_unit_test(test_who_is_inside_is_somebody_outside),
		cmocka_unit_test(test_without_a_map_everybody_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
