/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_restarts - what an installation tries again has an end.
 *
 * Somebody writes the file that a run is about to write, once or each time; the engine was
 * restarted as often as may be.  The node is that of fake-node.h, the runs are whole.
 */
#include "tests/unit/fake-node.h"

#include <time.h>

#include "deploy/restarts.h"
#include "deploy/run.h"
#include "lib/timestamp.h"

static void apply(const struct world *w, const struct fake_turn *turns, size_t n, int wanted,
		  struct error *e)
{
	struct fake_api api;
	const char *fault;
	int r;

	assert_true(fake_start(&api, turns, n, NULL));
	fake_kubeconfig(&api, w->dir);
	r = run_apply(&w->settings, NULL, e);
	fault = fake_stop(&api);
	if (fault)
		fail_msg("%s", fault);
	if (wanted < 0 ? r != wanted : r < 0)
		fail_msg("it ended with %d: %s", r, r < 0 ? e->msg : "");
}

static void test_run_that_somebody_disturbed_begins_anew(void **state)
{
	static const struct fake_turn turns[] = { TAKEN_BACK, INSTALLS };
	_free_ char *restarts = NULL;
	_free_ char *path = NULL;
	_free_ char *text = NULL;
	struct world w;
	struct error e;

	(void)state;
	world_start(&w);
	path = path_join(w.host, "etc/engine/handlers");
	restarts = path_join(w.host, "opt/kata/.restarts");
	folder_put(w.host, "opt/kata/.restarts", "2026-01-31T23:59:59Z\n");
	meddles = 1;
	apply(&w, turns, ARRAY_SIZE(turns), 0, &e);
	assert_int_equal(file_read(path, 100, &text, NULL, &e), 0);
	assert_string_equal(text, "kata-qemu\n");
	assert_false(file_exists(restarts));
	world_end(&w);
}

static void test_run_that_somebody_disturbs_each_time_is_refused_by_name(void **state)
{
	static const struct fake_turn turns[] = {
		TAKEN_BACK,
		TAKEN_BACK,
		TAKEN_BACK,
		NODE,
		{ .expect = { "POST /apis/events.k8s.io/", "etc/engine/handlers" },
		  .status = "201 Created",
		  .body = "{}" },
		PATCH("/api/v1/nodes/n1/status?", "\"False\"", "etc/engine/handlers"),
	};
	_free_ char *path = NULL;
	_free_ char *text = NULL;
	struct world w;
	struct error e;

	(void)state;
	world_start(&w);
	path = path_join(w.host, "etc/engine/handlers");
	meddles = 99;
	apply(&w, turns, ARRAY_SIZE(turns), -ESTALE, &e);
	assert_int_equal(meddles, 96);
	assert_non_null(strstr(e.msg, path));
	assert_int_equal(file_read(path, 100, &text, NULL, &e), 0);
	assert_string_equal(text, "theirs 97\n");
	meddles = 0;
	world_end(&w);
}

/* A change may need two: one more for its undo. */
static void test_engine_that_was_restarted_often_is_left_alone(void **state)
{
	static const struct fake_turn turns[] = { NODE };
	struct timespec now = { .tv_nsec = 0 };
	_free_ char *text = NULL;
	_free_ char *path = NULL;
	char line[TIMESTAMP_SIZE];
	struct world w;
	struct error e;
	struct run r;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	now.tv_sec = time(NULL);
	timestamp_format(&now, TIMESTAMP_SECONDS, line);
	for (unsigned i = 0; i < RESTARTS_MAX - 1; i++)
		(void)fprintf(out, "%s\n", line);
	(void)fclose(out);
	world_start(&w);
	path = path_join(w.host, "etc/engine/handlers");
	folder_put(w.host, "opt/kata/.restarts", text);
	run_start(&r, &w, install_steps, turns, ARRAY_SIZE(turns));
	assert_int_equal(install(&r, &w, &e), -EBUSY);
	assert_non_null(strstr(e.msg, "kata-deploy reset"));
	assert_false(file_exists(path));
	run_end(&r);
	world_end(&w);
}

/* A sandbox of the engine's outlives whom it was run for, and the run that follows may need none:
 * neither the undo nor the sweep leaves it. */
static void test_what_a_killed_run_left_in_the_engine_and_in_files_goes(void **state)
{
	static const struct fake_turn turns[] = { INSTALLS };
	static const struct {
		const char *path, *text;
	} rests[] = {
		{ "opt/kata/journal", "do overrides {\"files\":[]}\n" },
		{ "opt/kata/.work/node-exec/rootfs/program", "half" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rests); i++) {
		_free_ char *half = NULL;
		_free_ char *path = NULL;
		struct world w;
		struct error e;

		world_start(&w);
		half = path_join(w.host, "opt/kata/.restarts.tmp-7");
		path = path_join(w.host, rests[i].path);
		folder_put(w.host, "opt/kata/.restarts.tmp-7", "2026");
		folder_put(w.host, rests[i].path, rests[i].text);
		clears = 0;
		apply(&w, turns, ARRAY_SIZE(turns), 0, &e);
		assert_int_equal(clears, 1);
		assert_false(file_exists(half));
		assert_false(file_exists(path));
		world_end(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_that_somebody_disturbed_begins_anew),
		cmocka_unit_test(test_run_that_somebody_disturbs_each_time_is_refused_by_name),
		cmocka_unit_test(test_engine_that_was_restarted_often_is_left_alone),
		cmocka_unit_test(test_what_a_killed_run_left_in_the_engine_and_in_files_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
