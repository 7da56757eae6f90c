/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_advice - a disk that takes nothing is told with what to do, anything else as it is.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "deploy/advice.h"

static void test_advice_goes_with_the_errors_of_a_disk(void **state)
{
	static const struct {
		int code;
		const char *wanted;
	} cases[] = {
		{ ENOSPC, "cannot write '/opt/kata/journal': No space left on device; make room" },
		{ EDQUOT,
		  "cannot write '/opt/kata/journal': Disk quota exceeded; raise the quota" },
		{ EROFS, "cannot write '/opt/kata/journal': Read-only file system; mount" },
		{ EIO, NULL },
		{ ENOENT, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error e, before;

		(void)fail(&e, cases[i].code, "cannot write '%s': %m", "/opt/kata/journal");
		before = e;
		advice_add(&e);
		assert_int_equal(e.code, cases[i].code);
		if (!cases[i].wanted)
			assert_string_equal(e.msg, before.msg);
		else if (strncmp(e.msg, cases[i].wanted, strlen(cases[i].wanted)) != 0)
			fail_msg("wanted '%s...', got '%s'", cases[i].wanted, e.msg);
	}
}

static void test_advice_to_a_long_message_stays_inside_it(void **state)
{
	struct error e;

	(void)state;
	(void)fail(&e, ENOSPC, "%600s", "x");
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	advice_add(&e);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_advice_goes_with_the_errors_of_a_disk),
		cmocka_unit_test(test_advice_to_a_long_message_stays_inside_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
