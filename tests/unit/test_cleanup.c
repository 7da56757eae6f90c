/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cleanup - what a removal does to a node, its Node object and the RuntimeClasses, as far as
 * it comes without containerd.
 */

#include "tests/unit/folder.h"

#include <stdio.h>
#include <string.h>

#include "deploy/run.h"
#include "tests/unit/scripted-node.h"

static void test_cleanup_believes_no_passing_refusal(void **state)
{
	static const struct fake_turn turns[] = {
		DAEMONSET(REFUSED, "{}"),
		DAEMONSET("200 OK", "{\"spec\":{}}"),
		NAMESPACE("200 OK", "{}"),
		ANSWER("GET /api/v1/nodes/n1 ", REFUSED, "{}"),
		ANSWER("GET /api/v1/nodes/n1 ", "401 Unauthorized", "{}"),
		NODE(SHARED ":\"true\"," INSTANCE ":\"true\""),
	};
	struct world w;
	struct error e;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	w.settings.refused_wait_s = 10;
	assert_int_equal(run_cleanup(&w.settings, NULL, &e), 0);
	stop(&w);
}

static void test_cleanup_believes_a_refusal_that_lasts(void **state)
{
	static const struct fake_turn turns[] = {
		DAEMONSET(REFUSED, "{}"),
		ANSWER("GET /api/v1/nodes/n1 ", REFUSED, "{}"),
		ANSWER("GET /api/v1/nodes/n1 ", REFUSED, "{}"),
	};
	struct world w;
	struct error e;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	install_version(&w);
	assert_true(run_cleanup(&w.settings, NULL, &e) < 0);
	assert_non_null(strstr(e.msg, "containerd"));
	stop(&w);
}

/* A Node that says REASON in both its conditions. */
#define SAYS(labels, reason)                                                        \
	ANSWER("GET /api/v1/nodes/n1 ", "200 OK",                                   \
	       "{\"metadata\":{\"uid\":\"u\",\"labels\":{" labels                   \
	       "}},\"status\":{\"conditions\":[{\"type\":\"KataReady\",\"status\":" \
	       "\"False\",\"reason\":\"" reason                                     \
	       "\"},{\"type\":\"KataUpgraded\",\"status\":\"False\"}]}}")
/* Both go: what is applied names none. */
#define SAYS_NO_MORE                                                                            \
	{                                                                                       \
		{ "PATCH /api/v1/nodes/n1/status?",                                             \
		  "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"n1\"}}" }, \
			"200 OK", "{}", FAKE_KEEP, NULL                                         \
	}

/* A whole removal, on a node with no version. */
static void assert_cleaned(const struct fake_turn *turns, size_t n)
{
	struct world w;
	struct error e;

	start(&w, turns, n);
	if (run_cleanup(&w.settings, NULL, &e) < 0)
		fail_msg("%s", e.msg);
	stop(&w);
}

/* Its containerd is too old, or there is none: nothing was installed, so nothing needs it. */
static void test_cleanup_of_an_unsuitable_node_needs_no_containerd(void **state)
{
	static const struct fake_turn turns[] = {
		DAEMONSET("200 OK", "{\"metadata\":{\"deletionTimestamp\":\"now\"}}"),
		SAYS(SHARED ":\"false\"," INSTANCE ":\"unsuitable\"", "KernelTooOld"),
		LABELS(SHARED ":null", INSTANCE ":null"),
		SAYS_NO_MORE,
		CLASS("kata-qemu"),
		CLASS("kata"),
		NODES(""),
	};

	(void)state;
	assert_cleaned(turns, ARRAY_SIZE(turns));
}

/* Its installation was refused, and said so of the Node: that goes, and nothing of the other's. */
static void test_cleanup_leaves_a_root_of_another_program_alone(void **state)
{
	static const struct fake_turn turns[] = {
		DAEMONSET("200 OK", "{\"metadata\":{\"deletionTimestamp\":\"now\"}}"),
		SAYS("", "InstallFailed"),
		SAYS_NO_MORE,
		CLASS("kata-qemu"),
		CLASS("kata"),
		NODES(""),
	};
	_free_ char *versions = NULL;
	_free_ char *journal = NULL;
	_free_ char *beside = NULL;
	_free_ char *root = NULL;
	struct world w;
	struct error e;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	root = settings_root(&w.settings);
	versions = path_join(root, "versions/9-aaaaaaaaaaaa/MANIFEST");
	journal = path_join(root, "journal");
	beside = path_join(root, ".leaving");
	folder_put(root, ".owner", "kata-manager\n");
	folder_put(root, "versions/9-aaaaaaaaaaaa/MANIFEST", "");
	folder_put(root, "journal", "do switch {}\n");
	if (run_cleanup(&w.settings, NULL, &e) < 0)
		fail_msg("%s", e.msg);
	assert_true(file_exists(versions));
	assert_true(file_exists(journal));
	assert_false(file_exists(beside));
	stop(&w);
}

/* Runs a removal until it needs containerd, with a drop-in that no installation would take. */
static void assert_removed(const struct fake_turn *turns, size_t n)
{
	struct world w;
	struct error e;

	start(&w, turns, n);
	install_version(&w);
	folder_put(w.dir, "dropin-qemu.toml", "[broken\n");
	assert_true(run_cleanup(&w.settings, NULL, &e) < 0);
	assert_non_null(strstr(e.msg, "containerd"));
	stop(&w);
}

/* Somebody deleted the versions, and containerd is gone: what leads to them is still there. */
static void test_cleanup_without_versions_does_not_forget_the_handlers(void **state)
{
	static const struct fake_turn turns[] = {
		DAEMONSET("200 OK", "{\"metadata\":{\"deletionTimestamp\":\"now\"}}"),
		NODE(""),
		CLASS("kata-qemu"),
		CLASS("kata"),
		NODES(""),
		NODE(""),
		TOLD("KataRemoveFailed", "containerd"),
	};
	_free_ char *root = NULL;
	_free_ char *text = NULL;
	struct world w;
	struct error e;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	root = settings_root(&w.settings);
	text = xasprintf(
		"version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.kata-"
		"qemu]\nruntime_type = \"io.containerd.kata-qemu.v2\"\n"
		"runtime_path = \"%s/bin/containerd-shim-kata-v2\"\n",
		root);
	folder_put(w.dir, "config.toml", text);
	assert_true(run_cleanup(&w.settings, NULL, &e) < 0);
	stop(&w);
}

#define END_OF_ALL   DAEMONSET("200 OK", "{\"metadata\":{\"deletionTimestamp\":\"now\"}}")
#define NOTHING_ELSE CLASS("kata-qemu"), CLASS("kata"), NODES("{\"metadata\":{\"name\":\"n2\"}}")

/* The shared label is somebody else's there.  A node that left before has a condition, too. */
static void test_cleanup_after_failures_alone_takes_the_conditions(void **state)
{
	static const struct fake_turn failed[] = {
		END_OF_ALL,
		SAYS(SHARED ":\"true\"", "InstallFailed"),
		SAYS_NO_MORE,
		NOTHING_ELSE,
	};
	static const struct fake_turn left[] = {
		END_OF_ALL,
		SAYS(SHARED ":\"true\"", "Removed"),
		SAYS_NO_MORE,
		NOTHING_ELSE,
	};
	static const struct fake_turn again[] = {
		END_OF_ALL,
		NODE(SHARED ":\"true\""),
		NOTHING_ELSE,
	};

	(void)state;
	assert_cleaned(failed, ARRAY_SIZE(failed));
	assert_cleaned(left, ARRAY_SIZE(left));
	assert_cleaned(again, ARRAY_SIZE(again));
}

#define LEAVES                                                                                   \
	DAEMONSET("200 OK",                                                                      \
		  "{\"spec\":{\"template\":{\"spec\":{\"nodeSelector\":{\"kata\":\"yes\"}}}}}"), \
		NAMESPACE("200 OK", "{}")

/* Others have the installation still, so it says why it does not: once. */
static void test_node_that_leaves_says_so_once(void **state)
{
	static const struct fake_turn leaves[] = {
		LEAVES,
		SAYS("", "InstallFailed"),
		{ { "PATCH /api/v1/nodes/n1/status?", "\"Removed\"" },
		  "200 OK",
		  "{}",
		  FAKE_KEEP,
		  NULL },
	};
	static const struct fake_turn left[] = { LEAVES, SAYS("", "Removed") };

	(void)state;
	assert_cleaned(leaves, ARRAY_SIZE(leaves));
	assert_cleaned(left, ARRAY_SIZE(left));
}

/* "kubectl delete -k" takes them while the pods still clean up. */
static void test_cleanup_goes_on_without_rights_that_go_meanwhile(void **state)
{
	static const struct fake_turn turns[] = {
		DAEMONSET("200 OK", "{\"metadata\":{\"deletionTimestamp\":\"now\"}}"),
		NODE(SHARED ":\"true\"," INSTANCE ":\"true\""),
		ANSWER("PATCH /api/v1/nodes/n1?", REFUSED, "{}"),
		ANSWER("GET /apis/node.k8s.io/v1/runtimeclasses/kata-qemu ", REFUSED, "{}"),
		ANSWER("GET /api/v1/nodes?labelSelector=", REFUSED, "{}"),
		ANSWER("GET /api/v1/nodes/n1 ", REFUSED, "{}"),
	};

	(void)state;
	assert_removed(turns, ARRAY_SIZE(turns));
}

static void test_cleanup_of_one_node_leaves_the_classes(void **state)
{
	static const struct fake_turn turns[] = {
		DAEMONSET("200 OK",
			  "{\"spec\":{\"template\":{\"spec\":{\"nodeSelector\":"
			  "{\"kata\":\"yes\"}}}}}"),
		NAMESPACE(REFUSED, "{}"),
		NODE(SHARED ":\"true\"," INSTANCE ":\"true\""),
		LABELS(SHARED ":null", INSTANCE ":null"),
		ANSWER("PATCH /api/v1/nodes/n1/status?", "200 OK", "{}"),
		NODE(""),
		TOLD("KataRemoveFailed", "containerd"),
	};

	(void)state;
	assert_removed(turns, ARRAY_SIZE(turns));
}

static void test_cleanup_of_the_installation_removes_the_classes(void **state)
{
	static const struct fake_turn turns[] = {
		DAEMONSET("200 OK", "{\"metadata\":{\"deletionTimestamp\":\"now\"}}"),
		SAYS(SHARED ":\"true\"," INSTANCE ":\"true\"", "SandboxAnswered"),
		LABELS(SHARED ":null", INSTANCE ":null"),
		SAYS_NO_MORE,
		/* what they are, for the undo and for their removal */
		CLASS("kata-qemu"),
		CLASS("kata"),
		NODES(""),
		NODE(""),
		TOLD("KataRemoveFailed", "containerd"),
	};

	(void)state;
	assert_removed(turns, ARRAY_SIZE(turns));
}

/* The name "kata" is not its own: its account may not even ask for it. */
static void test_cleanup_with_a_suffix_asks_for_its_own_classes(void **state)
{
	static const struct fake_turn turns[] = {
		ANSWER("GET /apis/apps/v1/namespaces/kata-system/daemonsets/kata-deploy-blue ",
		       "200 OK", "{\"metadata\":{\"deletionTimestamp\":\"now\"}}"),
		NODE(""),
		CLASS("kata-qemu-blue"),
		ANSWER("GET /api/v1/nodes?labelSelector=kata-deploy.katacontainers.io/blue",
		       "200 OK", "{\"items\":[]}"),
		ANSWER("GET /api/v1/nodes/n1 ", REFUSED, "{}"),
	};
	struct world w;
	struct error e;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	settings_done(&w.settings);
	assert_int_equal(setenv("MULTI_INSTALL_SUFFIX", "blue", 1), 0);
	assert_int_equal(settings_read(&w.settings, &e), 0);
	install_version(&w);
	(void)run_cleanup(&w.settings, NULL, &e);
	stop(&w);
}

static void test_cleanup_of_the_namespace_is_one_of_the_installation(void **state)
{
	static const struct fake_turn turns[] = {
		DAEMONSET("200 OK", "{\"spec\":{}}"),
		NAMESPACE("200 OK", "{\"metadata\":{\"deletionTimestamp\":\"now\"}}"),
		NODE(""),
		/* what they are, for the undo and for their removal */
		CLASS("kata-qemu"),
		CLASS("kata"),
		NODES("{\"metadata\":{\"name\":\"n1\"}}"),
		NODE(""),
		TOLD("KataRemoveFailed", "containerd"),
	};

	(void)state;
	assert_removed(turns, ARRAY_SIZE(turns));
}

/* Its DaemonSet was deleted without its pods, and one of them ends. */
static void test_cleanup_of_an_orphaned_pod_leaves_the_classes_to_other_nodes(void **state)
{
	static const struct fake_turn turns[] = {
		DAEMONSET("404 Not Found", "{}"),
		NODE(SHARED ":\"true\"," INSTANCE ":\"true\""),
		LABELS(SHARED ":null", INSTANCE ":null"),
		CLASS("kata-qemu"),
		CLASS("kata"),
		NODES("{\"metadata\":{\"name\":\"n2\"}}"),
		NODE(""),
		TOLD("KataRemoveFailed", "containerd"),
	};

	(void)state;
	assert_removed(turns, ARRAY_SIZE(turns));
}

static void assert_stays(const struct fake_turn *turns, size_t n)
{
	struct world w;
	struct error e;

	start(&w, turns, n);
	w.settings.refused_wait_s = 1;
	assert_int_equal(run_cleanup(&w.settings, NULL, &e), 0);
	stop(&w);
}

static void test_cleanup_beside_a_replaced_daemonset_leaves_everything(void **state)
{
	static const struct fake_turn turns[] = {
		DAEMONSET("404 Not Found", "{}"),
		NAMESPACE("200 OK", "{}"),
		DAEMONSET("200 OK", "{\"spec\":{}}"),
		NAMESPACE("200 OK", "{}"),
		NODE(SHARED ":\"true\"," INSTANCE ":\"true\""),
	};

	(void)state;
	assert_stays(turns, ARRAY_SIZE(turns));
}

static void test_cleanup_of_a_node_that_affinity_excludes_removes(void **state)
{
	static const struct fake_turn turns[] = {
		DAEMONSET("200 OK",
			  "{\"spec\":{\"template\":{\"spec\":{\"affinity\":{\"nodeAffinity\":{"
			  "\"requiredDuringSchedulingIgnoredDuringExecution\":{"
			  "\"nodeSelectorTerms\":[{\"matchExpressions\":[{\"key\":\"kata\","
			  "\"operator\":\"Exists\"}]}]}}}}}}}"),
		NAMESPACE("200 OK", "{}"),
		NODE(SHARED ":\"true\"," INSTANCE ":\"true\""),
		LABELS(SHARED ":null", INSTANCE ":null"),
		ANSWER("PATCH /api/v1/nodes/n1/status?", "200 OK", "{}"),
		NODE(""),
		TOLD("KataRemoveFailed", "containerd"),
	};

	(void)state;
	assert_removed(turns, ARRAY_SIZE(turns));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cleanup_believes_no_passing_refusal),
		cmocka_unit_test(test_cleanup_believes_a_refusal_that_lasts),
		cmocka_unit_test(test_cleanup_of_an_unsuitable_node_needs_no_containerd),
		cmocka_unit_test(test_cleanup_leaves_a_root_of_another_program_alone),
		cmocka_unit_test(test_cleanup_without_versions_does_not_forget_the_handlers),
		cmocka_unit_test(test_cleanup_after_failures_alone_takes_the_conditions),
		cmocka_unit_test(test_node_that_leaves_says_so_once),
		cmocka_unit_test(test_cleanup_goes_on_without_rights_that_go_meanwhile),
		cmocka_unit_test(test_cleanup_of_one_node_leaves_the_classes),
		cmocka_unit_test(test_cleanup_of_the_installation_removes_the_classes),
		cmocka_unit_test(test_cleanup_of_an_orphaned_pod_leaves_the_classes_to_other_nodes),
		cmocka_unit_test(test_cleanup_beside_a_replaced_daemonset_leaves_everything),
		cmocka_unit_test(test_cleanup_of_a_node_that_affinity_excludes_removes),
		cmocka_unit_test(test_cleanup_with_a_suffix_asks_for_its_own_classes),
		cmocka_unit_test(test_cleanup_of_the_namespace_is_one_of_the_installation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
