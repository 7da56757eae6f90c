/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run - what installations, recoveries and resets that end early leave on a node and on its
 * Node object.  Removals: test_cleanup.c.
 */

#include "tests/unit/folder.h"

#include <stdio.h>
#include <string.h>

#include "deploy/restarts.h"
#include "deploy/run.h"
#include "tests/unit/scripted-node.h"

#include "lib/file.h"
#include "lib/timestamp.h"

static void assert_told(const struct fake_turn *turns, size_t n)
{
	struct world w;
	struct error e;

	start(&w, turns, n);
	assert_int_equal(run_apply(&w.settings, NULL, &e), -ENOENT);
	stop(&w);
}

static void test_failure_with_nothing_installed_takes_a_label_back(void **state)
{
	static const struct fake_turn turns[] = {
		NODE(SHARED ":\"true\"," INSTANCE ":\"true\""),
		LABELS(SHARED ":\"false\"", INSTANCE ":\"false\"", INSTANCE ":null"),
		TOLD("KataInstallFailed", "kata-static"),
	};

	(void)state;
	assert_told(turns, ARRAY_SIZE(turns));
}

static void test_failure_beside_a_version_leaves_the_node_ready(void **state)
{
	static const struct fake_turn turns[] = {
		NODE(SHARED ":\"true\"," INSTANCE ":\"true\""),
		{ { "POST /apis/events.k8s.io/v1/namespaces/default/events?", "KataInstallFailed",
		    "kata-static", "stays ready with version '1-" },
		  "201 Created",
		  "{}",
		  FAKE_KEEP,
		  NULL },
		{ { "PATCH /api/v1/nodes/n1/status?",
		    "\"type\":\"KataReady\",\"status\":\"True\",\"reason\":\"SandboxAnswered\"",
		    "\"type\":\"KataUpgraded\",\"status\":\"False\",\"reason\":\"InstallFailed\"",
		    "kata-static" },
		  "200 OK",
		  "{}",
		  FAKE_KEEP,
		  NULL },
	};
	struct world w;
	struct error e;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	install_version(&w);
	assert_int_equal(run_apply(&w.settings, NULL, &e), -ENOENT);
	stop(&w);
}

static void test_failure_leaves_the_label_of_another_installation(void **state)
{
	static const struct fake_turn turns[] = {
		NODE(SHARED ":\"true\"," INSTANCE ":\"true\"," OTHER ":\"true\""),
		LABELS(SHARED ":\"true\"", INSTANCE ":\"false\"", INSTANCE ":null"),
		TOLD("KataInstallFailed", "kata-static"),
	};

	(void)state;
	assert_told(turns, ARRAY_SIZE(turns));
}

static void test_failure_on_a_node_without_our_label_leaves_the_labels(void **state)
{
	static const struct fake_turn turns[] = {
		NODE(SHARED ":\"true\"," OTHER ":\"true\""),
		TOLD("KataInstallFailed", "kata-static"),
	};

	(void)state;
	assert_told(turns, ARRAY_SIZE(turns));
}

#define CONDITION(status)                                                             \
	ANSWER("GET /api/v1/nodes/n1 ", "200 OK",                                     \
	       "{\"metadata\":{\"uid\":\"u\"},\"status\":{\"conditions\":[{\"type\":" \
	       "\"KataReady\","                                                       \
	       "\"status\":\"" status "\",\"lastTransitionTime\":\"1999-01-01T00:00:00Z\"}]}}")
#define SINCE(time)                                                                            \
	ANSWER("POST /apis/events.k8s.io/v1/namespaces/default/events?", "201 Created", "{}"), \
	{                                                                                      \
		{ "PATCH /api/v1/nodes/n1/status?", "\"False\"",                               \
		  "\"lastTransitionTime\":\"" time },                                          \
			"200 OK", "{}", FAKE_KEEP, NULL                                        \
	}

/* One that fails once more is no transition. */
static void test_time_of_the_condition_is_that_of_its_last_transition(void **state)
{
	static const struct fake_turn again[] = { CONDITION("False"), SINCE("1999-01-01T00") };
	static const struct fake_turn first[] = { CONDITION("True"), SINCE("20") };

	(void)state;
	assert_told(again, ARRAY_SIZE(again));
	assert_told(first, ARRAY_SIZE(first));
}

static void test_failure_before_the_journal_is_told(void **state)
{
	static const struct fake_turn turns[] = {
		NODE(""),
		TOLD("KataInstallFailed", "opt"),
	};
	struct world w;
	struct error e;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	folder_put(w.dir, "opt", "a file where a folder should be");
	assert_int_equal(run_apply(&w.settings, NULL, &e), -ENOTDIR);
	stop(&w);
}

/* Leaves a run behind that was interrupted in STEP. */
static void interrupt_in(const struct world *w, const char *step, const char *data)
{
	_free_ char *root = settings_root(&w->settings);
	_free_ char *line = xasprintf("do %s %s\n", step, data);

	folder_put(root, "journal", line);
}

static bool has_journal(const struct world *w)
{
	_free_ char *root = settings_root(&w->settings);
	_free_ char *path = path_join(root, "journal");

	return file_exists(path);
}

/* As interrupt_in(), for a STEP that had made "new" of the "old" in FILE; MORE are further members
 * of what it saved.  Caller frees the path. */
static char *interrupt_edit(const struct world *w, const char *step, const char *file,
			    const char *more)
{
	char *path = path_join(w->dir, file);
	_free_ char *data = xasprintf(
		"{\"files\":[{\"path\":\"%s\",\"text\":\"old\",\"mode\":420%s}]}", path, more);

	folder_put(w->dir, file, "new");
	interrupt_in(w, step, data);
	return path;
}

static void assert_text(const char *path, const char *wanted)
{
	_free_ char *text = NULL;
	struct error e;

	assert_int_equal(file_read(path, 16, &text, NULL, &e), 0);
	assert_string_equal(text, wanted);
}

static void test_recovery_needs_nothing_that_an_installation_needs(void **state)
{
	static const struct fake_turn turns[] = {
		NODE(""),
		TOLD("KataInstallFailed", "kata-static"),
	};
	_free_ char *path = NULL;
	struct world w;
	struct error e;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	folder_put(w.dir, "dropin-qemu.toml", "[broken\n");
	path = interrupt_edit(&w, "overrides", "configuration.toml", "");
	assert_int_equal(run_apply(&w.settings, NULL, &e), -ENOENT);
	assert_text(path, "old");
	assert_false(has_journal(&w));
	stop(&w);
}

/* A runtime that does not start with the new configuration cannot say which version it is. */
static void test_recovery_restores_a_runtime_that_does_not_answer(void **state)
{
	static const struct fake_turn turns[] = {
		NODE(""),
		TOLD("KataInstallFailed", "undoing 'cri'"),
	};
	_free_ char *path = NULL;
	struct world w;
	struct error e;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	path = interrupt_edit(&w, "cri", "conf.d/kata-deploy.toml", ",\"new\":\"none\"");
	assert_true(run_apply(&w.settings, NULL, &e) < 0);
	assert_text(path, "old");
	assert_true(has_journal(&w));
	stop(&w);
}

#define TWICE(...) __VA_ARGS__, __VA_ARGS__

/* Each run begins with the same undo, which restarts the engine, and ends by that. */
static void test_restarts_for_an_undo_that_fails_are_few(void **state)
{
	static const struct fake_turn turns[] = {
		TWICE(TWICE(TWICE(NODE(""), TOLD("KataInstallFailed", "no systemd")))),
		NODE(""),
		TOLD("KataInstallFailed", "within an hour"),
		NODE(""),
		TOLD("KataResetFailed", "no systemd"),
	};
	_free_ char *path = NULL;
	struct world w;
	struct error e;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	path = interrupt_edit(&w, "cri", "conf.d/kata-deploy.toml", ",\"new\":\"none\"");
	for (unsigned i = 0; i < RESTARTS_MAX; i++)
		assert_int_equal(run_apply(&w.settings, NULL, &e), -ENOENT);
	assert_int_equal(run_apply(&w.settings, NULL, &e), -EBUSY);
	assert_non_null(strstr(e.msg, "kata-deploy reset"));
	assert_text(path, "old");
	assert_true(has_journal(&w));
	/* Who says so has looked at the engine. */
	assert_int_equal(run_reset(&w.settings, NULL, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "no systemd"));
	stop(&w);
}

static void note_restarts(const struct world *w, int64_t when)
{
	const struct timespec time = { .tv_sec = when };
	_free_ char *root = settings_root(&w->settings);
	_free_ char *text = xstrdup("");
	char line[TIMESTAMP_SIZE];

	timestamp_format(&time, TIMESTAMP_SECONDS, line);
	for (unsigned i = 0; i < RESTARTS_MAX; i++) {
		_free_ char *before = text;

		text = xasprintf("%s%s\n", before, line);
	}
	folder_put(root, ".restarts", text);
}

static void test_restarts_of_another_hour_do_not_count(void **state)
{
	static const struct fake_turn turns[] = {
		NODE(""),
		TOLD("KataInstallFailed", "no systemd"),
	};
	static const struct fake_turn refused[] = {
		NODE(""),
		TOLD("KataInstallFailed", "within an hour"),
	};
	static const struct {
		int64_t ago_s;
		const struct fake_turn *turns;
		int result;
	} cases[] = {
		{ 3601, turns, -ENOENT },
		{ -600, turns, -ENOENT }, /* of a clock that was set back since */
		{ 3000, refused, -EBUSY },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *path = NULL;
		struct world w;
		struct error e;

		start(&w, cases[i].turns, ARRAY_SIZE(turns));
		note_restarts(&w, time(NULL) - cases[i].ago_s);
		path = interrupt_edit(&w, "cri", "conf.d/kata-deploy.toml", ",\"new\":\"none\"");
		assert_int_equal(run_apply(&w.settings, NULL, &e), cases[i].result);
		stop(&w);
	}
}

/* Docker's containerd, say: to wait for its CRI service would never end. */
static void test_recovery_waits_for_no_cri_that_was_not_there(void **state)
{
	static const struct fake_turn turns[] = {
		NODE(""),
		TOLD("KataInstallFailed", "kata-static"),
	};
	_free_ char *path = NULL;
	struct world w;
	struct error e;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	/* It is not restarted by us. */
	str_set(&w.settings.distribution, "k0s");
	path = interrupt_edit(&w, "cri", "containerd.d/kata-deploy.toml",
			      "}],\"served\":false,"
			      "\"unused\":[{\"a\":1");
	assert_int_equal(run_apply(&w.settings, NULL, &e), -ENOENT);
	assert_text(path, "old");
	assert_false(has_journal(&w));
	stop(&w);
}

static bool has_file(const struct world *w, const char *name)
{
	_free_ char *path = path_join(w->dir, name);

	return file_exists(path);
}

static void test_recovery_removes_what_a_killed_validation_left(void **state)
{
	static const struct fake_turn turns[] = {
		NODE(""),
		TOLD("KataInstallFailed", "kata-static"),
	};
	struct world w;
	struct error e;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	str_set(&w.settings.distribution, "k0s");
	interrupt_in(&w, "cri", "{\"files\":[],\"served\":false}");
	folder_put(w.dir, ".kata-deploy-candidate", "");
	folder_put(w.dir, ".kata-deploy-candidate-import", "");
	assert_int_equal(run_apply(&w.settings, NULL, &e), -ENOENT);
	assert_false(has_file(&w, ".kata-deploy-candidate"));
	assert_false(has_file(&w, ".kata-deploy-candidate-import"));
	stop(&w);
}

static void test_recovery_without_the_right_to_label_goes_on(void **state)
{
	static const struct fake_turn turns[] = {
		NODE(SHARED ":\"false\"," INSTANCE ":\"false\""),
		ANSWER("PATCH /api/v1/nodes/n1?", REFUSED, "{}"),
		ANSWER("GET /api/v1/nodes/n1 ", REFUSED, "{}"),
	};
	struct world w;
	struct error e;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	interrupt_in(&w, "claim", "{\"shared\":\"true\",\"instance\":\"true\"}");
	assert_int_equal(run_apply(&w.settings, NULL, &e), -ENOENT);
	assert_false(has_journal(&w));
	stop(&w);
}

static void recover_labels(const char *saved, const struct fake_turn *turns, size_t n)
{
	struct world w;
	struct error e;

	start(&w, turns, n);
	interrupt_in(&w, "claim", saved);
	assert_int_equal(run_apply(&w.settings, NULL, &e), -ENOENT);
	assert_false(has_journal(&w));
	stop(&w);
}

#define RECOVERS(saved, now, ...)                                       \
	do {                                                            \
		static const struct fake_turn turns[] = {               \
			NODE(now),                                      \
			LABELS(__VA_ARGS__),                            \
			ANSWER("GET /api/v1/nodes/n1 ", REFUSED, "{}"), \
		};                                                      \
		recover_labels(saved, turns, ARRAY_SIZE(turns));        \
	} while (0)
#define CLAIMED SHARED ":\"false\"," INSTANCE ":\"false\""

static void test_recovery_merges_what_others_made_of_the_labels(void **state)
{
	(void)state;
	RECOVERS("{\"shared\":\"true\",\"instance\":\"true\",\"proof\":\"p\"}", CLAIMED,
		 SHARED ":\"true\"", INSTANCE ":\"true\"", INSTANCE ":\"p\"");
	/* Nobody had a label, or it was of the other installation, which is still there or not. */
	RECOVERS("{}", CLAIMED, SHARED ":null", INSTANCE ":null");
	RECOVERS("{}", SHARED ":\"true\"," INSTANCE ":\"false\"," OTHER ":\"true\"",
		 SHARED ":\"true\"", INSTANCE ":null");
	RECOVERS("{}", CLAIMED "," OTHER ":\"false\"", SHARED ":\"false\"", INSTANCE ":null");
	/* Changed by hand meanwhile. */
	RECOVERS("{\"shared\":\"true\",\"instance\":\"true\"}",
		 SHARED ":\"off\"," INSTANCE ":\"off\"", SHARED ":\"off\"", INSTANCE ":\"off\"");
}

static const char *const unreadable[] = { "strange", "over {}\ndamaged" };

static void test_unreadable_journal_is_told_with_a_remedy(void **state)
{
	static const struct fake_turn turns[] = {
		NODE(""),
		TOLD("KataInstallFailed", "kata-deploy reset"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unreadable); i++) {
		struct world w;
		struct error e;

		start(&w, turns, ARRAY_SIZE(turns));
		interrupt_in(&w, unreadable[i], "{}");
		assert_int_equal(run_apply(&w.settings, NULL, &e), -EPROTONOSUPPORT);
		assert_true(has_journal(&w));
		stop(&w);
	}
}

/* Makes the installer of a version, which does what SCRIPT says.  Caller frees the path. */
static char *put_writer(const struct world *w, const char *script)
{
	_free_ char *root = settings_root(&w->settings);
	_free_ char *folder = xasprintf("%s/versions/9-new/libexec", root);
	_free_ char *text = xasprintf("#!/bin/sh\nroot=%s\n%s\n", root, script);
	char *path = path_join(folder, "kata-deploy");

	folder_put(folder, "kata-deploy", text);
	assert_int_equal(chmod(path, 0755), 0);
	return path;
}

#define RECOVERS_ALL "[ \"$1\" = recover ] && [ -n \"$NODE_NAME\" ] && rm \"$root/journal\""

static void test_journal_of_a_newer_version_is_finished_by_that(void **state)
{
	static const struct fake_turn turns[] = {
		NODE(""),
		TOLD("KataInstallFailed", "kata-static"),
	};
	static const char *const rests[] = { "", "over {}\nanother form\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rests); i++) {
		_free_ char *program = NULL;
		_free_ char *data = NULL;
		struct world w;
		struct error e;

		start(&w, turns, ARRAY_SIZE(turns));
		program = put_writer(&w, RECOVERS_ALL);
		data = xasprintf("{\"by\":\"%s\"}\n%s", program, rests[i]);
		interrupt_in(&w, "strange", data);
		/* The release that is not there is what fails then. */
		assert_int_equal(run_apply(&w.settings, NULL, &e), -ENOENT);
		assert_false(has_journal(&w));
		stop(&w);
	}
}

/* One that is no version's, is anybody's to write, or fails. */
static void test_journal_is_finished_by_no_other_program(void **state)
{
	static const struct fake_turn turns[] = {
		NODE(""),
		TOLD("KataInstallFailed", "kata-deploy reset"),
	};
	static const struct {
		const char *script;
		mode_t mode;
		bool is_elsewhere;
	} cases[] = {
		{ RECOVERS_ALL, 0777, false },
		{ RECOVERS_ALL, 0755, true },
		{ "exit 1", 0755, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *elsewhere = NULL;
		_free_ char *program = NULL;
		_free_ char *data = NULL;
		struct world w;
		struct error e;

		start(&w, turns, ARRAY_SIZE(turns));
		program = put_writer(&w, cases[i].script);
		assert_int_equal(chmod(program, cases[i].mode), 0);
		elsewhere = path_join(w.dir, "installer");
		assert_int_equal(link(program, elsewhere), 0);
		data = xasprintf("{\"by\":\"%s\"}\n", cases[i].is_elsewhere ? elsewhere : program);
		interrupt_in(&w, "strange", data);
		assert_int_equal(run_apply(&w.settings, NULL, &e), -EPROTONOSUPPORT);
		assert_true(has_journal(&w));
		stop(&w);
	}
}

static struct cancel cancel;

/* From then on nobody waits for the containerd that is not there. */
static void raise_cancel(void *arg)
{
	(void)arg;
	cancel_raise(&cancel);
}

static void test_reset_heals_an_unreadable_journal(void **state)
{
	static const struct fake_turn turns[] = {
		DAEMONSET("200 OK", "{\"spec\":{}}"),
		NAMESPACE("200 OK", "{}"),
		{ { "GET /api/v1/nodes/n1 " }, "200 OK", "{}", FAKE_KEEP, raise_cancel },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unreadable); i++) {
		_free_ char *aside = NULL;
		_free_ char *root = NULL;
		struct world w;
		struct error e;

		assert_int_equal(cancel_init(&cancel, &e), 0);
		start(&w, turns, ARRAY_SIZE(turns));
		root = settings_root(&w.settings);
		aside = path_join(root, "journal.broken");
		/* It is not restarted by us. */
		str_set(&w.settings.distribution, "k0s");
		interrupt_in(&w, unreadable[i], "{}");
		assert_int_equal(run_reset(&w.settings, &cancel, &e), -ECANCELED);
		assert_false(has_journal(&w));
		assert_true(file_exists(aside));
		stop(&w);
		cancel_done(&cancel);
	}
}

static void test_reset_that_fails_is_told(void **state)
{
	static const struct fake_turn turns[] = {
		ANSWER("GET /api/v1/nodes/n1 ", "200 OK", "{\"metadata\":{\"uid\":\"u\"}}"),
		TOLD("KataResetFailed", "journal"),
	};
	_free_ char *root = NULL;
	struct world w;
	struct error e;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	root = settings_root(&w.settings);
	/* A folder is no journal, and cannot be put aside for one. */
	folder_put(root, "journal/x", "");
	assert_true(run_reset(&w.settings, NULL, &e) < 0);
	stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failure_with_nothing_installed_takes_a_label_back),
		cmocka_unit_test(test_failure_beside_a_version_leaves_the_node_ready),
		cmocka_unit_test(test_failure_leaves_the_label_of_another_installation),
		cmocka_unit_test(test_failure_on_a_node_without_our_label_leaves_the_labels),
		cmocka_unit_test(test_time_of_the_condition_is_that_of_its_last_transition),
		cmocka_unit_test(test_failure_before_the_journal_is_told),
		cmocka_unit_test(test_recovery_needs_nothing_that_an_installation_needs),
		cmocka_unit_test(test_recovery_restores_a_runtime_that_does_not_answer),
		cmocka_unit_test(test_restarts_for_an_undo_that_fails_are_few),
		cmocka_unit_test(test_restarts_of_another_hour_do_not_count),
		cmocka_unit_test(test_recovery_waits_for_no_cri_that_was_not_there),
		cmocka_unit_test(test_recovery_removes_what_a_killed_validation_left),
		cmocka_unit_test(test_recovery_without_the_right_to_label_goes_on),
		cmocka_unit_test(test_recovery_merges_what_others_made_of_the_labels),
		cmocka_unit_test(test_unreadable_journal_is_told_with_a_remedy),
		cmocka_unit_test(test_journal_of_a_newer_version_is_finished_by_that),
		cmocka_unit_test(test_journal_is_finished_by_no_other_program),
		cmocka_unit_test(test_reset_heals_an_unreadable_journal),
		cmocka_unit_test(test_reset_that_fails_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
