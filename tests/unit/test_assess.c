/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_assess - what an installation says it will do is what it does, and saying it changes
 * nothing.
 *
 * The node is a folder, the API server a script, and the container engine a table of functions that
 * keeps its handlers in one file.  The assessment runs in a process that dies of any call that
 * would change a file, and the folder is compared before and after.
 */
#include "tests/unit/folder.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/install.h"
#include "deploy/node.h"
#include "lib/file.h"
#include "lib/host/live.h"
#include "lib/host/task.h"
#include "tests/unit/fake-api.h"

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

	if (!f)
		return -e->code;
	if (handlers->presence == HANDLERS_PRESENT)
		f->new_text = xasprintf("%s\n", handlers->list[0].name);
	return 0;
}

static int fake_validate(const struct engine *engine, const struct edit *edit,
			 const struct handlers *handlers, uint64_t deadline_ms,
			 const struct cancel *cancel, struct error *e)
{
	(void)engine;
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

	(void)deadline_ms;
	(void)cancel;
	(void)e;
	*ret_state = (struct endpoint_state){ .is_ready = true };
	if (file_exists(path))
		strv_add(&ret_state->handlers, "kata-qemu");
	if (!loses_runc || !file_exists(path))
		strv_add(&ret_state->handlers, "runc");
	return 0;
}

static int fake_live(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		     struct live *l, struct error *e)
{
	(void)socket;
	(void)deadline_ms;
	(void)cancel;
	(void)l;
	(void)e;
	return 0;
}

static int fake_run(const struct task_spec *spec, uint64_t deadline_ms, const struct cancel *cancel,
		    struct task_result *ret_result, struct error *e)
{
	(void)deadline_ms;
	(void)cancel;
	(void)e;
	*ret_result = (struct task_result){
		.out = xasprintf("canary %s another-boot 6.12\n", spec->id),
		.err = xstrdup(""),
	};
	return 0;
}

static int fake_clear_tasks(const char *socket, const char *owner, struct error *e)
{
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
	.clear_tasks = fake_clear_tasks,
};

/* ---- the release ---- */

static void add_member(struct archive *a, const char *path, const char *text)
{
	struct archive_entry *entry = archive_entry_new();
	_free_ char *name = path_join("opt/kata", path);

	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, (la_int64_t)strlen(text));
	assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
	(void)archive_write_data(a, text, strlen(text));
	archive_entry_free(entry);
}

static char *manifest_text(void)
{
	char configuration[SHA256_HEX + 1], empty[SHA256_HEX + 1], digest[SHA256_HEX + 1];
	_free_ char *body = NULL;

	sha256_bytes(DELIVERED, strlen(DELIVERED), configuration);
	sha256_bytes("", 0, empty);
	body = xasprintf(
		"kata-manifest 1\nversion 1\narch x86_64\n"
		"file 0644 0 %s bin/containerd-shim-kata-v2\n"
		"file 0644 0 %s libexec/none\n"
		"file 0644 %zu %s " CONFIGURATION "\n",
		empty, empty, strlen(DELIVERED), configuration);
	sha256_bytes(body, strlen(body), digest);
	return xasprintf("%sdigest %s\n", body, digest);
}

static void write_release(const char *dir)
{
	_free_ char *path = path_join(dir, "kata-static.tar.zst");
	_free_ char *manifest = manifest_text();
	struct archive *a = archive_write_new();

	(void)archive_write_add_filter_zstd(a);
	(void)archive_write_set_format_pax_restricted(a);
	assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
	add_member(a, MANIFEST_NAME, manifest);
	add_member(a, "bin/containerd-shim-kata-v2", "");
	add_member(a, "libexec/none", "");
	add_member(a, CONFIGURATION, DELIVERED);
	assert_int_equal(archive_write_free(a), ARCHIVE_OK);
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
	r->facts.engine.driver = &fake_driver;
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

static struct journal *open_journal(const struct world *w, const struct run *r)
{
	struct journal *j = NULL;
	struct error e;

	assert_int_equal(
		journal_open(&w->settings.owner, r->facts.root, deadline_in(5000), NULL, &j, &e),
		0);
	return j;
}

static void assess(struct run *r, struct assessment *ret_assessment)
{
	struct error e;

	if (facts_read_install(&r->facts, &r->in, &e) < 0 ||
	    plan_assess(&r->plan, ret_assessment, &e) < 0)
		fail_msg("%s", e.msg);
}

/* ---- what is in a folder ---- */

static strv *listing;

static int list_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)type;
	(void)ftw;
	strv_addf(listing, "%s %o %lld %lld.%09ld", path, st->st_mode, (long long)st->st_size,
		  (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One line per file, with all that a write changes. */
static strv list(const char *dir)
{
	strv lines = NULL;

	listing = &lines;
	assert_int_equal(nftw(dir, list_one, 16, FTW_PHYS), 0);
	qsort(lines, strv_len(lines), sizeof(*lines), by_text);
	return lines;
}

static void assert_same(char *const *before, char *const *after)
{
	assert_int_equal(strv_len(before), strv_len(after));
	for (size_t i = 0; before[i]; i++)
		assert_string_equal(before[i], after[i]);
}

/* ---- a process that may not change a file ---- */

#define DENY(number)                                         \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

/* Any call that makes, changes or removes a file, and openat() to write. */
static void forbid_changes(void)
{
	static struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		DENY(SYS_mkdirat),
		DENY(SYS_unlinkat),
		DENY(SYS_renameat2),
		DENY(SYS_renameat),
		DENY(SYS_symlinkat),
		DENY(SYS_linkat),
		DENY(SYS_mknodat),
		DENY(SYS_fchmod),
		DENY(SYS_fchmodat),
		DENY(SYS_fchown),
		DENY(SYS_fchownat),
		DENY(SYS_ftruncate),
		DENY(SYS_truncate),
		DENY(SYS_fallocate),
		DENY(SYS_utimensat),
		DENY(SYS_setxattr),
		DENY(SYS_mount),
#ifdef SYS_open
		DENY(SYS_mkdir),
		DENY(SYS_rmdir),
		DENY(SYS_unlink),
		DENY(SYS_rename),
		DENY(SYS_symlink),
		DENY(SYS_link),
		DENY(SYS_mknod),
		DENY(SYS_chmod),
		DENY(SYS_chown),
		DENY(SYS_creat),
#endif
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	static const struct sock_fprog program = { ARRAY_SIZE(filter), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(2);
}

/* The status with which a process ends that assesses, or writes as well, under that rule. */
static int assess_apart(struct run *r, const char *also_write)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct assessment a = { 0 };
		struct error e;

		forbid_changes();
		if (facts_read_install(&r->facts, &r->in, &e) < 0 ||
		    plan_assess(&r->plan, &a, &e) < 0)
			_exit(1);
		_exit(also_write && file_replace(also_write, "", 0, 0644, &e) < 0 ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
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

#define UNSUITABLE                                      \
	"\"katacontainers.io/kata-runtime\":\"false\"", \
		"\"kata-deploy.katacontainers.io/default\":\"unsuitable\"", "\"annotations\""

/* A node that is none for us is told so once; nothing is assessed, and nothing has failed. */
static void test_unsuitable_node_is_told_once(void **state)
{
	static const char version[] =
		"\"nodeInfo\":{\"containerRuntimeVersion\":\"docker://24.0.7\"}";
	_free_ char *fresh = xasprintf("{\"metadata\":{\"uid\":\"u\"},\"status\":{%s}}", version);
	_free_ char *told = xasprintf(
		"{\"metadata\":{\"labels\":{\"katacontainers.io/kata-runtime\":\"false\","
		"\"kata-deploy.katacontainers.io/default\":\"unsuitable\"}},\"status\":{%s,"
		"\"conditions\":[{\"type\":\"KataReady\",\"status\":\"False\",\"reason\":"
		"\"UnsupportedContainerRuntime\",\"message\":\"container runtime 'docker://24.0.7' "
		"is not supported; containerd is\"}]}}",
		version);
	const struct fake_turn turns[] = {
		GET("/api/v1/nodes/n1 ", "200 OK", fresh),
		PATCH("/api/v1/nodes/n1?", UNSUITABLE),
		PATCH("/api/v1/nodes/n1/status?", "\"UnsupportedContainerRuntime\"", "docker"),
		{ .expect = { "POST /apis/events", "KataNotSuitable", "\"Normal\"" },
		  .status = "201 Created",
		  .body = "{}" },
		GET("/api/v1/nodes/n1 ", "200 OK", told),
	};
	static const struct {
		size_t from, n;
	} parts[] = { { 0, 4 }, { 4, 1 } };
	struct world w;

	(void)state;
	world_start(&w);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct error e, why;
		struct run r;

		run_start(&r, &w, install_steps, turns + parts[i].from, parts[i].n);
		assert_int_equal(facts_read_install(&r.facts, &r.in, &why), -ENOTSUP);
		assert_non_null(r.facts.unsuitable);
		if (node_tell_unsuitable(&r.in, r.facts.unsuitable, why.msg, &e) < 0)
			fail_msg("%s", e.msg);
		run_end(&r);
	}
	world_end(&w);
}

static void test_tree_of_another_installation_is_refused_before_anything_changes(void **state)
{
	static const struct fake_turn turns[] = { NODE };
	_strv_ strv before = NULL;
	_strv_ strv after = NULL;
	_assessment_ struct assessment a = { 0 };
	struct world w;
	struct error e;
	struct run r;

	(void)state;
	world_start(&w);
	folder_put(w.host, "opt/kata/runtime-rs/bin/containerd-shim-kata-v2", "theirs");
	folder_put(w.host, "opt/kata/share/defaults/kata-containers/configuration.toml", "");
	folder_put(w.host, "opt/kata/VERSION", "4.1.0\n");
	run_start(&r, &w, install_steps, turns, ARRAY_SIZE(turns));
	before = list(w.host);
	assert_int_equal(facts_read_install(&r.facts, &r.in, &e), 0);
	assert_int_equal(plan_assess(&r.plan, &a, &e), -EEXIST);
	assert_non_null(strstr(e.msg, "another installation of Kata 4.1.0, "));
	after = list(w.host);
	assert_same(before, after);
	run_end(&r);
	world_end(&w);
}

static void test_assessment_changes_nothing(void **state)
{
	static const struct fake_turn turns[] = { NODE, NEW_CLASSES, CONDITION };
	_strv_ strv before = NULL;
	_strv_ strv after = NULL;
	struct world w;
	struct run r;

	(void)state;
	world_start(&w);
	run_start(&r, &w, install_steps, turns, ARRAY_SIZE(turns));
	before = list(w.host);
	assert_int_equal(assess_apart(&r, NULL), 0);
	after = list(w.host);
	assert_same(before, after);
	run_end(&r);
	world_end(&w);
}

static void test_the_rule_of_that_test_holds(void **state)
{
	static const struct fake_turn turns[] = { NODE, NEW_CLASSES, CONDITION };
	_free_ char *path = NULL;
	struct world w;
	struct run r;

	(void)state;
	world_start(&w);
	run_start(&r, &w, install_steps, turns, ARRAY_SIZE(turns));
	path = path_join(w.host, "written");
	assert_true(WIFSIGNALED(assess_apart(&r, path)));
	assert_false(file_exists(path));
	run_end(&r);
	world_end(&w);
}

static bool is_below(const char *line, const char *what)
{
	size_t len = strlen(what);

	return strncmp(line, what, len) == 0 && (line[len] == ' ' || line[len] == '/');
}

static bool has_file_effect(const struct assessment *a, const char *line)
{
	for (size_t i = 0; i < a->n_changes; i++)
		for (size_t j = 0; j < a->changes[i].n_effects; j++)
			if (a->changes[i].effects[j].kind == EFFECT_FILE &&
			    is_below(line, a->changes[i].effects[j].what))
				return true;
	return false;
}

/* Of the installer itself, and gone or empty between runs. */
static bool is_own(const char *line)
{
	return strstr(line, "/opt/kata/.work ");
}

static bool is_folder(const char *line)
{
	return str_starts(strchr(line, ' '), " 4");
}

/* Each file that is new or another now was announced, and each that was announced is. */
static void assert_as_announced(const struct assessment *a, char *const *before, char *const *after)
{
	for (size_t i = 0; after[i]; i++)
		if (!is_folder(after[i]) && !strv_contains(before, after[i]) && !is_own(after[i]) &&
		    !has_file_effect(a, after[i]))
			fail_msg("'%s' was not announced", after[i]);
	for (size_t i = 0; i < a->n_changes; i++)
		for (size_t j = 0; j < a->changes[i].n_effects; j++) {
			const struct effect *effect = &a->changes[i].effects[j];
			bool is_done = effect->kind != EFFECT_FILE;

			for (size_t k = 0; after[k] && !is_done; k++)
				is_done = is_below(after[k], effect->what) &&
					  !strv_contains(before, after[k]);
			if (!is_done)
				fail_msg("'%s' was announced and not done", effect->what);
		}
}

static unsigned count(const struct assessment *a, enum effect_kind kind)
{
	unsigned n = 0;

	for (size_t i = 0; i < a->n_changes; i++)
		for (size_t j = 0; j < a->changes[i].n_effects; j++)
			n += a->changes[i].effects[j].kind == kind;
	return n;
}

/* An installation on a bare node.  Returns what the node's annotation says then. */
static char *install_as_announced(const struct world *w)
{
	static const struct fake_turn turns[] = {
		NODE,
		NEW_CLASSES,
		CONDITION,
		PATCH("/api/v1/nodes/n1?", "\"false\""),
		GET("/api/v1/nodes?", "200 OK",
		    "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{\"status\":"
		    "{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}]}"),
		NO_CLASSES, /* as they were, for the undo */
		GET(CLASSES "kata-qemu ", "404 Not Found", "{}"),
		NAMESPACE,
		PATCH(CLASSES "kata-qemu?"),
		GET(CLASSES "kata ", "404 Not Found", "{}"),
		NAMESPACE,
		PATCH(CLASSES "kata?"),
		PATCH("/api/v1/nodes/n1/status?", "\"True\""),
		PATCH("/api/v1/nodes/n1?", "\"true\""),
		{ .expect = { "POST /apis/events.k8s.io/" },
		  .status = "201 Created",
		  .body = "{}" },
	};
	_cleanup_(journal_closep) struct journal *j = NULL;
	_assessment_ struct assessment a = { 0 };
	_strv_ strv before = NULL;
	_strv_ strv after = NULL;
	char *proof;
	struct error e;
	struct run r;

	run_start(&r, w, install_steps, turns, ARRAY_SIZE(turns));
	before = list(w->host);
	assess(&r, &a);
	j = open_journal(w, &r);
	if (plan_run(&r.plan, &a, j, &e) < 0)
		fail_msg("%s", e.msg);
	after = list(w->host);
	assert_as_announced(&a, before, after);
	assert_int_equal(count(&a, EFFECT_RESTART), r.in.results.restarts);
	assert_int_equal(count(&a, EFFECT_OBJECT), 2);
	assert_int_equal(count(&a, EFFECT_REMOVAL), 0);
	proof = xstrdup(r.facts.proof);
	run_end(&r);
	return proof;
}

static char *ready_node(const char *proof)
{
	return xasprintf(
		"{\"metadata\":{\"labels\":{\"katacontainers.io/kata-runtime\":\"true\","
		"\"kata-deploy.katacontainers.io/default\":\"true\"},\"annotations\":"
		"{\"kata-deploy.katacontainers.io/default\":\"%s\"}},\"status\":{\"conditions\":"
		"[{\"type\":\"KataReady\",\"status\":\"True\"}]}}",
		proof);
}

static void test_installation_does_what_was_assessed_and_then_nothing(void **state)
{
	_assessment_ struct assessment a = { 0 };
	_free_ char *proof = NULL;
	_free_ char *node = NULL;
	struct fake_turn turns[] = {
		GET("/api/v1/nodes/n1 ", "200 OK", NULL),
		NEW_CLASSES,
	};
	struct world w;
	struct run r;

	(void)state;
	world_start(&w);
	proof = install_as_announced(&w);
	node = ready_node(proof);
	turns[0].body = node;
	run_start(&r, &w, install_steps, turns, ARRAY_SIZE(turns));
	assess(&r, &a);
	for (enum effect_kind kind = 0; kind < N_EFFECT_KIND; kind++)
		if (kind != EFFECT_OBJECT && assessment_has(&a, kind))
			fail_msg("there is still something of kind %d to do", kind);
	assert_string_equal(r.facts.proof, proof);
	run_end(&r);
	world_end(&w);
}

/* What is below DIR but folders, without its state. */
static strv list_names(const char *dir)
{
	_strv_ strv lines = list(dir);
	strv names = NULL;

	for (char **line = lines; *line; line++)
		if (!is_folder(*line))
			strv_take(&names, xstrndup(*line, strcspn(*line, " ")));
	return names;
}

static void remove_all(const struct world *w, const char *node)
{
	const struct fake_turn turns[] = {
		GET("/api/v1/nodes/n1 ", "200 OK", node),
		PATCH("/api/v1/nodes/n1?", "\"kata-deploy.katacontainers.io/default\":null"),
		PATCH("/api/v1/nodes/n1/status?", "\"False\""),
		NO_CLASSES,
		GET("/api/v1/nodes?labelSelector=", "200 OK", "{\"items\":[]}"),
		NO_CLASSES,
	};
	_cleanup_(journal_closep) struct journal *j = NULL;
	_assessment_ struct assessment a = { 0 };
	struct error e;
	struct run r;

	run_start(&r, w, cleanup_steps, turns, ARRAY_SIZE(turns));
	r.facts.wish = WISH_END;
	assert_int_equal(facts_read_removal(&r.facts, &r.in, &e), 0);
	assert_int_equal(plan_assess(&r.plan, &a, &e), 0);
	j = open_journal(w, &r);
	if (plan_run(&r.plan, &a, j, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(count(&a, EFFECT_RESTART), r.in.results.restarts);
	run_end(&r);
}

/* The turns of an installation that fails when it configures the engine. */
static const struct fake_turn taken_back[] = {
	NODE,      NEW_CLASSES,
	CONDITION, PATCH("/api/v1/nodes/n1?", "\"false\""),
	NODE,      PATCH("/api/v1/nodes/n1?", "null"),
};

/* Assesses and runs.  The message says why it failed. */
static int install(struct run *r, const struct world *w, struct error *e)
{
	_cleanup_(journal_closep) struct journal *j = NULL;
	_assessment_ struct assessment a = { 0 };

	if (journal_open(&w->settings.owner, r->facts.root, deadline_in(5000), NULL, &j, e) < 0 ||
	    facts_read_install(&r->facts, &r->in, e) < 0 || plan_assess(&r->plan, &a, e) < 0 ||
	    plan_run(&r->plan, &a, j, e) < 0)
		return -e->code;
	return 0;
}

static void test_what_takes_from_others_is_taken_back_and_tried_once(void **state)
{
	static const struct fake_turn refused[] = { NODE };
	_free_ char *path = NULL;
	struct world w;
	struct error e;
	struct run r;

	(void)state;
	world_start(&w);
	path = path_join(w.host, "etc/engine/handlers");
	loses_runc = true;
	run_start(&r, &w, install_steps, taken_back, ARRAY_SIZE(taken_back));
	assert_int_equal(install(&r, &w, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "lost the handler 'runc'"));
	assert_int_equal(r.in.results.restarts, 2);
	assert_false(file_exists(path));
	run_end(&r);
	run_start(&r, &w, install_steps, refused, ARRAY_SIZE(refused));
	assert_int_equal(install(&r, &w, &e), -EALREADY);
	assert_non_null(strstr(e.msg, "lost the handler 'runc'"));
	assert_int_equal(r.in.results.restarts, 0);
	run_end(&r);
	loses_runc = false;
	world_end(&w);
}

static void test_what_somebody_changed_since_is_assessed_anew(void **state)
{
	_cleanup_(journal_closep) struct journal *j = NULL;
	_assessment_ struct assessment a = { 0 };
	_free_ char *path = NULL;
	_free_ char *text = NULL;
	struct world w;
	struct error e;
	struct run r;

	(void)state;
	world_start(&w);
	path = path_join(w.host, "etc/engine/handlers");
	run_start(&r, &w, install_steps, taken_back, ARRAY_SIZE(taken_back));
	assess(&r, &a);
	folder_put(w.host, "etc/engine/handlers", "theirs");
	j = open_journal(&w, &r);
	assert_int_equal(plan_run(&r.plan, &a, j, &e), -ESTALE);
	assert_int_equal(r.in.results.restarts, 0);
	assert_int_equal(file_read(path, 100, &text, NULL, &e), 0);
	assert_string_equal(text, "theirs");
	run_end(&r);
	world_end(&w);
}

static void test_right_that_lacks_is_found_before_anything_changes(void **state)
{
	static const struct fake_turn without_condition[] = {
		NODE,
		NEW_CLASSES,
		{ .expect = { "PATCH /api/v1/nodes/n1/status?dryRun=All&" },
		  .status = "403 Forbidden",
		  .body = "{}" },
	};
	static const struct fake_turn without_classes[] = {
		NODE,
		NO_CLASS("kata-qemu"),
		{ .expect = { "PATCH " CLASSES "kata-qemu?dryRun=All&" },
		  .status = "403 Forbidden",
		  .body = "{}" },
	};
	static const struct {
		const struct fake_turn *turns;
		size_t n;
		const char *says;
	} cases[] = {
		{ without_condition, ARRAY_SIZE(without_condition), "condition" },
		{ without_classes, ARRAY_SIZE(without_classes), "RuntimeClass" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_assessment_ struct assessment a = { 0 };
		struct error e;
		struct world w;
		struct run r;

		world_start(&w);
		w.settings.refused_wait_s = 0;
		run_start(&r, &w, install_steps, cases[i].turns, cases[i].n);
		assert_int_equal(facts_read_install(&r.facts, &r.in, &e), 0);
		assert_int_equal(plan_assess(&r.plan, &a, &e), -EACCES);
		assert_non_null(strstr(e.msg, cases[i].says));
		run_end(&r);
		world_end(&w);
	}
}

static const struct step *find_step(const struct step *const *steps, const char *name)
{
	for (; *steps; steps++)
		if (strcmp((*steps)->name, name) == 0)
			return *steps;
	fail_msg("there is no step '%s'", name);
	return NULL;
}

static int failing_assess(const void *context, const struct assessment *others,
			  struct change *ret_change, struct error *e)
{
	(void)context;
	(void)others;
	(void)e;
	change_add(ret_change, EFFECT_PROBE, "it", "it fails");
	return 0;
}

static int failing_run(void *context, const struct change *change, struct error *e)
{
	(void)context;
	(void)change;
	return fail(e, EBUSY, "still in use");
}

static void test_removal_that_fails_gives_the_link_in_the_path_back(void **state)
{
	static const struct step failing = {
		.name = "failing",
		.purpose = "fail",
		.assess = failing_assess,
		.run = failing_run,
	};
	static const struct fake_turn turns[] = { NODE };
	step_table steps = { find_step(cleanup_steps, "link"), &failing, NULL };
	_cleanup_(journal_closep) struct journal *j = NULL;
	_assessment_ struct assessment a = { 0 };
	_free_ char *proof = NULL;
	_free_ char *link = NULL;
	struct world w;
	struct error e;
	struct run r;

	(void)state;
	world_start(&w);
	proof = install_as_announced(&w);
	link = path_join(w.host, "bin/containerd-shim-kata-v2");
	assert_true(file_exists(link));
	run_start(&r, &w, steps, turns, ARRAY_SIZE(turns));
	assert_int_equal(facts_read_removal(&r.facts, &r.in, &e), 0);
	assert_int_equal(plan_assess(&r.plan, &a, &e), 0);
	assert_int_equal(count(&a, EFFECT_FILE), 1);
	j = open_journal(&w, &r);
	assert_int_equal(plan_run(&r.plan, &a, j, &e), -EBUSY);
	assert_true(file_exists(link));
	run_end(&r);
	world_end(&w);
}

/* A failed run that had mended one link of an installation leaves it its other ones. */
static void test_undo_of_a_switch_leaves_the_links_of_what_was_there(void **state)
{
	static const struct fake_turn turns[] = { NODE };
	_json_ struct json_object *data = json_object_new_object();
	static const struct change change;
	const struct step *step = find_step(install_steps, "switch");
	_free_ char *proof = NULL;
	_free_ char *bin = NULL;
	_free_ char *share = NULL;
	struct world w;
	struct error e;
	struct run r;

	(void)state;
	world_start(&w);
	proof = install_as_announced(&w);
	bin = path_join(w.host, "opt/kata/bin/containerd-shim-kata-v2");
	share = path_join(w.host, "opt/kata/share");
	assert_int_equal(unlink(share), 0);
	run_start(&r, &w, install_steps, turns, ARRAY_SIZE(turns));
	assert_int_equal(facts_read_install(&r.facts, &r.in, &e), 0);
	assert_int_equal(step->save(&r.in, &change, data, &e), 0);
	assert_int_equal(step->run(&r.in, &change, &e), 0);
	assert_true(file_exists(share));
	assert_int_equal(step->undo(&r.in, data, UNDO_FAILED, &e), 0);
	assert_true(file_exists(bin));
	run_end(&r);
	world_end(&w);
}

static void test_removal_leaves_what_was_there_before(void **state)
{
	_strv_ strv before = NULL;
	_strv_ strv after = NULL;
	_free_ char *proof = NULL;
	_free_ char *node = NULL;
	struct world w;

	(void)state;
	world_start(&w);
	before = list_names(w.host);
	proof = install_as_announced(&w);
	node = ready_node(proof);
	/* Of a reset. */
	folder_put(w.host, "opt/kata/" JOURNAL_ASIDE, "");
	remove_all(&w, node);
	after = list_names(w.host);
	assert_same(before, after);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unsuitable_node_is_told_once),
		cmocka_unit_test(
			test_tree_of_another_installation_is_refused_before_anything_changes),
		cmocka_unit_test(test_assessment_changes_nothing),
		cmocka_unit_test(test_the_rule_of_that_test_holds),
		cmocka_unit_test(test_what_takes_from_others_is_taken_back_and_tried_once),
		cmocka_unit_test(test_what_somebody_changed_since_is_assessed_anew),
		cmocka_unit_test(test_right_that_lacks_is_found_before_anything_changes),
		cmocka_unit_test(test_undo_of_a_switch_leaves_the_links_of_what_was_there),
		cmocka_unit_test(test_removal_that_fails_gives_the_link_in_the_path_back),
		cmocka_unit_test(test_removal_leaves_what_was_there_before),
		cmocka_unit_test(test_installation_does_what_was_assessed_and_then_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
