/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_classes - what RuntimeClasses say about the sandboxes of their nodes.
 */

#include "tests/unit/unit.h"

#include "deploy/runtimeclass.h"
#include "lib/host/hostcheck.h"
#include "lib/overhead.h"
#include "tests/unit/fake-api.h"
#include "tests/unit/folder.h"

#define WAIT_MS 5000
#define CLASSES "/apis/node.k8s.io/v1/runtimeclasses/"

struct place {
	char *dir;
	struct fake_api api;
	struct settings settings;
	struct facts facts;
	struct install in;
};

static void begin(struct place *s, const char *pool, const struct fake_turn *turns, size_t n)
{
	struct error e;

	*s = (struct place){ .dir = folder_new() };
	assert_true(fake_start(&s->api, turns, n, NULL));
	assert_int_equal(clearenv(), 0);
	fake_kubeconfig(&s->api, s->dir);
	assert_int_equal(setenv("NODE_NAME", "n1", 1), 0);
	assert_int_equal(setenv("KATA_CUSTOM_CONFIGS", s->dir, 1), 0);
	assert_int_equal(setenv("KATA_POOL", pool, 1), 0);
	assert_int_equal(settings_read(&s->settings, &e), 0);
	assert_int_equal(facts_open(&s->settings, &s->facts, &e), 0);
	assert_int_equal(install_open(&s->facts, NULL, &s->in, &e), 0);
	s->in.deadline_ms = deadline_in(WAIT_MS);
	s->facts.offers = xcalloc(1, sizeof(*s->facts.offers));
	s->facts.n_offers = 1;
	assert_int_equal(offer_init(&s->facts.offers[0], &s->settings, s->dir, "qemu", &e), 0);
	s->facts.release.arch = xstrdup("x86_64");
	s->facts.release.version = xstrdup("1");
}

extern const struct step step_classes;

/* As a run does. */
static int save_and_run(struct place *s, const struct change *change, struct error *e)
{
	_json_ struct json_object *data = json_object_new_object();

	if (step_classes.save(&s->in, change, data, e) < 0)
		return -e->code;
	return step_classes.run(&s->in, change, e);
}

static void apply(struct place *s)
{
	static step_table steps = { &step_classes, NULL };
	const struct plan plan = { .steps = steps, .context = &s->in };
	_assessment_ struct assessment a = { 0 };
	struct error e;

	assert_int_equal(offer_read(&s->facts.offers[0], &s->settings, &e), 0);
	assert_int_equal(plan_assess(&plan, &a, &e), 0);
	assert_int_equal(save_and_run(s, &a.changes[0], &e), 0);
}

#define MISSING(name)                                                                          \
	{                                                                                      \
		.expect = { "GET " CLASSES name " " }, .status = "404 Not Found", .body = "{}" \
	}

/* Only RuntimeClass kata-qemu, so that a test is about one.  1 if it was changed. */
static int apply_one(struct place *s, struct error *e)
{
	static step_table steps = { &step_classes, NULL };
	const struct plan plan = { .steps = steps, .context = &s->in };
	_assessment_ struct assessment a = { 0 };

	static const struct fake_turn no_default = MISSING("kata");

	s->api.aside = &no_default;
	s->settings.create_default_runtimeclass = false;
	assert_int_equal(offer_read(&s->facts.offers[0], &s->settings, e), 0);
	if (plan_assess(&plan, &a, e) < 0)
		return -e->code;
	if (!change_is_needed(&a.changes[0]))
		return 0;
	return save_and_run(s, &a.changes[0], e) < 0 ? -e->code : 1;
}

static void end(struct place *s)
{
	const char *fault;

	install_done(&s->in);
	facts_done(&s->facts);
	fault = fake_stop(&s->api);
	if (fault)
		fail_msg("%s", fault);
	settings_done(&s->settings);
	folder_remove(s->dir);
}

/* The conversation about RuntimeClass kata-qemu; WANTED is what apply_one() says of it. */
static void assert_applied(const struct fake_turn *turns, size_t n, int wanted)
{
	struct place s;
	struct error e;

	begin(&s, "", turns, n);
	assert_int_equal(apply_one(&s, &e), wanted);
	end(&s);
}

/* The overhead as JSON has it on the kind of machine that the test runs on. */
static char *overhead_text(int64_t guest_mib)
{
	const struct host_facts facts = { .arch = "x86_64", .sys = "/sys", .proc = "/proc" };
	const struct overhead *o = hostcheck_has_kvm(&facts) ? &overhead_kvm : &overhead_emulation;

	return xasprintf("\"podFixed\":{\"memory\":\"%lldMi\",\"cpu\":\"%um\"}",
			 (long long)(guest_mib >= 0 ? guest_mib : o->guest_mib) + o->host_mib,
			 o->cpu_milli);
}

#define ALLOWED(name)                                                                   \
	{                                                                               \
		.expect = { "PATCH " CLASSES name "?dryRun=All&" }, .status = "200 OK", \
		.body = "{}"                                                            \
	}
#define NAMESPACE                                                                        \
	{                                                                                \
		.expect = { "GET /api/v1/namespaces/kata-system " }, .status = "200 OK", \
		.body = "{\"metadata\":{\"uid\":\"u\"}}"                                 \
	}

static void test_overhead_is_what_a_sandbox_takes_here(void **state)
{
	_free_ char *overhead = overhead_text(-1);
	const char *instance =
		"\"nodeSelector\":{\"katacontainers.io/kata-runtime\":\"true\","
		"\"kata-deploy.katacontainers.io/default\":\"true\"}";
	const struct fake_turn turns[] = {
		MISSING("kata-qemu"),
		ALLOWED("kata-qemu"),
		MISSING("kata"),
		ALLOWED("kata"),
		MISSING("kata-qemu"),
		MISSING("kata"),
		NAMESPACE,
		{ .expect = { "PATCH " CLASSES "kata-qemu?", overhead, instance },
		  .status = "201 Created",
		  .body = "{}" },
		{ .expect = { "PATCH " CLASSES "kata?", overhead, instance },
		  .status = "201 Created",
		  .body = "{}" },
	};
	struct place s;

	(void)state;
	begin(&s, "", turns, ARRAY_SIZE(turns));
	apply(&s);
	end(&s);
}

static void test_pool_has_classes_of_its_own_for_its_own_nodes(void **state)
{
	const char *instance = "\"kata-deploy.katacontainers.io/slow\":\"true\"";
	const char *handler = "\"handler\":\"kata-qemu\"";
	const struct fake_turn turns[] = {
		MISSING("kata-qemu-slow"),
		ALLOWED("kata-qemu-slow"),
		MISSING("kata-slow"),
		ALLOWED("kata-slow"),
		MISSING("kata-qemu-slow"),
		MISSING("kata-slow"),
		NAMESPACE,
		{ .expect = { "PATCH " CLASSES "kata-qemu-slow?", handler, instance },
		  .status = "201 Created",
		  .body = "{}" },
		{ .expect = { "PATCH " CLASSES "kata-slow?", handler, instance },
		  .status = "201 Created",
		  .body = "{}" },
	};
	struct place s;

	(void)state;
	begin(&s, "slow", turns, ARRAY_SIZE(turns));
	apply(&s);
	end(&s);
}

static void test_memory_taken_at_once_is_booked(void **state)
{
	_free_ char *overhead = overhead_text(512);
	const struct fake_turn turns[] = {
		MISSING("kata-qemu"),
		ALLOWED("kata-qemu"),
		MISSING("kata"),
		ALLOWED("kata"),
		MISSING("kata-qemu"),
		MISSING("kata"),
		NAMESPACE,
		{ .expect = { "PATCH " CLASSES "kata-qemu?", overhead },
		  .status = "201 Created",
		  .body = "{}" },
		{ .expect = { "PATCH " CLASSES "kata?", overhead },
		  .status = "201 Created",
		  .body = "{}" },
	};
	struct place s;

	(void)state;
	begin(&s, "", turns, ARRAY_SIZE(turns));
	folder_put(s.dir, "dropin-qemu.toml",
		   "[hypervisor.qemu]\nenable_mem_prealloc = true\ndefault_memory = 512\n");
	apply(&s);
	end(&s);
}

#define SOME(name, rest)                                                                    \
	{                                                                                   \
		.expect = { "GET " CLASSES name " " }, .status = "200 OK",                  \
		.body = "{\"apiVersion\":\"node.k8s.io/v1\",\"metadata\":{\"name\":\"" name \
			"\",\"uid\":\"u1\",\"resourceVersion\":\"7\"," rest "}"             \
	}
#define DONE(method, name, ...)                                                         \
	{                                                                               \
		.expect = { method " " CLASSES name, __VA_ARGS__ }, .status = "200 OK", \
		.body = "{}"                                                            \
	}
#define HANDLER(name) "},\"handler\":\"" name "\""
#define HELM          "\"labels\":{\"app.kubernetes.io/managed-by\":\"Helm\"}"
#define OURS                                                                                     \
	"\"labels\":{\"app.kubernetes.io/managed-by\":\"kata-deploy\",\"kata-deploy/instance\":" \
	"\"default\"}"
#define ADOPT(how) "\"annotations\":{\"kata-deploy.katacontainers.io/adopt\":\"" how "\"}"
#define BEFORE     "\"kata-deploy.katacontainers.io/before\":"
/* How a class of Helm's with HANDLER was, as an annotation has it. */
#define KEPT(handler)                                                                         \
	BEFORE "\"{\\\"metadata\\\":{\\\"name\\\":\\\"kata-qemu\\\",\\\"labels\\\":{\\\""     \
	       "app.kubernetes.io/managed-by\\\":\\\"Helm\\\"}},\\\"handler\\\":\\\"" handler \
	       "\\\"}\""

/* Its shim left SHIMS, or nobody wants it any more: one of ours goes, the others stay. */
static void test_class_that_is_not_wanted_any_more_goes(void **state)
{
	static const struct fake_turn turns[] = {
		SOME("kata-qemu", OURS HANDLER("kata-qemu")),
		SOME("kata", "\"x\":1" HANDLER("kata-old")),
		DONE("DELETE", "kata-qemu ", "\"uid\":\"u1\"", "\"resourceVersion\":\"7\""),
	};
	static step_table steps = { &step_classes, NULL };
	_assessment_ struct assessment a = { 0 };
	struct plan plan = { .steps = steps };
	struct error e;
	struct place s;

	(void)state;
	begin(&s, "", turns, ARRAY_SIZE(turns));
	plan.context = &s.in;
	s.settings.create_runtimeclasses = false;
	s.settings.create_default_runtimeclass = false;
	assert_int_equal(plan_assess(&plan, &a, &e), 0);
	assert_int_equal(a.changes[0].n_effects, 1);
	assert_int_equal(save_and_run(&s, &a.changes[0], &e), 0);
	end(&s);
}

static void test_class_of_somebody_else_is_refused_by_name(void **state)
{
	static const struct {
		struct fake_turn turn;
		const char *manager;
	} cases[] = {
		{ SOME("kata-qemu", HELM HANDLER("kata-old")), "(Helm)" },
		{ SOME("kata-qemu", HELM HANDLER("kata-qemu")), "(Helm)" },
		{ SOME("kata-qemu", "\"x\":1" HANDLER("kata-qemu")), "(nobody is named" },
		{ SOME("kata-qemu",
		       HELM ",\"annotations\":{\"meta.helm.sh/release-name\":\"kata\"}" HANDLER(
			       "kata-qemu")),
		  "(Helm, release 'kata')" },
		/* The labels of upstream's chart are ours, and so is the name of its instance. */
		{ SOME("kata-qemu", OURS ",\"managedFields\":[{\"manager\":\"kubectl-create\","
					 "\"operation\":\"Update\"}]" HANDLER("kata-qemu")),
		  "(kata-deploy, installation 'default')" },
		{ SOME("kata-qemu",
		       "\"labels\":{\"app.kubernetes.io/managed-by\":\"kata-deploy\","
		       "\"kata-deploy/instance\":\"second\"}" HANDLER("kata-qemu")),
		  "(kata-deploy, installation 'second')" },
		{ SOME("kata-qemu", ADOPT("false") HANDLER("kata-qemu")), "(nobody is named" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct place s;
		struct error e;

		begin(&s, "", &cases[i].turn, 1);
		assert_int_equal(apply_one(&s, &e), -EEXIST);
		assert_non_null(strstr(e.msg, cases[i].manager));
		assert_non_null(strstr(e.msg,
				       "kubectl annotate runtimeclass kata-qemu "
				       "kata-deploy.katacontainers.io/adopt=true"));
		end(&s);
	}
}

static void test_class_that_its_owner_hands_over_is_changed_in_place(void **state)
{
	static const struct fake_turn turns[] = {
		SOME("kata-qemu", ADOPT("true") HANDLER("kata-qemu")),
		ALLOWED("kata-qemu"),
		SOME("kata-qemu", ADOPT("true") HANDLER("kata-qemu")),
		DONE("PATCH", "kata-qemu?", "merge-patch", "\"resourceVersion\":\"7\"",
		     BEFORE "\"{\\\"apiVersion\\\""),
		DONE("PATCH", "kata-qemu?", "apply-patch", "\"kata-deploy/instance\":\"default\""),
	};

	(void)state;
	assert_applied(turns, ARRAY_SIZE(turns), 1);
}

/* Killed between the two requests. */
static void test_class_that_is_kept_is_not_kept_again(void **state)
{
	static const struct fake_turn turns[] = {
		SOME("kata-qemu",
		     "\"annotations\":{\"kata-deploy.katacontainers.io/adopt\":"
		     "\"true\"," KEPT("kata-qemu") "}" HANDLER("kata-qemu")),
		ALLOWED("kata-qemu"),
		SOME("kata-qemu",
		     "\"annotations\":{\"kata-deploy.katacontainers.io/adopt\":"
		     "\"true\"," KEPT("kata-qemu") "}" HANDLER("kata-qemu")),
		DONE("PATCH", "kata-qemu?", "apply-patch"),
	};

	(void)state;
	assert_applied(turns, ARRAY_SIZE(turns), 1);
}

/* The namespace of the installation would take it along, which is its first owner's to delete. */
static void test_adopted_class_gets_no_owner(void **state)
{
	static const struct fake_turn turns[] = {
		SOME("kata-qemu",
		     OURS ",\"annotations\":{" KEPT("kata-qemu") "}" HANDLER("kata-qemu")),
		ALLOWED("kata-qemu"),
		SOME("kata-qemu",
		     OURS ",\"annotations\":{" KEPT("kata-qemu") "}" HANDLER("kata-qemu")),
		DONE("PATCH", "kata-qemu?", "apply-patch", "\"resourceVersion\":\"7\""),
	};

	(void)state;
	assert_applied(turns, ARRAY_SIZE(turns), 1);
}

static void test_class_with_another_handler_is_not_deleted_unasked(void **state)
{
	static const struct fake_turn turns[][1] = {
		{ SOME("kata-qemu", ADOPT("true") HANDLER("kata-old")) },
		{ SOME("kata-qemu", ADOPT("replace") HANDLER("runsc")) },
	};
	static const char *const texts[] = { "DEFAULT_SHIM", "'runsc', which is not Kata's" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(turns); i++) {
		struct place s;
		struct error e;

		begin(&s, "", turns[i], 1);
		assert_int_equal(apply_one(&s, &e), -EEXIST);
		assert_non_null(strstr(e.msg, texts[i]));
		end(&s);
	}
}

static void test_class_that_may_be_replaced_keeps_what_it_was(void **state)
{
	static const struct fake_turn turns[] = {
		SOME("kata-qemu", ADOPT("replace") HANDLER("kata-old")),
		SOME("kata-qemu", ADOPT("replace") HANDLER("kata-old")),
		DONE("DELETE", "kata-qemu ", "\"preconditions\"", "\"uid\":\"u1\"",
		     "\"resourceVersion\":\"7\""),
		DONE("PATCH", "kata-qemu?", "apply-patch", "\"handler\":\"kata-qemu\""),
		DONE("PATCH", "kata-qemu?", "merge-patch", BEFORE, "kata-old"),
	};

	(void)state;
	assert_applied(turns, ARRAY_SIZE(turns), 1);
}

static void test_class_that_another_node_has_changed_meanwhile_is_read_again(void **state)
{
	_free_ char *overhead = overhead_text(-1);
	_free_ char *body = xasprintf(
		"{\"apiVersion\":\"node.k8s.io/"
		"v1\",\"kind\":\"RuntimeClass\",\"metadata\":{\"name\":\"kata-qemu\"," OURS
		",\"annotations\":{"
		"\"katacontainers.io/kata-version\":\"1\","
		"\"kata-deploy.katacontainers.io/overhead-memory\":\"n2\","
		"\"kata-deploy.katacontainers.io/overhead-cpu\":\"n2\"}},"
		"\"handler\":\"kata-qemu\",\"overhead\":{%s},\"scheduling\":{\"nodeSelector\":{"
		"\"katacontainers.io/kata-runtime\":\"true\","
		"\"kata-deploy.katacontainers.io/default\":\"true\"}}}",
		overhead);
	const struct fake_turn turns[] = {
		SOME("kata-qemu", ADOPT("true") HANDLER("kata-qemu")),
		ALLOWED("kata-qemu"),
		SOME("kata-qemu", ADOPT("true") HANDLER("kata-qemu")),
		{ .expect = { "PATCH " CLASSES "kata-qemu?" },
		  .status = "409 Conflict",
		  .body = "{\"reason\":\"Conflict\"}" },
		{ .expect = { "GET " CLASSES "kata-qemu " }, .status = "200 OK", .body = body },
	};

	(void)state;
	assert_applied(turns, ARRAY_SIZE(turns), 1);
}

static void assert_left(const struct fake_turn *turns, size_t n)
{
	struct place s;
	struct error e;

	begin(&s, "", turns, n);
	if (classes_remove(&s.in, &e) < 0)
		fail_msg("%s", e.msg);
	end(&s);
}

static void test_class_of_somebody_else_stays_at_the_end(void **state)
{
	static const struct fake_turn turns[] = {
		SOME("kata-qemu", HELM HANDLER("kata-qemu")),
		SOME("kata", ADOPT("true") HANDLER("kata-qemu")),
	};

	(void)state;
	assert_left(turns, ARRAY_SIZE(turns));
}

static void test_adopted_class_is_handed_back_in_place(void **state)
{
	static const struct fake_turn turns[] = {
		SOME("kata-qemu",
		     OURS ",\"annotations\":{" KEPT("kata-qemu") "}" HANDLER(
			     "kata-qemu") ",\"overhead\":{\"podFixed\":{\"cpu\":\"50m\"}}"),
		DONE("PATCH", "kata-qemu?", "\"app.kubernetes.io/managed-by\":\"Helm\"}",
		     "\"annotations\":null", "\"overhead\":null"),
		MISSING("kata"),
	};

	(void)state;
	assert_left(turns, ARRAY_SIZE(turns));
}

static void test_replaced_class_is_handed_back_with_its_handler(void **state)
{
	static const struct fake_turn turns[] = {
		SOME("kata-qemu",
		     OURS ",\"annotations\":{" KEPT("kata-old") "}" HANDLER("kata-qemu")),
		DONE("DELETE", "kata-qemu ", "\"resourceVersion\":\"7\""),
		{ .expect = { "POST /apis/node.k8s.io/v1/runtimeclasses?",
			      "\"handler\":\"kata-old\"", "\"Helm\"" },
		  .status = "201 Created",
		  .body = "{}" },
		MISSING("kata"),
	};

	(void)state;
	assert_left(turns, ARRAY_SIZE(turns));
}

/* Killed between deleting and creating, or failed afterwards, or not begun. */
static void test_undo_brings_back_what_was_there(void **state)
{
	static const char data[] =
		"{\"kata-qemu\":{\"was_ours\":%s,\"class\":{\"metadata\":{\"name\":\"kata-qemu\"},"
		"\"handler\":\"kata-old\"}}}";
	static const struct {
		const char *was_ours;
		struct fake_turn turns[3];
		size_t n;
	} cases[] = {
		{ "false",
		  { MISSING("kata-qemu"),
		    { .expect = { "POST /apis/node", "\"handler\":\"kata-old\"" },
		      .status = "201 Created",
		      .body = "{}" } },
		  2 },
		{ "false",
		  { SOME("kata-qemu", OURS HANDLER("kata-qemu")),
		    DONE("DELETE", "kata-qemu ", "u1"),
		    { .expect = { "POST /apis/node", "\"handler\":\"kata-old\"" },
		      .status = "201 Created",
		      .body = "{}" } },
		  3 },
		{ "false", { SOME("kata-qemu", ADOPT("true") HANDLER("kata-old")) }, 1 },
		{ "true", { SOME("kata-qemu", OURS HANDLER("kata-qemu")) }, 1 },
		{ "true",
		  { MISSING("kata-qemu"),
		    { .expect = { "POST /apis/node", "\"handler\":\"kata-old\"" },
		      .status = "201 Created",
		      .body = "{}" } },
		  2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = xasprintf(data, cases[i].was_ours);
		_json_ struct json_object *object = NULL;
		struct place s;
		struct error e;

		begin(&s, "", cases[i].turns, cases[i].n);
		assert_int_equal(json_parse(text, strlen(text), "data", &object, &e), 0);
		assert_int_equal(step_classes.undo(&s.in, object, UNDO_FAILED, &e), 0);
		end(&s);
	}
}

/* Our class as node OWNER has written it, with MEMORY and CPU.  Caller frees. */
static char *class_text_of(const char *owner, const char *memory, const char *cpu)
{
	return xasprintf(
		"{\"apiVersion\":\"node.k8s.io/"
		"v1\",\"kind\":\"RuntimeClass\",\"metadata\":{\"name\":\"kata-qemu\","
		"\"resourceVersion\":\"7\"," OURS
		",\"annotations\":{\"katacontainers.io/kata-version\":\"1\","
		"\"kata-deploy.katacontainers.io/overhead-memory\":\"%s\","
		"\"kata-deploy.katacontainers.io/overhead-cpu\":\"%s\"}},"
		"\"handler\":\"kata-qemu\",\"overhead\":{\"podFixed\":{\"memory\":\"%s\","
		"\"cpu\":\"%s\"}},\"scheduling\":{\"nodeSelector\":{"
		"\"katacontainers.io/kata-runtime\":\"true\","
		"\"kata-deploy.katacontainers.io/default\":\"true\"}}}",
		owner, owner, memory, cpu);
}

#define OWNER_NODE(code, labels)                                       \
	{                                                              \
		.expect = { "GET /api/v1/nodes/n2 " }, .status = code, \
		.body = "{\"metadata\":{\"labels\":{" labels "}}}"     \
	}
#define INSTALLED "\"kata-deploy.katacontainers.io/default\":\"false\""

static void test_larger_overhead_of_another_node_stays(void **state)
{
	_free_ char *body = class_text_of("n2", "9Gi", "4");
	const struct fake_turn turns[] = {
		{ .expect = { "GET " CLASSES "kata-qemu " }, .status = "200 OK", .body = body },
		OWNER_NODE("200 OK", INSTALLED),
	};

	(void)state;
	assert_applied(turns, ARRAY_SIZE(turns), 0);
}

static void test_smaller_overhead_is_raised_and_said_once(void **state)
{
	_free_ char *overhead = overhead_text(-1);
	_free_ char *body = class_text_of("n2", "1Mi", "1m");
	const struct fake_turn turns[] = {
		{ .expect = { "GET " CLASSES "kata-qemu " }, .status = "200 OK", .body = body },
		ALLOWED("kata-qemu"),
		NAMESPACE,
		DONE("PATCH", "kata-qemu?", overhead, "overhead-memory\":\"n1\"",
		     "\"resourceVersion\":\"7\""),
		{ .expect = { "POST /apis/events", "KataOverheadRaised", "'kata-qemu'", "'n2'" },
		  .status = "201 Created",
		  .body = "{}" },
	};

	(void)state;
	assert_applied(turns, ARRAY_SIZE(turns), 1);
}

/* While a roll-out lasts, nodes have two versions, and each looks every few minutes. */
static void test_class_that_another_release_has_written_is_left_alone(void **state)
{
	const struct host_facts facts = { .arch = "x86_64", .sys = "/sys", .proc = "/proc" };
	const struct overhead *o = hostcheck_has_kvm(&facts) ? &overhead_kvm : &overhead_emulation;
	_free_ char *memory = xasprintf("%uMi", o->guest_mib + o->host_mib);
	_free_ char *cpu = xasprintf("%um", o->cpu_milli);
	_free_ char *body = class_text_of("n2", memory, cpu);
	const struct fake_turn turns[] = {
		{ .expect = { "GET " CLASSES "kata-qemu " }, .status = "200 OK", .body = body },
	};
	char *version = strstr(body, "kata-version\":\"1\"");

	(void)state;
	assert_non_null(version);
	version[strlen("kata-version\":\"")] = '2';
	assert_applied(turns, ARRAY_SIZE(turns), 0);
}

/* What was read when the run began may be old when its turn comes. */
static void test_class_of_ours_that_changed_since_the_run_began_is_read_again(void **state)
{
	_free_ char *overhead = overhead_text(-1);
	_free_ char *body = class_text_of("n2", "1Mi", "1m");
	_free_ char *later = class_text_of("n3", "2Mi", "1m");
	const struct fake_turn turns[] = {
		{ .expect = { "GET " CLASSES "kata-qemu " }, .status = "200 OK", .body = body },
		ALLOWED("kata-qemu"),
		NAMESPACE,
		{ .expect = { "PATCH " CLASSES "kata-qemu?", "\"resourceVersion\":\"7\"" },
		  .status = "409 Conflict",
		  .body = "{\"reason\":\"Conflict\"}" },
		{ .expect = { "GET " CLASSES "kata-qemu " }, .status = "200 OK", .body = later },
		DONE("PATCH", "kata-qemu?", overhead, "overhead-memory\":\"n1\""),
		{ .expect = { "POST /apis/events", "KataOverheadRaised", "'n3'" },
		  .status = "201 Created",
		  .body = "{}" },
	};

	(void)state;
	assert_applied(turns, ARRAY_SIZE(turns), 1);
}

static void test_overhead_is_lowered_by_its_owner_and_after_its_end(void **state)
{
	_free_ char *overhead = overhead_text(-1);
	_free_ char *own = class_text_of("n1", "9Gi", "4");
	_free_ char *others = class_text_of("n2", "9Gi", "4");
	const struct fake_turn cases[][5] = {
		{ { .expect = { "GET " CLASSES "kata-qemu " }, .status = "200 OK", .body = own },
		  ALLOWED("kata-qemu"),
		  NAMESPACE,
		  DONE("PATCH", "kata-qemu?", overhead) },
		{ { .expect = { "GET " CLASSES "kata-qemu " }, .status = "200 OK", .body = others },
		  OWNER_NODE("404 Not Found", ""),
		  ALLOWED("kata-qemu"),
		  NAMESPACE,
		  DONE("PATCH", "kata-qemu?", overhead, "overhead-cpu\":\"n1\"") },
	};
	static const size_t turns[] = { 4, 5 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(turns); i++)
		assert_applied(cases[i], turns[i], 1);
}

/* The API server writes amounts in its own way: 1024Mi is 1Gi, 1000m is 1. */
static void test_overhead_in_other_words_is_the_same(void **state)
{
	const struct host_facts facts = { .arch = "x86_64", .sys = "/sys", .proc = "/proc" };
	const struct overhead *o = hostcheck_has_kvm(&facts) ? &overhead_kvm : &overhead_emulation;
	_free_ char *cpu = xasprintf("%um", o->cpu_milli);
	_free_ char *body = class_text_of("n2", "2Gi", cpu);
	_free_ char *text =
		xasprintf("[hypervisor.qemu]\nenable_mem_prealloc = true\ndefault_memory = %u\n",
			  2048 - o->host_mib);
	const struct fake_turn turns[] = {
		{ .expect = { "GET " CLASSES "kata-qemu " }, .status = "200 OK", .body = body },
	};
	struct place s;
	struct error e;

	(void)state;
	begin(&s, "", turns, ARRAY_SIZE(turns));
	folder_put(s.dir, "dropin-qemu.toml", text);
	assert_int_equal(apply_one(&s, &e), 0);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overhead_is_what_a_sandbox_takes_here),
		cmocka_unit_test(test_class_that_is_not_wanted_any_more_goes),
		cmocka_unit_test(test_pool_has_classes_of_its_own_for_its_own_nodes),
		cmocka_unit_test(test_memory_taken_at_once_is_booked),
		cmocka_unit_test(test_class_of_somebody_else_is_refused_by_name),
		cmocka_unit_test(test_class_that_its_owner_hands_over_is_changed_in_place),
		cmocka_unit_test(test_class_that_is_kept_is_not_kept_again),
		cmocka_unit_test(test_class_with_another_handler_is_not_deleted_unasked),
		cmocka_unit_test(test_class_that_may_be_replaced_keeps_what_it_was),
		cmocka_unit_test(test_class_that_another_node_has_changed_meanwhile_is_read_again),
		cmocka_unit_test(test_class_of_somebody_else_stays_at_the_end),
		cmocka_unit_test(test_adopted_class_is_handed_back_in_place),
		cmocka_unit_test(test_replaced_class_is_handed_back_with_its_handler),
		cmocka_unit_test(test_undo_brings_back_what_was_there),
		cmocka_unit_test(test_larger_overhead_of_another_node_stays),
		cmocka_unit_test(test_class_that_another_release_has_written_is_left_alone),
		cmocka_unit_test(test_class_of_ours_that_changed_since_the_run_began_is_read_again),
		cmocka_unit_test(test_smaller_overhead_is_raised_and_said_once),
		cmocka_unit_test(test_overhead_is_lowered_by_its_owner_and_after_its_end),
		cmocka_unit_test(test_overhead_in_other_words_is_the_same),
		cmocka_unit_test(test_adopted_class_gets_no_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
