/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_wish - which nodes a DaemonSet would have a pod on, by the rules of its controller.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "deploy/wish.h"

#define NODE(labels, taints)                                                                    \
	"{\"metadata\":{\"name\":\"n1\",\"labels\":{" labels "}},\"spec\":{\"taints\":[" taints \
	"]}}"
#define PLAIN             NODE("\"pool\":\"slow\",\"size\":\"4\"", "")
#define TERM(expressions) "{\"matchExpressions\":[" expressions "]}"
#define AFFINITY(terms)                    \
	"\"affinity\":{\"nodeAffinity\":{" \
	"\"requiredDuringSchedulingIgnoredDuringExecution\":{\"nodeSelectorTerms\":[" terms "]}}}"
#define WANTS(key, operator, values) \
	"{\"key\":\"" key "\",\"operator\":\"" operator"\",\"values\":[" values "]}"
#define TAINTED(key, value, effect) \
	NODE("", "{\"key\":\"" key "\",\"value\":\"" value "\",\"effect\":\"" effect "\"}")

static struct json_object *parse(const char *text)
{
	struct json_object *object = NULL;
	struct error e;

	if (json_parse(text, strlen(text), "test", &object, &e) < 0)
		fail_msg("%s: %s", text, e.msg);
	return object;
}

static bool selects(const char *spec, const char *node)
{
	_free_ char *text = xasprintf("{\"spec\":{\"template\":{\"spec\":{%s}}}}", spec);
	_json_ struct json_object *daemonset = parse(text);
	_json_ struct json_object *object = parse(node);

	return wish_selects(daemonset, object);
}

struct rule {
	const char *spec;
	const char *node;
	bool is_selected;
};

static void check(const struct rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (selects(rules[i].spec, rules[i].node) != rules[i].is_selected)
			fail_msg("case %zu: %s", i, rules[i].spec);
}

static void test_node_is_selected_by_name_and_labels(void **state)
{
	static const struct rule rules[] = {
		{ "", PLAIN, true },
		{ "\"nodeName\":\"n1\"", PLAIN, true },
		{ "\"nodeName\":\"n2\"", PLAIN, false },
		{ "\"nodeSelector\":{\"pool\":\"slow\"}", PLAIN, true },
		{ "\"nodeSelector\":{\"pool\":\"fast\"}", PLAIN, false },
		{ "\"nodeSelector\":{\"pool\":\"slow\",\"other\":\"\"}", PLAIN, false },
	};

	(void)state;
	check(rules, ARRAY_SIZE(rules));
}

static void test_node_is_selected_by_the_required_affinity(void **state)
{
	static const struct rule rules[] = {
		{ AFFINITY(TERM(WANTS("pool", "In", "\"fast\",\"slow\""))), PLAIN, true },
		{ AFFINITY(TERM(WANTS("pool", "In", "\"fast\""))), PLAIN, false },
		{ AFFINITY(TERM(WANTS("none", "In", "\"\""))), PLAIN, false },
		{ AFFINITY(TERM(WANTS("pool", "NotIn", "\"slow\""))), PLAIN, false },
		{ AFFINITY(TERM(WANTS("none", "NotIn", "\"slow\""))), PLAIN, true },
		{ AFFINITY(TERM(WANTS("pool", "Exists", ""))), PLAIN, true },
		{ AFFINITY(TERM(WANTS("none", "Exists", ""))), PLAIN, false },
		{ AFFINITY(TERM(WANTS("pool", "DoesNotExist", ""))), PLAIN, false },
		{ AFFINITY(TERM(WANTS("none", "DoesNotExist", ""))), PLAIN, true },
		{ AFFINITY(TERM(WANTS("size", "Gt", "\"3\""))), PLAIN, true },
		{ AFFINITY(TERM(WANTS("size", "Gt", "\"4\""))), PLAIN, false },
		{ AFFINITY(TERM(WANTS("size", "Lt", "\"5\""))), PLAIN, true },
		{ AFFINITY(TERM(WANTS("pool", "Lt", "\"5\""))), PLAIN, false },
		{ AFFINITY(TERM(WANTS("pool", "OfTomorrow", "\"5\""))), PLAIN, true },
		/* All of one term, any of the terms; one without a word, and none. */
		{ AFFINITY(TERM(WANTS("pool", "Exists", "") "," WANTS("none", "Exists", ""))),
		  PLAIN, false },
		{ AFFINITY(TERM(WANTS("none", "Exists", "")) "," TERM(WANTS("pool", "Exists", ""))),
		  PLAIN, true },
		{ AFFINITY("{}"), PLAIN, false },
		{ AFFINITY(""), PLAIN, false },
		{ AFFINITY("{\"matchFields\":[" WANTS("metadata.name", "In", "\"n1\"") "]}"), PLAIN,
		  true },
		{ AFFINITY("{\"matchFields\":[" WANTS("metadata.name", "NotIn", "\"n1\"") "]}"),
		  PLAIN, false },
		/* What is only preferred decides nothing. */
		{ "\"affinity\":{\"nodeAffinity\":{"
		  "\"preferredDuringSchedulingIgnoredDuringExecution\":[]}}",
		  PLAIN, true },
	};

	(void)state;
	check(rules, ARRAY_SIZE(rules));
}

static void test_node_is_selected_by_its_taints(void **state)
{
	static const struct rule rules[] = {
		{ "", TAINTED("dedicated", "db", "NoSchedule"), false },
		{ "", TAINTED("dedicated", "db", "NoExecute"), false },
		{ "", TAINTED("dedicated", "db", "PreferNoSchedule"), true },
		{ "", TAINTED("node.kubernetes.io/unreachable", "", "NoExecute"), true },
		{ "\"tolerations\":[{\"operator\":\"Exists\"}]",
		  TAINTED("dedicated", "db", "NoExecute"), true },
		{ "\"tolerations\":[{\"key\":\"dedicated\",\"value\":\"db\"}]",
		  TAINTED("dedicated", "db", "NoExecute"), true },
		{ "\"tolerations\":[{\"key\":\"dedicated\",\"value\":\"web\"}]",
		  TAINTED("dedicated", "db", "NoExecute"), false },
		{ "\"tolerations\":[{\"key\":\"dedicated\",\"operator\":\"Exists\"}]",
		  TAINTED("dedicated", "db", "NoSchedule"), true },
		{ "\"tolerations\":[{\"key\":\"dedicated\",\"operator\":\"Equal\",\"value\":"
		  "\"web\"}]",
		  TAINTED("dedicated", "db", "NoSchedule"), false },
		/* Numbers are compared, by newer API servers: that takes no installation away. */
		{ "\"tolerations\":[{\"key\":\"level\",\"operator\":\"Gt\",\"value\":\"5\"}]",
		  TAINTED("level", "7", "NoExecute"), true },
		{ "\"tolerations\":[{\"key\":\"level\",\"operator\":\"Gt\",\"value\":\"5\"}]",
		  TAINTED("other", "7", "NoExecute"), false },
		{ "\"tolerations\":[{\"operator\":\"Exists\",\"effect\":\"NoExecute\"}]",
		  TAINTED("dedicated", "db", "NoSchedule"), false },
	};

	(void)state;
	check(rules, ARRAY_SIZE(rules));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_node_is_selected_by_name_and_labels),
		cmocka_unit_test(test_node_is_selected_by_the_required_affinity),
		cmocka_unit_test(test_node_is_selected_by_its_taints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
