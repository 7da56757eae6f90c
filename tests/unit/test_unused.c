/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_unused - how long removing waits, and for what.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "lib/host/unused.h"

/* What a node has at each look; the last one stays. */
struct script {
	struct view {
		int error;
		unsigned containers, running, sandboxes;
	} views[4];
	size_t n;
	size_t looks;
	struct cancel *cancel; /* raised at the first look */
};

static int look(const void *arg, struct live *l, struct error *e)
{
	struct script *s = (struct script *)(uintptr_t)arg;
	const struct view *v = &s->views[s->looks < s->n ? s->looks : s->n - 1];

	s->looks++;
	if (s->cancel)
		cancel_raise(s->cancel);
	if (v->error)
		return fail(e, v->error, "containerd does not answer");
	l->containers = v->containers;
	l->running = v->running;
	l->sandboxes = v->sandboxes;
	if (v->containers > 0)
		strv_add(&l->users, "pod 'default/web'");
	return 0;
}

static struct unused unused_of(struct script *s)
{
	return (struct unused){
		.remedy = "run 'kata-deploy cleanup'",
		.look = look,
		.arg = s,
		.wait_ms = 60000,
		.running_ms = 60000,
		.poll_ms = 1,
		.cancel = s->cancel,
	};
}

static void test_wait_lasts_for_what_has_ended(void **state)
{
	struct script s = {
		.views = { { .containers = 2, .sandboxes = 1 }, { .sandboxes = 1 }, { 0 } }, .n = 3
	};
	struct unused d = unused_of(&s);
	struct error e;

	(void)state;
	/* Nothing runs, so the time of what runs does not count. */
	d.running_ms = 0;
	assert_int_equal(unused_wait(&d, &e), 0);
	assert_int_equal(s.looks, 3);
}

static void test_unused_waits_for_what_is_ending(void **state)
{
	struct script s = {
		.views = { { .containers = 2, .running = 1 }, { .containers = 2 }, { 0 } }, .n = 3
	};
	struct unused d = unused_of(&s);
	struct error e;

	(void)state;
	assert_int_equal(unused_wait(&d, &e), 0);
	assert_int_equal(s.looks, 3);
}

static void test_unused_gives_up_on_what_runs(void **state)
{
	struct script s = { .views = { { .containers = 2, .running = 2, .sandboxes = 1 } },
			    .n = 1 };
	struct unused d = unused_of(&s);
	struct error e;

	(void)state;
	d.running_ms = 0;
	assert_int_equal(unused_wait(&d, &e), -EBUSY);
	assert_non_null(strstr(e.msg, "2 containers (2 running) of pod 'default/web'"));
	assert_non_null(strstr(e.msg, "kata-deploy cleanup"));
}

static void test_unused_gives_up_on_what_nobody_collects(void **state)
{
	struct script s = { .views = { { .sandboxes = 1 } }, .n = 1 };
	struct unused d = unused_of(&s);
	struct error e;

	(void)state;
	d.wait_ms = 5;
	assert_int_equal(unused_wait(&d, &e), -EBUSY);
	assert_true(s.looks > 1);
	assert_non_null(strstr(e.msg, "1 sandboxes with a record"));
}

static void test_unused_waits_for_an_answer(void **state)
{
	struct script s = { .views = { { .error = ECONNREFUSED }, { 0 } }, .n = 2 };
	struct unused d = unused_of(&s);
	struct error e;

	(void)state;
	assert_int_equal(unused_wait(&d, &e), 0);
	s = (struct script){ .views = { { .error = ECONNREFUSED } }, .n = 1 };
	d.wait_ms = 5;
	assert_int_equal(unused_wait(&d, &e), -ECONNREFUSED);
	assert_string_equal(e.msg, "containerd does not answer");
}

static void test_unused_that_is_cancelled_ends(void **state)
{
	struct cancel cancel;
	struct script s = { .views = { { .containers = 1 } }, .n = 1, .cancel = &cancel };
	struct unused d = unused_of(&s);
	struct error e;

	(void)state;
	assert_int_equal(cancel_init(&cancel, &e), 0);
	d.poll_ms = 60000;
	assert_int_equal(unused_wait(&d, &e), -ECANCELED);
	cancel_done(&cancel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wait_lasts_for_what_has_ended),
		cmocka_unit_test(test_unused_waits_for_what_is_ending),
		cmocka_unit_test(test_unused_gives_up_on_what_runs),
		cmocka_unit_test(test_unused_gives_up_on_what_nobody_collects),
		cmocka_unit_test(test_unused_waits_for_an_answer),
		cmocka_unit_test(test_unused_that_is_cancelled_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
