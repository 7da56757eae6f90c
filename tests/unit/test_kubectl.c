/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kubectl - what kubectl-kata makes of the objects of a cluster, and how it shows that.
 */

#include "tests/unit/folder.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/unit/fake-api.h"

#include "deploy/kubectl/cleanup.h"
#include "deploy/kubectl/cluster.h"
#include "deploy/kubectl/errand.h"
#include "deploy/kubectl/recycle.h"
#include "deploy/kubectl/stale.h"
#include "lib/file.h"

#define PROOF(version) version "-0123456789ab.cafecafecafe"

static struct json_object *parse(const char *text)
{
	struct json_object *object = NULL;
	struct error e;

	if (json_parse(text, strlen(text), "test", &object, &e) < 0)
		fail_msg("%s", e.msg);
	return object;
}

/* ---- the picture of a cluster ---- */

#define DAEMONSET(name, env, image, nodes, ready, updated)                                         \
	"{\"metadata\":{\"name\":\"" name                                                          \
	"\",\"namespace\":\"kata-system\",\"generation\":2},"                                      \
	"\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"" name                                 \
	"\"}},"                                                                                    \
	"\"template\":{\"metadata\":{\"labels\":{\"app\":\"" name                                  \
	"\"}},\"spec\":{\"serviceAccountName\":\"sa\","                                            \
	"\"containers\":[{\"name\":\"other\"},{\"name\":\"kata-deploy\",\"image\":\"" image        \
	"\","                                                                                      \
	"\"env\":[" env                                                                            \
	"],\"ports\":[{\"name\":\"health\",\"containerPort\":8091}],"                              \
	"\"readinessProbe\":{},\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/opt/kata\"}]}]," \
	"\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"/opt/kata\"}}]}}},"                 \
	"\"status\":{\"observedGeneration\":2,\"desiredNumberScheduled\":" nodes                   \
	",\"numberReady\":" ready ",\"updatedNumberScheduled\":" updated "}}"

#define POD(node, image, ready)                         \
	"{\"metadata\":{\"name\":\"p-" node             \
	"\",\"namespace\":\"kata-system\"},"            \
	"\"spec\":{\"nodeName\":\"" node                \
	"\",\"containers\":[{\"name\":\"kata-deploy\"," \
	"\"image\":\"" image                            \
	"\"}]},"                                        \
	"\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"" ready "\"}]}}"

#define NODE(name, labels, notes, conditions)                                                  \
	"{\"metadata\":{\"name\":\"" name "\",\"labels\":{" labels "},\"annotations\":{" notes \
	"}},\"status\":{\"conditions\":[" conditions "]}}"

#define LABEL(name, value) "\"kata-deploy.katacontainers.io/" name "\":\"" value "\""
#define STALE(count)       "\"katacontainers.io/stale-sandboxes\":\"" count "\""
#define CONDITION(type, status, reason)                                         \
	"{\"type\":\"" type "\",\"status\":\"" status "\",\"reason\":\"" reason \
	"\",\"message\":\"m\"}"

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
	assert_string_equal(json_get_str(spec, "serviceAccountName"), "sa");
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
		  "{\"controller\":true}]}}",
		  NULL },
		{ "{\"spec\":{\"nodeName\":\"n\"},\"metadata\":{\"uid\":\"u\",\"ownerReferences\":["
		  "{\"controller\":false}]}}",
		  "no controller" },
		{ "{\"spec\":{\"nodeName\":\"n\"},\"metadata\":{\"uid\":\"u\"}}", "no controller" },
		{ "{\"spec\":{\"nodeName\":\"n\"},\"metadata\":{\"uid\":\"v\",\"ownerReferences\":["
		  "{\"controller\":true}]}}",
		  "another pod" },
		{ "{\"spec\":{\"nodeName\":\"m\"},\"metadata\":{\"uid\":\"u\",\"ownerReferences\":["
		  "{\"controller\":true}]}}",
		  "not on the node" },
		{ "{\"spec\":{\"nodeName\":\"n\"},\"metadata\":{\"uid\":\"u\",\"ownerReferences\":["
		  "{\"controller\":true}],"
		  "\"annotations\":{\"katacontainers.io/recycle\":\"false\"}}}",
		  "annotation" },
		{ "{\"spec\":{\"nodeName\":\"n\"},\"metadata\":{\"uid\":\"u\",\"ownerReferences\":["
		  "{\"controller\":true}],"
		  "\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}}",
		  "going already" },
		{ "{\"spec\":{\"nodeName\":\"n\"},\"metadata\":{\"uid\":\"u\",\"ownerReferences\":["
		  "{\"controller\":true}],"
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

/* ---- whole commands ---- */

#define GET(path, body)                                              \
	{                                                            \
		{ "GET " path " " }, "200 OK", body, FAKE_KEEP, NULL \
	}
#define LIST(items) "{\"metadata\":{},\"items\":[" items "]}"
#define CLUSTER(daemonset, pods, nodes)                               \
	GET("/apis/apps/v1/daemonsets?limit=100", LIST(daemonset)),   \
		GET("/api/v1/namespaces/kata-system/"                 \
		    "pods?labelSelector=app%3Dkata-deploy&limit=100", \
		    LIST(pods)),                                      \
		GET("/api/v1/nodes?limit=100", LIST(nodes))
#define ONE_NODE                                                                                  \
	CLUSTER(DAEMONSET("kata-deploy", "", "k:2", "1", "1", "1"), POD("n1", "k:2", "True"),     \
		NODE("n1", LABEL("default", "true"), LABEL("default", PROOF("2")) "," STALE("1"), \
		     ""))

/* Runs COMMAND with up to four words and compares what it writes. */
static void assert_command(const struct fake_turn *turns, size_t n, const char *const *words,
			   int status, const char *wanted)
{
	char *argv[8] = { 0 };
	char *dir = folder_new();
	_free_ char *text = NULL;
	size_t size = 0;
	_options_ struct options o = { 0 };
	struct kata k = { .options = &o, .deadline_ms = deadline_in(5000) };
	struct fake_api api;
	const char *fault;
	struct error e;
	int argc = 0, r = -1;

	for (; words[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	assert_true(fake_start(&api, turns, n, NULL));
	fake_kubeconfig(&api, dir);
	assert_int_equal(options_parse(argc, argv, &o, &e), 0);
	assert_int_equal(view_parse_format(o.output, &k.format, &e), 0);
	k.out = open_memstream(&text, &size);
	assert_int_equal(kata_open(&k, &e), 0);
	for (const struct kata_command *c = kata_commands; c->name; c++)
		if (strcmp(c->name, o.arguments[0]) == 0)
			r = c->run(&k, &e);
	kube_close(k.kube);
	kube_config_done(&k.config);
	(void)fclose(k.out);
	fault = fake_stop(&api);
	if (fault)
		fail_msg("%s", fault);
	if (r < 0 && r != status)
		fail_msg("%s", e.msg);
	assert_int_equal(r, status);
	assert_string_equal(text, wanted);
	folder_remove(dir);
}

#define ASSERT_COMMAND(turns, status, wanted, ...)                                           \
	assert_command(turns, ARRAY_SIZE(turns), (const char *const[]){ __VA_ARGS__, NULL }, \
		       status, wanted)

static void test_status_is_a_line_for_each_installation(void **state)
{
	static const struct fake_turn turns[] = { ONE_NODE };

	(void)state;
	ASSERT_COMMAND(turns, 0,
		       "INSTALLATION  CURRENT         DESIRED         NODES  READY  UPDATED  STALE "
		       " ROLL-OUT\n"
		       "default       2-0123456789ab  2-0123456789ab  1      1      1        1     "
		       " complete\n",
		       "status");
}

static void test_stale_asks_the_nodes_that_have_some(void **state)
{
	static const struct fake_turn turns[] = {
		CLUSTER(DAEMONSET("kata-deploy", "", "k:2", "2", "2", "2"),
			POD("n1", "k:2", "True") "," POD("n2", "k:2", "True"),
			NODE("n1", LABEL("default", "true"), STALE("0"),
			     "") "," NODE("n2", LABEL("default", "true"), STALE("1"), "")),
		GET("/api/v1/namespaces/kata-system/pods/p-n2:8091/proxy/stale",
		    "{\"node\":\"n2\",\"sandboxes\":[{\"namespace\":\"shop\",\"name\":\"cart\","
		    "\"runs\":"
		    "\"1-a\",\"causes\":[{\"cause\":\"version\",\"detail\":\"d\"}]}]}"),
	};

	(void)state;
	ASSERT_COMMAND(turns, 0,
		       "NAMESPACE  POD   NODE  SINCE  RUNS  REASON\n"
		       "shop       cart  n2    -      1-a   version: d\n",
		       "stale");
}

static void test_node_that_does_not_answer_is_left_out_and_named(void **state)
{
	static const struct fake_turn turns[] = {
		ONE_NODE,
		{ { "GET /api/v1/namespaces/kata-system/pods/p-n1:8091/proxy/stale " },
		  "404 Not Found",
		  "{\"message\":\"no\"}",
		  FAKE_KEEP,
		  NULL },
	};

	(void)state;
	ASSERT_COMMAND(turns, EXIT_PARTLY, "", "stale", "--no-headers");
}

static void test_node_is_not_asked_about_others(void **state)
{
	static const struct fake_turn turns[] = {
		ONE_NODE,
		GET("/api/v1/namespaces/kata-system/pods/p-n1:8091/proxy/stale",
		    "{\"node\":\"n2\",\"sandboxes\":[{\"namespace\":\"shop\",\"name\":\"cart\"}]}"),
	};

	(void)state;
	ASSERT_COMMAND(turns, EXIT_PARTLY, "", "stale", "--no-headers");
}

static void test_sandboxes_have_the_version_of_their_node_unless_stale(void **state)
{
	static const struct fake_turn turns[] = {
		ONE_NODE,
		GET("/api/v1/namespaces/kata-system/pods/p-n1:8091/proxy/stale",
		    "{\"node\":\"n1\",\"sandboxes\":[{\"uid\":\"u2\",\"namespace\":\"shop\","
		    "\"runs\":\"1-a\"}]}"),
		GET("/apis/node.k8s.io/v1/runtimeclasses?limit=100",
		    LIST("{\"metadata\":{\"name\":\"kata\"},\"handler\":\"kata-qemu\"},"
			 "{\"metadata\":{\"name\":\"gvisor\"},\"handler\":\"runsc\"}")),
		GET("/api/v1/namespaces/shop/pods?labelSelector=a%3Db&limit=100",
		    LIST("{\"metadata\":{\"name\":\"p1\",\"namespace\":\"shop\",\"uid\":\"u1\"},"
			 "\"spec\":{\"nodeName\":\"n1\",\"runtimeClassName\":\"kata\"}},"
			 "{\"metadata\":{\"name\":\"p2\",\"namespace\":\"shop\",\"uid\":\"u2\"},"
			 "\"spec\":{\"nodeName\":\"n1\",\"runtimeClassName\":\"kata\"}},"
			 "{\"metadata\":{\"name\":\"p3\"},\"spec\":{\"runtimeClassName\":"
			 "\"gvisor\"}},"
			 "{\"metadata\":{\"name\":\"p4\"},\"spec\":{}}")),
	};

	(void)state;
	ASSERT_COMMAND(turns, 0,
		       "shop  p1  n1  kata  -  -  2-0123456789ab\n"
		       "shop  p2  n1  kata  -  -  1-a\n",
		       "sandboxes", "--no-headers", "-nshop", "-la=b");
}

#define STALE_PODS                                                                                \
	"{\"node\":\"n1\",\"sandboxes\":[{\"namespace\":\"shop\",\"name\":\"p1\",\"uid\":\"u1\"," \
	"\"causes\":"                                                                             \
	"[{\"cause\":\"version\"}]},{\"namespace\":\"shop\",\"name\":\"p2\",\"uid\":\"u2\"},{"    \
	"\"id\":"                                                                                 \
	"\"no pod\"}]}"
#define CONTROLLED(uid)                                                \
	"{\"spec\":{\"nodeName\":\"n1\"},\"metadata\":{\"uid\":\"" uid \
	"\",\"ownerReferences\":[{\"controller\":true}]}}"

/* The first is waited for before the second goes, which has no controller. */
static void test_recycle_evicts_one_after_the_other(void **state)
{
	static const struct fake_turn turns[] = {
		ONE_NODE,
		GET("/api/v1/namespaces/kata-system/pods/p-n1:8091/proxy/stale", STALE_PODS),
		GET("/api/v1/namespaces/shop/pods/p1", CONTROLLED("u1")),
		{ { "POST /api/v1/namespaces/shop/pods/p1/eviction?",
		    "\"preconditions\":{\"uid\":\"u1\"}" },
		  "201 Created",
		  "{}",
		  FAKE_KEEP,
		  NULL },
		GET("/api/v1/namespaces/shop/pods/p1", CONTROLLED("u1")),
		GET("/api/v1/namespaces/shop/pods/p1", CONTROLLED("another")),
		GET("/api/v1/namespaces/shop/pods/p2",
		    "{\"spec\":{\"nodeName\":\"n1\"},\"metadata\":{\"uid\":\"u2\"}}"),
	};

	(void)state;
	ASSERT_COMMAND(turns, 0,
		       "shop  p1  n1  evicted  version\n"
		       "shop  p2  n1  stays    it has no controller that would make it anew\n",
		       "recycle", "--no-headers");
}

/* What was evicted is said, whatever comes after it. */
static void test_recycle_that_fails_tells_what_it_did(void **state)
{
	static const struct fake_turn turns[] = {
		ONE_NODE,
		GET("/api/v1/namespaces/kata-system/pods/p-n1:8091/proxy/stale", STALE_PODS),
		GET("/api/v1/namespaces/shop/pods/p1", CONTROLLED("u1")),
		{ { "POST /api/v1/namespaces/shop/pods/p1/eviction?" },
		  "201 Created",
		  "{}",
		  FAKE_KEEP,
		  NULL },
		GET("/api/v1/namespaces/shop/pods/p1", CONTROLLED("another")),
		{ { "GET /api/v1/namespaces/shop/pods/p2 " },
		  "403 Forbidden",
		  "{}",
		  FAKE_KEEP,
		  NULL },
	};

	(void)state;
	ASSERT_COMMAND(turns, -EACCES, "shop  p1  n1  evicted  version\n", "recycle",
		       "--no-headers");
}

static void test_cleanup_is_refused_where_daemonsets_may_be_hidden(void **state)
{
	static const struct fake_turn turns[] = {
		{ { "GET /apis/apps/v1/daemonsets?limit=100 " },
		  "403 Forbidden",
		  "{}",
		  FAKE_KEEP,
		  NULL },
		GET("/apis/apps/v1/namespaces/kata-system/daemonsets?limit=100", LIST("")),
		GET("/api/v1/nodes?limit=100", LIST("")),
	};

	(void)state;
	ASSERT_COMMAND(turns, -EACCES, "", "cleanup");
}

static void test_check_says_what_is_wrong(void **state)
{
	static const struct fake_turn turns[] = {
		CLUSTER(DAEMONSET("kata-deploy", "", "k:2", "1", "0", "1"),
			POD("n1", "k:2", "False"),
			NODE("n1", LABEL("default", "false"), "",
			     CONDITION("KataReady", "False", "InstallFailed"))),
		GET("/apis/node.k8s.io/v1/runtimeclasses?limit=100", LIST("")),
		{ { "GET "
		    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/"
		    "kata-deploy-nodes " },
		  "404 Not Found",
		  "{}",
		  FAKE_KEEP,
		  NULL },
		GET("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/"
		    "kata-deploy-runtimeclasses",
		    "{}"),
	};

	(void)state;
	ASSERT_COMMAND(
		turns, EXIT_FOUND,
		"ok    daemonset       default                     kata-deploy\n"
		"fail  roll-out        default                     stopped at 1 nodes: n1: "
		"InstallFailed\n"
		"fail  node            n1                          failed: InstallFailed: m\n"
		"fail  nodes           -                           0 nodes are ready\n"
		"fail  runtimeclasses  -                           0 RuntimeClasses lead to "
		"sandboxes\n"
		"warn  policy          kata-deploy-nodes           it is not there: the "
		"installer's "
		"token may change more than its own node\n"
		"ok    policy          kata-deploy-runtimeclasses  -\n",
		"check", "--no-headers");
}

/* ---- diagnose ---- */

static void assert_has(const char *bytes, size_t len, const char *text)
{
	assert_non_null(memmem(bytes, len, text, strlen(text)));
}

/* The file is nobody's but ours, has the log of the node's pod, and names what could not be had. */
static void test_diagnosis_is_an_archive_and_names_what_it_lacks(void **state)
{
	static const struct fake_turn turns[] = {
		CLUSTER(DAEMONSET("kata-deploy", "", "k:2", "1", "1", "1"),
			POD("n1", "k:2", "True"), NODE("n1", LABEL("default", "true"), "", "")),
		GET("/version", "{\"gitVersion\":\"v1\"}"),
		GET("/apis/node.k8s.io/v1/runtimeclasses?limit=100", LIST("")),
		{ { "GET /apis/events.k8s.io/v1/events?limit=100 " },
		  "403 Forbidden",
		  "{}",
		  FAKE_KEEP,
		  NULL },
		{ { "GET /api/v1/namespaces/kata-system/pods/p-n1/log?container=kata-deploy&" },
		  "200 OK",
		  "step 1\n",
		  FAKE_KEEP,
		  NULL },
	};
	char *dir = folder_new();
	_free_ char *path = path_join(dir, "d.tar");
	_free_ char *archive = NULL;
	struct error e;
	size_t len;
	struct stat st;

	(void)state;
	ASSERT_COMMAND(turns, EXIT_PARTLY, "", "diagnose", "-f", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(file_read(path, 1 * MIB, &archive, &len, &e), 0);
	assert_has(archive, len, "/logs/n1");
	assert_has(archive, len, "p-n1.log");
	assert_has(archive, len, "step 1\n");
	assert_has(archive, len, "events.json: GET ");
	folder_remove(dir);
}

/* ---- plan ---- */

#define ERRAND(phase, code, log)                                                                \
	{ { "GET /api/v1/nodes/n1 " }, "200 OK", "{}", FAKE_KEEP, NULL },                       \
		{ { "POST /api/v1/namespaces/kata-system/pods?", "\"readOnly\":true",           \
		    "\"plan\"" },                                                               \
		  "201 Created",                                                                \
		  "{}",                                                                         \
		  FAKE_KEEP,                                                                    \
		  NULL },                                                                       \
		{ { "GET /api/v1/namespaces/kata-system/pods/kubectl-kata-" },                  \
		  "200 OK",                                                                     \
		  "{\"status\":{\"phase\":\"" phase                                             \
		  "\",\"containerStatuses\":[{\"state\":{\"terminated\":"                       \
		  "{\"exitCode\":" code "}}}]}}",                                               \
		  FAKE_KEEP,                                                                    \
		  NULL },                                                                       \
		{ { "GET /api/v1/namespaces/kata-system/pods/kubectl-kata-", "/log " },         \
		  "200 OK",                                                                     \
		  log,                                                                          \
		  FAKE_KEEP,                                                                    \
		  NULL },                                                                       \
	{                                                                                       \
		{ "DELETE /api/v1/namespaces/kata-system/pods/kubectl-kata-" }, "200 OK", "{}", \
			FAKE_KEEP, NULL                                                         \
	}

static void test_plan_is_what_the_node_says_with_its_status(void **state)
{
	static const struct fake_turn turns[] = { ONE_NODE,
						  ERRAND("Failed", "1", "x: file: y\x1b[2J: z\n") };

	(void)state;
	ASSERT_COMMAND(turns, 1, "x: file: y?[2J: z\n", "plan", "n1");
}

static void test_plan_for_programs_is_found_among_the_log(void **state)
{
	static const struct fake_turn turns[] = {
		ONE_NODE,
		ERRAND("Succeeded", "0", "some warning\n{\n \"changes\": false\n}\nmore\n")
	};

	(void)state;
	ASSERT_COMMAND(turns, 0, "changes: false\n", "plan", "n1", "-oyaml");
}

#define POST_POD "POST /api/v1/namespaces/kata-system/pods?"

/* One that was made by a try whose answer was lost is ours, and one that may have been goes. */
static void test_errand_knows_the_pod_of_a_lost_try(void **state)
{
	static const struct fake_turn made[] = {
		ONE_NODE,
		GET("/api/v1/nodes/n1", "{}"),
		{ { POST_POD }, "409 Conflict", "{\"reason\":\"AlreadyExists\"}", FAKE_KEEP, NULL },
		{ { "GET /api/v1/namespaces/kata-system/pods/kubectl-kata-" },
		  "200 OK",
		  "{\"status\":{\"phase\":\"Failed\",\"message\":\"m\"}}",
		  FAKE_KEEP,
		  NULL },
		{ { "DELETE /api/v1/namespaces/kata-system/pods/kubectl-kata-" },
		  "200 OK",
		  "{}",
		  FAKE_KEEP,
		  NULL },
	};
	static const struct fake_turn unknown[] = {
		ONE_NODE,
		GET("/api/v1/nodes/n1", "{}"),
		{ { POST_POD }, "400 Bad Request", "{}", FAKE_KEEP, NULL },
		{ { "DELETE /api/v1/namespaces/kata-system/pods/kubectl-kata-" },
		  "404 Not Found",
		  "{}",
		  FAKE_KEEP,
		  NULL },
	};

	(void)state;
	ASSERT_COMMAND(made, -ECHILD, "", "plan", "n1");
	ASSERT_COMMAND(unknown, -EINVAL, "", "plan", "n1");
}

#define ROLLBACK(node, code, log)                                                               \
	{ { "POST /api/v1/namespaces/kata-system/pods?", "\"nodeName\":\"" node "\"",           \
	    "\"rollback\"" },                                                                   \
	  "201 Created",                                                                        \
	  "{}",                                                                                 \
	  FAKE_KEEP,                                                                            \
	  NULL },                                                                               \
		{ { "GET /api/v1/namespaces/kata-system/pods/kubectl-kata-" },                  \
		  "200 OK",                                                                     \
		  "{\"status\":{\"phase\":\"Failed\",\"containerStatuses\":[{\"state\":{"       \
		  "\"terminated\":"                                                             \
		  "{\"exitCode\":" code "}}}]}}",                                               \
		  FAKE_KEEP,                                                                    \
		  NULL },                                                                       \
		{ { "GET /api/v1/namespaces/kata-system/pods/kubectl-kata-", "/log " },         \
		  "200 OK",                                                                     \
		  log,                                                                          \
		  FAKE_KEEP,                                                                    \
		  NULL },                                                                       \
	{                                                                                       \
		{ "DELETE /api/v1/namespaces/kata-system/pods/kubectl-kata-" }, "200 OK", "{}", \
			FAKE_KEEP, NULL                                                         \
	}

/* One that fails does not keep the others from going back. */
static void test_rollback_takes_one_node_after_the_other(void **state)
{
	static const struct fake_turn turns[] = {
		CLUSTER(DAEMONSET("kata-deploy", "", "k:2", "2", "2", "2"),
			POD("n1", "k:2", "True") "," POD("n2", "k:2", "True"),
			NODE("n1", LABEL("default", "true"), LABEL("default", PROOF("2")),
			     "") "," NODE("n2", LABEL("default", "true"),
					  LABEL("default", PROOF("2")), "")),
		ROLLBACK("n1", "1", "a\nthere is none\n"),
		ROLLBACK("n2", "0", "a\nit is done\n"),
	};

	(void)state;
	ASSERT_COMMAND(turns, EXIT_PARTLY,
		       "n1  2-0123456789ab  failed     there is none\n"
		       "n2  2-0123456789ab  went back  it is done\n",
		       "rollback", "--all", "--no-headers");
}

static void test_rollout_is_waited_for_until_it_ends_or_stops(void **state)
{
	static const struct fake_turn complete[] = {
		CLUSTER(DAEMONSET("kata-deploy", "", "k:2", "1", "0", "0"), "", ""),
		ONE_NODE,
	};
	static const struct fake_turn stopped[] = {
		CLUSTER(DAEMONSET("kata-deploy", "", "k:2", "1", "1", "0"),
			POD("n1", "k:2", "False"),
			NODE("n1", LABEL("default", "true"), LABEL("default", PROOF("1")),
			     CONDITION("KataUpgraded", "False", "CanaryFailed"))),
	};

	(void)state;
	ASSERT_COMMAND(complete, 0, "default: 2: 0 of 1 nodes\ndefault: 2-0123456789ab: complete\n",
		       "rollout", "status");
	ASSERT_COMMAND(stopped, EXIT_FOUND, "default: 2: stopped at 1 nodes: n1: CanaryFailed\n",
		       "rollout", "status");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rollout_under_way_is_seen),
		cmocka_unit_test(test_rollout_that_stopped_names_node_and_reason),
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
		cmocka_unit_test(test_recycle_evicts_one_after_the_other),
		cmocka_unit_test(test_recycle_that_fails_tells_what_it_did),
		cmocka_unit_test(test_cleanup_is_refused_where_daemonsets_may_be_hidden),
		cmocka_unit_test(test_status_is_a_line_for_each_installation),
		cmocka_unit_test(test_stale_asks_the_nodes_that_have_some),
		cmocka_unit_test(test_node_that_does_not_answer_is_left_out_and_named),
		cmocka_unit_test(test_node_is_not_asked_about_others),
		cmocka_unit_test(test_sandboxes_have_the_version_of_their_node_unless_stale),
		cmocka_unit_test(test_check_says_what_is_wrong),
		cmocka_unit_test(test_diagnosis_is_an_archive_and_names_what_it_lacks),
		cmocka_unit_test(test_plan_is_what_the_node_says_with_its_status),
		cmocka_unit_test(test_plan_for_programs_is_found_among_the_log),
		cmocka_unit_test(test_errand_knows_the_pod_of_a_lost_try),
		cmocka_unit_test(test_rollback_takes_one_node_after_the_other),
		cmocka_unit_test(test_rollout_is_waited_for_until_it_ends_or_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
