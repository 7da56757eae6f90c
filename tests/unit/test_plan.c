/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_plan - a plan that is killed at any point is taken back by the next cycle
 * (lib/host/cycle.h).
 *
 * Three steps each move a file from "old" to "new".  A child runs the plan and dies at the n-th
 * point; then another run recovers.  The invariant: afterwards every file is "old" again, and a run
 * without a kill makes every one "new".
 */

#include "tests/unit/folder.h"
#include "tests/unit/owner.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/file.h"
#include "lib/host/cycle.h"

#define N_FILES 3
#define POINTS  64

struct world {
	char *root;
	int *dies_at;    /* counts down; -1: lives */
	int fails_at;    /* step that fails; -1: none */
	int stays_at;    /* step whose undo fails; -1: none */
	bool is_refused; /* what has no way back, or, by decide(), everything */
	unsigned writes;
	const struct step *const *steps;
};

static void point(const struct world *w)
{
	if (*w->dies_at >= 0 && (*w->dies_at)-- == 0)
		_exit(9);
}

static char *file_of(const struct world *w, int i)
{
	return xasprintf("%s/file%d", w->root, i);
}

static char *content(const struct world *w, int i)
{
	_free_ char *path = file_of(w, i);
	char *text = NULL;
	struct error e;

	return file_read(path, 100, &text, NULL, &e) < 0 ? xstrdup("missing") : text;
}

static int put(struct world *w, int i, const char *text, struct error *e)
{
	_free_ char *path = file_of(w, i);

	w->writes++;
	return file_replace(path, text, strlen(text), 0644, e);
}

static void assess(const struct world *w, int i, struct change *c)
{
	_free_ char *now = content(w, i);
	_free_ char *path = file_of(w, i);

	if (strcmp(now, "new") != 0)
		change_add(c, EFFECT_FILE, path, "it is not new");
}

static int save(const struct world *w, int i, struct json_object *data)
{
	_free_ char *now = content(w, i);

	point(w);
	json_set_str(data, "text", now);
	return 0;
}

static int run(struct world *w, int i, struct error *e)
{
	int r;

	point(w);
	if (w->fails_at == i)
		return fail(e, EIO, "step %d fails", i);
	r = put(w, i, "half", e);
	point(w);
	if (r >= 0)
		r = put(w, i, "new", e);
	point(w);
	return r;
}

static int undo(struct world *w, int i, struct json_object *data, struct error *e)
{
	int r;

	point(w);
	if (w->stays_at == i)
		return fail(e, EBUSY, "file %d is held", i);
	if (json_object_object_length(data) != 1)
		return fail(e, EINVAL, "undo was given what save did not put");
	r = put(w, i, json_get_str(data, "text"), e);
	point(w);
	return r;
}

#define STEP(i, title)                                                                           \
	static int assess##i(const void *c, const struct assessment *others, struct change *ret, \
			     struct error *e)                                                    \
	{                                                                                        \
		(void)others;                                                                    \
		(void)e;                                                                         \
		assess(c, i, ret);                                                               \
		return 0;                                                                        \
	}                                                                                        \
	static int save##i(const void *c, const struct change *change, struct json_object *data, \
			   struct error *e)                                                      \
	{                                                                                        \
		(void)change;                                                                    \
		(void)e;                                                                         \
		return save(c, i, data);                                                         \
	}                                                                                        \
	static int run##i(void *c, const struct change *change, struct error *e)                 \
	{                                                                                        \
		(void)change;                                                                    \
		return run(c, i, e);                                                             \
	}                                                                                        \
	static int undo##i(void *c, struct json_object *data, enum undo_reason reason,           \
			   struct error *e)                                                      \
	{                                                                                        \
		(void)reason;                                                                    \
		return undo(c, i, data, e);                                                      \
	}                                                                                        \
	static const struct step step##i = {                                                     \
		.name = title,                                                                   \
		.purpose = "move file " #i,                                                      \
		.assess = assess##i,                                                             \
		.run = run##i,                                                                   \
		.save = save##i,                                                                 \
		.undo = undo##i,                                                                 \
	};

STEP(0, "zero")
STEP(1, "one")
STEP(2, "two")

static step_table steps = { &step0, &step1, &step2, NULL };

static int may_begin(void *context, struct error *e)
{
	const struct world *w = context;

	return w->is_refused ? fail(e, EBUSY, "somebody needs it") : 0;
}

/* Its last step has no way back. */
static const struct step step_last = {
	.name = "last",
	.purpose = "move file 2 for good",
	.assess = assess2,
	.may_begin = may_begin,
	.run = run2,
};

static step_table final_steps = { &step0, &step1, &step_last, NULL };

static struct world *world_new(void)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct error e;

	w->root = folder_new();
	w->steps = steps;
	w->dies_at = xmalloc(sizeof(*w->dies_at));
	*w->dies_at = w->fails_at = w->stays_at = -1;
	for (int i = 0; i < N_FILES; i++)
		assert_true(put(w, i, "old", &e) >= 0);
	w->writes = 0;
	return w;
}

static void world_free(struct world *w)
{
	folder_remove(w->root);
	free(w->dies_at);
	free(w);
}

static void assert_all(const struct world *w, const char *wanted)
{
	for (int i = 0; i < N_FILES; i++) {
		_free_ char *now = content(w, i);

		assert_string_equal(now, wanted);
	}
}

static void assert_no_journal(const struct world *w)
{
	_free_ char *path = path_join(w->root, "journal");

	assert_false(file_exists(path));
}

static int recover(const void *arg, struct journal *j, struct error *e)
{
	struct world w = *(const struct world *)arg;
	const struct plan plan = { .steps = w.steps, .context = &w };

	return plan_recover(&plan, j, e);
}

static struct cycle cycle_of(const struct world *w)
{
	return (struct cycle){
		.owner = &test_owner,
		.root = w->root,
		.lock_ms = 5000,
		.recover = recover,
		.arg = w,
	};
}

/* Recovers, then runs unless ONLY_RECOVER. */
static int go(struct world *w, bool only_recover, struct error *e)
{
	const struct plan plan = { .steps = w->steps, .context = w, .writer = "/w/installer" };
	const struct cycle cycle = cycle_of(w);
	_cleanup_(journal_closep) struct journal *j = NULL;

	if (only_recover)
		return cycle_open_alone(&cycle, &j, e);
	return cycle_open(&cycle, &j, e) < 0 ? -e->code : cycle_run(&plan, j, e);
}

/* Runs in a child that dies at the n-th point.  True if it died. */
static bool die_at(struct world *w, int n, bool only_recover)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct error e;

		*w->dies_at = n;
		_exit(go(w, only_recover, &e) < 0 ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 1);
	return WEXITSTATUS(status) == 9;
}

static void test_plan_killed_at_any_point_is_taken_back(void **state)
{
	bool died = true;
	struct error e;

	(void)state;
	for (int n = 0; died && n < POINTS; n++) {
		struct world *w = world_new();

		died = die_at(w, n, false);
		assert_int_equal(go(w, true, &e), 0);
		assert_all(w, died ? "old" : "new");
		assert_no_journal(w);
		assert_true(go(w, false, &e) >= 0);
		assert_all(w, "new");
		world_free(w);
	}
	assert_false(died);
}

static void test_plan_killed_while_taken_back_is_taken_back(void **state)
{
	struct error e;

	(void)state;
	for (int n = 0; n < 10; n++) {
		bool died = true;

		for (int m = 0; died && m < POINTS; m++) {
			struct world *w = world_new();

			(void)die_at(w, n, false);
			died = die_at(w, m, true);
			assert_int_equal(go(w, true, &e), 0);
			assert_all(w, "old");
			assert_no_journal(w);
			world_free(w);
		}
	}
}

static void test_plan_whose_step_fails_is_taken_back(void **state)
{
	(void)state;
	for (int i = 0; i < N_FILES; i++) {
		struct world *w = world_new();
		struct error e;

		w->fails_at = i;
		assert_int_equal(go(w, false, &e), -EIO);
		assert_non_null(strstr(e.msg, "fails"));
		assert_all(w, "old");
		assert_no_journal(w);
		world_free(w);
	}
}

static void test_step_without_return_is_refused_before_or_leaves_all(void **state)
{
	(void)state;
	for (int is_refused = 0; is_refused < 2; is_refused++) {
		struct world *w = world_new();
		_free_ char *first = NULL;
		struct error e;

		w->steps = final_steps;
		w->is_refused = is_refused;
		w->fails_at = 2;
		assert_int_equal(go(w, false, &e), is_refused ? -EBUSY : -EIO);
		first = content(w, 0);
		assert_string_equal(first, is_refused ? "old" : "new");
		assert_no_journal(w);
		/* The next run goes on. */
		w->is_refused = false;
		w->fails_at = -1;
		assert_true(go(w, false, &e) > 0);
		assert_all(w, "new");
		world_free(w);
	}
}

/* Half done it is not taken back by the next run either. */
static void test_plan_killed_behind_the_point_of_no_return_goes_on(void **state)
{
	(void)state;
	for (int n = 0; n < POINTS; n++) {
		struct world *w = world_new();
		_free_ char *last = NULL;
		_free_ char *first = NULL;
		bool died;
		struct error e;

		w->steps = final_steps;
		died = die_at(w, n, false);
		assert_int_equal(go(w, true, &e), 0);
		first = content(w, 0);
		last = content(w, 2);
		assert_true(strcmp(last, "old") == 0 || strcmp(first, "new") == 0);
		world_free(w);
		if (!died)
			return;
	}
	fail_msg("the plan has more points than that");
}

static void test_undo_that_fails_is_said_and_left_to_the_next_run(void **state)
{
	struct world *w = world_new();
	_free_ char *path = path_join(w->root, "journal");
	_free_ char *writer = NULL;
	struct error e;

	(void)state;
	w->fails_at = 2;
	w->stays_at = 1;
	assert_int_equal(go(w, false, &e), -EIO);
	assert_non_null(strstr(e.msg, "step 2 fails"));
	assert_non_null(strstr(e.msg, "file 1 is held"));
	assert_true(file_exists(path));
	assert_int_equal(journal_writer(w->root, &writer, &e), 0);
	assert_string_equal(writer, "/w/installer");
	assert_int_equal(go(w, true, &e), -EBUSY);
	w->stays_at = -1;
	assert_int_equal(go(w, true, &e), 0);
	assert_all(w, "old");
	assert_no_journal(w);
	world_free(w);
}

static void test_plan_repeated_writes_nothing(void **state)
{
	struct world *w = world_new();
	struct error e;

	(void)state;
	assert_int_equal(go(w, false, &e), N_FILES);
	w->writes = 0;
	assert_int_equal(go(w, false, &e), 0);
	assert_int_equal(w->writes, 0);
	assert_no_journal(w);
	world_free(w);
}

static void test_journal_with_a_torn_line_ignores_it(void **state)
{
	struct world *w = world_new();
	_free_ char *path = path_join(w->root, "journal");
	static const char text[] = "do zero {\"text\":\"old\"}\ndo one {\"te";
	struct error e;

	(void)state;
	assert_true(put(w, 0, "half", &e) >= 0);
	assert_int_equal(file_replace(path, text, strlen(text), 0600, &e), 0);
	assert_int_equal(go(w, true, &e), 0);
	assert_all(w, "old");
	assert_no_journal(w);
	world_free(w);
}

static void test_journal_that_is_none_is_refused(void **state)
{
	static const char *const texts[] = { "hello\n",   "ok zero\n",   "undone zero\n",
					     "do zero\n", "do zero {\n", "do zero 5\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct world *w = world_new();
		_free_ char *path = path_join(w->root, "journal");
		struct error e;

		assert_int_equal(file_replace(path, texts[i], strlen(texts[i]), 0600, &e), 0);
		assert_int_equal(go(w, true, &e), -EPROTONOSUPPORT);
		world_free(w);
	}
}

/* What a power cut leaves of blocks that were not written. */
static void test_journal_with_zeros_in_a_line_is_refused(void **state)
{
	static const char text[] = "do zero {\"text\":\"old\"}\0\0\0\n";
	struct world *w = world_new();
	_free_ char *path = path_join(w->root, "journal");
	struct error e;

	(void)state;
	assert_int_equal(file_replace(path, text, sizeof(text) - 1, 0600, &e), 0);
	assert_int_equal(go(w, true, &e), -EPROTONOSUPPORT);
	assert_non_null(strstr(e.msg, "line 1: NUL"));
	world_free(w);
}

static void test_journal_with_a_step_of_another_version_is_kept(void **state)
{
	static const char text[] = "do strange {}\nok strange\ndo zero {\"text\":\"old\"}\n";
	struct world *w = world_new();
	_free_ char *path = path_join(w->root, "journal");
	struct error e;

	(void)state;
	assert_true(put(w, 0, "half", &e) >= 0);
	assert_int_equal(file_replace(path, text, strlen(text), 0600, &e), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(go(w, true, &e), -EPROTONOSUPPORT);
		assert_non_null(strstr(e.msg, "'strange'"));
	}
	assert_all(w, "old");
	assert_true(file_exists(path));
	world_free(w);
}

static void test_journal_of_nobody_is_put_aside_on_request(void **state)
{
	struct world *w = world_new();
	const struct cycle cycle = cycle_of(w);
	_free_ char *path = path_join(w->root, "journal");
	_free_ char *aside = path_join(w->root, JOURNAL_ASIDE);
	struct error e;

	(void)state;
	assert_int_equal(file_replace(path, "hello\n", 6, 0600, &e), 0);
	for (int i = 0; i < 2; i++) {
		_cleanup_(journal_closep) struct journal *j = NULL;

		assert_int_equal(cycle_open_afresh(&cycle, &j, &e), 0);
		assert_int_equal(journal_len(j), 0);
		assert_true(file_exists(aside));
	}
	assert_int_equal(go(w, false, &e), N_FILES);
	world_free(w);
}

/* ... nor is one that can be read. */
static void test_journal_that_can_be_taken_back_is_not_put_aside(void **state)
{
	struct world *w = world_new();
	const struct cycle cycle = cycle_of(w);
	_cleanup_(journal_closep) struct journal *j = NULL;
	_free_ char *aside = path_join(w->root, JOURNAL_ASIDE);
	struct error e;

	(void)state;
	assert_true(die_at(w, 5, false));
	assert_int_equal(cycle_open_afresh(&cycle, &j, &e), 0);
	assert_false(file_exists(aside));
	assert_all(w, "old");
	world_free(w);
}

static int decide(void *context, struct assessment *a, struct error *e)
{
	const struct world *w = context;

	assert_int_equal(a->n_changes, N_FILES);
	return w->is_refused ? fail(e, EBUSY, "not now") : 0;
}

static void test_decision_comes_before_the_first_step(void **state)
{
	(void)state;
	for (int is_refused = 0; is_refused < 2; is_refused++) {
		struct world *w = world_new();
		const struct plan plan = { .steps = steps, .context = w, .decide = decide };
		const struct cycle cycle = cycle_of(w);
		_cleanup_(journal_closep) struct journal *j = NULL;
		struct error e;

		w->is_refused = is_refused;
		assert_int_equal(cycle_open(&cycle, &j, &e), 0);
		assert_int_equal(cycle_run(&plan, j, &e), is_refused ? -EBUSY : N_FILES);
		assert_all(w, is_refused ? "old" : "new");
		assert_no_journal(w);
		world_free(w);
	}
}

static unsigned told[2 * N_FILES], n_told;

static void tell_progress(void *context, const struct step *step, unsigned number, unsigned total)
{
	(void)context;
	(void)step;
	told[n_told++] = number;
	told[n_told++] = total;
}

static void test_steps_are_counted_that_must_run(void **state)
{
	static const unsigned wanted[] = { 1, 2, 2, 2 };
	struct world *w = world_new();
	const struct plan plan = { .steps = steps, .context = w, .progress = tell_progress };
	const struct cycle cycle = cycle_of(w);
	_cleanup_(journal_closep) struct journal *j = NULL;
	struct error e;

	(void)state;
	assert_int_equal(put(w, 1, "new", &e), 0);
	assert_int_equal(cycle_open(&cycle, &j, &e), 0);
	assert_int_equal(cycle_run(&plan, j, &e), 2);
	assert_int_equal(n_told, ARRAY_SIZE(wanted));
	assert_memory_equal(told, wanted, sizeof(wanted));
	world_free(w);
}

static void test_what_is_told_is_not_done(void **state)
{
	static const char *const marks[] = { "not new", "interrupted run is undone before" };

	(void)state;
	for (int is_interrupted = 0; is_interrupted < 2; is_interrupted++) {
		struct world *w = world_new();
		const struct plan plan = { .steps = steps, .context = w };
		struct plan_subject subject = { .program = "p", .action = "move" };
		_free_ char *text = NULL;
		size_t len;
		FILE *out = open_memstream(&text, &len);
		struct error e;

		if (is_interrupted)
			assert_true(die_at(w, 2, false));
		w->writes = 0;
		assert_true(cycle_tell(&plan, &subject, w->root, PLAN_TEXT, out, &e) > 0);
		(void)fclose(out);
		for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
			assert_int_equal(strstr(text, marks[i]) != NULL, i == 0 || is_interrupted);
		assert_int_equal(w->writes, 0);
		world_free(w);
	}
}

/* How often it is disturbed, and how often it was begun. */
struct disturbed {
	int times;
	int begun;
};

static int begin_anew(void *arg, struct error *e)
{
	struct disturbed *d = arg;

	d->begun++;
	return d->times-- > 0 ? fail(e, ESTALE, "somebody else changed it") : 7;
}

static void test_what_somebody_changed_meanwhile_is_begun_anew_not_without_end(void **state)
{
	static const struct {
		int times, begun, result;
	} cases[] = { { 0, 1, 7 }, { 2, 3, 7 }, { 100, 3, -ESTALE } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct disturbed d = { .times = cases[i].times };
		struct error e;

		assert_int_equal(cycle_again(begin_anew, &d, &e), cases[i].result);
		assert_int_equal(d.begun, cases[i].begun);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan_killed_at_any_point_is_taken_back),
		cmocka_unit_test(test_plan_killed_while_taken_back_is_taken_back),
		cmocka_unit_test(test_plan_whose_step_fails_is_taken_back),
		cmocka_unit_test(test_undo_that_fails_is_said_and_left_to_the_next_run),
		cmocka_unit_test(test_step_without_return_is_refused_before_or_leaves_all),
		cmocka_unit_test(test_plan_killed_behind_the_point_of_no_return_goes_on),
		cmocka_unit_test(test_plan_repeated_writes_nothing),
		cmocka_unit_test(test_journal_with_a_torn_line_ignores_it),
		cmocka_unit_test(test_journal_that_is_none_is_refused),
		cmocka_unit_test(test_journal_with_zeros_in_a_line_is_refused),
		cmocka_unit_test(test_journal_with_a_step_of_another_version_is_kept),
		cmocka_unit_test(test_journal_of_nobody_is_put_aside_on_request),
		cmocka_unit_test(test_journal_that_can_be_taken_back_is_not_put_aside),
		cmocka_unit_test(test_decision_comes_before_the_first_step),
		cmocka_unit_test(test_steps_are_counted_that_must_run),
		cmocka_unit_test(test_what_is_told_is_not_done),
		cmocka_unit_test(
			test_what_somebody_changed_meanwhile_is_begun_anew_not_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
