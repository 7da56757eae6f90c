/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_FAKE_NODE_H
#define TESTS_UNIT_FAKE_NODE_H

/*
 * A node to install on: a folder stands for its files, a script for the API server (fake-api.h),
 * and a table of functions, which keeps its handlers in one file, for the container engine.  Whole
 * runs find that by the node's flavour: link with --wrap=engine_driver.
 */

#include "tests/unit/folder.h"

#include <stdio.h>
#include <string.h>

#include "deploy/install.h"
#include "lib/file.h"
#include "lib/host/live.h"
#include "lib/host/task.h"
#include "tests/unit/fake-api.h"
#include "tests/unit/minisign.h"
#include "tests/unit/tar-writer.h"

#define CONFIGURATION "share/defaults/kata-containers/configuration-qemu.toml"
#define CLASSES       "/apis/node.k8s.io/v1/runtimeclasses/"
#define DELIVERED     "[hypervisor.qemu]\ndefault_memory = 2048\n"
#define CUSTOM        "[hypervisor.qemu]\nallow_emulation = true\n"

/* ---- the engine ---- */

static int fake_version(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
			char **ret_version, struct error *e)
{
	(void)socket;
	(void)deadline_ms;
	(void)cancel;
	(void)e;
	*ret_version = xstrdup("v2.4.2");
	return 0;
}

static bool fake_has_drop_ins(const struct engine *engine)
{
	(void)engine;
	return true;
}

static int fake_plan(const struct engine *engine, const struct handlers *handlers,
		     struct edit *ret_edit, struct error *e)
{
	_free_ char *path = path_join(engine->dir, "handlers");
	struct edit_file *f = edit_add(ret_edit, path, e);
	_strv_ strv names = NULL;

	if (!f)
		return -e->code;
	for (size_t i = 0; i < handlers->n; i++)
		strv_add(&names, handlers->list[i].name);
	strv_add(&names, "");
	if (handlers->presence == HANDLERS_PRESENT)
		f->new_text = strv_join(names, "\n"); /* each ends its line */
	return 0;
}

/* How often somebody else writes the file that is about to be written. */
static unsigned meddles;

static int fake_validate(const struct engine *engine, const struct edit *edit,
			 const struct handlers *handlers, uint64_t deadline_ms,
			 const struct cancel *cancel, struct error *e)
{
	if (meddles > 0) {
		_free_ char *text = xasprintf("theirs %u\n", meddles--);

		folder_put(engine->dir, "handlers", text);
	}
	(void)edit;
	(void)handlers;
	(void)deadline_ms;
	(void)cancel;
	(void)e;
	return 0;
}

static void fake_clear(const struct engine *engine)
{
	(void)engine;
}

/* Somebody else's part stays as it is. */
static int fake_merge(const void *context, const char *path, const char *now, const char *old,
		      char **ret_text, struct error *e)
{
	(void)context;
	(void)path;
	(void)old;
	(void)e;
	*ret_text = now ? xstrdup(now) : NULL;
	return 0;
}

static bool loses_runc; /* with ours in its configuration */

static int fake_status(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		       struct endpoint_state *ret_state, struct error *e)
{
	_free_ char *dir = path_parent(socket);
	_free_ char *path = path_join(dir, "handlers");
	_free_ char *text = NULL;
	struct error ignored;
	bool has_ours = file_read(path, 64 * KIB, &text, NULL, &ignored) >= 0;

	(void)deadline_ms;
	(void)cancel;
	(void)e;
	*ret_state = (struct endpoint_state){ .is_ready = true };
	/* What somebody else wrote there are none. */
	if (has_ours && str_starts(text, "kata-"))
		ret_state->handlers = strv_split(text, "\n");
	if (!loses_runc || !has_ours)
		strv_add(&ret_state->handlers, "runc");
	return 0;
}

static unsigned running; /* containers in sandboxes of ours */

static int fake_live(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		     struct live *l, struct error *e)
{
	(void)socket;
	(void)deadline_ms;
	(void)cancel;
	(void)e;
	l->containers += running;
	l->running += running;
	return 0;
}

static bool boots_not;           /* a sandbox */
static unsigned canaries;        /* that were asked for */
static char canary_config[4096]; /* what the last one was given to read */

static int fake_run(const struct task_spec *spec, uint64_t deadline_ms, const struct cancel *cancel,
		    struct task_result *ret_result, struct error *e)
{
	(void)deadline_ms;
	(void)cancel;
	canaries++;
	(void)snprintf(canary_config, sizeof(canary_config), "%s", spec->config_path);
	if (!file_exists(canary_config))
		return fail(e, ENOENT, "there is no '%s'", canary_config);
	if (boots_not)
		return fail(e, EIO, "the guest panicked");
	*ret_result = (struct task_result){
		.out = xasprintf("canary %s another-boot 6.12\n", spec->id),
		.err = xstrdup(""),
	};
	return 0;
}

static unsigned trials; /* that were asked for */
static bool tries_not;  /* one fails */
static bool runs_none;  /* the engine runs no sandbox of others either */

static int fake_try(const struct trial *trial, uint64_t deadline_ms, const struct cancel *cancel,
		    struct error *e)
{
	(void)trial;
	(void)deadline_ms;
	(void)cancel;
	trials++;
	if (runs_none)
		return fail(e, ENODATA, "it has no image for sandboxes");
	return tries_not ? fail(e, EPROTO, "another shim runs it") : 0;
}

static unsigned clears; /* of what earlier runs had it run */

static int fake_clear_tasks(const char *socket, const char *owner, struct error *e)
{
	clears++;
	(void)socket;
	(void)owner;
	(void)e;
	return 0;
}

static const struct engine_driver fake_driver = {
	.name = "containerd",
	.min_major = 1,
	.max_major = 2,
	.ask_version = fake_version,
	.has_drop_ins = fake_has_drop_ins,
	.plan = fake_plan,
	.merge = fake_merge,
	.validate = fake_validate,
	.clear = fake_clear,
	.status = fake_status,
	.live = fake_live,
	.run = fake_run,
	.try_sandbox = fake_try,
	.clear_tasks = fake_clear_tasks,
};

/* For whole runs, which find it by the node's flavour. */
const struct engine_driver *__wrap_engine_driver(const struct flavour *flavour);
const struct engine_driver *__wrap_engine_driver(const struct flavour *flavour)
{
	(void)flavour;
	return &fake_driver;
}

/* ---- the release ---- */

static void add_member(struct buf *b, const char *path, const char *text)
{
	_free_ char *name = path_join("opt/kata", path);

	tar_put(b, &(struct tar_writer_member){ .path = name, .text = text });
}

static const char *release_version = "1";
static unsigned char release_signer; /* number of a key; 0: nobody */

/* Names of shims that have a configuration of their own besides; NULL: none. */
static strv release_shims;

static char *configuration_of(const char *shim)
{
	return xasprintf("share/defaults/kata-containers/configuration-%s.toml", shim);
}

static char *delivered_for(const char *shim)
{
	return xasprintf("[hypervisor.%s]\ndefault_memory = 2048\n", shim);
}

static char *manifest_shims(void)
{
	_strv_ strv lines = NULL;

	for (char **shim = release_shims; shim && *shim; shim++) {
		_free_ char *path = configuration_of(*shim);
		_free_ char *text = delivered_for(*shim);
		char digest[SHA256_HEX + 1];

		sha256_bytes(text, strlen(text), digest);
		strv_addf(&lines, "file 0644 %zu %s %s\n", strlen(text), digest, path);
	}
	return lines ? strv_join(lines, "") : xstrdup("");
}

static char *manifest_text(void)
{
	_free_ char *shims = manifest_shims();
	char configuration[SHA256_HEX + 1], empty[SHA256_HEX + 1], digest[SHA256_HEX + 1];
	_free_ char *body = NULL;

	sha256_bytes(DELIVERED, strlen(DELIVERED), configuration);
	sha256_bytes("", 0, empty);
	body = xasprintf(
		"kata-manifest 1\nversion %s\narch x86_64\n"
		"file 0644 0 %s bin/containerd-shim-kata-v2\n"
		"file 0644 0 %s libexec/none\n"
		"file 0644 %zu %s " CONFIGURATION "\n%s",
		release_version, empty, empty, strlen(DELIVERED), configuration, shims);
	sha256_bytes(body, strlen(body), digest);
	return xasprintf("%sdigest %s\n", body, digest);
}

static void write_release(const char *dir)
{
	_free_ char *path = path_join(dir, "kata-static.tar.zst");
	_free_ char *manifest = manifest_text();
	_buf_ struct buf b = { .max = TAR_MAX };

	add_member(&b, MANIFEST_NAME, manifest);
	if (release_signer) {
		_free_ char *signature = minisign(release_signer, manifest, "a release");

		add_member(&b, MANIFEST_SIGNATURE, signature);
	}
	add_member(&b, "bin/containerd-shim-kata-v2", "");
	add_member(&b, "libexec/none", "");
	add_member(&b, CONFIGURATION, DELIVERED);
	for (char **shim = release_shims; shim && *shim; shim++) {
		_free_ char *name = configuration_of(*shim);
		_free_ char *text = delivered_for(*shim);

		add_member(&b, name, text);
	}
	tar_finish(&b, path);
}

/* ---- the node ---- */

struct world {
	char *dir;  /* of the test's own things */
	char *host; /* what stands for the node's root */
	struct settings settings;
};

static void set_path(const char *name, const char *dir, const char *file)
{
	_free_ char *path = path_join(dir, file);

	assert_int_equal(setenv(name, path, 1), 0);
}

static void world_start(struct world *w)
{
	struct error e;

	*w = (struct world){ .dir = folder_new(), .host = folder_new() };
	write_release(w->dir);
	folder_put(w->dir, "dropin-qemu.toml", CUSTOM);
	folder_put(w->host, "etc/engine/config.toml", "version = 3\n");
	assert_int_equal(clearenv(), 0);
	assert_int_equal(setenv("NODE_NAME", "n1", 1), 0);
	assert_int_equal(setenv("INSTALLATION_PREFIX", w->host, 1), 0);
	assert_int_equal(setenv("KATA_LOCKS", w->dir, 1), 0);
	assert_int_equal(setenv("KATA_ARTIFACTS", w->dir, 1), 0);
	assert_int_equal(setenv("KATA_CUSTOM_CONFIGS", w->dir, 1), 0);
	/* It reloads by itself. */
	assert_int_equal(setenv("K8S_DISTRIBUTION", "k0s", 1), 0);
	set_path("KATA_ETC", w->host, "etc/kata-containers");
	set_path("KATA_CONTAINERD_DIR", w->host, "etc/engine");
	set_path("KATA_CONTAINERD_SOCKET", w->host, "etc/engine/socket");
	folder_put(w->host, "bin/program", "");
	set_path("KATA_PATH_DIR", w->host, "bin");
	assert_int_equal(settings_read(&w->settings, &e), 0);
}

static void world_end(struct world *w)
{
	settings_done(&w->settings);
	folder_remove(w->dir);
	folder_remove(w->host);
}

/* A run against an API server that plays TURNS. */
struct run {
	struct fake_api api;
	struct facts facts;
	struct install in;
	struct plan plan;
};

static void run_start(struct run *r, const struct world *w, const struct step *const *steps,
		      const struct fake_turn *turns, size_t n)
{
	struct error e;

	*r = (struct run){ .plan = { .steps = steps, .context = &r->in } };
	assert_true(fake_start(&r->api, turns, n, NULL));
	fake_kubeconfig(&r->api, w->dir);
	assert_int_equal(facts_open(&w->settings, &r->facts, &e), 0);
	assert_int_equal(install_open(&r->facts, NULL, &r->in, &e), 0);
}

static void run_end(struct run *r)
{
	const char *fault;

	install_done(&r->in);
	facts_done(&r->facts);
	fault = fake_stop(&r->api);
	if (fault)
		fail_msg("%s", fault);
}

/* ---- the turns of the API server ---- */

#define GET(path, answer, text)                                           \
	{                                                                 \
		.expect = { "GET " path }, .status = answer, .body = text \
	}
#define PATCH(path, ...)                                                                   \
	{                                                                                  \
		.expect = { "PATCH " path, __VA_ARGS__ }, .status = "200 OK", .body = "{}" \
	}
#define NODE           GET("/api/v1/nodes/n1 ", "200 OK", "{\"metadata\":{\"uid\":\"u\"}}")
#define NO_CLASS(name) GET(CLASSES name " ", "404 Not Found", "{}")
#define NO_CLASSES     NO_CLASS("kata-qemu"), NO_CLASS("kata")
#define NAMESPACE      GET("/api/v1/namespaces/kata-system ", "200 OK", "{\"metadata\":{\"uid\":\"u\"}}")
/* Applied on trial. */
#define NEW_CLASSES                                                                      \
	NO_CLASS("kata-qemu"), PATCH(CLASSES "kata-qemu?dryRun=All&"), NO_CLASS("kata"), \
		PATCH(CLASSES "kata?dryRun=All&")
#define CONDITION PATCH("/api/v1/nodes/n1/status?dryRun=All&")

/* clang-format off: the turns of one, in their order */
#define INSTALLS INSTALLS_ON(NODE)
#define INSTALLS_ON(node)                                                                        \
	node, NEW_CLASSES, CONDITION, PATCH("/api/v1/nodes/n1?", "\"false\""),                   \
		GET("/api/v1/nodes?", "200 OK",                                                  \
		    "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{\"status\":"          \
		    "{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}]}"),           \
		NO_CLASSES, NAMESPACE, PATCH(CLASSES "kata-qemu?"), PATCH(CLASSES "kata?"),      \
		PATCH("/api/v1/nodes/n1/status?", "\"True\""),                                   \
		PATCH("/api/v1/nodes/n1?", "\"true\""),                                          \
	{                                                                                        \
		.expect = { "POST /apis/events.k8s.io/" }, .status = "201 Created", .body = "{}" \
	}
/* clang-format on */

/* The turns of an installation that fails when it configures the engine. */
#define TAKEN_BACK                                                                   \
	NODE, NEW_CLASSES, CONDITION, PATCH("/api/v1/nodes/n1?", "\"false\""), NODE, \
		PATCH("/api/v1/nodes/n1?", "null")
/* Assesses and runs.  The message says why it failed. */
static inline int install(struct run *r, const struct world *w, struct error *e)
{
	_cleanup_(journal_closep) struct journal *j = NULL;
	_assessment_ struct assessment a = { 0 };

	if (journal_open(&w->settings.owner, r->facts.root, deadline_in(5000), NULL, &j, e) < 0 ||
	    facts_read_install(&r->facts, &r->in, e) < 0 || plan_assess(&r->plan, &a, e) < 0 ||
	    plan_run(&r->plan, &a, j, e) < 0)
		return -e->code;
	return 0;
}

#endif
