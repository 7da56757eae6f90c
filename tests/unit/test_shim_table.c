/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_shim_table - a release may offer more kinds of sandboxes than today's: a node takes them
 * all, loses one that left SHIMS, and has nothing of any of them after a removal.
 *
 * The node is a folder, the API server a script, and the container engine a table of functions.
 */
#include "tests/unit/fake-node.h"

static const struct shim shims[] = {
	{ "qemu", "configuration-qemu.toml", "hypervisor.qemu" },
	{ "a", "configuration-a.toml", "hypervisor.a" },
	{ "b", "configuration-b.toml", "hypervisor.b" },
	{ "c", "configuration-c.toml", "hypervisor.c" },
	{ "d", "configuration-d.toml", "hypervisor.d" },
	{ "e", "configuration-e.toml", "hypervisor.e" },
	{ "f", "configuration-f.toml", "hypervisor.f" },
};

strv __wrap_shim_names(void);
strv __wrap_shim_names(void)
{
	strv names = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(shims); i++)
		strv_add(&names, shims[i].name);
	return names;
}

const struct shim *__wrap_shim_find(const char *name, struct error *e);
const struct shim *__wrap_shim_find(const char *name, struct error *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(shims); i++)
		if (strcmp(shims[i].name, name) == 0)
			return &shims[i];
	(void)fail(e, EINVAL, "no shim '%s'", name);
	return NULL;
}

/* A folder with what the node adds for each kind: a drop-in, debugging, an annotation. */
static void start(struct world *w)
{
	release_shims = shim_names();
	strv_drop(release_shims, "qemu");
	world_start(w);
	strv_free(w->settings.shims);
	w->settings.shims = shim_names();
	w->settings.debug = true;
	strv_add(&w->settings.annotations, "kernel_params");
	w->settings.create_runtimeclasses = false;
	w->settings.create_default_runtimeclass = false;
	for (size_t i = 0; i < ARRAY_SIZE(shims); i++) {
		_free_ char *name = xasprintf("dropin-%s.toml", shims[i].name);
		_free_ char *text = xasprintf("[%s]\nallow_emulation = true\n", shims[i].section);

		folder_put(w->dir, name, text);
	}
	canaries = 0;
	trials = 0;
}

static void end(struct world *w)
{
	world_end(w);
	strv_free(release_shims);
	release_shims = NULL;
}

static void run_steps(struct world *w, const struct step *const *steps,
		      const struct fake_turn *turns, size_t n)
{
	static const struct fake_turn no_class =
		GET("/apis/node.k8s.io/v1/runtimeclasses/", "404 Not Found", "{}");
	_cleanup_(journal_closep) struct journal *j = NULL;
	_assessment_ struct assessment a = { 0 };
	struct error e;
	struct run r;

	run_start(&r, w, steps, turns, n);
	r.api.aside = &no_class;
	r.facts.wish = WISH_LEAVE;
	if (journal_open(&w->settings.owner, r.facts.root, deadline_in(5000), NULL, &j, &e) < 0 ||
	    (steps == install_steps ? facts_read_install : facts_read_removal)(&r.facts, &r.in,
									       &e) < 0 ||
	    plan_assess(&r.plan, &a, &e) < 0 || plan_run(&r.plan, &a, j, &e) < 0)
		fail_msg("%s", e.msg);
	run_end(&r);
}

static void must_have(const struct world *w, const char *shim, const char *name, bool has)
{
	_free_ char *path = xasprintf("%s/kata-%s/%s", w->settings.etc, shim, name);

	if (file_exists(path) != has)
		fail_msg("'%s' is %s", path, has ? "missing" : "there");
}

static void assert_handlers(const struct world *w, char *const *names)
{
	_free_ char *path = path_join(w->host, "etc/engine/handlers");
	_free_ char *text = NULL;
	_strv_ strv lines = NULL;
	struct error e;

	assert_int_equal(file_read(path, 4096, &text, NULL, &e), 0);
	lines = strv_split(text, "\n");
	assert_int_equal(strv_len(lines), strv_len(names));
	for (size_t i = 0; names[i]; i++) {
		_free_ char *handler = xasprintf("kata-%s", names[i]);

		assert_string_equal(lines[i], handler);
	}
}

#define INSTALL                                                                                 \
	{                                                                                       \
		NODE, CONDITION, PATCH("/api/v1/nodes/n1?", "\"false\""),                       \
			GET("/api/v1/nodes?", "200 OK",                                         \
			    "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{\"status\":" \
			    "{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}]}"),  \
			PATCH("/api/v1/nodes/n1/status?", "\"True\""),                          \
			PATCH("/api/v1/nodes/n1?", "\"true\""),                                 \
		{                                                                               \
			.expect = { "POST /apis/events.k8s.io/" }, .status = "201 Created",     \
			.body = "{}"                                                            \
		}                                                                               \
	}

static void test_seven_kinds_come_and_go(void **state)
{
	static const char *const files[] = { "containerd-shim-kata-v2", "config.d/20-debug.toml",
					     "config.d/50-user-overrides.toml" };
	static const struct fake_turn installs[] = INSTALL;
	static const struct fake_turn removes[] = { NODE };
	struct world w;

	(void)state;
	start(&w);
	run_steps(&w, install_steps, installs, ARRAY_SIZE(installs));
	assert_int_equal(canaries, ARRAY_SIZE(shims));
	assert_int_equal(trials, ARRAY_SIZE(shims));
	assert_handlers(&w, w.settings.shims);
	for (size_t i = 0; i < ARRAY_SIZE(shims); i++) {
		must_have(&w, shims[i].name, shims[i].configuration, true);
		for (size_t k = 0; k < ARRAY_SIZE(files); k++)
			must_have(&w, shims[i].name, files[k], true);
	}
	strv_drop(w.settings.shims, "f");
	run_steps(&w, install_steps, installs, ARRAY_SIZE(installs));
	assert_handlers(&w, w.settings.shims);
	run_steps(&w, cleanup_steps, removes, ARRAY_SIZE(removes));
	for (size_t i = 0; i < ARRAY_SIZE(shims); i++)
		must_have(&w, shims[i].name, "", false);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seven_kinds_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
