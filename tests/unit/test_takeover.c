/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_takeover - what upstream's kata-deploy told the engine is taken over, and comes back byte
 * for byte, whatever happens in between.
 *
 * The steps and the drivers are the real ones; nobody listens on the engine's socket, and the file
 * of a driver is written by a step of the test's own in place of the one that restarts.
 */
#include "tests/unit/owner.h"
#include "tests/unit/upstream.h"

#include <sys/wait.h>

#include "deploy/adopt.h"
#include "lib/host/adopt.h"
#include "lib/host/store.h"

extern const struct step step_adopt;
extern const struct step step_switch;

#define RUNTIMES3 "plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes"
#define RUNTIMES2 "plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes"

/* As upstream writes a handler; its order of keys, and its indentation. */
#define TABLES(runtimes, name, shim, config)                                            \
	"\n[" runtimes "." name "]\nruntime_type = \"io.containerd." name               \
	".v2\"\n"                                                                       \
	"runtime_path = \"/opt/kata/" shim                                              \
	"/containerd-shim-kata-v2\"\n"                                                  \
	"privileged_without_host_devices = true\n"                                      \
	"pod_annotations = [\"io.katacontainers.*\"]\n"                                 \
	"container_annotations = [\"io.kubernetes.container.terminationMessage*\"]\n\n" \
	"[" runtimes "." name                                                           \
	".options]\n"                                                                   \
	"ConfigPath = \"/opt/kata/share/defaults/kata-containers/" config "\"\n"
#define UPSTREAM(runtimes)                                                               \
	TABLES(runtimes, "kata-qemu-runtime-rs", "runtime-rs/bin",                       \
	       "runtime-rs/runtimes/qemu-runtime-rs/configuration-qemu-runtime-rs.toml") \
	TABLES(runtimes, "kata-qemu", "bin", "runtimes/qemu/configuration-qemu.toml")    \
	TABLES(runtimes, "kata-clh", "bin", "runtimes/clh/configuration-clh.toml")
#define RUNC(runtimes) "[" runtimes ".runc]\nruntime_type = \"io.containerd.runc.v2\"\n"

static const char crio_text[] =
	"[crio]\n  storage_option = [\n\t\"overlay.skip_mount_home=true\",\n  ]\n"
	"[crio.runtime.runtimes.kata-qemu]\n\truntime_path = "
	"\"/opt/kata/bin/containerd-shim-kata-v2\"\n\truntime_type = \"vm\"\n\truntime_root = "
	"\"/run/vc\"\n\truntime_config_path = \"/x.toml\"\n\tprivileged_without_host_devices = "
	"true\n"
	"[crio.runtime.runtimes.kata-clh]\n\truntime_path = "
	"\"/opt/kata/bin/containerd-shim-kata-v2\"\n";

/* A node as upstream leaves it; %s in the main file is the folder that stands for its /. */
static const struct layout {
	const char *flavour;
	const char *version;
	const char *main_file;
	const char *file; /* below the engine's folder, beside the main file; NULL: none */
	const char *text;
	const char *import; /* upstream's own file in the root; NULL: none */
	const char *suffix; /* of a second installation; NULL: it is the first */
} layouts[] = {
	{ "k8s", "v1.7.29",
	  "version = 2\n" RUNC(RUNTIMES2) UPSTREAM(RUNTIMES2) "[debug]\n  level = \"info\"\n", NULL,
	  NULL, NULL, NULL },
	{ "k8s", "v2.0.5",
	  "version = 3\nimports = [\"%s/opt/kata/" UPSTREAM_IMPORT "\"]\n" RUNC(RUNTIMES3), NULL,
	  NULL, "version = 3\n" UPSTREAM(RUNTIMES3), NULL },
	{ "k8s", "v2.1.4",
	  "imports = ['/etc/other/*.toml', \"%s/opt/kata/" UPSTREAM_IMPORT
	  "\"]\nversion = 2\n" RUNC(RUNTIMES2),
	  NULL, NULL, "version = 2\n" UPSTREAM(RUNTIMES2), NULL },
	{ "k8s", "v2.4.2", "version = 3\nimports = [\"%s/etc/conf.d/*.toml\"]\n",
	  "conf.d/kata-deploy.toml",
	  "version = 3\n" UPSTREAM(RUNTIMES3) "[proxy_plugins.nydus-for-kata-tee]\n"
					      "type = \"snapshot\"\n",
	  NULL, NULL },
	{ "k0s", "v1.7.29", "# k0s_managed=true\nversion = 2\n", "containerd.d/kata-deploy.toml",
	  "version = 2\n" UPSTREAM(RUNTIMES2), NULL, NULL },
	{ "k3s", "v2.1.4", "version = 3\nimports = [\"%s/etc/config-v3.toml.d/*.toml\"]\n",
	  "config-v3.toml.d/kata-deploy.toml", "version = 3\n" UPSTREAM(RUNTIMES3), NULL, NULL },
	{ "crio", "1.36.3", NULL, "crio.conf.d/99-kata-deploy", crio_text, NULL, NULL },
	{ .flavour = "k8s",
	  .version = "v2.4.2",
	  .main_file = "version = 3\nimports = [\"%s/etc/conf.d/*.toml\"]\n",
	  .file = "conf.d/kata-deploy-blue.toml",
	  .text = "version = 3\n" TABLES(RUNTIMES3, "kata-qemu-blue", "bin",
					 "runtimes/qemu/configuration-qemu.toml")
		  TABLES(RUNTIMES3, "kata-clh-blue", "bin", "runtimes/clh/configuration-clh.toml"),
	  .suffix = "blue" },
};

/* ---- what upstream's pods have noted ---- */

static const char *watched; /* the root; NULL: nobody looks */
static unsigned missing;

int __real_link_replace(const char *path, const char *target, struct error *e);
int __wrap_link_replace(const char *path, const char *target, struct error *e);
int __real_file_sync_parent(const char *path, struct error *e);
int __wrap_file_sync_parent(const char *path, struct error *e);

static void look(void)
{
	static const char *const noted[] = { UPSTREAM_GO, "libexec", "share" };

	for (size_t i = 0; watched && i < ARRAY_SIZE(noted); i++) {
		_free_ char *path = path_join(watched, noted[i]);

		missing += access(path, F_OK) < 0;
	}
}

int __wrap_link_replace(const char *path, const char *target, struct error *e)
{
	int r = __real_link_replace(path, target, e);

	look();
	return r;
}

int __wrap_file_sync_parent(const char *path, struct error *e)
{
	look();
	return __real_file_sync_parent(path, e);
}

/* ---- the node ---- */

struct node {
	char *dir;  /* of everything */
	char *root; /* /opt/kata */
	char *name; /* of the handler */
	char *owner;
	char *etc; /* the engine's folder */
	char *shim;
	char *launcher;
	struct handler handler;
	struct known_handler known;
	struct settings settings;
	struct facts facts;
	struct install in;
	char *before; /* how all was */
};

static void node_put(struct node *n, const struct layout *l)
{
	_free_ char *main_text = NULL;
	const char *at = l->main_file ? strstr(l->main_file, "%s") : NULL;

	if (at)
		main_text = xasprintf("%.*s%s%s", (int)(at - l->main_file), l->main_file, n->dir,
				      at + 2);
	if (l->main_file)
		folder_put(n->etc, n->facts.engine.main_file, main_text ? main_text : l->main_file);
	if (l->file)
		folder_put(n->etc, l->file, l->text);
	upstream_put(n->root, l->import);
	folder_put(n->root, "VERSION", "4.1.0\n");
	folder_put(n->root, "versions/1-aaa/bin/containerd-shim-kata-v2", "ours");
	folder_put(n->root, "versions/1-aaa/libexec/d", "ours");
	folder_put(n->root, "versions/1-aaa/share/k", "ours");
}

static void node_start(struct node *n, const struct layout *l)
{
	static char folder[] = "1-aaa";
	struct engine *engine = &n->facts.engine;
	const char *suffix = l->suffix ? l->suffix : "";
	const char *dash = l->suffix ? "-" : "";
	struct error e;

	*n = (struct node){ .dir = folder_new(), .settings = { .adopt = true } };
	n->root = xasprintf("%s/opt/kata%s%s", n->dir, dash, suffix);
	n->name = xasprintf("kata-qemu%s%s", dash, suffix);
	n->owner = xasprintf("kata-deploy%s%s", dash, suffix);
	n->etc = path_join(n->dir, "etc");
	n->shim = path_join(n->root, "bin/containerd-shim-kata-v2");
	n->launcher = path_join(n->root, "share/launchers/qemu/containerd-shim-kata-v2");
	n->handler = (struct handler){ n->name, n->shim, "/c.toml", n->launcher, NULL };
	n->known = (struct known_handler){ n->name, n->shim, n->launcher };
	n->settings.owner = test_owner;
	n->settings.owner.name = n->owner;
	n->facts.settings = &n->settings;
	n->facts.root = n->root;
	n->facts.folder = folder;
	n->facts.handlers = &n->handler;
	n->facts.known = &n->known;
	n->facts.n_offers = 1;
	assert_int_equal(json_parse("{}", 2, "node", &n->facts.node, &e), 0);
	assert_int_equal(flavour_find(l->flavour, &engine->flavour, &e), 0);
	engine->driver = engine_driver(engine->flavour);
	engine->root = n->root;
	engine->dir = n->etc;
	engine->main_file = engine->flavour->main_file;
	engine->socket = "/nobody";
	engine->owner = &n->settings.owner;
	n->in.common.look = install_look;
	n->in.facts = &n->facts;
	if (engine_set_version(engine, l->version, &e) < 0)
		fail_msg("%s", e.msg);
	node_put(n, l);
	n->before = upstream_list(n->dir, UPSTREAM_TEXTS);
}

static void node_end(struct node *n)
{
	json_putp(&n->facts.node);
	engine_done(&n->facts.engine);
	free(n->root);
	free(n->name);
	free(n->owner);
	free(n->etc);
	free(n->shim);
	free(n->launcher);
	free(n->before);
	folder_remove(n->dir);
}

static char *node_text(const struct node *n, const char *name)
{
	_free_ char *path = path_join(n->dir, name);
	char *text = NULL;
	struct error e;

	return file_read(path, MIB, &text, NULL, &e) < 0 ? xstrdup("") : text;
}

static char *root_text(const struct node *n, const char *name)
{
	_free_ char *path = path_join(n->root, name);

	return node_text(n, path + strlen(n->dir) + 1);
}

static void must_be_as_before(const struct node *n)
{
	_free_ char *now = upstream_list(n->dir, UPSTREAM_TEXTS);

	upstream_must_equal(n->before, now);
}

/* ---- the engine's step ---- */

static enum { CRI_WORKS, CRI_FAILS, CRI_DIES } cri;

static int cri_assess(const void *context, const struct assessment *others, struct change *c,
		      struct error *e)
{
	const struct install *in = context;
	const struct handlers handlers = facts_handlers(in->facts);
	int r = in->facts->engine.driver->plan(&in->facts->engine, &handlers, &c->edit, e);

	(void)others;
	if (r >= 0)
		change_add_edit(c, &c->edit, "it has not ours");
	return r;
}

static int cri_run(void *context, const struct change *c, struct error *e)
{
	int r = site_edit(context, &c->edit, e);

	if (cri == CRI_DIES)
		_exit(0);
	return r < 0 || cri == CRI_WORKS ? r : fail(e, EINVAL, "does not start");
}

static int cri_save(const void *context, const struct change *c, struct json_object *data,
		    struct error *e)
{
	(void)context;
	(void)e;
	edit_save(&c->edit, data);
	return 0;
}

static int cri_undo(void *context, struct json_object *data, enum undo_reason reason,
		    struct error *e)
{
	struct install *in = context;

	(void)reason;
	return edit_restore(data, in->facts->engine.driver->merge, &in->facts->engine, e) < 0
		       ? -e->code
		       : 0;
}

static const struct step step_test = {
	.name = "cri",
	.purpose = "configure",
	.assess = cri_assess,
	.run = cri_run,
	.save = cri_save,
	.undo = cri_undo,
};

static step_table steps = { &step_adopt, &step_switch, &step_test, NULL };

static int run_plan(struct node *n, const struct step *const *table, struct error *e)
{
	const struct plan plan = { .steps = table, .context = &n->in };
	_cleanup_(journal_closep) struct journal *j = NULL;
	_assessment_ struct assessment a = { 0 };

	if (journal_open(&n->settings.owner, n->root, 0, NULL, &j, e) < 0 ||
	    plan_recover(&plan, j, e) < 0 || plan_assess(&plan, &a, e) < 0)
		return -e->code;
	return plan_run(&plan, &a, j, e);
}

/* What an installation does.  The error's code, or how many steps ran. */
static int install(struct node *n, struct error *e)
{
	return run_plan(n, steps, e);
}

static void must_install(struct node *n, int n_steps)
{
	struct error e;
	int r = install(n, &e);

	if (r < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(r, n_steps);
}

/* What a removal does, but for the restart, the labels and the classes. */
static void withdraw(struct node *n)
{
	_edit_ struct edit edit = { 0 };
	struct error e;

	if (engine_plan_removal(&n->facts.engine, &n->known, 1, &edit, &e) < 0 ||
	    adopt_plan_return(&n->facts, &edit, &e) < 0 || edit_apply(&edit, &e) < 0)
		fail_msg("%s", e.msg);
}

static void must_remove(struct node *n)
{
	struct error e;

	withdraw(n);
	if (adopt_return(n->root, &e) < 0 || store_unlink(n->root, &e) < 0 ||
	    store_switch(n->root, NULL, &e) < 0)
		fail_msg("%s", e.msg);
	adopt_end(&n->facts);
}

/* ---- the tests ---- */

static void must_be_taken_over(const struct node *n, const struct layout *l)
{
	_free_ char *list = upstream_list(n->etc, UPSTREAM_TEXTS);
	_free_ char *import = root_text(n, UPSTREAM_IMPORT);
	_free_ char *program = root_text(n, UPSTREAM_GO);
	_free_ char *rust = root_text(n, UPSTREAM_RUST);

	assert_true(adopt_stands(n->root));
	assert_true(strstr(list, n->shim) || strstr(list, n->launcher));
	assert_null(strstr(list, "runtimes/qemu/"));
	assert_null(strstr(import, "runtimes/qemu/"));
	assert_string_equal(program, "ours");
	assert_non_null(strstr(rust, "echo rust"));
	/* Pods of its other handlers keep theirs, which the engine asks for at each exec. */
	assert_non_null(strstr(l->import ? import : list, "kata-clh"));
	if (l->text && strstr(l->text, "nydus"))
		assert_non_null(strstr(list, "nydus"));
}

static void test_it_is_taken_over_and_handed_back_byte_for_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct node n;

		node_start(&n, &layouts[i]);
		cri = CRI_WORKS;
		must_install(&n, 3);
		must_be_taken_over(&n, &layouts[i]);
		/* Once is enough. */
		must_install(&n, 0);
		must_remove(&n);
		must_be_as_before(&n);
		/* And once more. */
		must_install(&n, 3);
		must_remove(&n);
		must_be_as_before(&n);
		node_end(&n);
	}
}

static void test_a_failure_takes_all_of_it_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct node n;
		struct error e;

		node_start(&n, &layouts[i]);
		cri = CRI_FAILS;
		assert_int_equal(install(&n, &e), -EINVAL);
		assert_false(adopt_stands(n.root));
		must_be_as_before(&n);
		node_end(&n);
	}
}

/* A removal asks for them, too, while they go back. */
static void test_no_known_path_is_missing_at_any_moment(void **state)
{
	struct node n;
	struct error e;

	(void)state;
	node_start(&n, &layouts[0]);
	watched = n.root;
	missing = 0;
	cri = CRI_FAILS;
	assert_int_equal(install(&n, &e), -EINVAL);
	assert_int_equal(missing, 0);
	cri = CRI_WORKS;
	must_install(&n, 3);
	assert_int_equal(missing, 0);
	assert_int_equal(adopt_return(n.root, &e), 0);
	assert_int_equal(missing, 0);
	watched = NULL;
	must_remove(&n);
	must_be_as_before(&n);
	node_end(&n);
}

static void test_a_kill_takes_all_of_it_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct node n;
		struct error e;
		pid_t pid;

		node_start(&n, &layouts[i]);
		cri = CRI_DIES;
		pid = fork();
		if (pid == 0) {
			(void)install(&n, &e);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_true(adopt_stands(n.root));
		/* The next one is not wished any more. */
		cri = CRI_WORKS;
		n.settings.adopt = false;
		assert_int_equal(install(&n, &e), -EEXIST);
		assert_non_null(strstr(e.msg, "4.1.0"));
		assert_non_null(strstr(e.msg, "KATA_ADOPT"));
		must_be_as_before(&n);
		node_end(&n);
	}
}

/* Its journal brings our handlers back after the tree has gone back. */
static void be_killed_while_removing(struct node *n)
{
	_json_ struct json_object *data = json_object_new_object();
	_edit_ struct edit edit = { 0 };
	struct error e;

	assert_int_equal(engine_plan_removal(&n->facts.engine, &n->known, 1, &edit, &e), 0);
	assert_int_equal(adopt_plan_return(&n->facts, &edit, &e), 0);
	edit_save(&edit, data);
	assert_int_equal(edit_apply(&edit, &e), 0);
	assert_int_equal(adopt_return(n->root, &e), 0);
	assert_int_equal(cri_undo(&n->in, data, UNDO_INTERRUPTED, &e), 0);
}

/* The record takes them away again. */
static void test_a_removal_that_was_killed_can_be_repeated(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct node n;

		node_start(&n, &layouts[i]);
		cri = CRI_WORKS;
		must_install(&n, 3);
		be_killed_while_removing(&n);
		assert_false(adopt_is_anothers(&n.facts));
		must_remove(&n);
		must_be_as_before(&n);
		assert_true(adopt_is_anothers(&n.facts));
		node_end(&n);
	}
}

/* Where an installation follows instead, it must not take ours for what was there. */
static void test_after_a_removal_that_was_killed_it_can_be_adopted_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct node n;

		node_start(&n, &layouts[i]);
		cri = CRI_WORKS;
		must_install(&n, 3);
		be_killed_while_removing(&n);
		must_install(&n, 2);
		must_be_taken_over(&n, &layouts[i]);
		must_remove(&n);
		must_be_as_before(&n);
		node_end(&n);
	}
}

static int failing_assess(const void *context, const struct assessment *others, struct change *c,
			  struct error *e)
{
	(void)context;
	(void)others;
	(void)e;
	change_add(c, EFFECT_PROBE, "sandbox", "it has to answer");
	return 0;
}

static int failing_run(void *context, const struct change *c, struct error *e)
{
	(void)context;
	(void)c;
	return fail(e, EINVAL, "does not answer");
}

static const struct step step_fails = {
	.name = "trial",
	.purpose = "try",
	.assess = failing_assess,
	.run = failing_run,
};

/* Nor when that one fails. */
static void test_a_failure_after_a_removal_that_was_killed_keeps_the_record(void **state)
{
	static step_table failing = { &step_adopt, &step_switch, &step_fails, NULL };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct node n;
		struct error e;

		node_start(&n, &layouts[i]);
		cri = CRI_WORKS;
		must_install(&n, 3);
		be_killed_while_removing(&n);
		assert_int_equal(run_plan(&n, failing, &e), -EINVAL);
		must_install(&n, 2);
		must_remove(&n);
		must_be_as_before(&n);
		node_end(&n);
	}
}

/* One entry is not back yet. */
static void leave_aside(const struct node *n, const char *name)
{
	_free_ char *here = path_join(n->root, name);
	_free_ char *target = xasprintf("versions/4.1.0-foreign/%s", name);
	_free_ char *aside = path_join(n->root, target);

	assert_int_equal(rename(here, aside), 0);
	assert_int_equal(symlink(target, here), 0);
}

/* A removal that was killed on its way leaves the record; the next adoption, of what may be another
 * version by then, begins with its end. */
static void test_a_record_that_was_left_is_no_obstacle(void **state)
{
	_json_ struct json_object *record = NULL;
	_free_ char *first = NULL;
	struct node n;
	struct error e;

	(void)state;
	node_start(&n, &layouts[1]);
	first = path_join(n.root, "versions/4.1.0-foreign");
	cri = CRI_WORKS;
	must_install(&n, 3);
	withdraw(&n);
	assert_int_equal(adopt_return(n.root, &e), 0);
	assert_int_equal(store_switch(n.root, NULL, &e), 0);
	leave_aside(&n, "runtime-rs");
	folder_put(n.root, "VERSION", "4.2.0\n");
	assert_true(adopt_stands(n.root));
	must_install(&n, 3);
	must_be_taken_over(&n, &layouts[1]);
	assert_int_equal(adopt_record(n.root, &record, &e), 0);
	assert_string_equal(json_get_str(record, "folder"), "4.2.0-foreign");
	assert_false(file_exists(first));
	must_remove(&n);
	folder_put(n.root, "VERSION", "4.1.0\n");
	must_be_as_before(&n);
	node_end(&n);
}

/* What somebody else wrote in the meantime stays. */
static void test_a_change_of_somebody_else_stays(void **state)
{
	_free_ char *text = NULL;
	_free_ char *more = NULL;
	_free_ char *after = NULL;
	struct node n;

	(void)state;
	node_start(&n, &layouts[0]);
	cri = CRI_WORKS;
	must_install(&n, 3);
	text = node_text(&n, "etc/config.toml");
	more = xasprintf("# by hand\n%s", text);
	folder_put(n.etc, "config.toml", more);
	must_remove(&n);
	after = node_text(&n, "etc/config.toml");
	assert_true(str_starts(after, "# by hand\n"));
	assert_null(strstr(after, "runtimes.kata-qemu]"));
	assert_non_null(strstr(after, "runtimes.kata-clh]"));
	node_end(&n);
}

static void test_a_tree_that_is_not_upstreams_is_refused_with_the_wish(void **state)
{
	_free_ char *gone = NULL;
	struct node n;
	struct error e;

	(void)state;
	node_start(&n, &layouts[0]);
	gone = path_join(n.root, "share/defaults");
	assert_int_equal(tree_remove(gone, &e), 0);
	assert_int_equal(install(&n, &e), -EEXIST);
	assert_non_null(strstr(e.msg, "not as upstream's"));
	node_end(&n);
}

static void test_handlers_that_are_lost_are_named(void **state)
{
	_assessment_ struct assessment a = { 0 };
	struct plan p = { .steps = steps };
	struct node n;
	struct error e;

	(void)state;
	node_start(&n, &layouts[1]);
	p.context = &n.in;
	n.facts.status.handlers = strv_split("runc kata-clh kata-qemu kata-fc", " ");
	if (plan_assess(&p, &a, &e) < 0)
		fail_msg("%s", e.msg);
	assert_non_null(
		strstr(a.changes[0].effects[0].why, "no new pod can have kata-clh, kata-fc"));
	endpoint_state_done(&n.facts.status);
	node_end(&n);
}

static void test_labels_are_noted(void **state)
{
	static const char node[] =
		"{\"metadata\":{\"labels\":{\"katacontainers.io/kata-runtime\":\"true\","
		"\"kata-deploy.katacontainers.io/default\":\"true\"}}}";
	_json_ struct json_object *record = NULL;
	struct node n;
	struct error e;

	(void)state;
	node_start(&n, &layouts[0]);
	json_putp(&n.facts.node);
	assert_int_equal(json_parse(node, strlen(node), "node", &n.facts.node, &e), 0);
	cri = CRI_WORKS;
	must_install(&n, 3);
	assert_int_equal(adopt_record(n.root, &record, &e), 0);
	assert_string_equal(json_get_str(record, "labels.shared"), "true");
	assert_string_equal(json_get_str(record, "labels.instance"), "true");
	must_remove(&n);
	node_end(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_is_taken_over_and_handed_back_byte_for_byte),
		cmocka_unit_test(test_a_failure_takes_all_of_it_back),
		cmocka_unit_test(test_no_known_path_is_missing_at_any_moment),
		cmocka_unit_test(test_a_kill_takes_all_of_it_back),
		cmocka_unit_test(test_a_removal_that_was_killed_can_be_repeated),
		cmocka_unit_test(test_after_a_removal_that_was_killed_it_can_be_adopted_again),
		cmocka_unit_test(test_a_failure_after_a_removal_that_was_killed_keeps_the_record),
		cmocka_unit_test(test_a_record_that_was_left_is_no_obstacle),
		cmocka_unit_test(test_a_change_of_somebody_else_stays),
		cmocka_unit_test(test_a_tree_that_is_not_upstreams_is_refused_with_the_wish),
		cmocka_unit_test(test_handlers_that_are_lost_are_named),
		cmocka_unit_test(test_labels_are_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
