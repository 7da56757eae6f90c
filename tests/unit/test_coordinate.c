/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_coordinate - what a coordinator reads, writes and leaves alone, against an API server that
 * plays a script.
 */

#include "tests/unit/folder.h"

#include <string.h>

#include "tests/unit/fake-api.h"
#include "tests/unit/owner.h"

#include "deploy/coordinate/coordinate.h"
#include "deploy/coordinate/policy.h"
#include "deploy/coordinate/report.h"

#define NOW      1767323045 /* 2026-01-02T03:04:05Z */
#define RESOURCE "/apis/katacontainers.io/v1alpha1/katainstallations/default"
#define LEASE    "/apis/coordination.k8s.io/v1/namespaces/kata-system/leases/kata-deploy-coordinator"

static struct json_object *parse(const char *text)
{
	struct json_object *object = NULL;
	struct error e;

	if (json_parse(text, strlen(text), "test", &object, &e) < 0)
		fail_msg("%s", e.msg);
	return object;
}

/* ---- the policy ---- */

static void test_policy_has_the_defaults_of_its_schema(void **state)
{
	_json_ struct json_object *resource = parse("{\"spec\":{}}");
	_policy_ struct policy p = { 0 };
	struct error e;

	(void)state;
	assert_int_equal(policy_read(resource, &p, &e), 0);
	assert_int_equal(p.n_waves, 4);
	assert_int_equal(p.waves[1].count, 5);
	assert_true(p.waves[1].is_percent);
	assert_int_equal(p.soak_s, 60);
	assert_int_equal(p.parallelism, 10);
	assert_int_equal(p.failure_limit, 1);
	assert_int_equal(p.on_failure, ON_FAILURE_PAUSE);
	assert_true(p.one_zone_at_a_time);
	assert_string_equal(p.canary_label, "katacontainers.io/canary");
}

static void test_policy_is_read(void **state)
{
	_json_ struct json_object *resource =
		parse("{\"spec\":{\"waves\":[\"2\",\"100%\"],\"soakSeconds\":0,\"paused\":true,"
		      "\"onFailure\":\"Undo\",\"resumed\":\"k:2\",\"resumedRevision\":\"r\","
		      "\"windows\":[{\"days\":[\"Mon\","
		      "\"Sun\"],\"start\":\"22:30\",\"minutes\":90}],\"zoneLabel\":\"\"}}");
	_policy_ struct policy p = { 0 };
	struct error e;

	(void)state;
	assert_int_equal(policy_read(resource, &p, &e), 0);
	assert_int_equal(p.n_waves, 2);
	assert_int_equal(p.waves[0].count, 2);
	assert_false(p.waves[0].is_percent);
	assert_int_equal(p.soak_s, 0);
	assert_true(p.is_paused);
	assert_int_equal(p.on_failure, ON_FAILURE_UNDO);
	assert_string_equal(p.resumed, "k:2");
	assert_string_equal(p.resumed_revision, "r");
	assert_int_equal(p.windows[0].days, 0x41);
	assert_int_equal(p.windows[0].start_min, 22 * 60 + 30);
	assert_int_equal(p.windows[0].length_min, 90);
	assert_string_equal(p.zone_label, "");
}

/* An API server without the schema lets anything in. */
static void test_policy_that_is_wrong_is_refused(void **state)
{
	static const char *const specs[] = {
		"\"waves\":[\"0\"]",
		"\"waves\":[\"101%\"]",
		"\"waves\":[\"x\"]",
		"\"soakSeconds\":-1",
		"\"parallelism\":0",
		"\"failureLimit\":0",
		"\"onFailure\":\"Explode\"",
		"\"stale\":{\"policy\":\"Explode\"}",
		"\"stale\":{\"atOnce\":0}",
		"\"withdrawn\":[\"\"]",
		"\"withdrawn\":[\"1.1.0, 1.2.0\"]",
		"\"withdrawn\":[\"=CVE-2026-1\"]",
		"\"windows\":[{\"start\":\"24:00\",\"minutes\":1}]",
		"\"windows\":[{\"start\":\"1:00\",\"minutes\":0}]",
		"\"windows\":[{\"start\":\"1:00\",\"minutes\":5,\"days\":[\"Someday\"]}]"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		_free_ char *text = xasprintf("{\"spec\":{%s}}", specs[i]);
		_json_ struct json_object *resource = parse(text);
		_policy_ struct policy p = { 0 };
		struct error e;

		if (policy_read(resource, &p, &e) >= 0)
			fail_msg("accepted: %s", specs[i]);
	}
}

/* ---- the lease ---- */

static void test_lease_of_another_is_believed_until_it_stands_still(void **state)
{
	_json_ struct json_object *first = parse(
		"{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{\"holderIdentity\":\"b\"}}");
	_json_ struct json_object *renewed = parse(
		"{\"metadata\":{\"resourceVersion\":\"2\"},\"spec\":{\"holderIdentity\":\"b\"}}");
	_json_ struct json_object *released = parse(
		"{\"metadata\":{\"resourceVersion\":\"3\"},\"spec\":{\"holderIdentity\":\"\"}}");
	_json_ struct json_object *ours = parse(
		"{\"metadata\":{\"resourceVersion\":\"4\"},\"spec\":{\"holderIdentity\":\"a\"}}");
	_lease_ struct lease l = { .holder = "a" };

	(void)state;
	assert_int_equal(lease_judge(&l, NULL, 1000), LEASE_FREE);
	assert_int_equal(lease_judge(&l, first, 1000), LEASE_OTHERS);
	assert_int_equal(lease_judge(&l, first, 16000), LEASE_OTHERS);
	assert_int_equal(lease_judge(&l, renewed, 16001), LEASE_OTHERS);
	assert_int_equal(lease_judge(&l, renewed, 31001), LEASE_OTHERS);
	assert_int_equal(lease_judge(&l, renewed, 31002), LEASE_FREE);
	assert_int_equal(lease_judge(&l, released, 31003), LEASE_FREE);
	assert_int_equal(lease_judge(&l, ours, 31004), LEASE_MINE);
}

static void test_lease_is_taken_by_version_and_counts_its_holders(void **state)
{
	_json_ struct json_object *others = parse(
		"{\"metadata\":{\"resourceVersion\":\"7\"},\"spec\":{\"holderIdentity\":\"b\","
		"\"acquireTime\":\"then\",\"leaseTransitions\":3}}");
	_json_ struct json_object *ours = parse(
		"{\"metadata\":{\"resourceVersion\":\"8\"},\"spec\":{\"holderIdentity\":\"a\","
		"\"acquireTime\":\"then\",\"leaseTransitions\":4}}");
	const struct lease l = { .name = "x", .holder = "a" };
	_json_ struct json_object *new = lease_claim(&l, NULL, "now");
	_json_ struct json_object *taken = lease_claim(&l, others, "now");
	_json_ struct json_object *renewed = lease_claim(&l, ours, "now");

	(void)state;
	assert_int_equal(json_get_int(new, "spec.leaseTransitions", -1), 0);
	assert_int_equal(json_get_int(taken, "spec.leaseTransitions", -1), 4);
	assert_string_equal(json_get_str(taken, "metadata.resourceVersion"), "7");
	assert_string_equal(json_get_str(taken, "spec.acquireTime"), "now");
	assert_int_equal(json_get_int(renewed, "spec.leaseTransitions", -1), 4);
	assert_string_equal(json_get_str(renewed, "spec.acquireTime"), "then");
	assert_string_equal(json_get_str(renewed, "spec.renewTime"), "now");
}

/* Less long than others wait. */
static void test_holder_that_cannot_renew_acts_no_more(void **state)
{
	struct lease l = { .renewed_ms = 0 };

	(void)state;
	assert_false(lease_is_held(&l, 5));
	l.renewed_ms = 1000;
	assert_true(lease_is_held(&l, 10999));
	assert_false(lease_is_held(&l, 11000));
	assert_true(LEASE_ACT_MS < LEASE_S * 1000);
}

/* ---- looks ---- */

#define GET(path, body)                                              \
	{                                                            \
		{ "GET " path " " }, "200 OK", body, FAKE_KEEP, NULL \
	}
#define LIST(items) "{\"metadata\":{},\"items\":[" items "]}"
#define DAEMONSET_NOTED(notes, wanted)                                                          \
	"{\"metadata\":{\"name\":\"kata-deploy\",\"namespace\":\"kata-system\"" notes           \
	"},\"spec\":{"                                                                          \
	"\"selector\":"                                                                         \
	"{\"matchLabels\":{\"app\":\"k\"}},\"template\":{\"spec\":{\"containers\":[{\"name\":"  \
	"\"kata-deploy\",\"image\":\"k:2\"}]}}},\"status\":{\"desiredNumberScheduled\":" wanted \
	"}}"
#define DAEMONSET_OF(wanted) DAEMONSET_NOTED("", wanted)
#define DAEMONSET            DAEMONSET_OF("0")
#define ENDING_POD(node)                                                                    \
	"{\"metadata\":{\"name\":\"old-" node                                               \
	"\",\"namespace\":\"kata-system\",\"deletionTimestamp\":\"2026-01-02T03:04:00Z\"}," \
	"\"spec\":{\"nodeName\":\"" node                                                    \
	"\",\"containers\":[{\"name\":\"kata-deploy\",\"image\":\"k:1\"}]}}"
#define POD(node, image, ready)                                            \
	"{\"metadata\":{\"name\":\"p-" node                                \
	"\",\"namespace\":\"kata-system\"},\"spec\":{\"nodeName\":\"" node \
	"\",\"containers\":[{\"name\":\"kata-deploy\",\"image\":\"" image  \
	"\"}]},\"status\":"                                                \
	"{\"conditions\":[{\"type\":\"Ready\",\"status\":\"" ready         \
	"\",\"lastTransitionTime\":"                                       \
	"\"2026-01-01T00:00:00Z\"}]}}"
#define NODE(name, conditions)                                      \
	"{\"metadata\":{\"name\":\"" name                           \
	"\",\"labels\":{\"kata-deploy.katacontainers.io/default\":" \
	"\"true\"}},\"status\":{\"conditions\":[" conditions "]}}"
#define SAID_BEFORE                                                                    \
	"{\"type\":\"KataUpgraded\",\"status\":\"False\",\"reason\":\"CanaryFailed\"," \
	"\"lastHeartbeatTime\":\"2025-12-31T00:00:00Z\"}"
#define AWAY    "{\"type\":\"Ready\",\"status\":\"Unknown\"}"
#define REFUSED "{\"type\":\"KataUpgraded\",\"status\":\"False\",\"reason\":\"CanaryFailed\"}"
#define SIGNS                                                              \
	GET("/apis/apps/v1/namespaces/kata-system/daemonsets/kata-deploy", \
	    "{\"metadata\":{\"resourceVersion\":\"70\"}}")
#define CLUSTER_READ_OF(daemonset, pods)                                                   \
	GET("/apis/apps/v1/daemonsets?limit=100", LIST(daemonset)),                        \
		GET("/api/v1/namespaces/kata-system/pods?labelSelector=app%3Dk&limit=100", \
		    LIST(pods))
#define CLUSTER_READ(pods)   CLUSTER_READ_OF(DAEMONSET, pods)
#define CLUSTER(pods, nodes) CLUSTER_READ(pods), GET("/api/v1/nodes?limit=100", LIST(nodes))
#define STATUS(...)                                                                            \
	{                                                                                      \
		{ "PATCH " RESOURCE "/status?", __VA_ARGS__ }, "200 OK", "{}", FAKE_KEEP, NULL \
	}
#define REVISIONS(items) \
	GET("/apis/apps/v1/namespaces/kata-system/controllerrevisions?limit=100", LIST(items))
#define TAKEN_BACK(revision)                                                            \
	{                                                                               \
		{ "PATCH /apis/apps/v1/namespaces/kata-system/daemonsets/kata-deploy ", \
		  "strategic-merge-patch", "\"of\":" revision,                          \
		  "\"annotations\":{\"katacontainers.io/undone\":\"k:2\"}" },           \
			"200 OK", "{}", FAKE_KEEP, NULL                                 \
	}
#define DELETED(pod)                                                                              \
	{                                                                                         \
		{ "DELETE /api/v1/namespaces/kata-system/pods/" pod }, "200 OK", "{}", FAKE_KEEP, \
			NULL                                                                      \
	}

#define TOLD(reason, ...)                                                                     \
	{                                                                                     \
		{ "POST /apis/events.k8s.io/v1/namespaces/default/events?", "\"" reason "\"", \
		  "\"kind\":\"KataInstallation\"", __VA_ARGS__ },                             \
			"201 Created", "{}", FAKE_KEEP, NULL                                  \
	}

static int look(const struct fake_turn *turns, size_t n, struct lease *lease, struct error *e)
{
	struct kube_config config = { 0 };
	struct coordinator c = { .installation = "default",
				 .namespace = "kata-system",
				 .daemonset = "kata-deploy",
				 .lease = lease };
	struct fake_api api;
	const char *fault;
	int r;

	assert_true(fake_start(&api, turns, n, NULL));
	config.server = api.url;
	assert_int_equal(kube_open(&config, &test_owner, &c.kube, e), 0);
	kube_set_refusal(c.kube, 0);
	r = coordinate_once(&c, NOW, e);
	kube_close(c.kube);
	coordinator_done(&c);
	fault = fake_stop(&api);
	if (fault)
		fail_msg("%s", fault);
	return r;
}

static void assert_look(const struct fake_turn *turns, size_t n)
{
	struct error e;

	if (look(turns, n, NULL, &e) < 0)
		fail_msg("%s", e.msg);
}

static void test_first_wave_is_one_node_and_is_told(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE,
		    "{\"metadata\":{\"resourceVersion\":\"5\",\"generation\":2},\"spec\":{}}"),
		SIGNS,
		CLUSTER(POD("n1", "k:1", "True") "," POD("n2", "k:1", "True"),
			NODE("n1", "") "," NODE("n2", "")),
		DELETED("p-n1"),
		TOLD("KataRolloutWave", "wave 1 of 4"),
		STATUS("\"rollout\":\"wave 1 of 4, 0 of 2 nodes\"", "\"resourceVersion\":\"5\"",
		       "\"type\":\"Progressing\",\"status\":\"True\""),
	};

	(void)state;
	assert_look(turns, ARRAY_SIZE(turns));
}

static void test_node_that_refuses_stops_it_with_its_reason(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE, "{\"metadata\":{},\"spec\":{}}"),
		SIGNS,
		CLUSTER(POD("n1", "k:2", "False") "," POD("n2", "k:1", "True"),
			NODE("n1", REFUSED) "," NODE("n2", "")),
		TOLD("KataRolloutStopped", "n1: CanaryFailed"),
		STATUS("\"rollout\":\"stopped at 1 nodes: n1: CanaryFailed\"",
		       "\"type\":\"Degraded\",\"status\":\"True\"", "\"result\":\"Failed\""),
	};

	(void)state;
	assert_look(turns, ARRAY_SIZE(turns));
}

/* Nobody would know how the first one went. */
static void test_no_node_is_begun_while_one_is_replaced(void **state)
{
	static const struct fake_turn ending[] = {
		GET(RESOURCE, "{\"metadata\":{},\"spec\":{}}"),
		SIGNS,
		CLUSTER(ENDING_POD("n1") "," POD("n2", "k:1", "True"),
			NODE("n1", "") "," NODE("n2", "")),
		TOLD("KataRolloutWave", "wave 1 of 4"),
		STATUS("\"rollout\":\"wave 1 of 4, 1 of 2 nodes\""),
	};
	/* The one has ended, and the next is not there yet. */
	static const struct fake_turn between[] = {
		GET(RESOURCE, "{\"metadata\":{},\"spec\":{}}"),
		SIGNS,
		CLUSTER_READ_OF(DAEMONSET_OF("2"), POD("n2", "k:1", "True")),
		GET("/api/v1/nodes?limit=100", LIST(NODE("n1", "") "," NODE("n2", ""))),
		TOLD("KataRolloutWave", "wave 1 of 4"),
		STATUS("\"rollout\":\"wave 1 of 4, 1 of 2 nodes\""),
	};

	(void)state;
	assert_look(ending, ARRAY_SIZE(ending));
	assert_look(between, ARRAY_SIZE(between));
}

/* What the node refused was another release. */
static void test_what_a_node_said_of_the_release_before_does_not_count(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE, "{\"metadata\":{},\"spec\":{\"onFailure\":\"Undo\"}}"),
		SIGNS,
		CLUSTER("{\"metadata\":{\"name\":\"p-n1\",\"namespace\":\"kata-system\"},"
			"\"spec\":{\"nodeName\":\"n1\",\"containers\":[{\"name\":\"kata-deploy\","
			"\"image\":\"k:2\"}]},\"status\":{\"startTime\":\"2026-01-02T03:04:00Z\","
			"\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\","
			"\"lastTransitionTime\":\"2026-01-02T03:04:00Z\"}]}}",
			NODE("n1", SAID_BEFORE)),
		TOLD("KataRolloutWave", "wave 1 of 4"),
		STATUS("\"rollout\":\"wave 1 of 4, 1 of 1 nodes\"",
		       "\"type\":\"Degraded\",\"status\":\"False\""),
	};

	(void)state;
	assert_look(turns, ARRAY_SIZE(turns));
}

/* Its pod would never end. */
static void test_node_that_is_away_is_left_out(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE, "{\"metadata\":{},\"spec\":{}}"),
		SIGNS,
		CLUSTER(POD("n1", "k:1", "False") "," POD("n2", "k:2", "True"),
			NODE("n1", AWAY) "," NODE("n2", "")),
		TOLD("KataRolloutComplete", "complete, 1 nodes are away"),
		STATUS("\"nodes\":2", "\"updated\":1"),
	};

	(void)state;
	assert_look(turns, ARRAY_SIZE(turns));
}

/* The number of its template is another one, its revision is not. */
static void test_template_that_comes_back_has_its_pods(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE, "{\"metadata\":{},\"spec\":{}}"),
		SIGNS,
		CLUSTER_READ("{\"metadata\":{\"name\":\"p-n1\",\"namespace\":\"kata-system\","
			     "\"labels\":{\"controller-revision-hash\":\"abc\"}},"
			     "\"spec\":{\"nodeName\":\"n1\",\"containers\":[{\"name\":"
			     "\"kata-deploy\",\"image\":\"k:1\"}]},\"status\":{\"conditions\":[{"
			     "\"type\":\"Ready\",\"status\":\"True\"}]}}"),
		GET("/apis/apps/v1/namespaces/kata-system/controllerrevisions?limit=100",
		    LIST("{\"metadata\":{\"labels\":{\"controller-revision-hash\":\"abc\"},"
			 "\"ownerReferences\":[{\"kind\":\"DaemonSet\",\"name\":\"kata-deploy\"}]},"
			 "\"revision\":3}")),
		GET("/api/v1/nodes?limit=100", LIST(NODE("n1", ""))),
		TOLD("KataRolloutComplete", "complete"),
		STATUS("\"rollout\":\"complete\"", "\"updated\":1"),
	};

	(void)state;
	assert_look(turns, ARRAY_SIZE(turns));
}

/* Its pod is not ready since a day, and it says nothing. */
static void test_node_that_does_not_get_ready_in_time_stops_it(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE, "{\"metadata\":{},\"spec\":{}}"),
		SIGNS,
		CLUSTER(POD("n1", "k:2", "False") "," POD("n2", "k:1", "True"),
			NODE("n1", "") "," NODE("n2", "")),
		TOLD("KataRolloutStopped", "does not get ready"),
		STATUS("stopped at 1 nodes: n1: its pod does not get ready"),
	};

	(void)state;
	assert_look(turns, ARRAY_SIZE(turns));
}

#define REVISION(number)                                                                           \
	"{\"metadata\":{\"ownerReferences\":[{\"kind\":\"DaemonSet\",\"name\":\"kata-deploy\"}]}," \
	"\"revision\":" number ",\"data\":{\"spec\":{\"template\":{\"of\":" number "}}}}"

static void test_template_goes_back_where_the_policy_says_so(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE, "{\"metadata\":{},\"spec\":{\"onFailure\":\"Undo\"}}"),
		SIGNS,
		CLUSTER(POD("n1", "k:2", "False"), NODE("n1", REFUSED)),
		REVISIONS(REVISION("3") "," REVISION("9") "," REVISION(
			"8") ","
			     "{\"metadata\":{\"ownerReferences\":[{\"kind\":\"DaemonSet\","
			     "\"name\":\"other\"}]},\"revision\":10}"),
		TAKEN_BACK("8"),
		TOLD("KataRolloutStopped", "n1"),
		STATUS("\"undone\":\"k:2\""),
	};

	(void)state;
	assert_look(turns, ARRAY_SIZE(turns));
}

/* A wish that came meanwhile would refuse a status of another version of the resource. */
static void test_template_that_went_back_is_noted_whatever_is_wished_meanwhile(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE,
		    "{\"metadata\":{\"resourceVersion\":\"5\"},\"spec\":{\"onFailure\":"
		    "\"Undo\"}}"),
		SIGNS,
		CLUSTER(POD("n1", "k:2", "False"), NODE("n1", REFUSED)),
		REVISIONS(REVISION("8") "," REVISION("9")),
		TAKEN_BACK("8"),
		TOLD("KataRolloutStopped", "n1"),
		STATUS("\"undone\":\"k:2\"", "\"metadata\":{\"name\":\"default\"}"),
	};

	(void)state;
	assert_look(turns, ARRAY_SIZE(turns));
}

/* Of a first installation: that it stopped is told all the same. */
static void test_template_without_one_before_stays_and_that_is_told(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE, "{\"metadata\":{},\"spec\":{\"onFailure\":\"Undo\"}}"),
		SIGNS,
		CLUSTER(POD("n1", "k:2", "False"), NODE("n1", REFUSED)),
		REVISIONS(""),
		TOLD("KataRolloutStopped", "n1: CanaryFailed"),
		STATUS("\"type\":\"Degraded\",\"status\":\"True\"", "\"result\":\"Failed\""),
	};

	(void)state;
	assert_look(turns, ARRAY_SIZE(turns));
}

/* It was taken back, and somebody gave it again. */
static void test_template_goes_back_once_only(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE,
		    "{\"metadata\":{},\"spec\":{\"onFailure\":\"Undo\"},\"status\":{\"undone\":\"k:"
		    "2\"}}"),
		SIGNS,
		CLUSTER(POD("n1", "k:2", "False"), NODE("n1", REFUSED)),
		TOLD("KataRolloutStopped", "n1"),
		STATUS("\"rollout\":\"stopped"),
	};

	(void)state;
	assert_look(turns, ARRAY_SIZE(turns));
}

/* Two broken ones would follow each other for ever. */
static void test_template_that_came_back_by_itself_stays(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE,
		    "{\"metadata\":{},\"spec\":{\"onFailure\":\"Undo\"},\"status\":{\"undone\":\"k:"
		    "3\",\"history\":[{\"image\":\"k:2\",\"result\":\"Failed\"},{\"image\":\"k:3\","
		    "\"result\":\"Failed\"},{\"image\":\"k:2\",\"result\":\"Complete\"}]}}"),
		SIGNS,
		CLUSTER(POD("n1", "k:2", "False"), NODE("n1", REFUSED)),
		TOLD("KataRolloutStopped", "n1"),
		STATUS("\"rollout\":\"stopped"),
	};

	(void)state;
	assert_look(turns, ARRAY_SIZE(turns));
}

/* Whoever took it back ended before the status said so; what came back may fail as well. */
static void test_template_taken_back_by_who_ended_is_remembered(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE,
		    "{\"metadata\":{},\"spec\":{\"onFailure\":\"Undo\"},\"status\":{\"image\":"
		    "\"k:3\",\"revision\":\"r3\",\"desired\":\"3\",\"history\":[{\"image\":\"k:2\","
		    "\"result\":\"Complete\"},{\"image\":\"k:1\",\"result\":\"Complete\"}]}}"),
		SIGNS,
		CLUSTER_READ_OF(
			DAEMONSET_NOTED(
				",\"annotations\":{\"katacontainers.io/undone\":\"k:3 r3\"}", "0"),
			POD("n1", "k:2", "False")),
		GET("/api/v1/nodes?limit=100", LIST(NODE("n1", REFUSED))),
		TOLD("KataRolloutStopped", "taken back"),
		TOLD("KataRolloutStopped", "n1"),
		STATUS("\"undone\":\"k:3\",\"undoneRevision\":\"r3\"",
		       "\"revision\":\"r3\",\"version\":\"3\",\"result\":\"Failed\""),
	};

	(void)state;
	assert_look(turns, ARRAY_SIZE(turns));
}

/* It is written also where nothing else has changed. */
static void test_what_was_told_of_a_template_taken_back_stays(void **state)
{
	static const struct {
		const char *resource;
		bool recalls;
	} cases[] = {
		{ "{\"status\":{\"image\":\"k:2\"}}", true },
		{ "{\"status\":{\"undone\":\"k:3\",\"undoneRevision\":\"r3\"}}", false },
		/* By one of before, which writes no note. */
		{ "{\"status\":{\"undone\":\"k:5\",\"history\":[{\"image\":\"k:3\",\"revision\":"
		  "\"r3\",\"result\":\"Failed\"}]}}",
		  false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_json_ struct json_object *resource = parse(cases[i].resource);
		_json_ struct json_object *summary = parse("{\"undone\":\"k:3 r3\"}");
		struct situation s = { .installation = resource, .summary = summary, .now = "t" };

		s.recalls = report_recall(&s);
		if (s.recalls != cases[i].recalls ||
		    report_is_news(&s, json_at(resource, "status")) != s.recalls)
			fail_msg("case %zu", i);
	}
}

/* A release between them has reached all nodes. */
static void test_another_broken_template_goes_back_as_well(void **state)
{
	struct json_object *resource =
		parse("{\"status\":{\"undone\":\"k:2\",\"history\":[{\"image\":\"k:4\",\"result\":"
		      "\"Failed\"},{\"image\":\"k:3\",\"result\":\"Complete\"}]}}");
	const struct situation s = { .installation = resource, .template = { .image = "k:4" } };

	(void)state;
	assert_true(report_may_undo(&s));
	json_putp(&resource);
}

#define HISTORY(...)                                                                          \
	"{\"status\":{\"undone\":\"k:2\",\"undoneRevision\":\"r1\",\"history\":[" __VA_ARGS__ \
	"]}"                                                                                  \
	"}"
#define ENTRY(revision, result) \
	"{\"image\":\"k:2\",\"revision\":\"" revision "\",\"result\":\"" result "\"}"

/* A tag that was made anew, or settings that changed beside it. */
static void test_templates_of_one_image_are_told_apart(void **state)
{
	static const struct {
		const char *resource;
		const char *revision;
		bool may_undo;
	} cases[] = {
		{ HISTORY(ENTRY("r0", "Complete")), "r2", true },
		{ HISTORY(ENTRY("r2", "Failed") "," ENTRY("r0", "Complete")), "r2", true },
		{ HISTORY(ENTRY("r0", "Complete")), "r1", false },
		/* Nobody says which it is. */
		{ HISTORY(ENTRY("r0", "Complete")), NULL, false },
		/* What came back by itself. */
		{ HISTORY(ENTRY("r1", "Failed") "," ENTRY("r0", "Complete")), "r0", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_json_ struct json_object *resource = parse(cases[i].resource);
		const struct situation s = { .installation = resource,
					     .template = { "k:2", cases[i].revision } };

		if (report_may_undo(&s) != cases[i].may_undo)
			fail_msg("case %zu", i);
	}
}

static void test_what_is_taken_back_is_named_by_its_revision(void **state)
{
	_json_ struct json_object *resource =
		parse(HISTORY(ENTRY("r1", "Failed") "," ENTRY("r0", "Complete")));
	const struct policy p = { .n_waves = 4 };
	struct decision d = {
		.phase = PHASE_FAILED, .n_nodes = 1, .n_failed = 1, .first_failed = "n1"
	};
	struct situation s = { .installation = resource, .template = { "k:2", "r2" }, .now = "t" };
	_json_ struct json_object *kept = report_status(&s, &p, &d);
	_json_ struct json_object *undone = NULL;

	(void)state;
	d.undoes = true;
	undone = report_status(&s, &p, &d);
	assert_string_equal(json_get_str(kept, "undoneRevision"), "r1");
	assert_string_equal(json_get_str(undone, "undone"), "k:2");
	assert_string_equal(json_get_str(undone, "undoneRevision"), "r2");
	assert_string_equal(json_get_str(undone, "revision"), "r2");
	assert_int_equal(json_len(json_at(undone, "history")), 3);
	assert_string_equal(json_get_str(json_item(json_at(undone, "history"), 0), "revision"),
			    "r2");
}

static void test_without_or_with_a_wrong_resource_nothing_is_touched(void **state)
{
	static const struct fake_turn missing[] = {
		{ { "GET " RESOURCE " " }, "404 Not Found", "{}", FAKE_KEEP, NULL },
	};
	static const struct fake_turn wrong[] = {
		GET(RESOURCE, "{\"metadata\":{},\"spec\":{\"waves\":[\"x\"]}}"),
		SIGNS,
	};
	struct error e;

	(void)state;
	assert_look(missing, 1);
	assert_int_equal(look(wrong, 2, NULL, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "waves"));
}

static void test_who_lost_the_lease_deletes_nothing(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE, "{\"metadata\":{},\"spec\":{}}"),
		SIGNS,
		CLUSTER(POD("n1", "k:1", "True"), NODE("n1", "")),
		GET(LEASE,
		    "{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{\"holderIdentity\":\"b\"}"
		    "}"),
	};
	_lease_ struct lease lost = { .path = LEASE, .name = "x", .holder = "a" };
	struct error e;

	(void)state;
	assert_int_equal(look(turns, ARRAY_SIZE(turns), &lost, &e), -EAGAIN);
}

/* LOOKS one after the other. */
static void assert_looks(const struct fake_turn *turns, size_t n, unsigned looks)
{
	struct coordinator c = { .installation = "default",
				 .namespace = "kata-system",
				 .daemonset = "kata-deploy" };
	struct kube_config config = { 0 };
	struct fake_api api;
	const char *fault;
	struct error e;

	assert_true(fake_start(&api, turns, n, NULL));
	config.server = api.url;
	assert_int_equal(kube_open(&config, &test_owner, &c.kube, &e), 0);
	kube_set_rate(c.kube, 50, 100);
	while (looks-- > 0)
		assert_int_equal(coordinate_once(&c, NOW, &e), 0);
	kube_close(c.kube);
	coordinator_done(&c);
	fault = fake_stop(&api);
	if (fault)
		fail_msg("%s", fault);
}

#define PAUSED "{\"metadata\":{\"generation\":1},\"spec\":{\"paused\":true}}"
/* For longer than the node has been ready. */
#define SOAKS "{\"metadata\":{\"generation\":1},\"spec\":{\"soakSeconds\":604800}}"

static void test_at_rest_no_node_is_asked_for(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE, "{\"metadata\":{\"generation\":1},\"spec\":{}}"),
		SIGNS,
		CLUSTER(POD("n1", "k:2", "True"), NODE("n1", "")),
		TOLD("KataRolloutComplete", "complete"),
		STATUS("\"rollout\":\"complete\""),
		GET(RESOURCE, "{\"metadata\":{\"generation\":1},\"spec\":{}}"),
		SIGNS,
		/* Somebody wants something else. */
		GET(RESOURCE, "{\"metadata\":{\"generation\":2},\"spec\":{}}"),
		SIGNS,
		CLUSTER(POD("n1", "k:2", "True"), NODE("n1", "")),
		TOLD("KataRolloutComplete", "complete"),
		STATUS("\"rollout\":\"complete\""),
	};

	(void)state;
	assert_looks(turns, ARRAY_SIZE(turns), 3);
}

/* Nor while it waits: for a person, or for a wave to prove itself. */
static void test_while_it_waits_no_node_is_asked_for(void **state)
{
	static const struct fake_turn paused[] = {
		GET(RESOURCE, PAUSED),
		SIGNS,
		CLUSTER(POD("n1", "k:1", "True"), NODE("n1", "")),
		TOLD("KataRolloutPaused", "paused"),
		STATUS("\"rollout\":\"paused at 0 of 1 nodes\""),
		GET(RESOURCE, PAUSED),
		SIGNS,
	};
	static const struct fake_turn soaking[] = {
		GET(RESOURCE, SOAKS),
		SIGNS,
		CLUSTER(POD("n1", "k:2", "True") "," POD("n2", "k:1", "True"),
			NODE("n1", "") "," NODE("n2", "")),
		STATUS("\"rollout\":\"wave 2 of 4 (5 %), 1 of 2 nodes, soaking\""),
		GET(RESOURCE, SOAKS),
		SIGNS,
	};

	(void)state;
	assert_looks(paused, ARRAY_SIZE(paused), 2);
	assert_looks(soaking, ARRAY_SIZE(soaking), 2);
}

/* A node that is under way is looked at each time. */
static void test_while_a_node_is_under_way_it_is_asked_for(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE, "{\"metadata\":{},\"spec\":{}}"),
		SIGNS,
		CLUSTER(ENDING_POD("n1"), NODE("n1", "")),
		TOLD("KataRolloutWave", "wave 1 of 4"),
		STATUS("\"rollout\":\"wave 1 of 4, 1 of 1 nodes\""),
		GET(RESOURCE, "{\"metadata\":{},\"spec\":{}}"),
		SIGNS,
		CLUSTER(ENDING_POD("n1"), NODE("n1", "")),
		TOLD("KataRolloutWave", "wave 1 of 4"),
		STATUS("\"rollout\":\"wave 1 of 4, 1 of 1 nodes\""),
	};

	(void)state;
	assert_looks(turns, ARRAY_SIZE(turns), 2);
}

/* ---- withdrawn versions ---- */

#define TOLD_POD(node, annotations)                                                        \
	"{\"metadata\":{\"name\":\"p-" node                                                \
	"\",\"namespace\":\"kata-system\",\"annotations\":{" annotations                   \
	"}},\"spec\":{\"nodeName\":\"" node                                                \
	"\",\"containers\":[{\"name\":\"kata-deploy\",\"image\":\"k:2\"}]},\"status\":{\"" \
	"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}"
#define WITHDRAWN "\"katacontainers.io/withdrawn\":"
#define TELL(pod, answer, ...)                                                         \
	{                                                                              \
		{ "PATCH /api/v1/namespaces/kata-system/pods/" pod "?", "merge-patch", \
		  __VA_ARGS__ },                                                       \
			answer, "{}", FAKE_KEEP, NULL                                  \
	}

/* Those that know are left alone, and one that goes meanwhile is nobody's fault. */
static void test_withdrawn_versions_are_told_to_the_pods(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE,
		    "{\"metadata\":{},\"spec\":{\"withdrawn\":[\"1.1.0=CVE-2026-1\",\"1.2.0-"
		    "77aa01f0b3c4\"]}}"),
		SIGNS,
		CLUSTER(TOLD_POD("n1", "") "," TOLD_POD(
				"n2", WITHDRAWN
				"\"1.1.0=CVE-2026-1,1.2.0-"
				"77aa01f0b3c4\"") "," TOLD_POD("n3", WITHDRAWN "\"1.1.0\""),
			NODE("n1", "") "," NODE("n2", "") "," NODE("n3", "")),
		TELL("p-n1", "200 OK",
		     "{\"metadata\":{\"annotations\":{" WITHDRAWN
		     "\"1.1.0=CVE-2026-1,1.2.0-77aa01f0b3c4\"}}}"),
		TELL("p-n3", "404 Not Found", WITHDRAWN),
		TOLD("KataRolloutComplete", "complete"),
		STATUS("\"rollout\":\"complete\""),
	};

	(void)state;
	assert_look(turns, ARRAY_SIZE(turns));
}

static void test_versions_that_are_withdrawn_no_more_are_taken_back(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE, "{\"metadata\":{},\"spec\":{}}"),
		SIGNS,
		CLUSTER(TOLD_POD("n1", WITHDRAWN "\"1.1.0\""), NODE("n1", "")),
		TELL("p-n1", "200 OK", WITHDRAWN "null"),
		TOLD("KataRolloutComplete", "complete"),
		STATUS("\"rollout\":\"complete\""),
	};

	(void)state;
	assert_look(turns, ARRAY_SIZE(turns));
}

static void test_pod_that_could_not_be_told_is_told_soon(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE, "{\"metadata\":{},\"spec\":{\"withdrawn\":[\"1.1.0\"]}}"),
		SIGNS,
		CLUSTER(TOLD_POD("n1", ""), NODE("n1", "")),
		TELL("p-n1", "400 Bad Request", WITHDRAWN),
		TOLD("KataRolloutComplete", "complete"),
		STATUS("\"rollout\":\"complete\""),
		GET(RESOURCE, "{\"metadata\":{},\"spec\":{\"withdrawn\":[\"1.1.0\"]}}"),
		SIGNS,
		CLUSTER(TOLD_POD("n1", ""), NODE("n1", "")),
		TELL("p-n1", "200 OK", WITHDRAWN),
		TOLD("KataRolloutComplete", "complete"),
		STATUS("\"rollout\":\"complete\""),
	};

	(void)state;
	assert_looks(turns, ARRAY_SIZE(turns), 2);
}

/* As with the role of an older release. */
static void test_pods_that_may_not_be_told_keep_no_roll_out(void **state)
{
	static const struct fake_turn turns[] = {
		GET(RESOURCE, "{\"metadata\":{},\"spec\":{\"withdrawn\":[\"1.1.0\"]}}"),
		SIGNS,
		CLUSTER(TOLD_POD("n1", ""), NODE("n1", "")),
		TELL("p-n1", "403 Forbidden", WITHDRAWN),
		TOLD("KataRolloutComplete", "complete"),
		STATUS("\"rollout\":\"complete\""),
	};

	(void)state;
	assert_look(turns, ARRAY_SIZE(turns));
}

/* ---- stale sandboxes ---- */

#define STALE_NODE(count)                                                                       \
	"{\"metadata\":{\"name\":\"n1\",\"labels\":{\"kata-deploy.katacontainers.io/default\":" \
	"\"true\"},\"annotations\":{\"katacontainers.io/stale-sandboxes\":\"" count             \
	"\"}},\"status\":{\"conditions\":[]}}"
#define STALE_LIST(uid)                                                                         \
	"{\"node\":\"n1\",\"installation\":\"default\",\"sandboxes\":[{\"id\":\"s\",\"uid\":"   \
	"\"" uid                                                                                \
	"\",\"namespace\":\"shop\",\"name\":\"cart\",\"started\":\"t\",\"causes\":[{\"cause\":" \
	"\"version\",\"detail\":\"old\"}]}]}"
#define WORKLOAD                                                                                 \
	"{\"metadata\":{\"uid\":\"u1\",\"name\":\"cart\",\"ownerReferences\":[{\"controller\":"  \
	"true,"                                                                                  \
	"\"uid\":\"w\"}]},\"spec\":{\"nodeName\":\"n1\"},\"status\":{\"conditions\":[{\"type\":" \
	"\"Ready\",\"status\":\"True\"}]}}"
#define ASKED_FOR_STALE(spec)                                          \
	GET(RESOURCE, "{\"metadata\":{},\"spec\":{" spec "}}"), SIGNS, \
		CLUSTER(POD("n1", "k:2", "True"), STALE_NODE("1")),    \
		TOLD("KataRolloutComplete", "complete"), STATUS("\"stale\":1")

static void test_stale_pod_is_evicted_where_the_policy_says_so(void **state)
{
	static const struct fake_turn turns[] = {
		ASKED_FOR_STALE("\"stale\":{\"policy\":\"Evict\"}"),
		GET("/api/v1/namespaces/kata-system/pods/p-n1:8090/proxy/stale", STALE_LIST("u1")),
		GET("/api/v1/namespaces/shop/pods?limit=100", LIST(WORKLOAD)),
		{ { "POST /api/v1/namespaces/shop/pods/cart/eviction?", "\"uid\":\"u1\"" },
		  "201 Created",
		  "{}",
		  FAKE_KEEP,
		  NULL },
		TOLD("KataPodEvicted", "shop/cart: version: old"),
	};

	(void)state;
	assert_look(turns, ARRAY_SIZE(turns));
}

static void test_stale_pod_stays_by_default_and_out_of_the_window(void **state)
{
	static const struct fake_turn reported[] = { ASKED_FOR_STALE("") };
	static const struct fake_turn closed[] = {
		/* NOW is a Friday, 03:04. */
		ASKED_FOR_STALE("\"stale\":{\"policy\":\"Evict\"},\"windows\":[{\"start\":"
				"\"05:00\",\"minutes\":60}]"),
	};

	(void)state;
	assert_look(reported, ARRAY_SIZE(reported));
	assert_look(closed, ARRAY_SIZE(closed));
}

/* ---- the report ---- */

static void test_wave_that_is_a_part_of_all_says_which(void **state)
{
	_json_ struct json_object *resource = parse("{}");
	const struct policy p = { .n_waves = 4, .waves = { { 1, false }, { 25, true } } };
	struct decision d = { .phase = PHASE_SOAKING, .wave = 1, .n_nodes = 212, .n_updated = 57 };
	const struct situation s = { .installation = resource, .now = "t" };
	_json_ struct json_object *part = report_status(&s, &p, &d);
	_json_ struct json_object *number = NULL;

	(void)state;
	d = (struct decision){ .phase = PHASE_ROLLING, .n_nodes = 212 };
	number = report_status(&s, &p, &d);
	assert_string_equal(json_get_str(part, "rollout"),
			    "wave 2 of 4 (25 %), 57 of 212 nodes, soaking");
	assert_string_equal(json_get_str(number, "rollout"), "wave 1 of 4, 0 of 212 nodes");
}

static void test_report_keeps_the_time_of_what_is_the_same(void **state)
{
	_json_ struct json_object *resource = parse("{\"metadata\":{\"generation\":2}}");
	_json_ struct json_object *summary = parse("{\"desired\":\"2-b\",\"ready\":1}");
	const struct policy p = { .n_waves = 4 };
	const struct decision d = {
		.phase = PHASE_COMPLETE, .wave = 3, .n_nodes = 1, .n_ready = 1
	};
	struct situation s = { .installation = resource,
			       .summary = summary,
			       .template = { .image = "k:2" },
			       .now = "t1" };
	_json_ struct json_object *first = report_status(&s, &p, &d);
	_json_ struct json_object *second = NULL;
	const char *type = NULL;
	_free_ char *note = NULL;

	(void)state;
	assert_true(report_is_news(&s, first));
	assert_string_equal(report_event(&s, first, &type, &note), "KataRolloutComplete");
	assert_string_equal(note, "2-b: complete");
	(void)json_object_object_add(resource, "status", json_object_get(first));
	s.now = "t2";
	second = report_status(&s, &p, &d);
	assert_false(report_is_news(&s, second));
	assert_null(report_event(&s, second, &type, &note));
	assert_int_equal(json_len(json_at(second, "history")), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_policy_has_the_defaults_of_its_schema),
		cmocka_unit_test(test_policy_is_read),
		cmocka_unit_test(test_policy_that_is_wrong_is_refused),
		cmocka_unit_test(test_lease_of_another_is_believed_until_it_stands_still),
		cmocka_unit_test(test_lease_is_taken_by_version_and_counts_its_holders),
		cmocka_unit_test(test_holder_that_cannot_renew_acts_no_more),
		cmocka_unit_test(test_first_wave_is_one_node_and_is_told),
		cmocka_unit_test(test_node_that_refuses_stops_it_with_its_reason),
		cmocka_unit_test(test_no_node_is_begun_while_one_is_replaced),
		cmocka_unit_test(test_what_a_node_said_of_the_release_before_does_not_count),
		cmocka_unit_test(test_node_that_is_away_is_left_out),
		cmocka_unit_test(test_template_that_comes_back_has_its_pods),
		cmocka_unit_test(test_node_that_does_not_get_ready_in_time_stops_it),
		cmocka_unit_test(test_template_goes_back_where_the_policy_says_so),
		cmocka_unit_test(test_template_without_one_before_stays_and_that_is_told),
		cmocka_unit_test(
			test_template_that_went_back_is_noted_whatever_is_wished_meanwhile),
		cmocka_unit_test(test_template_goes_back_once_only),
		cmocka_unit_test(test_template_that_came_back_by_itself_stays),
		cmocka_unit_test(test_template_taken_back_by_who_ended_is_remembered),
		cmocka_unit_test(test_what_was_told_of_a_template_taken_back_stays),
		cmocka_unit_test(test_another_broken_template_goes_back_as_well),
		cmocka_unit_test(test_templates_of_one_image_are_told_apart),
		cmocka_unit_test(test_what_is_taken_back_is_named_by_its_revision),
		cmocka_unit_test(test_wave_that_is_a_part_of_all_says_which),
		cmocka_unit_test(test_without_or_with_a_wrong_resource_nothing_is_touched),
		cmocka_unit_test(test_who_lost_the_lease_deletes_nothing),
		cmocka_unit_test(test_at_rest_no_node_is_asked_for),
		cmocka_unit_test(test_while_it_waits_no_node_is_asked_for),
		cmocka_unit_test(test_while_a_node_is_under_way_it_is_asked_for),
		cmocka_unit_test(test_withdrawn_versions_are_told_to_the_pods),
		cmocka_unit_test(test_versions_that_are_withdrawn_no_more_are_taken_back),
		cmocka_unit_test(test_pod_that_could_not_be_told_is_told_soon),
		cmocka_unit_test(test_pods_that_may_not_be_told_keep_no_roll_out),
		cmocka_unit_test(test_stale_pod_is_evicted_where_the_policy_says_so),
		cmocka_unit_test(test_stale_pod_stays_by_default_and_out_of_the_window),
		cmocka_unit_test(test_report_keeps_the_time_of_what_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
