/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kubectl - what kubectl-kata makes of the objects of a cluster.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "tests/unit/cluster-objects.h"

#include "deploy/kubectl/cleanup.h"
#include "deploy/kubectl/cluster.h"
#include "deploy/kubectl/errand.h"
#include "deploy/kubectl/recycle.h"
#include "deploy/kubectl/stale.h"

static struct json_object *parse(const char *text)
{
	struct json_object *object = NULL;
	struct error e;

	if (json_parse(text, strlen(text), "test", &object, &e) < 0)
		fail_msg("%s", e.msg);
	return object;
}

/* ---- the picture of a cluster ---- */

static void add_daemonset(struct cluster *c, const char *text)
{
	_json_ struct json_object *object = parse(text);

	cluster_add_daemonset(c, object);
}

static void add_pod(struct cluster *c, const char *installation, const char *text)
{
	_json_ struct json_object *object = parse(text);

	cluster_add_pod(c, cluster_installation(c, installation), object);
}

static void add_node(struct cluster *c, const char *text)
{
	_json_ struct json_object *object = parse(text);

	cluster_add_node(c, object);
}

static void assert_member(struct json_object *item, const char *member, const char *wanted)
{
	struct json_object *value = json_member(item, member);

	assert_string_equal(value ? json_object_get_string(value) : "-", wanted);
}

/* Two of three nodes have the new image, the third follows. */
static void test_rollout_under_way_is_seen(void **state)
{
	_cluster_ struct cluster c = { 0 };
	struct json_object *in;

	(void)state;
	cluster_init(&c);
	add_daemonset(&c, DAEMONSET("kata-deploy", "", "r:5/k:2", "3", "3", "1"));
	add_pod(&c, "default", POD("n1", "r:5/k:2", "True"));
	add_pod(&c, "default", POD("n2", "r:5/k:1", "True"));
	add_pod(&c, "default", POD("n3", "r:5/k:1", "True"));
	add_node(&c, NODE("n1", LABEL("default", "true"), LABEL("default", PROOF("2")), ""));
	add_node(&c, NODE("n2", LABEL("default", "true"),
			  LABEL("default", PROOF("1")) "," STALE("2"), ""));
	add_node(&c, NODE("n3", LABEL("default", "true"),
			  LABEL("default", PROOF("1")) "," STALE("3"), ""));
	cluster_sum(&c);
	in = cluster_installation(&c, "default");
	assert_member(in, "current", "1-0123456789ab");
	assert_member(in, "desired", "2-0123456789ab");
	assert_member(in, "nodes", "3");
	assert_member(in, "ready", "3");
	assert_member(in, "updated", "1");
	assert_member(in, "stale", "5");
	assert_member(in, "rollout", "1 of 3 nodes");
	assert_member(json_item(c.nodes, 0), "state", "ready");
	assert_member(json_item(c.nodes, 0), "version", "2-0123456789ab");
	assert_member(json_item(c.nodes, 0), "pod", "p-n1");
}

/* The node stays ready on the old version, and its pod is not. */
static void test_rollout_that_stopped_names_node_and_reason(void **state)
{
	_cluster_ struct cluster c = { 0 };
	struct json_object *in;

	(void)state;
	cluster_init(&c);
	add_daemonset(&c, DAEMONSET("kata-deploy", "", "k:2", "2", "1", "1"));
	add_pod(&c, "default", POD("n1", "k:2", "False"));
	add_pod(&c, "default", POD("n2", "k:1", "True"));
	add_node(&c, NODE("n1", LABEL("default", "true"), LABEL("default", PROOF("1")),
			  CONDITION("KataReady", "True", "SandboxAnswered") "," CONDITION(
				  "KataUpgraded", "False", "CanaryFailed")));
	add_node(&c, NODE("n2", LABEL("default", "true"), LABEL("default", PROOF("1")), ""));
	cluster_sum(&c);
	in = cluster_installation(&c, "default");
	assert_member(in, "rollout", "stopped at 1 nodes: n1: CanaryFailed");
	assert_member(in, "failed", "1");
	assert_member(in, "desired", "2");
	assert_member(json_item(c.nodes, 0), "state", "ready");
	assert_member(json_item(c.nodes, 0), "reason", "CanaryFailed");
	assert_member(json_item(c.nodes, 1), "reason", "-");
}

/* An undo and a mended release begin where the broken one stopped. */
static void test_what_the_pod_before_said_stops_no_rollout(void **state)
{
#define BEFORE(template, since)                                                                   \
	"{\"metadata\":{\"name\":\"p\",\"namespace\":\"kata-system\"},\"status\":{\"startTime\":" \
	"\"" since                                                                                \
	"\"},\"spec\":{\"nodeName\":\"n1\","                                                      \
	"\"containers\":[{\"name\":\"kata-deploy\",\"image\":\"k:" template "\"}]}}"
	static const struct {
		const char *pod; /* NULL: none */
		const char *rollout;
	} rows[] = {
		{ BEFORE("2", "2026-11-29T10:00:00Z"), "stopped at 1 nodes: n1: RolledBack" },
		{ BEFORE("2", "2026-11-29T11:00:00Z"), "waits for 1 nodes" },
		{ BEFORE("2", "2026-11-29T11:00:01Z"), "waits for 1 nodes" },
		{ BEFORE("1", "2026-11-29T10:00:00Z"), "waits for 1 nodes" },
		{ NULL, "waits for 1 nodes" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cluster_ struct cluster c = { 0 };

		cluster_init(&c);
		add_daemonset(&c, DAEMONSET("kata-deploy", "", "k:2", "1", "0", "1"));
		if (rows[i].pod)
			add_pod(&c, "default", rows[i].pod);
		add_node(&c, NODE("n1", LABEL("default", "true"), LABEL("default", PROOF("1")),
				  "{\"type\":\"KataUpgraded\",\"status\":\"False\",\"reason\":"
				  "\"RolledBack\","
				  "\"lastHeartbeatTime\":\"2026-11-29T11:00:00Z\"}"));
		cluster_sum(&c);
		assert_member(cluster_installation(&c, "default"), "rollout", rows[i].rollout);
		assert_member(json_item(c.nodes, 0), "reason", "RolledBack");
	}
}

/* What changed may be a variable, with the image as it was. */
static void test_pod_of_another_template_is_not_updated(void **state)
{
	static const struct {
		const char *label;
		const char *updated;
	} cases[] = { { "\"pod-template-generation\":\"3\"", "true" },
		      { "\"pod-template-generation\":\"2\"", "false" },
		      { "", "true" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cluster_ struct cluster c = { 0 };
		_free_ char *pod = xasprintf(
			"{\"metadata\":{\"name\":\"p\",\"labels\":{%s}},\"spec\":{\"nodeName\":"
			"\"n1\","
			"\"containers\":[{\"name\":\"kata-deploy\",\"image\":\"k:2\"}]}}",
			cases[i].label);

		cluster_init(&c);
		add_daemonset(
			&c,
			"{\"metadata\":{\"annotations\":{\"deprecated.daemonset.template."
			"generation\":\"3\"}},\"spec\":{\"template\":{\"spec\":{\"containers\":"
			"[{\"name\":\"kata-deploy\",\"image\":\"k:2\"}]}}}}");
		add_pod(&c, "default", pod);
		add_node(&c, NODE("n1", LABEL("default", "true"), "", ""));
		assert_member(json_item(c.nodes, 0), "updated", cases[i].updated);
	}
}

static void test_pod_that_is_going_is_not_the_nodes(void **state)
{
	_cluster_ struct cluster c = { 0 };

	(void)state;
	cluster_init(&c);
	add_daemonset(&c, DAEMONSET("kata-deploy", "", "k:2", "1", "0", "1"));
	add_pod(&c, "default", POD("n1", "k:2", "True"));
	add_pod(&c, "default",
		"{\"metadata\":{\"name\":\"old\",\"deletionTimestamp\":\"t\"},\"spec\":{"
		"\"nodeName\":"
		"\"n1\",\"containers\":[{\"name\":\"kata-deploy\",\"image\":\"k:1\"}]}}");
	add_node(&c, NODE("n1", LABEL("default", "true"), "", ""));
	assert_member(json_item(c.nodes, 0), "pod", "p-n1");
}

static void test_states_of_nodes_are_told_apart(void **state)
{
	static const struct {
		const char *node;
		const char *state;
		const char *reason;
	} cases[] = {
		{ NODE("n", LABEL("default", "true"), "", ""), "ready", "-" },
		{ NODE("n", LABEL("default", "unsuitable"), "",
		       CONDITION("KataReady", "False", "NoKvm")),
		  "unsuitable", "NoKvm" },
		{ NODE("n", LABEL("default", "false"), "",
		       CONDITION("KataReady", "False", "InstallFailed")),
		  "failed", "InstallFailed" },
		{ NODE("n", LABEL("default", "false"), "", ""), "installing", "-" },
		{ NODE("n", "", "", ""), "installing", "-" },
		{ NODE("n", "", "", CONDITION("KataReady", "False", "Removed")), "removed",
		  "Removed" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cluster_ struct cluster c = { 0 };

		cluster_init(&c);
		add_daemonset(&c, DAEMONSET("kata-deploy", "", "k:2", "1", "0", "1"));
		add_pod(&c, "default", POD("n", "k:2", "False"));
		add_node(&c, cases[i].node);
		assert_int_equal(json_len(c.nodes), 1);
		assert_member(json_item(c.nodes, 0), "state", cases[i].state);
		assert_member(json_item(c.nodes, 0), "reason", cases[i].reason);
	}
}

/* Each has conditions and notes of its own, and a pool those without a suffix. */
static void test_installations_are_strangers(void **state)
{
	_cluster_ struct cluster c = { 0 };

	(void)state;
	cluster_init(&c);
	add_daemonset(&c, DAEMONSET("kata-deploy-blue",
				    "{\"name\":\"MULTI_INSTALL_SUFFIX\",\"value\":\"blue\"}", "k:2",
				    "1", "1", "1"));
	add_daemonset(&c,
		      DAEMONSET("kata-deploy-slow", "{\"name\":\"KATA_POOL\",\"value\":\"slow\"}",
				"k@sha256:1", "1", "1", "1"));
	add_daemonset(&c,
		      "{\"metadata\":{\"name\":\"other\"},\"spec\":{\"template\":{\"spec\":"
		      "{\"containers\":[{\"name\":\"kube-kata\",\"image\":\"x\"}]}}}}");
	assert_int_equal(json_len(c.installations), 2);
	add_node(&c, NODE("n1", LABEL("blue", "false") "," LABEL("slow", "false"),
			  STALE("1") ",\"katacontainers.io/stale-sandboxes-blue\":\"7\"",
			  CONDITION("KataReady", "False",
				    "OfSlow") "," CONDITION("KataReady-blue", "False", "OfBlue")));
	cluster_sum(&c);
	assert_int_equal(json_len(c.nodes), 2);
	assert_member(json_item(c.nodes, 0), "installation", "blue");
	assert_member(json_item(c.nodes, 0), "reason", "OfBlue");
	assert_member(json_item(c.nodes, 0), "stale", "7");
	assert_member(json_item(c.nodes, 1), "installation", "slow");
	assert_member(json_item(c.nodes, 1), "reason", "OfSlow");
	assert_member(json_item(c.nodes, 1), "stale", "1");
	assert_member(cluster_installation(&c, "slow"), "desired", "k@sha256:1");
}

static void test_installation_whose_daemonset_is_gone_is_told(void **state)
{
	_cluster_ struct cluster c = { 0 };
	struct json_object *in;

	(void)state;
	cluster_init(&c);
	add_node(&c, NODE("n1", LABEL("blue", "true"), LABEL("blue", PROOF("1")),
			  CONDITION("KataReady-blue", "False", "X")));
	cluster_sum(&c);
	in = cluster_installation(&c, "blue");
	assert_member(in, "rollout", "its DaemonSet is gone");
	assert_member(in, "current", "1-0123456789ab");
	assert_member(in, "nodes", "1");
}

/* ---- stale sandboxes ---- */

static void test_stale_list_of_a_node_is_read(void **state)
{
	_json_ struct json_object *items = json_object_new_array();
	_json_ struct json_object *list = parse(
		"{\"node\":\"w17\",\"installation\":\"default\",\"current\":\"2-b\",\"sandboxes\":["
		"{\"id\":\"s1\",\"namespace\":\"shop\",\"name\":\"cart\",\"uid\":\"u\","
		"\"started\":\"2026-11-26T13:00:00Z\",\"runs\":\"1-a\",\"causes\":["
		"{\"cause\":\"version\",\"detail\":\"the node has 2-b\"},"
		"{\"cause\":\"configuration\",\"detail\":\"default_memory 2048 -> 1024\"}]}]}");
	struct json_object *item;
	struct error e;

	(void)state;
	assert_int_equal(stale_add_list(items, list, &e), 0);
	item = json_item(items, 0);
	assert_member(item, "namespace", "shop");
	assert_member(item, "pod", "cart");
	assert_member(item, "node", "w17");
	assert_member(item, "runs", "1-a");
	assert_member(item, "reason",
		      "version: the node has 2-b; configuration: default_memory 2048 -> 1024");
}

static void test_answer_that_is_no_stale_list_is_refused(void **state)
{
	static const char *const texts[] = { "{}", "[]", "{\"node\":\"n\"}",
					     "{\"node\":\"n\",\"sandboxes\":{}}",
					     "{\"sandboxes\":[]}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_json_ struct json_object *items = json_object_new_array();
		_json_ struct json_object *list = parse(texts[i]);
		struct error e;

		assert_int_equal(stale_add_list(items, list, &e), -EPROTO);
	}
}

/* ---- errands ---- */

static void test_errand_is_a_pod_like_the_daemonsets_that_is_not_its(void **state)
{
	char word[] = "plan";
	char *args[] = { word, NULL };
	_cluster_ struct cluster c = { 0 };
	_json_ struct json_object *pod = NULL;
	struct errand errand = {
		.node = "n1", .image = "k:9", .args = args, .access = ERRAND_READS
	};
	struct json_object *container, *spec;

	(void)state;
	cluster_init(&c);
	add_daemonset(&c, DAEMONSET("kata-deploy", "", "k:2", "1", "1", "1"));
	errand.installation = cluster_installation(&c, "default");
	pod = errand_pod(&errand, "x");
	spec = json_at(pod, "spec");
	assert_string_equal(json_get_str(pod, "metadata.namespace"), "kata-system");
	assert_null(json_at(pod, "metadata.labels.app"));
	assert_string_equal(json_get_str(spec, "nodeName"), "n1");
	assert_string_equal(json_get_str(spec, "restartPolicy"), "Never");
	assert_string_equal(json_get_str(spec, "serviceAccountName"), "kata-deploy");
	assert_int_equal(json_len(json_at(spec, "containers")), 1);
	container = json_item(json_at(spec, "containers"), 0);
	assert_string_equal(json_get_str(container, "image"), "k:9");
	assert_string_equal(json_object_get_string(json_item(json_at(container, "args"), 0)),
			    "plan");
	assert_null(json_at(container, "ports"));
	assert_null(json_at(container, "readinessProbe"));
	assert_true(
		json_get_bool(json_item(json_at(container, "volumeMounts"), 0), "readOnly", false));
	/* The template is as it was. */
	assert_int_equal(json_len(json_at(errand.installation, "template.spec.containers")), 2);
}

/* ---- what a cleanup takes ---- */

static void test_cleanup_takes_what_is_of_the_gone_and_no_more(void **state)
{
	_cluster_ struct cluster c = { 0 };
	_json_ struct json_object *node = parse(NODE(
		"n1",
		LABEL("default", "true") "," LABEL("blue",
						   "true") ",\"katacontainers.io/kata-runtime\":"
							   "\"true\",\"zone\":\"a\"",
		LABEL("blue", PROOF("1")) "," LABEL("default", PROOF("1")) "," STALE(
			"1") ","
			     "\"katacontainers.io/stale-sandboxes-blue\":\"1\"",
		CONDITION("Ready", "True", "R") "," CONDITION(
			"KataReady", "True",
			"R") "," CONDITION("KataReady-blue", "True",
					   "R") "," CONDITION("KataUpgraded-blue", "True", "R")));
	_json_ struct json_object *patch = NULL;
	_strv_ strv conditions = NULL;
	_free_ char *types = NULL;

	(void)state;
	cluster_init(&c);
	add_daemonset(&c, DAEMONSET("kata-deploy", "", "k:2", "1", "1", "1"));
	patch = cleanup_patch(&c, node);
	assert_string_equal(
		json_text(patch),
		"{\"metadata\":{\"labels\":{\"kata-deploy.katacontainers.io/blue\":null},"
		"\"annotations\":{\"kata-deploy.katacontainers.io/blue\":null,"
		"\"katacontainers.io/stale-sandboxes-blue\":null}}}");
	conditions = cleanup_conditions(&c, node);
	types = strv_join(conditions, " ");
	assert_string_equal(types, "KataReady-blue KataUpgraded-blue");
}

/* The label that installations share goes with the last of them. */
static void test_cleanup_takes_the_shared_label_with_the_last(void **state)
{
	_cluster_ struct cluster c = { 0 };
	_json_ struct json_object *node = parse(
		NODE("n1", LABEL("default", "true") ",\"katacontainers.io/kata-runtime\":\"true\"",
		     "", ""));
	_json_ struct json_object *upstream =
		parse(NODE("n2", "\"katacontainers.io/kata-runtime\":\"true\"", "", ""));
	_json_ struct json_object *patch = NULL;

	(void)state;
	cluster_init(&c);
	patch = cleanup_patch(&c, node);
	assert_string_equal(json_text(json_at(patch, "metadata.labels")),
			    "{\"kata-deploy.katacontainers.io/default\":null,"
			    "\"katacontainers.io/kata-runtime\":null}");
	assert_null(cleanup_patch(&c, upstream));
}

#define CLASS(by, instance, notes)                                                            \
	"{\"metadata\":{\"name\":\"kata\",\"labels\":{\"app.kubernetes.io/managed-by\":\"" by \
	"\",\"kata-deploy/instance\":\"" instance "\"},\"annotations\":{" notes "}}}"

static void test_cleanup_takes_classes_of_the_gone_but_no_adopted_one(void **state)
{
	static const struct {
		const char *class;
		bool is_of_the_gone, is_left;
	} cases[] = {
		{ CLASS("kata-deploy", "blue", ""), true, false },
		{ CLASS("kata-deploy", "blue", "\"kata-deploy.katacontainers.io/before\":\"{}\""),
		  true, true },
		{ CLASS("kata-deploy", "default", ""), false, false },
		{ CLASS("Helm", "blue", ""), false, false },
		{ "{\"metadata\":{\"name\":\"gvisor\"}}", false, false },
	};
	_cluster_ struct cluster c = { 0 };

	(void)state;
	cluster_init(&c);
	add_daemonset(&c, DAEMONSET("kata-deploy", "", "k:2", "1", "1", "1"));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_json_ struct json_object *class = parse(cases[i].class);
		const char *why = NULL;

		assert_int_equal(cleanup_class(&c, class, &why), cases[i].is_of_the_gone);
		assert_int_equal(why != NULL, cases[i].is_left);
	}
}

/* ---- what a recycling leaves alone ---- */

static void test_pod_that_nobody_makes_anew_is_not_recycled(void **state)
{
	static const struct {
		const char *pod;
		const char *why; /* NULL: it goes */
	} cases[] = {
		{ "{\"spec\":{\"nodeName\":\"n\"},\"metadata\":{\"uid\":\"u\",\"ownerReferences\":["
		  "{\"controller\":true,\"uid\":\"c\"}]}}",
		  NULL },
		{ "{\"spec\":{\"nodeName\":\"n\"},\"metadata\":{\"uid\":\"u\",\"ownerReferences\":["
		  "{\"controller\":false}]}}",
		  "no controller" },
		{ "{\"spec\":{\"nodeName\":\"n\"},\"metadata\":{\"uid\":\"u\"}}", "no controller" },
		{ "{\"spec\":{\"nodeName\":\"n\"},\"metadata\":{\"uid\":\"v\",\"ownerReferences\":["
		  "{\"controller\":true,\"uid\":\"c\"}]}}",
		  "another pod" },
		{ "{\"spec\":{\"nodeName\":\"m\"},\"metadata\":{\"uid\":\"u\",\"ownerReferences\":["
		  "{\"controller\":true,\"uid\":\"c\"}]}}",
		  "not on the node" },
		{ "{\"spec\":{\"nodeName\":\"n\"},\"metadata\":{\"uid\":\"u\",\"ownerReferences\":["
		  "{\"controller\":true,\"uid\":\"c\"}],"
		  "\"annotations\":{\"katacontainers.io/recycle\":\"false\"}}}",
		  "annotation" },
		{ "{\"spec\":{\"nodeName\":\"n\"},\"metadata\":{\"uid\":\"u\",\"ownerReferences\":["
		  "{\"controller\":true,\"uid\":\"c\"}],"
		  "\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}}",
		  "going already" },
		{ "{\"spec\":{\"nodeName\":\"n\"},\"metadata\":{\"uid\":\"u\",\"ownerReferences\":["
		  "{\"controller\":true,\"uid\":\"c\"}],"
		  "\"annotations\":{\"kubernetes.io/config.mirror\":\"x\"}}}",
		  "its node" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_json_ struct json_object *pod = parse(cases[i].pod);
		const char *why = recycle_why_not(pod, "u", "n");

		if (cases[i].why)
			assert_non_null(strstr(why ? why : "", cases[i].why));
		else
			assert_null(why);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rollout_under_way_is_seen),
		cmocka_unit_test(test_rollout_that_stopped_names_node_and_reason),
		cmocka_unit_test(test_what_the_pod_before_said_stops_no_rollout),
		cmocka_unit_test(test_pod_of_another_template_is_not_updated),
		cmocka_unit_test(test_pod_that_is_going_is_not_the_nodes),
		cmocka_unit_test(test_states_of_nodes_are_told_apart),
		cmocka_unit_test(test_installations_are_strangers),
		cmocka_unit_test(test_installation_whose_daemonset_is_gone_is_told),
		cmocka_unit_test(test_stale_list_of_a_node_is_read),
		cmocka_unit_test(test_answer_that_is_no_stale_list_is_refused),
		cmocka_unit_test(test_errand_is_a_pod_like_the_daemonsets_that_is_not_its),
		cmocka_unit_test(test_cleanup_takes_what_is_of_the_gone_and_no_more),
		cmocka_unit_test(test_cleanup_takes_the_shared_label_with_the_last),
		cmocka_unit_test(test_cleanup_takes_classes_of_the_gone_but_no_adopted_one),
		cmocka_unit_test(test_pod_that_nobody_makes_anew_is_not_recycled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
