/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_assess - what an installation says it will do is what it does, and saying it changes
 * nothing.
 *
 * The node is a folder, the API server a script, and the container engine a table of functions that
 * keeps its handlers in one file.  The assessment runs in a process that dies of any call that
 * would change a file, and the folder is compared before and after.
 */
#include "tests/unit/fake-node.h"
#include "tests/unit/upstream.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/adopt.h"
#include "deploy/dry.h"
#include "deploy/node.h"
#include "deploy/wish.h"

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

static unsigned long mount_flags; /* of every file system, besides its own */

int __real_statvfs(const char *path, struct statvfs *ret_fs);
int __wrap_statvfs(const char *path, struct statvfs *ret_fs);

int __wrap_statvfs(const char *path, struct statvfs *ret_fs)
{
	int r = __real_statvfs(path, ret_fs);

	if (r == 0)
		ret_fs->f_flag |= mount_flags;
	return r;
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

/* As "kubectl kata plan NODE --image IMAGE" has it done: by a pod that can write nothing.  What an
 * installation would meet there is told. */
static void test_plan_is_made_where_all_is_mounted_read_only(void **state)
{
	static const struct fake_turn turns[] = { NODE, NEW_CLASSES, CONDITION };
	_free_ char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	_assessment_ struct assessment a = { 0 };
	struct fake_api api;
	struct world w;
	struct error e;
	struct run r;

	(void)state;
	world_start(&w);
	mount_flags = ST_RDONLY;
	assert_true(fake_start(&api, turns, ARRAY_SIZE(turns), NULL));
	fake_kubeconfig(&api, w.dir);
	if (dry_apply(&w.settings, NULL, PLAN_TEXT, out, &e) < 0)
		fail_msg("%s", e.msg);
	assert_null(fake_stop(&api));
	(void)fclose(out);
	assert_non_null(strstr(text, "the version is not there as a whole"));
	/* Who would write does not come to ask for the last right. */
	run_start(&r, &w, install_steps, turns, ARRAY_SIZE(turns) - 1);
	assert_int_equal(facts_read_install(&r.facts, &r.in, &e), 0);
	assert_true(plan_assess(&r.plan, &a, &e) < 0);
	assert_non_null(strstr(e.msg, "read-only"));
	mount_flags = 0;
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
	return strstr(line, "/opt/kata/.work ") || strstr(line, "/opt/kata/.proofs ");
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

#define BARE_NODE "{\"metadata\":{\"uid\":\"u\"}}"

/* An installation on NODE, which has nothing of ours.  Returns what its annotation says then. */
static char *install_as_announced(const struct world *w, const char *node)
{
	const struct fake_turn turns[] = { INSTALLS_ON(GET("/api/v1/nodes/n1 ", "200 OK", node)) };
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
		"[{\"type\":\"KataReady\",\"status\":\"True\"},"
		"{\"type\":\"KataUpgraded\",\"status\":\"True\"}]}}",
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
	proof = install_as_announced(&w, BARE_NODE);
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

/* LABELS is the turn in which they are handed back, if there is one. */
static void remove_all(const struct world *w, const char *node, const struct fake_turn *labels)
{
	struct fake_turn turns[] = {
		GET("/api/v1/nodes/n1 ", "200 OK", node),
		PATCH("/api/v1/nodes/n1?", "\"kata-deploy.katacontainers.io/default\":null"),
		/* Its conditions go: the object that is applied has none. */
		PATCH("/api/v1/nodes/n1/status?", "\"metadata\":{\"name\":\"n1\"}}"),
		NO_CLASSES,
		GET("/api/v1/nodes?labelSelector=", "200 OK", "{\"items\":[]}"),
		{ .status = NULL },
	};
	_cleanup_(journal_closep) struct journal *j = NULL;
	_assessment_ struct assessment a = { 0 };
	struct error e;
	struct run r;

	if (labels)
		turns[ARRAY_SIZE(turns) - 1] = *labels;
	run_start(&r, w, cleanup_steps, turns, ARRAY_SIZE(turns) - !labels);
	r.facts.wish = WISH_END;
	assert_int_equal(facts_read_removal(&r.facts, &r.in, &e), 0);
	assert_int_equal(plan_assess(&r.plan, &a, &e), 0);
	j = open_journal(w, &r);
	if (plan_run(&r.plan, &a, j, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(count(&a, EFFECT_RESTART), r.in.results.restarts);
	adopt_end(&r.facts);
	run_end(&r);
}

static const struct fake_turn taken_back[] = { TAKEN_BACK };

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
	proof = install_as_announced(&w, BARE_NODE);
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
	proof = install_as_announced(&w, BARE_NODE);
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
	proof = install_as_announced(&w, BARE_NODE);
	node = ready_node(proof);
	/* Of a reset. */
	folder_put(w.host, "opt/kata/" JOURNAL_ASIDE, "");
	remove_all(&w, node, NULL);
	after = list_names(w.host);
	assert_same(before, after);
	world_end(&w);
}

#define UPSTREAMS_NODE                                                                          \
	"{\"metadata\":{\"uid\":\"u\",\"labels\":{\"katacontainers.io/kata-runtime\":\"true\"," \
	"\"kata-deploy.katacontainers.io/default\":\"true\"}}}"

static void put_upstream(const struct world *w, const char **ret_root)
{
	static char root[PATH_MAX];
	struct error e;

	/* On a node it is what the pod mounts, and stays. */
	assert_int_equal(dir_make(w->settings.etc, 0755, &e), 0);
	(void)snprintf(root, sizeof(root), "%s/opt/kata", w->host);
	upstream_put(root, "version = 3\n");
	folder_put(w->host, "etc/engine/handlers", "kata-qemu, theirs\n");
	*ret_root = root;
}

static void test_upstreams_node_is_adopted_as_announced_and_handed_back(void **state)
{
	static const struct fake_turn labels =
		PATCH("/api/v1/nodes/n1?", "\"katacontainers.io/kata-runtime\":\"true\"",
		      "\"kata-deploy.katacontainers.io/default\":\"true\"",
		      "\"kata-deploy.katacontainers.io/default\":null");
	_free_ char *before = NULL;
	_free_ char *after = NULL;
	_free_ char *proof = NULL;
	_free_ char *node = NULL;
	const char *root;
	struct world w;

	(void)state;
	world_start(&w);
	w.settings.adopt = true;
	put_upstream(&w, &root);
	before = upstream_list(w.host, UPSTREAM_TEXTS);
	proof = install_as_announced(&w, UPSTREAMS_NODE);
	node = ready_node(proof);
	remove_all(&w, node, &labels);
	after = upstream_list(w.host, UPSTREAM_TEXTS);
	upstream_must_equal(before, after);
	world_end(&w);
}

#define LABEL(key, value) "\"" key "\":\"" value "\""
#define BOTH(value)                                     \
	LABEL("katacontainers.io/kata-runtime", value), \
		LABEL("kata-deploy.katacontainers.io/default", value)

/* Upstream's need not have a handler of ours for its labels to be true. */
static void test_a_failed_adoption_leaves_upstreams_labels_true(void **state)
{
	static const struct fake_turn turns[] = {
		GET("/api/v1/nodes/n1 ", "200 OK", UPSTREAMS_NODE),
		NEW_CLASSES,
		CONDITION,
		PATCH("/api/v1/nodes/n1?", BOTH("false")),
		GET("/api/v1/nodes/n1 ", "200 OK",
		    "{\"metadata\":{\"labels\":{\"katacontainers.io/kata-runtime\":\"false\","
		    "\"kata-deploy.katacontainers.io/default\":\"false\"}}}"),
		PATCH("/api/v1/nodes/n1?", BOTH("true")),
	};
	_free_ char *handlers = NULL;
	_free_ char *failed = NULL;
	_free_ char *proofs = NULL;
	_free_ char *before = NULL;
	_free_ char *after = NULL;
	const char *root;
	struct world w;
	struct error e;
	struct run r;

	(void)state;
	world_start(&w);
	w.settings.adopt = true;
	put_upstream(&w, &root);
	handlers = path_join(w.host, "etc/engine/handlers");
	assert_int_equal(unlink(handlers), 0);
	before = upstream_list(root, UPSTREAM_TEXTS);
	loses_runc = true;
	run_start(&r, &w, install_steps, turns, ARRAY_SIZE(turns));
	assert_int_equal(install(&r, &w, &e), -EINVAL);
	loses_runc = false;
	run_end(&r);
	failed = path_join(root, ".failed");
	proofs = path_join(root, ".proofs");
	assert_int_equal(unlink(failed) | unlink(proofs), 0);
	after = upstream_list(root, UPSTREAM_TEXTS);
	upstream_must_equal(before, after);
	world_end(&w);
}

/* It has our label, and its pods may run where ours could not. */
static void test_a_node_of_upstreams_that_is_unsuitable_keeps_its_labels(void **state)
{
	static const struct fake_turn turns[] = {
		GET("/api/v1/nodes/n1 ", "200 OK", UPSTREAMS_NODE),
		PATCH("/api/v1/nodes/n1/status?", "\"KernelTooOld\""),
		{ .expect = { "POST /apis/events", "KataNotSuitable" },
		  .status = "201 Created",
		  .body = "{}" },
	};
	const char *root;
	struct world w;
	struct error e;
	struct run r;

	(void)state;
	world_start(&w);
	put_upstream(&w, &root);
	run_start(&r, &w, install_steps, turns, ARRAY_SIZE(turns));
	assert_int_equal(facts_read_node(&r.facts, &r.in, &e), 0);
	if (node_tell_unsuitable(&r.in, "KernelTooOld", "too old", &e) < 0)
		fail_msg("%s", e.msg);
	run_end(&r);
	world_end(&w);
}

/* Where an installation was refused, its removal and its failure have nothing to take away. */
static void test_a_removal_beside_upstreams_leaves_it_alone(void **state)
{
	const struct fake_turn turns[] = {
		GET("/api/v1/nodes/n1 ", "200 OK", UPSTREAMS_NODE),
		NO_CLASSES,
		GET("/api/v1/nodes?labelSelector=", "200 OK", "{\"items\":[]}"),
	};
	_cleanup_(journal_closep) struct journal *j = NULL;
	_assessment_ struct assessment a = { 0 };
	_free_ char *before = NULL;
	_free_ char *after = NULL;
	const char *root;
	struct error e;
	struct world w;
	struct run r;

	(void)state;
	world_start(&w);
	put_upstream(&w, &root);
	before = upstream_list(w.host, UPSTREAM_TEXTS);
	run_start(&r, &w, cleanup_steps, turns, ARRAY_SIZE(turns));
	r.facts.wish = WISH_END;
	assert_int_equal(facts_read_removal(&r.facts, &r.in, &e), 0);
	assert_int_equal(plan_assess(&r.plan, &a, &e), 0);
	assert_int_equal(journal_open(&w.settings.owner, root, deadline_in(5000), NULL, &j, &e), 0);
	if (plan_run(&r.plan, &a, j, &e) < 0)
		fail_msg("%s", e.msg);
	if (node_retract(&r.in, &e) < 0)
		fail_msg("%s", e.msg);
	run_end(&r);
	after = upstream_list(w.host, UPSTREAM_TEXTS);
	upstream_must_equal(before, after);
	world_end(&w);
}

#define OTHER(name, marks) "{\"metadata\":{\"name\":\"" name "\"," marks "}}"
#define MARK(kind, value)  "\"" kind "\":{\"kata-deploy.katacontainers.io/default\":\"" value "\"}"

/* Nodes of upstream's have the same label, as those do that were handed back. */
static void test_only_nodes_that_have_ours_keep_the_classes(void **state)
{
	static const struct {
		const char *nodes;
		int is_elsewhere;
	} cases[] = {
		{ "", 0 },
		{ OTHER("n1", MARK("labels", "true") "," MARK("annotations", "p")), 0 },
		{ OTHER("n2", MARK("labels", "true")), 0 },
		{ OTHER("n2", MARK("labels", "true") "," MARK("annotations", "p")), 1 },
		{ OTHER("n2", MARK("labels", "false")), 1 },
		{ OTHER("n2", MARK("labels", "true")) "," OTHER("n3", MARK("labels", "false")), 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *list = xasprintf("{\"items\":[%s]}", cases[i].nodes);
		const struct fake_turn turns[] = {
			GET("/api/v1/nodes?labelSelector=", "200 OK", list),
		};
		struct world w;
		struct error e;
		struct run r;

		world_start(&w);
		run_start(&r, &w, cleanup_steps, turns, ARRAY_SIZE(turns));
		assert_int_equal(wish_is_elsewhere(&r.in, &e), cases[i].is_elsewhere);
		run_end(&r);
		world_end(&w);
	}
}

/* kata-manager beside this: its handler, and what is found by the name of that, are not ours. */
static void test_handler_that_leads_elsewhere_is_anothers(void **state)
{
	static const struct {
		const char *shim;
		bool is_below, is_ours;
	} cases[] = {
		{ "/opt/elsewhere/bin/containerd-shim-kata-v2", false, false },
		{ "opt/kata/bin/containerd-shim-kata-v2", true, true },
		{ "containerd-shim-kata-v2", false, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *below = NULL;
		_free_ char *text = NULL;
		struct facts f;
		struct world w;
		struct error e;

		world_start(&w);
		below = path_join(w.host, cases[i].shim);
		text = xasprintf(
			"version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd."
			"runtimes.kata]\nruntime_type = 'io.containerd.kata.v2'\n"
			"runtime_path = '%s'\n",
			cases[i].is_below ? below : cases[i].shim);
		folder_put(w.host, "etc/engine/containerd.toml", text);
		assert_int_equal(facts_open(&w.settings, &f, &e), 0);
		assert_int_equal(scope_has_runtime(f.scope, "default", "io.containerd.kata.v2"),
				 cases[i].is_ours);
		assert_int_equal(scope_has_handler(f.scope, "kata"), cases[i].is_ours);
		assert_true(scope_has_handler(f.scope, "kata-qemu"));
		facts_done(&f);
		world_end(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handler_that_leads_elsewhere_is_anothers),
		cmocka_unit_test(test_unsuitable_node_is_told_once),
		cmocka_unit_test(
			test_tree_of_another_installation_is_refused_before_anything_changes),
		cmocka_unit_test(test_assessment_changes_nothing),
		cmocka_unit_test(test_plan_is_made_where_all_is_mounted_read_only),
		cmocka_unit_test(test_the_rule_of_that_test_holds),
		cmocka_unit_test(test_what_takes_from_others_is_taken_back_and_tried_once),
		cmocka_unit_test(test_what_somebody_changed_since_is_assessed_anew),
		cmocka_unit_test(test_right_that_lacks_is_found_before_anything_changes),
		cmocka_unit_test(test_undo_of_a_switch_leaves_the_links_of_what_was_there),
		cmocka_unit_test(test_removal_that_fails_gives_the_link_in_the_path_back),
		cmocka_unit_test(test_removal_leaves_what_was_there_before),
		cmocka_unit_test(test_upstreams_node_is_adopted_as_announced_and_handed_back),
		cmocka_unit_test(test_a_failed_adoption_leaves_upstreams_labels_true),
		cmocka_unit_test(test_a_node_of_upstreams_that_is_unsuitable_keeps_its_labels),
		cmocka_unit_test(test_a_removal_beside_upstreams_leaves_it_alone),
		cmocka_unit_test(test_only_nodes_that_have_ours_keep_the_classes),
		cmocka_unit_test(test_installation_does_what_was_assessed_and_then_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
