/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_holder - two programs do not work in one root.
 */

#include "tests/unit/folder.h"

#include <string.h>

#include "lib/file.h"
#include "lib/host/holder.h"
#include "lib/host/journal.h"

static char *locks[] = { NULL };

static const struct owner first = { .program = "first", .name = "first", .locks = locks };
static const struct owner second = {
	.program = "second",
	.name = "second",
	.unmarked = "first",
	.locks = locks,
};

/* What opening the journal, with which every change begins, says to OWNER. */
static int begin(const struct owner *owner, const char *root, struct error *e)
{
	_cleanup_(journal_closep) struct journal *j = NULL;

	return journal_open(owner, root, deadline_in(60000), NULL, &j, e);
}

static void test_empty_root_is_anybodys(void **state)
{
	struct error e;

	assert_int_equal(begin(&first, *state, &e), 0);
	assert_int_equal(begin(&second, *state, &e), 0);
}

static void test_root_without_a_mark_is_the_firsts(void **state)
{
	struct error e;

	folder_put(*state, "versions/1/MANIFEST", "");
	assert_int_equal(begin(&first, *state, &e), 0);
	assert_int_equal(begin(&second, *state, &e), -EEXIST);
	assert_non_null(strstr(e.msg, "an installation of first"));
	/* It marks none. */
	assert_int_equal(holder_mark(&first, *state, &e), 0);
	assert_int_equal(begin(&first, *state, &e), 0);
}

static void test_root_with_a_mark_is_the_ones_that_left_it(void **state)
{
	struct error e;

	assert_int_equal(holder_mark(&second, *state, &e), 0);
	folder_put(*state, "versions/1/MANIFEST", "");
	assert_int_equal(begin(&second, *state, &e), 0);
	assert_int_equal(begin(&first, *state, &e), -EEXIST);
	assert_non_null(strstr(e.msg, "an installation of second"));
}

/* Nor is what another was about to do taken back. */
static void test_journal_of_another_is_left_alone(void **state)
{
	static const char text[] = "do switch {\"current\":null}\n";
	_free_ char *path = path_join(*state, "journal");
	_free_ char *after = NULL;
	struct error e;

	assert_int_equal(holder_mark(&second, *state, &e), 0);
	folder_put(*state, "journal", text);
	assert_int_equal(begin(&first, *state, &e), -EEXIST);
	assert_int_equal(file_read(path, KIB, &after, NULL, &e), 0);
	assert_string_equal(after, text);
}

static void test_mark_without_an_installation_means_nothing(void **state)
{
	_free_ char *mark = path_join(*state, ".owner");
	struct error e;

	assert_int_equal(holder_mark(&second, *state, &e), 0);
	assert_int_equal(begin(&first, *state, &e), 0);
	holder_forget(*state);
	assert_false(file_exists(mark));
	assert_int_equal(holder_mark(&second, *state, &e), 0);
	folder_put(*state, "versions/1/MANIFEST", "");
	holder_forget(*state);
	assert_true(file_exists(mark));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)
		TEST(test_empty_root_is_anybodys),
		TEST(test_root_without_a_mark_is_the_firsts),
		TEST(test_root_with_a_mark_is_the_ones_that_left_it),
		TEST(test_journal_of_another_is_left_alone),
		TEST(test_mark_without_an_installation_means_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
