/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_timestamp - times as RFC 3339 has them.
 */

#include "tests/unit/unit.h"

#include "lib/base.h"
#include "lib/timestamp.h"

static void test_times_are_rfc3339(void **state)
{
	static const struct {
		struct timespec time;
		const char *seconds;
		const char *micros;
	} cases[] = {
		{ { 0, 0 }, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z" },
		{ { 951827696, 1999 }, "2000-02-29T12:34:56Z", "2000-02-29T12:34:56.000001Z" },
		{ { 4102444799, 999999999 },
		  "2099-12-31T23:59:59Z",
		  "2099-12-31T23:59:59.999999Z" },
	};
	char text[TIMESTAMP_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		timestamp_format(&cases[i].time, TIMESTAMP_SECONDS, text);
		assert_string_equal(text, cases[i].seconds);
		timestamp_format(&cases[i].time, TIMESTAMP_MICROS, text);
		assert_string_equal(text, cases[i].micros);
	}
}

static void test_times_of_others_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds; /* -1: it is no time */
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2000-02-29T12:34:56Z", 951827696 },
		{ "2000-02-29T12:34:56.999999999Z", 951827696 },
		{ "2000-02-29T14:34:56+02:00", 951827696 },
		{ "2000-02-29T07:04:56.5-05:30", 951827696 },
		{ "2000-02-29", -1 },
		{ "2000-02-29T12:34:56", -1 },
		{ "2000-02-29T12:34:56+0200", -1 },
		{ "2000-02-29T12:34:56Zx", -1 },
		{ "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t seconds = -1;

		assert_int_equal(timestamp_parse(cases[i].text, &seconds), cases[i].seconds >= 0);
		assert_true(seconds == cases[i].seconds);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times_are_rfc3339),
		cmocka_unit_test(test_times_of_others_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
