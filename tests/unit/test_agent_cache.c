/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agent_cache - how much of its file cache a guest gives back.
 */

#include "tests/unit/unit.h"

#include "agent/guest/cache.h"

static void test_half_of_the_old_beyond_a_small_cache_goes(void **state)
{
	static const struct {
		uint64_t total, active, inactive; /* MiB */
		uint64_t mib;
	} cases[] = {
		{ 256, 10, 20, 0 },     /* a small cache stays */
		{ 256, 0, 132, 50 },    /* half of 100 */
		{ 2048, 0, 1128, 500 }, /* the small cache of a larger guest is 128 */
		{ 2048, 1128, 0, 0 },   /* all in use */
		{ 2048, 1100, 28, 28 }, /* never what is in use */
		{ 256, 32, 1, 0 },      /* not worth it */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = xasprintf(
			"MemTotal:       %lu kB\nMemFree: 1 kB\n"
			"Active:          99999999 kB\n"
			"Active(file):    %lu kB\nInactive(file):  %lu kB\n",
			cases[i].total * 1024, cases[i].active * 1024, cases[i].inactive * 1024);

		assert_int_equal(cache_excess(text) / MIB, cases[i].mib);
	}
	assert_int_equal(cache_excess(""), 0);
	assert_int_equal(cache_excess("Inactive(file): 99999999999999999999 kB\n"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_of_the_old_beyond_a_small_cache_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
