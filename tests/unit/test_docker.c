/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_docker - runtimes in daemon.json: what is written, what is ours, what is refused, and whom
 * the daemon's own words are asked of.
 */
#include "tests/unit/folder.h"
#include "tests/unit/owner.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/host/engine.h"
#include "lib/host/task.h"
#include "lib/proc.h"

#define SHIM "/opt/kata/bin/containerd-shim-kata-v2"

static const struct handler one[] = { { "kata", SHIM, "/opt/kata/c.toml", "/etc/kata/l", NULL } };
static const struct handler known[] = { { "kata", SHIM, NULL, "/etc/kata/l", NULL } };

struct fixture {
	char *dir;
	char *path;
	char *pid_file;
	struct flavour flavour;
	struct engine engine;
};

static strv ran;            /* what engine->exec was given last */
static unsigned run_status; /* and what it answers */

static int record(const struct engine *engine, char *const *argv, uint64_t deadline_ms,
		  const struct cancel *cancel, struct task_result *ret_result, struct error *e)
{
	(void)engine;
	(void)deadline_ms;
	(void)cancel;
	(void)e;
	strv_free(ran);
	ran = strv_copy(argv);
	*ret_result = (struct task_result){
		.status = run_status,
		.out = xstrdup(""),
		.err = xstrdup("unable to configure the Docker daemon\n"),
	};
	return 0;
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	const struct flavour *flavour;
	struct error e;

	f->dir = folder_new();
	f->path = path_join(f->dir, "daemon.json");
	f->pid_file = path_join(f->dir, "docker.pid");
	assert_int_equal(flavour_find("docker", &flavour, &e), 0);
	f->flavour = *flavour;
	f->flavour.pid_file = f->pid_file;
	f->engine = (struct engine){
		.owner = &test_owner,
		.driver = engine_driver(flavour),
		.flavour = &f->flavour,
		.dir = f->dir,
		.main_file = flavour->main_file,
		.exec = record,
	};
	run_status = 0;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	strv_free(TAKE_PTR(ran));
	folder_remove(f->dir);
	engine_done(&f->engine);
	free(f->path);
	free(f->pid_file);
	free(f);
	return 0;
}

static struct handlers wish(enum presence presence)
{
	return (struct handlers){ presence == HANDLERS_PRESENT ? one : known, 1, presence };
}

static int try_plan(const struct fixture *f, enum presence presence, struct edit *ret_edit,
		    struct error *e)
{
	const struct handlers all = wish(presence);

	return f->engine.driver->plan(&f->engine, &all, ret_edit, e);
}

/* What daemon.json, which is TEXT, becomes.  Caller frees. */
static char *becomes(const struct fixture *f, const char *text, enum presence presence)
{
	_edit_ struct edit edit = { 0 };
	struct error e;

	folder_put(f->dir, "daemon.json", text);
	if (try_plan(f, presence, &edit, &e) < 0)
		fail_msg("%s", e.msg);
	return edit.files[0].new_text ? xstrdup(edit.files[0].new_text) : NULL;
}

static void assert_becomes(const struct fixture *f, const char *text, enum presence presence,
			   const char *wanted)
{
	_free_ char *now = becomes(f, text, presence);

	assert_string_equal(now, wanted);
}

static void test_runtime_is_written_as_the_file_is(void **state)
{
	assert_becomes(*state, "{\n  \"a\": 1\n}\n", HANDLERS_PRESENT,
		       "{\n  \"a\": 1,\n  \"runtimes\": {\n"
		       "    \"kata\": {\n      \"runtimeType\": \"" SHIM
		       "\",\n"
		       "      \"options\": {\n"
		       "        \"TypeUrl\": \"runtimeoptions.v1.Options\",\n"
		       "        \"ConfigPath\": \"/opt/kata/c.toml\"\n"
		       "      }\n    } \n  }\n}\n");
	assert_becomes(*state, "{\"runtimes\":{\"r\":{}}}", HANDLERS_PRESENT,
		       "{\"runtimes\":{\"r\":{}, \"kata\": {\"runtimeType\": \"" SHIM
		       "\", "
		       "\"options\": {\"TypeUrl\": \"runtimeoptions.v1.Options\", "
		       "\"ConfigPath\": \"/opt/kata/c.toml\"}}}}");
}

static void test_entry_that_a_formatter_rewrote_is_left_alone(void **state)
{
	static const char text[] =
		"{\n\t\"runtimes\": {\n\t\t\"kata\": {\n\t\t\t\"options\": {\n"
		"\t\t\t\t\"ConfigPath\": \"/opt/kata/c.toml\",\n"
		"\t\t\t\t\"TypeUrl\": \"runtimeoptions.v1.Options\"\n\t\t\t},\n"
		"\t\t\t\"runtimeType\": \"" SHIM "\"\n\t\t}\n\t}\n}\n";

	assert_becomes(*state, text, HANDLERS_PRESENT, text);
	assert_becomes(*state, text, HANDLERS_ABSENT, "{\n\t\"runtimes\": {\n\t}\n}\n");
}

static void test_foreign_entry_of_our_name_gives_way_and_is_not_removed(void **state)
{
	static const char text[] =
		"{\"runtimes\": {\"kata\": {\"path\": \"/usr/bin/kata-runtime\"}, \"r\": {}}}";
	_free_ char *now = becomes(*state, text, HANDLERS_PRESENT);

	assert_null(strstr(now, "kata-runtime"));
	assert_true(str_starts(now, "{\"runtimes\": {\"r\": {}, \"kata\": {\"runtimeType\""));
	assert_becomes(*state, text, HANDLERS_ABSENT, text);
}

static void test_entry_that_is_there_twice_goes_twice(void **state)
{
	assert_becomes(*state,
		       "{\"runtimes\": {\"kata\": {\"runtimeType\": \"" SHIM
		       "\"}, \"a\": {}, "
		       "\"kata\": {\"runtimeType\": \"" SHIM "\"}}}",
		       HANDLERS_ABSENT, "{\"runtimes\": {\"a\": {}}}");
}

static void test_entry_that_is_there_twice_becomes_one(void **state)
{
	static const char before[] = "{\"runtimes\": {\"r\": {}}}";
	_free_ char *once = becomes(*state, before, HANDLERS_PRESENT);
	const char *entry = strstr(once, ", \"kata\"");
	_free_ char *twice =
		xasprintf("{\"runtimes\": {\"r\": {}%.*s%s", (int)strlen(entry) - 2, entry, entry);

	assert_becomes(*state, twice, HANDLERS_PRESENT, once);
}

static void test_entry_of_somebody_else_beside_ours_stays(void **state)
{
	_free_ char *with = becomes(*state, "{\n  \"a\": 1\n}\n", HANDLERS_PRESENT);
	_free_ char *more = xstrdup(with);
	char *ours = strstr(more, "    \"kata\"");
	_free_ char *text = NULL;

	*ours = '\0';
	text = xasprintf("%s    \"crun\": {},\n%s", more, strstr(with, "    \"kata\""));
	assert_becomes(*state, text, HANDLERS_ABSENT,
		       "{\n  \"a\": 1,\n  \"runtimes\": {\n    \"crun\": {} \n  }\n}\n");
}

static void test_text_that_is_no_configuration_is_refused(void **state)
{
	static const char *const texts[] = {
		"[]",           "{\"runtimes\": null}", "{\"runtimes\": []}", "{\"a\": 1",
		"{\"a\": 1} x", "{ // remark\n}",       "{\"a\": 1,}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct fixture *f = *state;
		_edit_ struct edit edit = { 0 };
		struct error e = { 0 };

		folder_put(f->dir, "daemon.json", texts[i]);
		if (try_plan(f, HANDLERS_PRESENT, &edit, &e) != -EINVAL)
			fail_msg("'%s' was taken", texts[i]);
		assert_non_null(strstr(e.msg, "daemon.json"));
	}
}

static void test_default_runtime_cannot_go(void **state)
{
	struct fixture *f = *state;
	_edit_ struct edit edit = { 0 };
	struct error e;

	folder_put(f->dir, "daemon.json",
		   "{\"default-runtime\": \"kata\", \"runtimes\": {\"kata\": {\"runtimeType\": "
		   "\"" SHIM "\"}}}");
	assert_int_equal(try_plan(f, HANDLERS_ABSENT, &edit, &e), -EBUSY);
	assert_non_null(strstr(e.msg, "default-runtime"));
}

/* ---- undo beside somebody else ---- */

static struct json_object *change(const struct fixture *f, enum presence presence)
{
	struct json_object *data = json_object_new_object();
	_edit_ struct edit edit = { 0 };
	struct error e;

	if (try_plan(f, presence, &edit, &e) < 0)
		fail_msg("%s", e.msg);
	edit_save(&edit, data);
	if (edit_apply(&edit, &e) < 0)
		fail_msg("%s", e.msg);
	return data;
}

static void replace_file(const struct fixture *f, const char *what, const char *by)
{
	_free_ char *text = NULL;
	_free_ char *now = NULL;
	struct error e;
	char *at;

	assert_int_equal(file_read(f->path, MIB, &text, NULL, &e), 0);
	at = strstr(text, what);
	assert_non_null(at);
	now = xasprintf("%.*s%s%s", (int)(at - text), text, by, at + strlen(what));
	folder_put(f->dir, "daemon.json", now);
}

static void assert_undone(const struct fixture *f, struct json_object *data, const char *wanted)
{
	_free_ char *now = NULL;
	struct error e = { 0 };

	if (edit_restore(data, f->engine.driver->merge, &f->engine, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(file_read(f->path, MIB, &now, NULL, &e), 0);
	assert_string_equal(now, wanted);
}

static void test_undo_takes_only_ours_out_of_what_somebody_else_changed(void **state)
{
	struct fixture *f = *state;
	_json_ struct json_object *data = NULL;

	folder_put(f->dir, "daemon.json", "{\n  \"a\": 1\n}\n");
	data = change(f, HANDLERS_PRESENT);
	replace_file(f, "\"a\": 1", "\"b\": [2]");
	assert_undone(f, data, "{\n  \"b\": [2]\n}\n");
}

static void test_undo_brings_ours_back_beside_what_somebody_else_added(void **state)
{
	static const char before[] =
		"{\n  \"runtimes\": {\n    \"kata-x\": {\n      \"path\": "
		"\"x\"\n    },\n    \"kata\": {\n      \"path\": \"y\"\n"
		"    }\n  }\n}\n";
	struct fixture *f = *state;
	_json_ struct json_object *data = NULL;
	_free_ char *wanted = xasprintf("{\n  \"b\": 2,%s", before + 1);

	folder_put(f->dir, "daemon.json", before);
	data = change(f, HANDLERS_PRESENT);
	replace_file(f, "{\n", "{\n  \"b\": 2,\n");
	assert_undone(f, data, wanted);
}

/* ---- its own words ---- */

static int validate(const struct fixture *f, struct error *e)
{
	const struct handlers all = wish(HANDLERS_PRESENT);
	_edit_ struct edit edit = { 0 };
	int r = try_plan(f, HANDLERS_PRESENT, &edit, e);

	if (r >= 0)
		r = f->engine.driver->validate(&f->engine, &edit, &all, deadline_in(1000), NULL, e);
	return r;
}

/* A shell called NAME with ARGUMENT, and a pid file that names it. */
static void start_daemon(const struct fixture *f, const char *name, const char *argument,
			 struct proc *ret_proc)
{
	static char c[] = "-c", script[] = "sleep 100; :", zero[] = "x";
	_free_ char *path = path_join(f->dir, name);
	_free_ char *last = xstrdup(argument);
	char *argv[] = { path, c, script, zero, last, NULL };
	const struct proc_spec spec = { .argv = argv, .new_session = true };
	_free_ char *pid = NULL;
	struct error e;

	assert_return_code(symlink("/bin/sh", path), errno);
	assert_int_equal(proc_start(&spec, ret_proc, &e), 0);
	pid = xasprintf("%d\n", ret_proc->pid);
	folder_put(f->dir, "docker.pid", pid);
}

static void stop_daemon(struct proc *p)
{
	(void)kill(-p->pid, SIGKILL);
	(void)proc_stop(p, 0);
	proc_done(p);
}

static void test_daemon_that_runs_judges_with_its_own_options(void **state)
{
	struct fixture *f = *state;
	_free_ char *candidate = path_join(f->dir, ".kata-deploy-candidate");
	_free_ char *exe = NULL;
	struct proc p = { 0 };
	struct error e;

	start_daemon(f, "dockerd", "--debug", &p);
	exe = xasprintf("/proc/%d/exe", p.pid);
	if (validate(f, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(ran[0], exe);
	assert_true(strv_contains(ran, "--debug"));
	assert_true(strv_contains(ran, "--validate"));
	assert_string_equal(ran[strv_len(ran) - 2], "--config-file");
	assert_string_equal(ran[strv_len(ran) - 1], candidate);
	assert_false(file_exists(candidate));
	assert_false(file_exists(f->path));
	stop_daemon(&p);
}

/* The number of a daemon that is gone. */
static void test_program_that_is_no_daemon_judges_nothing(void **state)
{
	struct fixture *f = *state;
	struct proc p = { 0 };
	struct error e;

	start_daemon(f, "other", "--config-file=/other.json", &p);
	if (validate(f, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(ran[0], "dockerd");
	stop_daemon(&p);
}

static void test_daemon_that_reads_another_file_is_named(void **state)
{
	struct fixture *f = *state;
	struct proc p = { 0 };
	struct error e;

	start_daemon(f, "dockerd", "--config-file=/other.json", &p);
	assert_int_equal(validate(f, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "reads '/other.json'"));
	stop_daemon(&p);
}

static void test_folder_that_is_not_there_is_not_made_to_judge(void **state)
{
	struct fixture *f = *state;
	_free_ char *missing = path_join(f->dir, "docker");
	_free_ char *candidate = path_join(f->dir, ".kata-deploy-candidate");
	struct error e;

	f->engine.dir = missing;
	if (validate(f, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(ran[strv_len(ran) - 1], candidate);
	assert_false(file_exists(candidate));
	assert_false(file_exists(missing));
}

static void test_daemon_that_is_not_found_is_the_one_of_the_path(void **state)
{
	struct fixture *f = *state;
	struct error e;

	run_status = 1;
	assert_int_equal(validate(f, &e), -EINVAL);
	assert_string_equal(ran[0], "dockerd");
	assert_non_null(strstr(e.msg, "unable to configure the Docker daemon"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_runtime_is_written_as_the_file_is),
		T(test_entry_that_a_formatter_rewrote_is_left_alone),
		T(test_foreign_entry_of_our_name_gives_way_and_is_not_removed),
		T(test_entry_that_is_there_twice_goes_twice),
		T(test_entry_that_is_there_twice_becomes_one),
		T(test_entry_of_somebody_else_beside_ours_stays),
		T(test_text_that_is_no_configuration_is_refused),
		T(test_default_runtime_cannot_go),
		T(test_undo_takes_only_ours_out_of_what_somebody_else_changed),
		T(test_undo_brings_ours_back_beside_what_somebody_else_added),
		T(test_daemon_that_runs_judges_with_its_own_options),
		T(test_daemon_that_reads_another_file_is_named),
		T(test_program_that_is_no_daemon_judges_nothing),
		T(test_folder_that_is_not_there_is_not_made_to_judge),
		T(test_daemon_that_is_not_found_is_the_one_of_the_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
