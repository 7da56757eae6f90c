/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_crio - what would keep CRI-O from starting, what is left to others, and what it says.
 */
#include "tests/unit/folder.h"

#include <string.h>

#include "lib/file.h"
#include "lib/host/crio.h"
#include "lib/host/endpoint.h"
#include "lib/owner.h"

#define SHIM "/opt/kata/bin/containerd-shim-kata-v2"

static const struct handler handlers[] = {
	{ .name = "kata-qemu", .runtime_path = SHIM, .config_path = "/opt/kata/c.toml" },
};

static const struct owner owner = { .program = "kata-deploy", .name = "kata-deploy" };

struct world {
	char *dir;
	struct engine engine;
	struct edit edit;
	struct error e;
};

static void begin(struct world *w)
{
	*w = (struct world){ .dir = folder_new() };
	assert_int_equal(flavour_find("crio", &w->engine.flavour, &w->e), 0);
	w->engine.driver = engine_driver(w->engine.flavour);
	assert_ptr_equal(w->engine.driver, &crio_driver);
	w->engine.dir = w->dir;
	w->engine.main_file = w->engine.flavour->main_file;
	w->engine.owner = &owner;
}

static void plan(struct world *w, enum presence presence)
{
	const struct handlers all = { handlers, ARRAY_SIZE(handlers), presence };

	edit_done(&w->edit);
	w->edit = (struct edit){ 0 };
	if (crio_plan(&w->engine, &all, &w->edit, &w->e) < 0)
		fail_msg("%s", w->e.msg);
}

static void apply(struct world *w, enum presence presence)
{
	plan(w, presence);
	if (edit_apply(&w->edit, &w->e) < 0)
		fail_msg("%s", w->e.msg);
}

static char *text_of(const struct world *w, const char *name)
{
	_free_ char *path = path_join(w->dir, name);
	char *text = NULL;
	struct error e;

	return file_read(path, MIB, &text, NULL, &e) < 0 ? NULL : text;
}

static void end(struct world *w)
{
	edit_done(&w->edit);
	engine_done(&w->engine);
	folder_remove(w->dir);
}

static void test_a_handler_has_what_a_vm_needs(void **state)
{
	static const char *const lines[] = {
		"[crio.runtime.runtimes.kata-qemu]\n",
		"runtime_path = \"" SHIM "\"\n",
		"runtime_type = \"vm\"\n",
		"runtime_root = \"/run/vc\"\n",
		"runtime_config_path = \"/opt/kata/c.toml\"\n",
		"privileged_without_host_devices = true\n",
	};
	_free_ char *text = NULL;
	struct world w;

	(void)state;
	begin(&w);
	apply(&w, HANDLERS_PRESENT);
	text = text_of(&w, "crio.conf.d/kata-deploy.conf");
	assert_non_null(text);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (!strstr(text, lines[i]))
			fail_msg("no '%s' in %s", lines[i], text);
	end(&w);
}

static void test_what_keeps_it_from_starting_is_found_before(void **state)
{
	static const struct {
		const char *path, *text, *says; /* NULL: it starts */
	} cases[] = {
		{ "crio.conf.d/zz.conf", "[crio.runtime]\ndefault_runtime = \"runc\"\n", NULL },
		{ "crio.conf.d/zz.conf", "[crio.runtime]\ndefault_runtime = \"kata-qemu\"\n",
		  NULL },
		{ "crio.conf", "[crio.runtime]\ndefault_runtime = \"kata-old\"\n", "kata-old" },
		{ "crio.conf.d/sub/x", "[crio.runtime]\ndefault_runtime = \"kata-old\"\n",
		  "sub/x' has" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct world w;
		int r;

		begin(&w);
		folder_put(w.dir, cases[i].path, cases[i].text);
		plan(&w, HANDLERS_PRESENT);
		r = crio_must_start(&w.engine, &w.edit, &w.e);
		assert_int_equal(r, cases[i].says ? -EINVAL : 0);
		if (cases[i].says && !strstr(w.e.msg, cases[i].says))
			fail_msg("%s", w.e.msg);
		end(&w);
	}
}

static void test_file_of_others_that_is_no_toml_is_refused(void **state)
{
	const struct handlers all = { handlers, ARRAY_SIZE(handlers), HANDLERS_PRESENT };
	struct world w;

	(void)state;
	begin(&w);
	plan(&w, HANDLERS_PRESENT);
	folder_put(w.dir, "crio.conf.d/broken.conf", "[crio\n");
	assert_int_equal(crio_must_start(&w.engine, &w.edit, &w.e), -EINVAL);
	assert_non_null(strstr(w.e.msg, "broken.conf:1"));
	edit_done(&w.edit);
	w.edit = (struct edit){ 0 };
	assert_int_equal(crio_plan(&w.engine, &all, &w.edit, &w.e), -EINVAL);
	end(&w);
}

static void test_default_runtime_that_goes_is_refused(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	apply(&w, HANDLERS_PRESENT);
	folder_put(w.dir, "crio.conf.d/00.conf",
		   "[crio.runtime]\ndefault_runtime = \"kata-qemu\"\n");
	plan(&w, HANDLERS_ABSENT);
	assert_int_equal(crio_must_start(&w.engine, &w.edit, &w.e), -EINVAL);
	/* A later file decides. */
	folder_put(w.dir, "crio.conf.d/zz.conf", "[crio.runtime]\ndefault_runtime = \"crun\"\n");
	assert_int_equal(crio_must_start(&w.engine, &w.edit, &w.e), 0);
	end(&w);
}

static void test_removal_leaves_handlers_that_lead_elsewhere(void **state)
{
	static const char theirs[] = "[crio.runtime.runtimes.kata-qemu]\nruntime_path = \"/x\"\n";
	static const char ours[] =
		"[crio.runtime.runtimes.kata-qemu]\nruntime_path = \"" SHIM "\"\n[crio.network]\n";
	_free_ char *elsewhere = NULL;
	_free_ char *here = NULL;
	struct world w;

	(void)state;
	begin(&w);
	folder_put(w.dir, "crio.conf.d/a.conf", theirs);
	folder_put(w.dir, "crio.conf", ours);
	apply(&w, HANDLERS_ABSENT);
	elsewhere = text_of(&w, "crio.conf.d/a.conf");
	here = text_of(&w, "crio.conf");
	assert_string_equal(elsewhere, theirs);
	assert_string_equal(here, "[crio.network]\n");
	end(&w);
}

static void test_a_table_within_a_value_is_refused(void **state)
{
	const struct handlers all = { handlers, ARRAY_SIZE(handlers), HANDLERS_PRESENT };
	struct world w;

	(void)state;
	begin(&w);
	folder_put(w.dir, "crio.conf",
		   "[crio.runtime]\nruntimes = { kata-qemu = { runtime_path = \"/x\" } }\n");
	assert_true(crio_plan(&w.engine, &all, &w.edit, &w.e) < 0);
	end(&w);
}

#define RUNTIME(path)                \
	"{\"RuntimePath\":\"" path   \
	"\",\"RuntimeType\":\"vm\"," \
	"\"RuntimeConfigPath\":\"/opt/kata/c.toml\",\"DisallowedAnnotations\":[\"a\"]}"

static void test_what_it_says_is_compared_like_containerds(void **state)
{
	static const struct {
		const char *runtimes;
		bool lacks;
	} cases[] = {
		{ "\"kata-qemu\":" RUNTIME(SHIM), false },
		{ "\"kata-qemu\":" RUNTIME("/usr/bin/other"), true },
		{ "\"runc\":{}", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = xasprintf(
			"{\"sandboxImage\":\"p\",\"crio\":{\"DefaultRuntime\":"
			"\"runc\",\"Runtimes\":{%s}}}",
			cases[i].runtimes);
		_endpoint_state_ struct endpoint_state s = { 0 };
		_json_ struct json_object *said = NULL;
		struct error e;

		assert_int_equal(json_parse(text, strlen(text), "status", &said, &e), 0);
		s.config = crio_translate(said);
		assert_string_equal(json_get_str(s.config, "containerd.defaultRuntimeName"),
				    "runc");
		/* Its list of annotations has another order each time. */
		assert_null(strstr(json_text(s.config), "Annotations"));
		s.handlers = strv_split(i < 2 ? "runc kata-qemu" : "runc", " ");
		assert_int_equal(endpoint_lacks(&s, handlers, 1) != NULL, cases[i].lacks);
	}
}

static void test_kubelet_says_which_engine_it_is(void **state)
{
	static const struct {
		const char *distribution, *version, *flavour;
	} cases[] = {
		{ "k8s", "cri-o://1.36.3", "crio" },
		{ "k8s", "containerd://2.4.2", "k8s" },
		{ "k3s", "containerd://2.0.5-k3s1", "k3s" },
		{ "k3s", "cri-o://1.30.0", "crio" },
		{ "crio", "containerd://2.4.2", "k8s" },
		{ "k8s", "docker://28.0.1", "k8s" },
		{ "k8s", "", "k8s" },
		{ "k8s", NULL, "k8s" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct flavour *named;
		struct error e;

		assert_int_equal(flavour_find(cases[i].distribution, &named, &e), 0);
		assert_string_equal(flavour_of_runtime(named, cases[i].version)->name,
				    cases[i].flavour);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_handler_has_what_a_vm_needs),
		cmocka_unit_test(test_what_keeps_it_from_starting_is_found_before),
		cmocka_unit_test(test_file_of_others_that_is_no_toml_is_refused),
		cmocka_unit_test(test_default_runtime_that_goes_is_refused),
		cmocka_unit_test(test_removal_leaves_handlers_that_lead_elsewhere),
		cmocka_unit_test(test_a_table_within_a_value_is_refused),
		cmocka_unit_test(test_what_it_says_is_compared_like_containerds),
		cmocka_unit_test(test_kubelet_says_which_engine_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
