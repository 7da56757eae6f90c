/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_loop - the io thread and its work threads.
 *
 * Each test runs a loop until what it waits for has happened; a watchdog timer ends one that never
 * does.
 */

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "lib/loop.h"
#include "lib/wait.h"
#include "lib/work.h"

#define WATCHDOG_MS 30000

struct fixture {
	struct loop *loop;
	struct work_pool *pool;
	struct io watchdog;
};

static void bark(struct io *io, uint32_t events)
{
	(void)events;
	loop_stop(CONTAINER_OF(io, struct fixture, watchdog)->loop, -ETIMEDOUT);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct error e;

	f->loop = loop_new(&e);
	f->pool = work_pool_new(f->loop, 8, 256 * KIB);
	f->watchdog = (struct io){ timer_open(&e), bark };
	assert_return_code(loop_add(f->loop, &f->watchdog, EPOLLIN, &e), 0);
	timer_arm(f->watchdog.fd, WATCHDOG_MS, 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	work_pool_free(f->pool);
	loop_del(f->loop, &f->watchdog);
	(void)close_fd(f->watchdog.fd);
	loop_free(f->loop);
	free(f);
	return 0;
}

struct pair {
	struct fixture *f;
	struct io a, b;
	unsigned calls;
};

static void on_pair(struct pair *pair, struct io *other)
{
	pair->calls++;
	loop_del(pair->f->loop, other);
	loop_stop(pair->f->loop, 7);
}

static void on_a(struct io *io, uint32_t events)
{
	struct pair *pair = CONTAINER_OF(io, struct pair, a);

	(void)events;
	on_pair(pair, &pair->b);
}

static void on_b(struct io *io, uint32_t events)
{
	struct pair *pair = CONTAINER_OF(io, struct pair, b);

	(void)events;
	on_pair(pair, &pair->a);
}

static void test_loop_del_in_a_round_silences_the_deleted(void **state)
{
	struct pair pair = { .f = *state };
	struct error e;

	pair.a = (struct io){ timer_open(&e), on_a };
	pair.b = (struct io){ timer_open(&e), on_b };
	timer_arm(pair.a.fd, 1, 0);
	timer_arm(pair.b.fd, 1, 0);
	assert_return_code(wait_fd(pair.a.fd, POLLIN, "a", deadline_in(WATCHDOG_MS), NULL, &e), 0);
	assert_return_code(wait_fd(pair.b.fd, POLLIN, "b", deadline_in(WATCHDOG_MS), NULL, &e), 0);
	assert_return_code(loop_add(pair.f->loop, &pair.a, EPOLLIN, &e), 0);
	assert_return_code(loop_add(pair.f->loop, &pair.b, EPOLLIN, &e), 0);
	assert_int_equal(loop_run(pair.f->loop), 7);
	assert_int_equal(pair.calls, 1);
	loop_del(pair.f->loop, &pair.a);
	loop_del(pair.f->loop, &pair.b);
	(void)close_fd(pair.a.fd);
	(void)close_fd(pair.b.fd);
}

struct poster {
	struct loop_task task;
	struct loop *loop;
	unsigned ran;
};

static void post_again(struct loop_task *task)
{
	struct poster *p = CONTAINER_OF(task, struct poster, task);

	if (++p->ran == 3)
		loop_stop(p->loop, 0);
	else
		loop_post(p->loop, task);
}

static void *post_from_thread(void *arg)
{
	struct poster *p = arg;

	loop_post(p->loop, &p->task);
	return NULL;
}

static void test_loop_post_from_a_thread_runs_on_the_loop_and_may_repeat(void **state)
{
	struct fixture *f = *state;
	struct poster p = { .task.run = post_again, .loop = f->loop };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, post_from_thread, &p), 0);
	assert_int_equal(loop_run(f->loop), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(p.ran, 3);
}

struct log_job {
	struct job job;
	struct fixture *f;
	struct journal *journal;
	unsigned number;
};

struct journal {
	atomic_uint running;
	atomic_bool overlapped;
	unsigned order[16];
	unsigned n_done;
	unsigned expected;
};

static void run_logged(struct job *job)
{
	struct log_job *j = CONTAINER_OF(job, struct log_job, job);

	if (atomic_fetch_add(&j->journal->running, 1))
		atomic_store(&j->journal->overlapped, true);
	(void)atomic_fetch_sub(&j->journal->running, 1);
}

static void logged_done(struct job *job)
{
	struct log_job *j = CONTAINER_OF(job, struct log_job, job);

	j->journal->order[j->journal->n_done++] = j->number;
	if (j->journal->n_done == j->journal->expected)
		loop_stop(j->f->loop, 0);
}

static void test_jobs_of_one_queue_run_one_after_another_in_order(void **state)
{
	struct fixture *f = *state;
	struct work_queue *queue = work_queue_new(f->pool);
	struct journal journal = { .expected = 16 };
	struct log_job jobs[16];

	for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++) {
		jobs[i] = (struct log_job){
			{ .run = run_logged, .done = logged_done }, f, &journal, i
		};
		work_submit(queue, &jobs[i].job);
	}
	work_queue_free(queue);
	assert_int_equal(loop_run(f->loop), 0);
	assert_false(journal.overlapped);
	for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++)
		assert_int_equal(journal.order[i], i);
}

/* Each job waits for the other: they end only if they run beside one another. */
struct meeting {
	struct job job;
	struct fixture *f;
	struct cancel *mine, *other;
	unsigned *n_done;
	int result;
};

static void meet(struct job *job)
{
	struct meeting *m = CONTAINER_OF(job, struct meeting, job);
	struct error e;

	cancel_raise(m->mine);
	m->result =
		wait_fd(m->other->fd, POLLIN, "the other job", deadline_in(WATCHDOG_MS), NULL, &e);
}

static void met(struct job *job)
{
	struct meeting *m = CONTAINER_OF(job, struct meeting, job);

	if (++*m->n_done == 2)
		loop_stop(m->f->loop, 0);
}

static void test_jobs_of_different_queues_never_wait_for_one_another(void **state)
{
	struct fixture *f = *state;
	struct cancel first, second;
	unsigned n_done = 0;
	struct error e;
	struct meeting a = { { .run = meet, .done = met }, f, &first, &second, &n_done, 0 };
	struct meeting b = { { .run = meet, .done = met }, f, &second, &first, &n_done, 0 };

	assert_return_code(cancel_init(&first, &e), 0);
	assert_return_code(cancel_init(&second, &e), 0);
	work_submit_alone(f->pool, &a.job);
	work_submit_alone(f->pool, &b.job);
	assert_int_equal(loop_run(f->loop), 0);
	assert_true(a.result > 0 && b.result > 0);
	cancel_done(&first);
	cancel_done(&second);
}

static void test_wait_fd_cancelled_fails_with_ecanceled(void **state)
{
	struct cancel c;
	struct error e;

	(void)state;
	assert_return_code(cancel_init(&c, &e), 0);
	assert_false(cancel_is_raised(&c));
	cancel_raise(&c);
	assert_true(cancel_is_raised(&c));
	assert_int_equal(wait_fd(-1, 0, "nothing", NO_DEADLINE, &c, &e), -ECANCELED);
	assert_string_equal(e.msg, "nothing: cancelled");
	cancel_done(&c);
}

static void test_wait_fd_past_deadline_fails_with_etimedout(void **state)
{
	struct error e;

	(void)state;
	assert_int_equal(wait_fd(-1, 0, "nothing", deadline_in(1), NULL, &e), -ETIMEDOUT);
	assert_int_equal(wait_pause(1, "pause", NO_DEADLINE, NULL, &e), 0);
	assert_int_equal(wait_pause(1000, "pause", deadline_in(1), NULL, &e), -ETIMEDOUT);
}

/* As a handshake does that reads byte by byte. */
static void test_waits_for_one_deadline_say_how_long_all_took(void **state)
{
	uint64_t deadline_ms = deadline_in(150);
	struct error e;
	uint64_t named;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_true(write(fds[1], "", 1) == 1);
	while (now_ms() + 10 < deadline_ms)
		assert_int_equal(wait_fd(fds[0], POLLIN, "byte", deadline_ms, NULL, &e), POLLIN);
	assert_int_equal(wait_fd(-1, 0, "byte", deadline_ms, NULL, &e), -ETIMEDOUT);
	assert_int_equal(sscanf(e.msg, "byte: timed out after %" SCNu64 " ms", &named), 1);
	assert_in_range(named, 140, 10000);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_loop_del_in_a_round_silences_the_deleted,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_loop_post_from_a_thread_runs_on_the_loop_and_may_repeat, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			test_jobs_of_one_queue_run_one_after_another_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_jobs_of_different_queues_never_wait_for_one_another, setup, teardown),
		cmocka_unit_test(test_wait_fd_cancelled_fails_with_ecanceled),
		cmocka_unit_test(test_wait_fd_past_deadline_fails_with_etimedout),
		cmocka_unit_test(test_waits_for_one_deadline_say_how_long_all_took),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
