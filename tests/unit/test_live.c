/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_live - which versions the records of sandboxes name.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "lib/file.h"
#include "lib/host/live.h"

static void put_record(const char *dir, const char *id, const char *text)
{
	_free_ char *folder = path_join(dir, id);
	_free_ char *path = path_join(folder, "state.json");
	struct error e;

	assert_int_equal(dir_make(folder, 0700, &e), 0);
	if (text)
		assert_int_equal(file_replace(path, text, strlen(text), 0600, &e), 0);
}

static void test_versions_of_records_are_listed(void **state)
{
	char dir[] = "/tmp/test-live-XXXXXX";
	_strv_ strv versions = NULL;
	struct error e;

	(void)state;
	assert_non_null(mkdtemp(dir));
	put_record(dir, "a", "{\"version_dir\":\"/opt/kata/versions/1\",\"id\":\"a\"}");
	put_record(dir, "b", "{\"version_dir\":\"/opt/kata/versions/2\"}");
	put_record(dir, "starting", NULL);
	assert_int_equal(live_versions(dir, &versions, &e), 0);
	assert_int_equal(strv_len(versions), 2);
	assert_true(strv_contains(versions, "/opt/kata/versions/1"));
	assert_true(strv_contains(versions, "/opt/kata/versions/2"));
	assert_int_equal(tree_remove(dir, &e), 0);
}

static void test_record_that_says_nothing_is_an_error(void **state)
{
	static const char *const texts[] = { "", "{", "{}", "{\"version_dir\":1}", "[]" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char dir[] = "/tmp/test-live-XXXXXX";
		_strv_ strv versions = NULL;
		struct error e;

		assert_non_null(mkdtemp(dir));
		put_record(dir, "a", texts[i]);
		assert_true(live_versions(dir, &versions, &e) < 0);
		assert_int_equal(tree_remove(dir, &e), 0);
	}
}

static void test_machine_without_records_has_no_versions(void **state)
{
	_strv_ strv versions = NULL;
	struct error e;

	(void)state;
	assert_int_equal(live_versions("/nonexistent", &versions, &e), 0);
	assert_null(versions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions_of_records_are_listed),
		cmocka_unit_test(test_record_that_says_nothing_is_an_error),
		cmocka_unit_test(test_machine_without_records_has_no_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
