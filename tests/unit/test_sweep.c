/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sweep - which versions go when the records of sandboxes name some.
 */

#include "tests/unit/unit.h"

#include "lib/host/unused.h"
#include "lib/str.h"

static void test_version_that_a_record_names_by_any_path_stays(void **state)
{
	_strv_ strv all = strv_split("1-aaa 2-bbb 3-ccc 4-ddd", " ");
	_strv_ strv used = strv_split("/opt/kata/versions/1-aaa /var/opt/kata/versions/2-bbb", " ");
	_strv_ strv keep = strv_split("3-ccc", " ");
	_strv_ strv unused = NULL;

	(void)state;
	unused_folders(all, used, keep, &unused);
	assert_int_equal(strv_len(unused), 1);
	assert_string_equal(unused[0], "4-ddd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_that_a_record_names_by_any_path_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
