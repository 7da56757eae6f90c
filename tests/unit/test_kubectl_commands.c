/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kubectl_commands - whole commands of kubectl-kata, against an API server that plays a
 * script.
 */

#include "tests/unit/folder.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/unit/cluster-objects.h"
#include "tests/unit/fake-api.h"

#include "deploy/kubectl/kubectl.h"
#include "lib/file.h"

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

#define INSTALLATIONS "GET /apis/katacontainers.io/v1alpha1/katainstallations?limit=100 "
#define NO_COORDINATOR                                                                      \
	{                                                                                   \
		{ INSTALLATIONS }, "404 Not Found", "{\"message\":\"no\"}", FAKE_KEEP, NULL \
	}

static void test_status_is_a_line_for_each_installation(void **state)
{
	static const struct fake_turn turns[] = { ONE_NODE, NO_COORDINATOR };

	(void)state;
	ASSERT_COMMAND(turns, 0,
		       "INSTALLATION  CURRENT         DESIRED         NODES  READY  UPDATED  STALE "
		       " ROLL-OUT\n"
		       "default       2-0123456789ab  2-0123456789ab  1      1      1        1     "
		       " complete\n",
		       "status");
}

/* A coordinator knows of waves, and of one that stands; what it said of another template is old. */
static void test_status_has_the_wave_of_the_coordinator(void **state)
{
	static const struct {
		const char *image, *progressing, *wanted;
	} cases[] = {
		{ "k:2", "True", "wave 3 of 4 (25 %), 57 of 212 nodes, 4 min" },
		{ "k:2", "False", "wave 3 of 4 (25 %), 57 of 212 nodes" },
		{ "k:1", "True", "complete" },
	};
	time_t since = time(NULL) - 4 * 60 - 20;
	char time[32];
	struct tm tm;

	(void)state;
	(void)strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&since, &tm));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *body = xasprintf(
			LIST("{\"metadata\":{\"name\":\"default\"},\"status\":{\"image\":\"%s\","
			     "\"rollout\":\"wave 3 of 4 (25 %%), 57 of 212 "
			     "nodes\",\"conditions\":[{"
			     "\"type\":\"Progressing\",\"status\":\"%s\",\"lastTransitionTime\":"
			     "\"%s\"}]}}"),
			cases[i].image, cases[i].progressing, time);
		_free_ char *wanted = xasprintf(
			"default  2-0123456789ab  2-0123456789ab  1  1  1  "
			"1  %s\n",
			cases[i].wanted);
		const struct fake_turn turns[] = {
			ONE_NODE,
			{ { INSTALLATIONS }, "200 OK", body, FAKE_KEEP, NULL },
		};

		ASSERT_COMMAND(turns, 0, wanted, "status", "--no-headers");
	}
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
#define OF_SET(uid, status)                                                                   \
	"{\"spec\":{\"nodeName\":\"n1\"},\"metadata\":{\"namespace\":\"shop\",\"uid\":\"" uid \
	"\",\"ownerReferences\":[{\"controller\":true,\"uid\":\"set\"}]},"                    \
	"\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"" status "\"}]}}"
#define CONTROLLED(uid) OF_SET(uid, "True")
#define EVICT(pod, uid)                                                  \
	{                                                                \
		{ "POST /api/v1/namespaces/shop/pods/" pod "/eviction?", \
		  "\"preconditions\":{\"uid\":\"" uid "\"}" },           \
			"201 Created", "{}", FAKE_KEEP, NULL             \
	}
#define WORKLOAD(pods) GET("/api/v1/namespaces/shop/pods?limit=100", LIST(pods))

/* The first is waited for before the second goes, which has no controller. */
static void test_recycle_evicts_one_after_the_other(void **state)
{
	static const struct fake_turn turns[] = {
		ONE_NODE,
		GET("/api/v1/namespaces/kata-system/pods/p-n1:8091/proxy/stale", STALE_PODS),
		GET("/api/v1/namespaces/shop/pods/p1", CONTROLLED("u1")),
		WORKLOAD(CONTROLLED("u1")),
		EVICT("p1", "u1"),
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

/* As with a coordinator. */
static void test_recycle_begins_with_the_worst(void **state)
{
	static const struct fake_turn turns[] = {
		ONE_NODE,
		GET("/api/v1/namespaces/kata-system/pods/p-n1:8091/proxy/stale",
		    "{\"node\":\"n1\",\"sandboxes\":["
		    "{\"namespace\":\"shop\",\"name\":\"p1\",\"uid\":\"u1\",\"started\":\"2\","
		    "\"causes\":[{\"cause\":\"version\"}]},"
		    "{\"namespace\":\"shop\",\"name\":\"p2\",\"uid\":\"u2\",\"started\":\"1\","
		    "\"causes\":[{\"cause\":\"version\"}]},"
		    "{\"namespace\":\"shop\",\"name\":\"p3\",\"uid\":\"u3\",\"started\":\"3\","
		    "\"causes\":[{\"cause\":\"version\"},{\"cause\":\"advisory\"}]}]}"),
		GET("/api/v1/namespaces/shop/pods/p3", CONTROLLED("u3")),
		GET("/api/v1/namespaces/shop/pods/p2", CONTROLLED("u2")),
		GET("/api/v1/namespaces/shop/pods/p1", CONTROLLED("u1")),
	};

	(void)state;
	ASSERT_COMMAND(turns, 0,
		       "shop  p3  n1  would go  version; advisory\n"
		       "shop  p2  n1  would go  version\n"
		       "shop  p1  n1  would go  version\n",
		       "recycle", "--no-headers", "--dry-run");
}

/* Also without a budget: the new pod boots a VM, which takes longer than the old one to go. */
static void test_recycle_waits_for_the_workload(void **state)
{
	static const struct fake_turn turns[] = {
		ONE_NODE,
		GET("/api/v1/namespaces/kata-system/pods/p-n1:8091/proxy/stale", STALE_PODS),
		GET("/api/v1/namespaces/shop/pods/p1", CONTROLLED("u1")),
		WORKLOAD(CONTROLLED("u1") "," CONTROLLED("u2") ",{}"),
		EVICT("p1", "u1"),
		GET("/api/v1/namespaces/shop/pods/p1", "{}"),
		GET("/api/v1/namespaces/shop/pods/p2", CONTROLLED("u2")),
		WORKLOAD(CONTROLLED("u2") "," OF_SET("u3", "False")),
		WORKLOAD(CONTROLLED("u2") "," OF_SET("u3", "True")),
		EVICT("p2", "u2"),
		GET("/api/v1/namespaces/shop/pods/p2", "{}"),
	};

	(void)state;
	ASSERT_COMMAND(turns, 0,
		       "shop  p1  n1  evicted  version\n"
		       "shop  p2  n1  evicted  -\n",
		       "recycle", "--no-headers");
}

static void test_recycle_asks_for_the_chosen_alone(void **state)
{
	static const struct fake_turn turns[] = {
		ONE_NODE,
		GET("/api/v1/namespaces/kata-system/pods/p-n1:8091/proxy/stale", STALE_PODS),
		GET("/api/v1/namespaces/shop/pods?labelSelector=a%3Db&limit=100",
		    LIST("{\"metadata\":{\"uid\":\"u2\"}}")),
		GET("/api/v1/namespaces/shop/pods/p2", CONTROLLED("u2")),
	};

	(void)state;
	ASSERT_COMMAND(turns, 0, "shop  p2  n1  would go  -\n", "recycle", "--no-headers",
		       "--dry-run", "-nshop", "-la=b");
}

/* What was evicted is said, whatever comes after it. */
static void test_recycle_that_fails_tells_what_it_did(void **state)
{
	static const struct fake_turn turns[] = {
		ONE_NODE,
		GET("/api/v1/namespaces/kata-system/pods/p-n1:8091/proxy/stale", STALE_PODS),
		GET("/api/v1/namespaces/shop/pods/p1", CONTROLLED("u1")),
		WORKLOAD(CONTROLLED("u1")),
		EVICT("p1", "u1"),
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

#define ADMISSION      "/apis/admissionregistration.k8s.io/v1/validatingadmission"
#define BOUND(policy)  "{\"spec\":{\"policyName\":\"" policy "\"}}"
#define BINDINGS(list) GET(ADMISSION "policybindings?limit=100", LIST(list))
#define POLICIES(list) GET(ADMISSION "policies?limit=100", LIST(list))
#define POLICY(name, account, resources)                                                           \
	"{\"metadata\":{\"name\":\"" name                                                          \
	"\"},\"spec\":{\"matchConditions\":[{\"expression\":\"x.matches('^system:serviceaccount:[" \
	"^:]+:" account                                                                            \
	"(-[^:]+)?$')\"}],\"matchConstraints\":{\"resourceRules\":[{\"resources\":[\"" resources   \
	"\"]}]}}}"
#define NO_CLASSES GET("/apis/node.k8s.io/v1/runtimeclasses?limit=100", LIST(""))
#define NO_POLICY(account) \
	"it is not in force: the account '" account "' may change more than its own node\n"

static void test_check_says_what_is_wrong(void **state)
{
	static const struct fake_turn turns[] = {
		CLUSTER(DAEMONSET("kata-deploy", "", "k:2", "1", "0", "1"),
			POD("n1", "k:2", "False"),
			NODE("n1", LABEL("default", "false"), "",
			     CONDITION("KataReady", "False", "InstallFailed"))),
		NO_CLASSES,
		BINDINGS(BOUND("kata-deploy-runtimeclasses") "," BOUND("kata-deploy-events")),
		/* Nothing binds the first. */
		POLICIES(POLICY(
			"kata-deploy-nodes", "kata-deploy",
			"nodes\",\"nodes/status") "," POLICY("kata-deploy-runtimeclasses",
							     "kata-deploy",
							     "runtimeclasses") "," POLICY("kata-"
											  "deploy-"
											  "events",
											  "kata-"
											  "deploy",
											  "event"
											  "s")),
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
		"warn  policy          kata-deploy-nodes           " NO_POLICY("kata-deploy")
		"ok    policy          kata-deploy-runtimeclasses  -\n"
		"ok    policy          kata-deploy-events          -\n",
		"check", "--no-headers");
}

#define OWN_PODS(app, pods) \
	GET("/api/v1/namespaces/kata-system/pods?labelSelector=app%3D" app "&limit=100", LIST(pods))
#define SUFFIX(name) "{\"name\":\"MULTI_INSTALL_SUFFIX\",\"value\":\"" name "\"}"
#define TWO_INSTALLATIONS                                                          \
	GET("/apis/apps/v1/daemonsets?limit=100",                                  \
	    LIST(DAEMONSET("kata-deploy", "", "k:2", "0", "0", "0") "," DAEMONSET( \
		    "kata-deploy-blue", SUFFIX("blue"), "k:2", "0", "0", "0"))),   \
		OWN_PODS("kata-deploy", ""), OWN_PODS("kata-deploy-blue", ""),     \
		GET("/api/v1/nodes?limit=100", LIST("")), NO_CLASSES
#define TWO_ROWS                                                                \
	"ok    daemonset       default                     kata-deploy\n"       \
	"ok    roll-out        default                     complete\n"          \
	"ok    daemonset       blue                        kata-deploy-blue\n"  \
	"ok    roll-out        blue                        complete\n"          \
	"fail  nodes           -                           0 nodes are ready\n" \
	"fail  runtimeclasses  -                           0 RuntimeClasses lead to sandboxes\n"

/* As an overlay and the chart name them with a suffix.  The chart's are for its own accounts. */
static void test_check_knows_policies_by_whom_they_guard(void **state)
{
	static const struct fake_turn turns[] = {
		TWO_INSTALLATIONS,
		BINDINGS(BOUND("kata-deploy-nodes-blue") "," BOUND(
			"kata-deploy-blue-runtimeclasses") "," BOUND("kata-deploy-events")),
		POLICIES(POLICY("kata-deploy-nodes-blue", "kata-deploy", "nodes") "," POLICY(
			"kata-deploy-blue-runtimeclasses", "kata-deploy-blue",
			"runtimeclasses") "," POLICY("kata-deploy-events", "other", "events")),
	};

	(void)state;
	ASSERT_COMMAND(turns, EXIT_FOUND,
		       TWO_ROWS "ok    policy          kata-deploy-nodes-blue      -\n"
				    "warn  policy          kata-deploy-runtimeclasses  " NO_POLICY(
					    "kata-deploy")
				    "warn  policy          kata-deploy-events          " NO_POLICY(
					    "kata-deploy")
				    "warn  policy          kata-deploy-events          " NO_POLICY(
					    "kata-deploy-blue"),
		       "check", "--no-headers");
}

#define CHECKED                                                                                \
	"ok    daemonset       default                     kata-deploy\n"                      \
	"ok    roll-out        default                     complete\n"                         \
	"warn  stale           default                     some sandboxes are stale: 'stale' " \
	"lists them\n"                                                                         \
	"ok    nodes           -                           1 nodes are ready\n"                \
	"fail  runtimeclasses  -                           0 RuntimeClasses lead to sandboxes\n"

/* Who may not see them, and an API server that is too old to have any. */
static void test_check_without_a_look_at_policies_goes_on(void **state)
{
	static const struct fake_turn refused[] = {
		ONE_NODE,
		NO_CLASSES,
		BINDINGS(BOUND("kata-deploy-nodes")),
		{ { "GET " ADMISSION "policies?limit=100 " },
		  "403 Forbidden",
		  "{}",
		  FAKE_KEEP,
		  NULL },
	};
	static const struct fake_turn old[] = {
		ONE_NODE,
		NO_CLASSES,
		{ { "GET " ADMISSION "policybindings?limit=100 " },
		  "404 Not Found",
		  "{}",
		  FAKE_KEEP,
		  NULL },
	};

	(void)state;
	ASSERT_COMMAND(refused, EXIT_FOUND,
		       CHECKED
		       "warn  policy          kata-deploy-nodes           you may not see it\n"
		       "warn  policy          kata-deploy-runtimeclasses  you may not see it\n"
		       "warn  policy          kata-deploy-events          you may not see it\n",
		       "check", "--no-headers");
	ASSERT_COMMAND(old, EXIT_FOUND,
		       CHECKED
		       "warn  policy          kata-deploy-nodes           " NO_POLICY("kata-deploy")
		       "warn  policy          kata-deploy-runtimeclasses  " NO_POLICY("kata-deploy")
		       "warn  policy          kata-deploy-events          " NO_POLICY("kata-deploy"),
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

/* A pod that is made with FIRST and SECOND in it, and ends. */
#define ERRAND(first, second, code, log)                                                        \
	{ { "POST /api/v1/namespaces/kata-system/pods?", first, second },                       \
	  "201 Created",                                                                        \
	  "{}",                                                                                 \
	  FAKE_KEEP,                                                                            \
	  NULL },                                                                               \
		{ { "GET /api/v1/namespaces/kata-system/pods/kubectl-kata-" },                  \
		  "200 OK",                                                                     \
		  "{\"status\":{\"phase\":\"Failed\",\"containerStatuses\":[{\"state\":{"       \
		  "\"terminated\":{\"exitCode\":" code "}}}]}}",                                \
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
#define PLAN(code, log) \
	GET("/api/v1/nodes/n1", "{}"), ERRAND("\"readOnly\":true", "\"plan\"", code, log)
#define ROLLBACK(node, code, log) ERRAND("\"nodeName\":\"" node "\"", "\"rollback\"", code, log)

static void test_plan_is_what_the_node_says_with_its_status(void **state)
{
	static const struct fake_turn turns[] = { ONE_NODE, PLAN("1", "x: file: y\x1b[2J: z\n") };

	(void)state;
	ASSERT_COMMAND(turns, 1, "x: file: y?[2J: z\n", "plan", "n1");
}

/* The node is asked by a pod of that image. */
static void test_plan_of_another_image_is_what_that_one_says(void **state)
{
	static const struct fake_turn turns[] = {
		ONE_NODE,
		GET("/api/v1/nodes/n1", "{}"),
		ERRAND("\"image\":\"k:9\"", "\"readOnly\":true", "0", "nothing to do\n"),
	};

	(void)state;
	ASSERT_COMMAND(turns, 0, "nothing to do\n", "plan", "n1", "--image=k:9");
}

static void test_plan_for_programs_is_found_among_the_log(void **state)
{
	static const struct fake_turn turns[] = {
		ONE_NODE, PLAN("0", "some warning\n{\n \"changes\": false\n}\nmore\n")
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

#define HAS(node, version, conditions) \
	NODE(node, LABEL("default", "true"), LABEL("default", PROOF(version)), conditions)

/* One that fails does not keep the others from going back.  All are those that went forward. */
static void test_rollback_takes_one_node_after_the_other(void **state)
{
	static const struct fake_turn turns[] = {
		CLUSTER(DAEMONSET("kata-deploy", "", "k:2", "4", "3", "3"),
			POD("n1", "k:2", "True") "," POD("n2", "k:2", "True") "," POD(
				"n3", "k:2", "False") "," POD("n4", "k:1", "True"),
			HAS("n1", "2", "") "," HAS("n2", "2", "") "," HAS(
				"n3", "1",
				CONDITION("KataUpgraded", "False", "RolledBack")) "," HAS("n4", "1",
											  "")),
		ROLLBACK("n1", "1", "a\nthere is none\n"),
		ROLLBACK("n2", "0", "a\nit is done\n"),
	};

	(void)state;
	ASSERT_COMMAND(turns, EXIT_PARTLY,
		       "n1  2-0123456789ab  failed     there is none\n"
		       "n2  2-0123456789ab  went back  it is done\n"
		       "n3  1-0123456789ab  stays      RolledBack: m\n"
		       "n4  1-0123456789ab  stays      it has not got what the DaemonSet wants\n",
		       "rollback", "--all", "--no-headers");
}

/* The node's program ends with 1 where something would change. */
static void test_dry_rollback_says_what_would_be(void **state)
{
	static const struct fake_turn would[] = {
		ONE_NODE,
		ERRAND("\"readOnly\":true", "\"--dry-run\",\"rollback\"", "1",
		       "restart: no: why\n"),
	};
	static const struct fake_turn nothing[] = {
		ONE_NODE,
		ERRAND("\"readOnly\":true", "\"--dry-run\",\"rollback\"", "0", "nothing to do\n"),
	};
	static const struct fake_turn wrong[] = {
		ONE_NODE,
		ERRAND("\"readOnly\":true", "\"--dry-run\",\"rollback\"", "2", "there is none\n"),
	};

	(void)state;
	ASSERT_COMMAND(would, 0, "n1  2-0123456789ab  would go back  restart: no: why\n",
		       "rollback", "n1", "--dry-run", "--no-headers");
	ASSERT_COMMAND(nothing, 0, "n1  2-0123456789ab  stays  nothing to do\n", "rollback", "n1",
		       "--dry-run", "--no-headers");
	ASSERT_COMMAND(wrong, EXIT_PARTLY, "n1  2-0123456789ab  failed  there is none\n",
		       "rollback", "n1", "--dry-run", "--no-headers");
}

/* It goes, whatever it has: forward again, if it went back. */
static void test_node_that_is_named_goes_back(void **state)
{
	static const struct fake_turn turns[] = {
		CLUSTER(DAEMONSET("kata-deploy", "", "k:2", "1", "0", "1"),
			POD("n3", "k:2", "False"),
			HAS("n3", "1", CONDITION("KataUpgraded", "False", "RolledBack"))),
		ROLLBACK("n3", "0", "it is done\n"),
	};

	(void)state;
	ASSERT_COMMAND(turns, 0, "n3  1-0123456789ab  went back  it is done\n", "rollback", "n3",
		       "--no-headers");
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

static void test_rollout_is_held_resumed_and_taken_back(void **state)
{
	static const struct fake_turn paused[] = {
		ONE_NODE,
		{ { "PATCH /apis/katacontainers.io/v1alpha1/katainstallations/default?",
		    "\"paused\":true" },
		  "200 OK",
		  "{}",
		  FAKE_KEEP,
		  NULL },
	};
	static const struct fake_turn resumed[] = {
		ONE_NODE,
		{ { "PATCH /apis/katacontainers.io/v1alpha1/katainstallations/default?",
		    "\"paused\":false,\"resumed\":\"k:2\",\"resumedRevision\":null" },
		  "200 OK",
		  "{}",
		  FAKE_KEEP,
		  NULL },
	};
	static const struct fake_turn undone[] = {
		ONE_NODE,
		GET("/apis/apps/v1/namespaces/kata-system/controllerrevisions?limit=100",
		    LIST("{\"metadata\":{\"ownerReferences\":[{\"kind\":\"DaemonSet\",\"name\":"
			 "\"kata-deploy\"}]},"
			 "\"revision\":1,\"data\":{\"of\":1}},"
			 "{\"metadata\":{\"ownerReferences\":[{\"kind\":\"DaemonSet\",\"name\":"
			 "\"kata-deploy\"}]},"
			 "\"revision\":2,\"data\":{\"of\":2}}")),
		{ { "PATCH /apis/apps/v1/namespaces/kata-system/daemonsets/kata-deploy ",
		    "{\"of\":1}" },
		  "200 OK",
		  "{}",
		  FAKE_KEEP,
		  NULL },
	};

	(void)state;
	ASSERT_COMMAND(paused, 0, "default: paused\n", "rollout", "pause");
	ASSERT_COMMAND(resumed, 0, "default: resumed\n", "rollout", "resume");
	ASSERT_COMMAND(undone, 0, "default: its DaemonSet has the template before\n", "rollout",
		       "undo");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recycle_evicts_one_after_the_other),
		cmocka_unit_test(test_recycle_begins_with_the_worst),
		cmocka_unit_test(test_recycle_waits_for_the_workload),
		cmocka_unit_test(test_recycle_asks_for_the_chosen_alone),
		cmocka_unit_test(test_recycle_that_fails_tells_what_it_did),
		cmocka_unit_test(test_cleanup_is_refused_where_daemonsets_may_be_hidden),
		cmocka_unit_test(test_status_is_a_line_for_each_installation),
		cmocka_unit_test(test_status_has_the_wave_of_the_coordinator),
		cmocka_unit_test(test_stale_asks_the_nodes_that_have_some),
		cmocka_unit_test(test_node_that_does_not_answer_is_left_out_and_named),
		cmocka_unit_test(test_node_is_not_asked_about_others),
		cmocka_unit_test(test_sandboxes_have_the_version_of_their_node_unless_stale),
		cmocka_unit_test(test_check_says_what_is_wrong),
		cmocka_unit_test(test_check_knows_policies_by_whom_they_guard),
		cmocka_unit_test(test_check_without_a_look_at_policies_goes_on),
		cmocka_unit_test(test_diagnosis_is_an_archive_and_names_what_it_lacks),
		cmocka_unit_test(test_plan_is_what_the_node_says_with_its_status),
		cmocka_unit_test(test_plan_of_another_image_is_what_that_one_says),
		cmocka_unit_test(test_plan_for_programs_is_found_among_the_log),
		cmocka_unit_test(test_errand_knows_the_pod_of_a_lost_try),
		cmocka_unit_test(test_rollback_takes_one_node_after_the_other),
		cmocka_unit_test(test_dry_rollback_says_what_would_be),
		cmocka_unit_test(test_node_that_is_named_goes_back),
		cmocka_unit_test(test_rollout_is_waited_for_until_it_ends_or_stops),
		cmocka_unit_test(test_rollout_is_held_resumed_and_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
