/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_upgrade - going from one version to another, and back: who notices what, and when.
 *
 * The node is a folder, the API server a script, and the container engine a table of functions.
 */
#include "tests/unit/fake-node.h"

#include "deploy/candidate.h"
#include "deploy/node.h"
#include "deploy/proof.h"
#include "deploy/run.h"
#include "lib/host/hostcheck.h"
#include "lib/host/store.h"
#include "lib/kvm.h"
#include "lib/overhead.h"

#define POST(path, ...)                                                                        \
	{                                                                                      \
		.expect = { "POST " path, __VA_ARGS__ }, .status = "201 Created", .body = "{}" \
	}
#define SAYS(text) GET("/api/v1/nodes/n1 ", "200 OK", text)
#define CLAIM      PATCH("/api/v1/nodes/n1?", "\"katacontainers.io/kata-runtime\":\"false\"")
#define KUBELET_SEES                                                            \
	GET("/api/v1/nodes?", "200 OK",                                         \
	    "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{\"status\":" \
	    "{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}]}")
#define READY                                                                              \
	PATCH("/api/v1/nodes/n1/status?", "\"type\":\"KataReady\",\"status\":\"True\"",    \
	      "\"type\":\"KataUpgraded\",\"status\":\"True\""),                            \
		PATCH("/api/v1/nodes/n1?", "\"katacontainers.io/kata-runtime\":\"true\""), \
		POST("/apis/events.k8s.io/", "KataInstalled")

#define BARE "{\"metadata\":{\"uid\":\"u\"}}"

/* What a node says that has the version of PROOF, and whether it is the one that it shall have. */
static char *ready_node(const char *proof, const char *is_upgraded)
{
	return xasprintf(
		"{\"metadata\":{\"labels\":{\"katacontainers.io/kata-runtime\":\"true\","
		"\"kata-deploy.katacontainers.io/default\":\"true\"},\"annotations\":"
		"{\"kata-deploy.katacontainers.io/default\":\"%s\"}},\"status\":{\"conditions\":"
		"[{\"type\":\"KataReady\",\"status\":\"True\"},"
		"{\"type\":\"KataUpgraded\",\"status\":\"%s\"}]}}",
		proof, is_upgraded);
}

/* Without RuntimeClasses, which are none of a version's. */
static void start(struct world *w)
{
	world_start(w);
	w->settings.create_runtimeclasses = false;
	w->settings.create_default_runtimeclass = false;
	boots_not = false;
	canaries = 0;
	trials = 0;
	runs_none = false;
	running = 0;
	tries_not = false;
}

typedef int read_facts(struct facts *f, const struct install *in, struct error *e);

/* The node as ready for PROOF, in the first of TURNS. */
#define AS_READY(turns, proof, is_upgraded)                             \
	_free_ char *turns##_node = ready_node((proof), (is_upgraded)); \
	(turns)[0].body = turns##_node

/* What was found when facts were last read.  Its text is to be freed. */
struct found {
	char *proof;
	bool is_wanted;
	unsigned restarts;
	uint64_t took_ms;
};

/* Reads the facts by READ and brings the node there, against an API server that plays TURNS. */
static int bring(struct world *w, read_facts *read, const struct fake_turn *turns, size_t n,
		 struct found *ret_found, struct error *e)
{
	static const struct fake_turn no_class =
		GET("/apis/node.k8s.io/v1/runtimeclasses/", "404 Not Found", "{}");
	_cleanup_(journal_closep) struct journal *j = NULL;
	_assessment_ struct assessment a = { 0 };
	uint64_t began = now_ms();
	struct run r;
	int result;

	run_start(&r, w, install_steps, turns, n);
	if (!w->settings.create_runtimeclasses)
		r.api.aside = &no_class;
	result = journal_open(&w->settings.owner, r.facts.root, deadline_in(5000), NULL, &j, e);
	if (result >= 0)
		result = read(&r.facts, &r.in, e);
	if (result >= 0)
		result = plan_assess(&r.plan, &a, e);
	if (result >= 0)
		result = plan_run(&r.plan, &a, j, e);
	*ret_found = (struct found){
		.proof = xstrdup(r.facts.proof ? r.facts.proof : ""),
		.is_wanted = result >= 0 && facts_is_wanted(&r.facts),
		.restarts = r.in.results.restarts,
		.took_ms = now_ms() - began,
	};
	run_end(&r);
	return result;
}

/* Installs VERSION.  *ret_proof, which may be NULL, is what the node's annotation shall say then.
 */
static int install_version(struct world *w, const char *version, const struct fake_turn *turns,
			   size_t n, char **ret_proof, struct error *e)
{
	struct found found;
	int r;

	release_version = version;
	write_release(w->dir);
	r = bring(w, facts_read_install, turns, n, &found, e);
	if (ret_proof)
		*ret_proof = found.proof;
	else
		free(found.proof);
	return r;
}

static char *install_first(struct world *w)
{
	static const struct fake_turn turns[] = { SAYS(BARE), CONDITION, CLAIM, KUBELET_SEES,
						  READY };
	char *proof = NULL;
	struct error e;

	if (install_version(w, "1", turns, ARRAY_SIZE(turns), &proof, &e) < 0)
		fail_msg("%s", e.msg);
	return proof;
}

static void assert_text(const struct world *w, const char *name, const char *wanted)
{
	_free_ char *path = path_join(w->host, name);
	_free_ char *text = NULL;
	struct error e;

	assert_int_equal(file_read(path, 64 * KIB, &text, NULL, &e), 0);
	assert_string_equal(text, wanted);
}

static void assert_current(const struct world *w, const char *version)
{
	_free_ char *root = settings_root(&w->settings);
	_free_ char *current = NULL;
	struct error e;

	assert_int_equal(store_current(root, &current, &e), 0);
	assert_true(current && str_starts(current, version));
}

static void assert_mark(const struct world *w, enum store_mark mark, const char *version)
{
	_free_ char *root = settings_root(&w->settings);
	_free_ char *folder = NULL;
	struct error e;

	assert_int_equal(store_marked(root, mark, &folder, &e), 0);
	if (version)
		assert_true(folder && str_starts(folder, version));
	else
		assert_null(folder);
}

#define DROP_IN "etc/kata-containers/kata-qemu/config.d/50-user-overrides.toml"
#define OTHER   "[hypervisor.qemu]\nallow_emulation = true\ndefault_vcpus = 2\n"

static void test_version_that_does_not_boot_leaves_no_mark(void **state)
{
	_free_ char *proof = NULL;
	_free_ char *node = NULL;
	struct fake_turn turns[] = { SAYS(NULL), CONDITION };
	struct world w;
	struct error e;

	(void)state;
	start(&w);
	proof = install_first(&w);
	node = ready_node(proof, "True");
	turns[0].body = node;
	/* The new release comes with another configuration. */
	folder_put(w.dir, "dropin-qemu.toml", OTHER);
	boots_not = true;
	assert_int_equal(install_version(&w, "2", turns, ARRAY_SIZE(turns), NULL, &e), -EIO);
	assert_non_null(strstr(e.msg, "the guest panicked"));
	assert_non_null(strstr(canary_config, "/.kata-deploy-candidate/"));
	assert_text(&w, DROP_IN, CUSTOM);
	assert_current(&w, "1-");
	assert_false(candidate_has_rest(w.settings.etc, &w.settings.owner));
	world_end(&w);
}

/* Nothing but the folder of the canary has the new configuration while it runs. */
static void test_canary_reads_the_configuration_that_shall_be(void **state)
{
	_free_ char *path = NULL;
	_free_ char *text = NULL;
	struct edit planned = { 0 };
	_candidate_ struct candidate c = { 0 };
	struct offer o = { 0 };
	struct world w;
	struct error e;

	(void)state;
	start(&w);
	assert_int_equal(offer_init(&o, &w.settings, w.host, "qemu", &e), 0);
	assert_int_equal(offer_read(&o, &w.settings, &e), 0);
	o.text = xstrdup(DELIVERED);
	folder_put(w.host, "etc/kata-containers/kata-qemu/config.d/90-node.toml", "# theirs\n");
	assert_int_equal(offer_plan(&o, &w.settings, &planned, &e), 0);
	assert_int_equal(candidate_read(&o, &w.settings, &planned, &c, &e), 0);
	assert_int_equal(candidate_write(&c, &o, &w.settings, &path, &e), 0);
	assert_text(&w,
		    "etc/kata-containers/.kata-deploy-candidate/kata-qemu/"
		    "configuration-qemu.toml",
		    DELIVERED);
	assert_text(&w,
		    "etc/kata-containers/.kata-deploy-candidate/kata-qemu/config.d/"
		    "50-user-overrides.toml",
		    CUSTOM);
	assert_text(&w,
		    "etc/kata-containers/.kata-deploy-candidate/kata-qemu/config.d/"
		    "90-node.toml",
		    "# theirs\n");
	assert_int_equal(file_read(path, 64 * KIB, &text, NULL, &e), 0);
	assert_string_equal(text, DELIVERED);
	assert_int_equal(candidate_clear(w.settings.etc, &w.settings.owner, &e), 0);
	assert_false(candidate_has_rest(w.settings.etc, &w.settings.owner));
	edit_done(&planned);
	offer_done(&o);
	world_end(&w);
}

/* Its label was never true, and does not become false either. */
static void test_first_version_that_does_not_boot_claims_nothing(void **state)
{
	static const struct fake_turn turns[] = { SAYS(BARE), CONDITION };
	_free_ char *handlers = NULL;
	struct world w;
	struct error e;

	(void)state;
	start(&w);
	handlers = path_join(w.host, "etc/engine/handlers");
	boots_not = true;
	assert_int_equal(install_version(&w, "1", turns, ARRAY_SIZE(turns), NULL, &e), -EIO);
	assert_false(file_exists(handlers));
	world_end(&w);
}

/* A failed upgrade is over when its cause is: the node says so, without another canary. */
static void test_failure_that_is_over_costs_one_request(void **state)
{
	_free_ char *proof = NULL;
	_free_ char *node = NULL;
	struct fake_turn turns[] = {
		SAYS(NULL),
		PATCH("/api/v1/nodes/n1/status?", "\"type\":\"KataUpgraded\",\"status\":\"True\""),
	};
	struct world w;
	struct error e;

	(void)state;
	start(&w);
	proof = install_first(&w);
	assert_int_equal(canaries, 1);
	node = ready_node(proof, "False");
	turns[0].body = node;
	if (install_version(&w, "1", turns, ARRAY_SIZE(turns), NULL, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(canaries, 1);
	world_end(&w);
}

/* As if all that was proven had been proven before the machine was started. */
static void forget_boot(const struct world *w)
{
	_free_ char *path = path_join(w->host, "opt/kata/.proofs");
	_free_ char *boot = NULL;
	_free_ char *text = NULL;
	struct error e;

	assert_int_equal(file_read("/proc/sys/kernel/random/boot_id", 64, &boot, NULL, &e), 0);
	assert_int_equal(file_read(path, 64 * KIB, &text, NULL, &e), 0);
	for (char *at = text; (at = strstr(at, str_trim(boot))) != NULL;)
		at[0] = at[0] == '0' ? '1' : '0';
	folder_put(w->host, "opt/kata/.proofs", text);
}

/* What is claimed is proven again only where it may be another by now. */
static void test_proof_of_this_boot_counts_for_its_configuration_alone(void **state)
{
	static const struct fake_turn turns[] = { SAYS(BARE), CONDITION, READY };
	static const struct fake_turn changed[] = { SAYS(BARE), CONDITION, CLAIM, READY };
	struct world w;
	struct error e;

	(void)state;
	start(&w);
	free(install_first(&w));
	if (install_version(&w, "1", turns, ARRAY_SIZE(turns), NULL, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(canaries, 1);
	folder_put(w.dir, "dropin-qemu.toml", OTHER);
	if (install_version(&w, "1", changed, ARRAY_SIZE(changed), NULL, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(canaries, 2);
	forget_boot(&w);
	if (install_version(&w, "1", turns, ARRAY_SIZE(turns), NULL, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(canaries, 3);
	world_end(&w);
}

/* One that has another version already: neither its engine nor its kubelet has to notice. */
#define UPGRADE                                     \
	{                                           \
		SAYS(NULL), CONDITION, CLAIM, READY \
	}

/* A node with version 1 before 2.  Returns the proof of 2. */
static char *install_two(struct world *w)
{
	struct fake_turn turns[] = UPGRADE;
	_free_ char *first = install_first(w);
	char *proof = NULL;
	struct error e;
	AS_READY(turns, first, "True");

	if (install_version(w, "2", turns, ARRAY_SIZE(turns), &proof, &e) < 0)
		fail_msg("%s", e.msg);
	return proof;
}

#define BACK                                                                                       \
	{                                                                                          \
		SAYS(NULL), CONDITION, CLAIM,                                                      \
			PATCH("/api/v1/nodes/n1/status?",                                          \
			      "\"type\":\"KataReady\",\"status\":\"True\"",                        \
			      "\"type\":\"KataUpgraded\",\"status\":\"False\"", "RolledBack"),     \
			PATCH("/api/v1/nodes/n1?", "\"katacontainers.io/kata-runtime\":\"true\""), \
			POST("/apis/events.k8s.io/", "KataRolledBack")                             \
	}

static void go_back(struct world *w, struct fake_turn *turns, size_t n, const char *proof,
		    struct found *ret_found)
{
	struct error e;
	AS_READY(turns, proof, "True");

	if (bring(w, facts_read_rollback, turns, n, ret_found, &e) < 0)
		fail_msg("%s", e.msg);
}

static void test_going_back_is_a_link_and_no_sandbox(void **state)
{
	struct fake_turn turns[] = BACK;
	_free_ char *proof = NULL;
	struct found found;
	struct world w;

	(void)state;
	start(&w);
	proof = install_two(&w);
	assert_current(&w, "2-");
	assert_mark(&w, STORE_PREVIOUS, "1-");
	assert_int_equal(canaries, 2);
	assert_int_equal(trials, 2);
	go_back(&w, turns, ARRAY_SIZE(turns), proof, &found);
	assert_current(&w, "1-");
	assert_mark(&w, STORE_PREVIOUS, "2-");
	assert_mark(&w, STORE_HELD, "2-");
	assert_int_equal(canaries, 2);
	assert_int_equal(trials, 2);
	assert_int_equal(found.restarts, 0);
	assert_false(found.is_wanted);
	print_message("going back took %llu ms, with the API server's answers\n",
		      (unsigned long long)found.took_ms);
	free(found.proof);
	world_end(&w);
}

/* As version 2 wrote it, for a sandbox on this machine.  Caller frees. */
static char *class_of_two(const char *name)
{
	const struct host_facts facts = { .arch = "x86_64", .sys = "/sys", .proc = "/proc" };
	const struct overhead *o = hostcheck_has_kvm(&facts) ? &overhead_kvm : &overhead_emulation;

	return xasprintf(
		"{\"apiVersion\":\"node.k8s.io/v1\",\"kind\":\"RuntimeClass\",\"metadata\":{"
		"\"name\":\"%s\",\"labels\":{\"app.kubernetes.io/managed-by\":\"kata-deploy\","
		"\"kata-deploy/instance\":\"default\"},\"annotations\":{"
		"\"katacontainers.io/kata-version\":\"2\","
		"\"kata-deploy.katacontainers.io/overhead-memory\":\"n1\","
		"\"kata-deploy.katacontainers.io/overhead-cpu\":\"n1\"}},"
		"\"handler\":\"kata-qemu\",\"overhead\":{\"podFixed\":{"
		"\"memory\":\"%uMi\",\"cpu\":\"%um\"}},\"scheduling\":{\"nodeSelector\":{"
		"\"katacontainers.io/kata-runtime\":\"true\","
		"\"kata-deploy.katacontainers.io/default\":\"true\"}}}",
		name, o->guest_mib + o->host_mib, o->cpu_milli);
}

/* The client makes ten requests at once and then five a second: this is how long it takes. */
static void test_going_back_and_staying_are_few_requests(void **state)
{
	_free_ char *qemu = class_of_two("kata-qemu");
	_free_ char *kata = class_of_two("kata");
	struct fake_turn back[] = {
		SAYS(NULL),
		GET(CLASSES "kata-qemu ", "200 OK", qemu),
		GET(CLASSES "kata ", "200 OK", kata),
		CONDITION,
		CLAIM,
		PATCH("/api/v1/nodes/n1/status?", "RolledBack"),
		PATCH("/api/v1/nodes/n1?", "\"katacontainers.io/kata-runtime\":\"true\""),
		POST("/apis/events.k8s.io/", "KataRolledBack"),
	};
	struct fake_turn same[] = {
		SAYS(NULL),
		GET(CLASSES "kata-qemu ", "200 OK", qemu),
		GET(CLASSES "kata ", "200 OK", kata),
	};
	_free_ char *proof = NULL;
	struct found found;
	struct world w;
	struct error e;

	(void)state;
	start(&w);
	proof = install_two(&w);
	w.settings.create_runtimeclasses = true;
	w.settings.create_default_runtimeclass = true;
	{
		AS_READY(same, proof, "True");

		assert_int_equal(install_version(&w, "2", same, ARRAY_SIZE(same), NULL, &e), 0);
	}
	go_back(&w, back, ARRAY_SIZE(back), proof, &found);
	assert_current(&w, "1-");
	free(found.proof);
	world_end(&w);
}

/* The pod of version 2 is still there, and looks after the node. */
static void test_version_that_was_gone_back_from_comes_again_when_it_is_wished(void **state)
{
	struct fake_turn back[] = BACK;
	struct fake_turn same[] = { SAYS(NULL) };
	struct fake_turn again[] = {
		SAYS(NULL),
		CONDITION,
		CLAIM,
		PATCH("/api/v1/nodes/n1/status?", "\"type\":\"KataUpgraded\",\"status\":\"True\""),
		PATCH("/api/v1/nodes/n1?", "\"katacontainers.io/kata-runtime\":\"true\""),
		POST("/apis/events.k8s.io/", "KataRolledBack"),
	};
	_free_ char *proof = NULL;
	_free_ char *node = NULL;
	struct found found, held;
	struct world w;
	struct error e;

	(void)state;
	start(&w);
	proof = install_two(&w);
	go_back(&w, back, ARRAY_SIZE(back), proof, &found);
	node = xasprintf(
		"{\"metadata\":{\"labels\":{\"katacontainers.io/kata-runtime\":\"true\","
		"\"kata-deploy.katacontainers.io/default\":\"true\"},\"annotations\":"
		"{\"kata-deploy.katacontainers.io/default\":\"%s\"}},\"status\":{\"conditions\":"
		"[{\"type\":\"KataReady\",\"status\":\"True\"},{\"type\":\"KataUpgraded\","
		"\"status\":\"False\",\"reason\":\"RolledBack\"}]}}",
		found.proof);
	same[0].body = node;
	assert_int_equal(bring(&w, facts_read_install, same, ARRAY_SIZE(same), &held, &e), 0);
	assert_false(held.is_wanted);
	free(held.proof);
	assert_current(&w, "1-");
	go_back(&w, again, ARRAY_SIZE(again), found.proof, &held);
	assert_true(held.is_wanted);
	assert_current(&w, "2-");
	assert_mark(&w, STORE_HELD, NULL);
	free(found.proof);
	free(held.proof);
	world_end(&w);
}

/* A roll-out that is undone is an installation of the older image. */
static void test_roll_out_that_is_undone_boots_nothing(void **state)
{
	struct fake_turn turns[] = UPGRADE;
	_free_ char *proof = NULL;
	struct world w;
	struct error e;

	(void)state;
	start(&w);
	proof = install_two(&w);
	{
		AS_READY(turns, proof, "True");

		if (install_version(&w, "1", turns, ARRAY_SIZE(turns), NULL, &e) < 0)
			fail_msg("%s", e.msg);
	}
	assert_current(&w, "1-");
	assert_mark(&w, STORE_HELD, NULL);
	assert_int_equal(canaries, 2);
	world_end(&w);
}

/* ... and the version before the one that is current, and no other. */
static void test_two_versions_stay_and_no_third(void **state)
{
	struct fake_turn upgrade[] = UPGRADE;
	struct fake_turn same[] = { SAYS(NULL) };
	_free_ char *second = NULL;
	_free_ char *third = NULL;
	_free_ char *root = NULL;
	_strv_ strv versions = NULL;
	struct world w;
	struct error e;

	(void)state;
	start(&w);
	second = install_two(&w);
	{
		AS_READY(upgrade, second, "True");

		if (install_version(&w, "3", upgrade, ARRAY_SIZE(upgrade), &third, &e) < 0)
			fail_msg("%s", e.msg);
	}
	{
		AS_READY(same, third, "True");

		if (install_version(&w, "3", same, ARRAY_SIZE(same), NULL, &e) < 0)
			fail_msg("%s", e.msg);
	}
	root = settings_root(&w.settings);
	assert_int_equal(store_list(root, &versions, &e), 0);
	assert_int_equal(strv_len(versions), 2);
	assert_mark(&w, STORE_PREVIOUS, "2-");
	world_end(&w);
}

/* Where the engine runs no sandbox at all, the canary's word stands; but it is asked again. */
static void test_a_trial_that_proves_nothing_is_no_proof(void **state)
{
	struct fake_turn turns[] = BACK;
	_free_ char *proof = NULL;
	struct found found;
	struct world w;

	(void)state;
	start(&w);
	runs_none = true;
	proof = install_two(&w);
	assert_int_equal(trials, 2);
	runs_none = false;
	go_back(&w, turns, ARRAY_SIZE(turns), proof, &found);
	assert_int_equal(canaries, 2);
	assert_int_equal(trials, 3);
	free(found.proof);
	world_end(&w);
}

/* The second proof comes when the version is current: what it refutes is taken back as a whole. */
static void test_version_whose_trial_fails_takes_itself_back(void **state)
{
	struct fake_turn turns[] = {
		SAYS(NULL),
		CONDITION,
		CLAIM,
		GET("/api/v1/nodes/n1 ", "200 OK",
		    "{\"metadata\":{\"labels\":{\"katacontainers.io/kata-runtime\":\"false\","
		    "\"kata-deploy.katacontainers.io/default\":\"false\"}}}"),
		PATCH("/api/v1/nodes/n1?", "\"katacontainers.io/kata-runtime\":\"true\"",
		      "\"kata-deploy.katacontainers.io/default\":\"true\""),
	};
	_free_ char *proof = NULL;
	struct world w;
	struct error e;

	(void)state;
	start(&w);
	proof = install_two(&w);
	tries_not = true;
	folder_put(w.dir, "dropin-qemu.toml", OTHER);
	{
		AS_READY(turns, proof, "True");

		assert_int_equal(install_version(&w, "3", turns, ARRAY_SIZE(turns), NULL, &e),
				 -EPROTO);
	}
	assert_current(&w, "2-");
	assert_mark(&w, STORE_PREVIOUS, "1-");
	assert_mark(&w, STORE_HELD, NULL);
	assert_text(&w, DROP_IN, CUSTOM);
	world_end(&w);
}

static void test_configuration_that_a_killed_canary_left_goes(void **state)
{
	struct fake_turn turns[] = { SAYS(NULL) };
	_free_ char *proof = NULL;
	struct world w;
	struct error e;

	(void)state;
	start(&w);
	proof = install_first(&w);
	folder_put(w.host, "etc/kata-containers/.kata-deploy-candidate/kata-qemu/a.toml", "");
	{
		AS_READY(turns, proof, "True");

		if (install_version(&w, "1", turns, ARRAY_SIZE(turns), NULL, &e) < 0)
			fail_msg("%s", e.msg);
	}
	assert_false(candidate_has_rest(w.settings.etc, &w.settings.owner));
	world_end(&w);
}

static void test_node_with_one_version_has_nothing_to_go_back_to(void **state)
{
	struct found found;
	struct world w;
	struct error e;

	(void)state;
	start(&w);
	free(install_first(&w));
	assert_int_equal(bring(&w, facts_read_rollback, NULL, 0, &found, &e), -ENOENT);
	free(found.proof);
	world_end(&w);
}

/* Not even its label: the pods that run are to have all that they had. */
static void test_removal_that_may_not_wait_is_refused_with_nothing_changed(void **state)
{
	static const struct {
		unsigned running;
		uint32_t wait_s;
		int result;
	} cases[] = { { 1, 0, -EBUSY }, { 0, 0, 0 }, { 1, 40, 0 } };
	_free_ char *proof = NULL;
	_free_ char *node = NULL;
	struct fake_turn turns[] = { SAYS(NULL) };
	struct world w;

	(void)state;
	start(&w);
	proof = install_first(&w);
	node = ready_node(proof, "True");
	turns[0].body = node;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_assessment_ struct assessment a = { 0 };
		struct error e;
		struct run r;

		running = cases[i].running;
		w.settings.running_wait_s = cases[i].wait_s;
		run_start(&r, &w, cleanup_steps, turns, ARRAY_SIZE(turns));
		r.facts.wish = WISH_LEAVE;
		assert_int_equal(facts_read_removal(&r.facts, &r.in, &e), 0);
		assert_int_equal(plan_assess(&r.plan, &a, &e), cases[i].result);
		run_end(&r);
	}
	world_end(&w);
}

/* It has no version, and what it had running on the node lies there. */
static void test_removal_takes_what_a_first_installation_left_that_was_killed(void **state)
{
	static const struct fake_turn turns[] = { NODE };
	static const char *const rests[] = { "opt/kata/.work/node-exec/program",
					     "opt/kata/.restarts.tmp-7" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rests); i++) {
		_cleanup_(journal_closep) struct journal *j = NULL;
		_assessment_ struct assessment a = { 0 };
		_free_ char *path = NULL;
		struct world w;
		struct error e;
		struct run r;

		start(&w);
		path = path_join(w.host, rests[i]);
		folder_put(w.host, rests[i], "half");
		run_start(&r, &w, cleanup_steps, turns, ARRAY_SIZE(turns));
		assert_int_equal(journal_open(&w.settings.owner, r.facts.root, deadline_in(5000),
					      NULL, &j, &e),
				 0);
		assert_int_equal(facts_read_removal(&r.facts, &r.in, &e), 0);
		assert_int_equal(plan_assess(&r.plan, &a, &e), 0);
		assert_return_code(plan_run(&r.plan, &a, j, &e), e.code);
		assert_false(file_exists(path));
		run_end(&r);
		world_end(&w);
	}
}

static void set_text(char **member, char *own_text)
{
	free(*member);
	*member = own_text;
}

/* Before the API server is asked anything, and so before anything of the release is used. */
static void test_release_of_a_stranger_is_refused_with_nothing_changed(void **state)
{
	_free_ char *root = NULL;
	struct world w;
	struct error e;

	(void)state;
	start(&w);
	root = settings_root(&w.settings);
	set_text(&w.settings.key, minisign_public(1));
	assert_int_equal(install_version(&w, "1", NULL, 0, NULL, &e), -ENOKEY);
	assert_non_null(strstr(e.msg, "KATA_DEPLOY_KEY: release '1-"));
	release_signer = 2;
	assert_int_equal(install_version(&w, "1", NULL, 0, NULL, &e), -EKEYREJECTED);
	release_signer = 0;
	assert_int_equal(rmdir(root) < 0 ? -errno : 0, 0);
	world_end(&w);
}

static void test_key_is_pinned_with_the_first_version(void **state)
{
	_free_ char *key = minisign_public(1), *line = xasprintf("%s\n", key), *proof = NULL;
	struct world w;
	struct error e;

	(void)state;
	start(&w);
	set_text(&w.settings.key, xstrdup(key));
	release_signer = 1;
	proof = install_first(&w);
	assert_text(&w, "opt/kata/trusted-keys", line);
	/* Whoever comes without the setting is still asked for the signature. */
	set_text(&w.settings.key, xstrdup(""));
	release_signer = 0;
	assert_int_equal(install_version(&w, "2", NULL, 0, NULL, &e), -ENOKEY);
	assert_current(&w, "1-");
	assert_text(&w, "opt/kata/trusted-keys", line);
	world_end(&w);
}

/* The pod's image has the version that somebody went back from, and its signature. */
static void test_signed_version_that_was_gone_back_from_comes_again(void **state)
{
	struct fake_turn back[] = BACK;
	struct fake_turn again[] = {
		SAYS(NULL),
		CONDITION,
		CLAIM,
		PATCH("/api/v1/nodes/n1/status?", "\"type\":\"KataUpgraded\",\"status\":\"True\""),
		PATCH("/api/v1/nodes/n1?", "\"katacontainers.io/kata-runtime\":\"true\""),
		POST("/apis/events.k8s.io/", "KataRolledBack"),
	};
	_free_ char *proof = NULL;
	struct found found, held;
	struct world w;

	(void)state;
	start(&w);
	set_text(&w.settings.key, minisign_public(1));
	release_signer = 1;
	proof = install_two(&w);
	go_back(&w, back, ARRAY_SIZE(back), proof, &found);
	go_back(&w, again, ARRAY_SIZE(again), found.proof, &held);
	release_signer = 0;
	assert_current(&w, "2-");
	free(found.proof);
	free(held.proof);
	world_end(&w);
}

static void test_key_of_a_version_that_does_not_boot_is_not_pinned(void **state)
{
	static const struct fake_turn turns[] = { SAYS(BARE), CONDITION };
	struct world w;
	_free_ char *path = NULL;
	struct error e;

	(void)state;
	start(&w);
	path = path_join(w.host, "opt/kata/trusted-keys");
	set_text(&w.settings.key, minisign_public(1));
	release_signer = 1;
	boots_not = true;
	assert_true(install_version(&w, "1", turns, ARRAY_SIZE(turns), NULL, &e) < 0);
	release_signer = 0;
	assert_false(file_exists(path));
	world_end(&w);
}

static void test_withdrawn_version_comes_only_if_it_is_wished(void **state)
{
	_free_ char *proof = NULL;
	struct world w;
	struct error e;

	(void)state;
	start(&w);
	strv_add(&w.settings.withdrawn, "1=CVE-2026-1");
	assert_int_equal(install_version(&w, "1", NULL, 0, NULL, &e), -EPERM);
	assert_non_null(strstr(e.msg, "is withdrawn: CVE-2026-1; KATA_DEPLOY_ALLOW_WITHDRAWN"));
	w.settings.takes_withdrawn = true;
	proof = install_first(&w);
	assert_current(&w, "1-");
	world_end(&w);
}

static bool is_kvm_gone;

int __wrap_kvm_find(const struct kvm_places *places, struct error *e);

int __wrap_kvm_find(const struct kvm_places *places, struct error *e)
{
	(void)places;
	return is_kvm_gone ? fail(e, ENODEV, "the module is not loaded") : 0;
}

static int apply(struct world *w, const struct fake_turn *turns, size_t n, struct error *e)
{
	static const struct fake_turn no_class =
		GET("/apis/node.k8s.io/v1/runtimeclasses/", "404 Not Found", "{}");
	struct fake_api api;
	const char *fault;
	int r;

	assert_true(fake_start(&api, turns, n, NULL));
	api.aside = &no_class;
	fake_kubeconfig(&api, w->dir);
	r = run_apply(&w->settings, NULL, e);
	fault = fake_stop(&api);
	if (fault)
		fail_msg("%s", fault);
	return r;
}

#define SHARED_LABEL "\"katacontainers.io/kata-runtime\":"
#define OWN_LABEL    "\"kata-deploy.katacontainers.io/default\":"

/* What is installed stays, but promises nothing; when KVM is there again, perhaps another one, a
 * sandbox has to answer once more, and neither engine nor kubelet notices. */
static void test_node_whose_kvm_goes_and_comes_says_so(void **state)
{
	static const struct fake_turn first[] = { SAYS(BARE), CONDITION, CLAIM, KUBELET_SEES,
						  READY };
	struct fake_turn goes[] = {
		SAYS(NULL),
		PATCH("/api/v1/nodes/n1?", SHARED_LABEL "\"false\"", OWN_LABEL "\"unsuitable\"",
		      "\"annotations\":{" OWN_LABEL "null"),
		PATCH("/api/v1/nodes/n1/status?", "\"status\":\"False\"", "\"NoVirtualization\"",
		      "the module is not loaded"),
		POST("/apis/events.k8s.io/", "KataNotSuitable"),
	};
	static const struct fake_turn comes[] = {
		SAYS("{\"metadata\":{\"uid\":\"u\",\"labels\":{" SHARED_LABEL "\"false\"," OWN_LABEL
		     "\"unsuitable\"}}}"),
		CONDITION,
		READY,
	};
	_free_ char *proof = NULL;
	struct world w;
	struct error e;

	(void)state;
	start(&w);
	folder_put(w.dir, "dropin-qemu.toml", "[hypervisor.qemu]\ndefault_memory = 256\n");
	is_kvm_gone = false;
	if (install_version(&w, "1", first, ARRAY_SIZE(first), &proof, &e) < 0)
		fail_msg("%s", e.msg);
	{
		AS_READY(goes, proof, "True");

		is_kvm_gone = true;
		assert_int_equal(apply(&w, goes, ARRAY_SIZE(goes), &e), -RUN_UNSUITABLE);
	}
	assert_current(&w, "1-");
	assert_int_equal(canaries, 1);
	is_kvm_gone = false;
	if (apply(&w, comes, ARRAY_SIZE(comes), &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(canaries, 2);
	assert_int_equal(trials, 2);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_release_of_a_stranger_is_refused_with_nothing_changed),
		cmocka_unit_test(test_key_is_pinned_with_the_first_version),
		cmocka_unit_test(test_signed_version_that_was_gone_back_from_comes_again),
		cmocka_unit_test(test_key_of_a_version_that_does_not_boot_is_not_pinned),
		cmocka_unit_test(test_withdrawn_version_comes_only_if_it_is_wished),
		cmocka_unit_test(test_version_that_does_not_boot_leaves_no_mark),
		cmocka_unit_test(test_canary_reads_the_configuration_that_shall_be),
		cmocka_unit_test(test_first_version_that_does_not_boot_claims_nothing),
		cmocka_unit_test(test_failure_that_is_over_costs_one_request),
		cmocka_unit_test(test_proof_of_this_boot_counts_for_its_configuration_alone),
		cmocka_unit_test(test_going_back_is_a_link_and_no_sandbox),
		cmocka_unit_test(test_going_back_and_staying_are_few_requests),
		cmocka_unit_test(
			test_version_that_was_gone_back_from_comes_again_when_it_is_wished),
		cmocka_unit_test(test_roll_out_that_is_undone_boots_nothing),
		cmocka_unit_test(test_two_versions_stay_and_no_third),
		cmocka_unit_test(test_removal_that_may_not_wait_is_refused_with_nothing_changed),
		cmocka_unit_test(test_removal_takes_what_a_first_installation_left_that_was_killed),
		cmocka_unit_test(test_a_trial_that_proves_nothing_is_no_proof),
		cmocka_unit_test(test_version_whose_trial_fails_takes_itself_back),
		cmocka_unit_test(test_configuration_that_a_killed_canary_left_goes),
		cmocka_unit_test(test_node_with_one_version_has_nothing_to_go_back_to),
		cmocka_unit_test(test_node_whose_kvm_goes_and_comes_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
