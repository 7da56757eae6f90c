/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_evict - which pods with stale sandboxes go next.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "deploy/coordinate/evict.h"

/* A stale sandbox, as a node tells of it. */
#define STALE(uid, cause, started)                                                        \
	"{\"uid\":\"" uid "\",\"node\":\"n1\",\"pod\":\"" uid "\",\"started\":\"" started \
	"\",\"causes\":[{\"cause\":\"" cause "\"}]}"
/* Its pod, as the API server has it. */
#define POD(uid, controller, ready, rest)                                                      \
	"{\"metadata\":{\"uid\":\"" uid                                                        \
	"\",\"ownerReferences\":[{\"controller\":true,\"uid\":\"" controller "\"}]" rest       \
	"},\"spec\":{\"nodeName\":\"n1\"},\"status\":{\"phase\":\"Running\",\"conditions\":[{" \
	"\"type\":\"Ready\",\"status\":\"" ready "\"}]}}"
#define NOTED(key, value) ",\"annotations\":{\"" key "\":\"" value "\"}"
#define GOING             ",\"deletionTimestamp\":\"t\""
#define MARK(value)       NOTED("katacontainers.io/recycle", value)

static const struct policy evicts = { .stale = STALE_EVICT, .evict_at_once = 2 };

static struct json_object *parse(const char *text)
{
	struct json_object *object = NULL;
	struct error e;

	if (json_parse(text, strlen(text), "test", &object, &e) < 0)
		fail_msg("%s", e.msg);
	return object;
}

/* The names of those that go, each with a comma. */
static void assert_goes(const struct policy *p, const char *stale, const char *pods,
			const char *refused_uids, const char *wanted)
{
	_json_ struct json_object *items = parse(stale);
	_json_ struct json_object *list = parse(pods);
	_json_ struct json_object *refused = parse(refused_uids);
	_json_ struct json_object *workloads = json_object_new_object();
	_json_ struct json_object *chosen = NULL;
	_strv_ strv names = NULL;
	_free_ char *text = NULL;

	for (size_t i = 0; i < json_len(list); i++)
		evict_note_pod(items, workloads, json_item(list, i));
	chosen = evict_choose(p, items, workloads, refused);
	for (size_t i = 0; i < json_len(chosen); i++)
		strv_add(&names, json_get_str(json_item(chosen, i), "pod"));
	text = strv_join(names, ",");
	assert_string_equal(text, wanted);
}

static void test_worst_and_oldest_go_first_and_no_more_than_allowed(void **state)
{
	(void)state;
	assert_goes(&evicts,
		    "[" STALE("a", "configuration", "2026-01-01") "," STALE(
			    "b", "version",
			    "2026-01-03") "," STALE("c", "version",
						    "2026-01-02") "," STALE("d", "advisory",
									    "2026-"
									    "01-"
									    "0"
									    "9") "]",
		    "[" POD("a", "wa", "True", "") "," POD("b", "wb", "True", "") "," POD(
			    "c", "wc", "True", "") "," POD("d", "wd", "True", "") "]",
		    "{}", "d,c");
}

static void test_those_that_go_already_count(void **state)
{
	(void)state;
	assert_goes(&evicts,
		    "[" STALE("a", "version", "1") "," STALE("b", "version", "2") "," STALE(
			    "c", "version", "3") "]",
		    "[" POD("a", "wa", "True", GOING) "," POD("b", "wb", "True", "") "," POD(
			    "c", "wc", "True", "") "]",
		    "{}", "b");
}

static void test_workload_loses_one_at_a_time_and_only_when_whole(void **state)
{
	(void)state;
	assert_goes(&evicts, "[" STALE("a", "version", "1") "," STALE("b", "version", "2") "]",
		    "[" POD("a", "w", "True", "") "," POD("b", "w", "True", "") "]", "{}", "a");
	/* A third one of it is not ready yet. */
	assert_goes(&evicts, "[" STALE("a", "version", "1") "," STALE("b", "version", "2") "]",
		    "[" POD("a", "w", "True", "") "," POD("new", "w", "False",
							  "") "," POD("b", "v", "True", "") "]",
		    "{}", "b");
}

static void test_pods_may_stay_or_ask_for_it(void **state)
{
	const struct policy marked = { .stale = STALE_EVICT_MARKED, .evict_at_once = 9 };
	static const char stale[] = "[" STALE("a", "version", "1") "," STALE(
		"b", "version", "2") "," STALE("c", "version", "3") "]";
	static const char pods[] = "[" POD("a", "wa", "True", MARK("false")) "," POD(
		"b", "wb", "True", MARK("true")) "," POD("c", "wc", "True", "") "]";

	(void)state;
	assert_goes(&evicts, stale, pods, "{}", "b,c");
	assert_goes(&marked, stale, pods, "{}", "b");
}

/* Nobody would make it anew; a node is believed about its own pods; what is not there cannot go. */
static void test_bare_foreign_and_missing_pods_stay(void **state)
{
	(void)state;
	assert_goes(&evicts,
		    "[" STALE("bare", "version", "1") "," STALE("gone", "version", "2") "," STALE(
			    "moved", "version", "3") "," STALE("box", "foreign", "4") "]",
		    "[{\"metadata\":{\"uid\":\"bare\"},\"spec\":{\"nodeName\":\"n1\"}},"
		    "{\"metadata\":{\"uid\":\"moved\",\"ownerReferences\":[{\"controller\":true,"
		    "\"uid\":\"w\"}]},\"spec\":{\"nodeName\":\"n2\"},\"status\":{\"conditions\":[{"
		    "\"type\":\"Ready\",\"status\":\"True\"}]}}," POD("box", "wx", "True", "") "]",
		    "{}", "");
}

static void test_who_was_refused_is_not_asked_for_again_at_once(void **state)
{
	(void)state;
	assert_goes(&evicts, "[" STALE("a", "version", "1") "," STALE("b", "version", "2") "]",
		    "[" POD("a", "wa", "True", "") "," POD("b", "wb", "True", "") "]",
		    "{\"a\":true}", "b");
}

/* Each look reads all nodes: a pod that stays is no reason for another one soon. */
static void test_only_what_goes_or_will_is_worth_another_look(void **state)
{
	static const struct {
		const char *pods;
		const char *refused;
		bool goes_on;
	} cases[] = {
		{ "[" POD("a", "w", "True", "") "]", "{}", true },
		{ "[" POD("a", "w", "True", GOING) "]", "{}", true },
		/* Its workload gets whole some time. */
		{ "[" POD("a", "w", "True", "") "," POD("new", "w", "False", "") "]", "{}", true },
		{ "[" POD("a", "w", "True", "") "]", "{\"a\":true}", false },
		{ "[" POD("a", "w", "True", MARK("false")) "]", "{}", false },
		{ "[{\"metadata\":{\"uid\":\"a\"},\"spec\":{\"nodeName\":\"n1\"}}]", "{}", false },
		{ "[]", "{}", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_json_ struct json_object *items = parse("[" STALE("a", "version", "1") "]");
		_json_ struct json_object *list = parse(cases[i].pods);
		_json_ struct json_object *refused = parse(cases[i].refused);
		_json_ struct json_object *workloads = json_object_new_object();

		for (size_t k = 0; k < json_len(list); k++)
			evict_note_pod(items, workloads, json_item(list, k));
		if (evict_goes_on(&evicts, items, refused) != cases[i].goes_on)
			fail_msg("case %zu", i);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worst_and_oldest_go_first_and_no_more_than_allowed),
		cmocka_unit_test(test_those_that_go_already_count),
		cmocka_unit_test(test_workload_loses_one_at_a_time_and_only_when_whole),
		cmocka_unit_test(test_pods_may_stay_or_ask_for_it),
		cmocka_unit_test(test_bare_foreign_and_missing_pods_stay),
		cmocka_unit_test(test_who_was_refused_is_not_asked_for_again_at_once),
		cmocka_unit_test(test_only_what_goes_or_will_is_worth_another_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
