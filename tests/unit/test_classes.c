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

#define CLASSES "/apis/node.k8s.io/v1/runtimeclasses/"

struct site {
	char *dir;
	struct fake_api api;
	struct settings settings;
	struct facts facts;
	struct install in;
};

static void begin(struct site *s, const char *pool, const struct fake_turn *turns, size_t n)
{
	_free_ char *text = NULL;
	_free_ char *kubeconfig = NULL;
	struct error e;

	*s = (struct site){ .dir = folder_new() };
	assert_true(fake_start(&s->api, turns, n, NULL));
	text = xasprintf(
		"current-context: c\n"
		"contexts: [{name: c, context: {cluster: k}}]\n"
		"clusters: [{name: k, cluster: {server: '%s'}}]\n",
		s->api.url);
	folder_put(s->dir, "kubeconfig", text);
	kubeconfig = path_join(s->dir, "kubeconfig");
	assert_int_equal(clearenv(), 0);
	assert_int_equal(setenv("KUBECONFIG", kubeconfig, 1), 0);
	assert_int_equal(setenv("NODE_NAME", "n1", 1), 0);
	assert_int_equal(setenv("KATA_CUSTOM_CONFIGS", s->dir, 1), 0);
	assert_int_equal(setenv("KATA_POOL", pool, 1), 0);
	assert_int_equal(settings_read(&s->settings, &e), 0);
	assert_int_equal(facts_open(&s->settings, &s->facts, &e), 0);
	assert_int_equal(install_open(&s->facts, NULL, &s->in, &e), 0);
	s->facts.offers = xcalloc(1, sizeof(*s->facts.offers));
	s->facts.n_offers = 1;
	assert_int_equal(offer_init(&s->facts.offers[0], &s->settings, s->dir, "qemu", &e), 0);
	s->facts.release.arch = xstrdup("x86_64");
	s->facts.release.version = xstrdup("1");
}

extern const struct step step_classes;

static void apply(struct site *s)
{
	static step_table steps = { &step_classes, NULL };
	const struct plan plan = { .steps = steps, .context = &s->in };
	_assessment_ struct assessment a = { 0 };
	struct error e;

	assert_int_equal(offer_read(&s->facts.offers[0], &s->settings, &e), 0);
	assert_int_equal(plan_assess(&plan, &a, &e), 0);
	assert_int_equal(step_classes.run(&s->in, &a.changes[0], &e), 0);
}

static void end(struct site *s)
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

/* The overhead as JSON has it on the kind of machine that the test runs on. */
static char *overhead_text(int64_t guest_mib)
{
	const struct host_facts facts = { .arch = "x86_64", .sys = "/sys", .proc = "/proc" };
	const struct overhead *o = hostcheck_has_kvm(&facts) ? &overhead_kvm : &overhead_emulation;

	return xasprintf("\"podFixed\":{\"memory\":\"%lldMi\",\"cpu\":\"%um\"}",
			 (long long)(guest_mib >= 0 ? guest_mib : o->guest_mib) + o->host_mib,
			 o->cpu_milli);
}

#define MISSING(name)                                                                          \
	{                                                                                      \
		.expect = { "GET " CLASSES name " " }, .status = "404 Not Found", .body = "{}" \
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
	const char *instance = "\"kata-deploy.katacontainers.io/default\":\"true\"";
	const struct fake_turn turns[] = {
		MISSING("kata-qemu"),
		ALLOWED("kata-qemu"),
		MISSING("kata"),
		ALLOWED("kata"),
		MISSING("kata-qemu"),
		NAMESPACE,
		{ .expect = { "PATCH " CLASSES "kata-qemu?", overhead, instance },
		  .status = "201 Created",
		  .body = "{}" },
		MISSING("kata"),
		NAMESPACE,
		{ .expect = { "PATCH " CLASSES "kata?", overhead, instance },
		  .status = "201 Created",
		  .body = "{}" },
	};
	struct site s;

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
		NAMESPACE,
		{ .expect = { "PATCH " CLASSES "kata-qemu-slow?", handler, instance },
		  .status = "201 Created",
		  .body = "{}" },
		MISSING("kata-slow"),
		NAMESPACE,
		{ .expect = { "PATCH " CLASSES "kata-slow?", handler, instance },
		  .status = "201 Created",
		  .body = "{}" },
	};
	struct site s;

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
		NAMESPACE,
		{ .expect = { "PATCH " CLASSES "kata-qemu?", overhead },
		  .status = "201 Created",
		  .body = "{}" },
		MISSING("kata"),
		NAMESPACE,
		{ .expect = { "PATCH " CLASSES "kata?", overhead },
		  .status = "201 Created",
		  .body = "{}" },
	};
	struct site s;

	(void)state;
	begin(&s, "", turns, ARRAY_SIZE(turns));
	folder_put(s.dir, "dropin-qemu.toml",
		   "[hypervisor.qemu]\nenable_mem_prealloc = true\ndefault_memory = 512\n");
	apply(&s);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overhead_is_what_a_sandbox_takes_here),
		cmocka_unit_test(test_pool_has_classes_of_its_own_for_its_own_nodes),
		cmocka_unit_test(test_memory_taken_at_once_is_booked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
