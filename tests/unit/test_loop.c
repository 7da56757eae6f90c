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

/* Two sources, ready in the same round.  Whichever is called takes both away; the loop
 * goes on until a task of the next round ends it. */
struct pair {
	struct fixture *f;
	struct source *sources[2];
	struct loop_task end;
	unsigned calls;
};

struct source {
	struct io io;
	struct pair *pair;
};

static void end_pair(struct loop_task *task)
{
	loop_stop(CONTAINER_OF(task, struct pair, end)->f->loop, 7);
}

static void on_source(struct io *io, uint32_t events)
{
	struct pair *pair = CONTAINER_OF(io, struct source, io)->pair;

	(void)events;
	if (pair->calls++)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(pair->sources); i++)
		loop_del(pair->f->loop, &pair->sources[i]->io);
	loop_post(pair->f->loop, &pair->end);
}

static struct source *ready_source(struct pair *pair)
{
	struct source *source = xcalloc(1, sizeof(*source));
	struct error e;

	*source = (struct source){ { timer_open(&e), on_source }, pair };
	timer_arm(source->io.fd, 1, 0);
	assert_int_equal(
		wait_fd(source->io.fd, POLLIN, "timer", deadline_in(WATCHDOG_MS), NULL, &e),
		POLLIN);
	assert_return_code(loop_add(pair->f->loop, &source->io, EPOLLIN, &e), 0);
	return source;
}

static void test_loop_del_in_a_round_silences_the_deleted(void **state)
{
	struct pair pair = { .f = *state, .end.run = end_pair };

	for (size_t i = 0; i < ARRAY_SIZE(pair.sources); i++)
		pair.sources[i] = ready_source(&pair);
	assert_int_equal(loop_run(pair.f->loop), 7);
	assert_int_equal(pair.calls, 1);
	for (size_t i = 0; i < ARRAY_SIZE(pair.sources); i++) {
		(void)close_fd(pair.sources[i]->io.fd);
		free(pair.sources[i]);
	}
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
	struct cancel began;  /* raised by each job */
	struct cancel second; /* raised by the job that begins while another runs */
	unsigned order[8];
	unsigned n_done;
	unsigned expected;
};

/* Long enough that a job which may begin beside another does. */
#define JOB_MS 20

static void run_logged(struct job *job)
{
	struct log_job *j = CONTAINER_OF(job, struct log_job, job);
	struct error e;

	cancel_raise(&j->journal->began);
	if (atomic_fetch_add(&j->journal->running, 1)) {
		atomic_store(&j->journal->overlapped, true);
		cancel_raise(&j->journal->second);
	}
	(void)wait_pause(JOB_MS, "another job", NO_DEADLINE, &j->journal->second, &e);
	(void)atomic_fetch_sub(&j->journal->running, 1);
}

static void logged_done(struct job *job)
{
	struct log_job *j = CONTAINER_OF(job, struct log_job, job);

	j->journal->order[j->journal->n_done++] = j->number;
	if (j->journal->n_done == j->journal->expected)
		loop_stop(j->f->loop, 0);
}

/* The first job is on its thread when the others come: the queue is empty then, but busy. */
static void test_jobs_of_one_queue_run_one_after_another_in_order(void **state)
{
	struct fixture *f = *state;
	struct work_queue *queue = work_queue_new(f->pool);
	struct journal journal = { .expected = ARRAY_SIZE(journal.order) };
	struct log_job jobs[ARRAY_SIZE(journal.order)];
	struct error e;

	assert_return_code(cancel_init(&journal.began, &e), 0);
	assert_return_code(cancel_init(&journal.second, &e), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++) {
		jobs[i] = (struct log_job){
			{ .run = run_logged, .done = logged_done }, f, &journal, i
		};
		work_submit(queue, &jobs[i].job);
		assert_int_equal(wait_fd(journal.began.fd, POLLIN, "the first job",
					 deadline_in(WATCHDOG_MS), NULL, &e),
				 POLLIN);
	}
	work_queue_free(queue);
	assert_int_equal(loop_run(f->loop), 0);
	assert_false(journal.overlapped);
	for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++)
		assert_int_equal(journal.order[i], i);
	cancel_done(&journal.began);
	cancel_done(&journal.second);
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
	while (now_ms() + 10 < deadline_ms) {
		assert_int_equal(wait_fd(fds[0], POLLIN, "byte", deadline_ms, NULL, &e), POLLIN);
		assert_int_equal(wait_pause(1, "pause", NO_DEADLINE, NULL, &e), 0);
	}
	assert_int_equal(wait_pause(500, "byte", deadline_ms, NULL, &e), -ETIMEDOUT);
	assert_int_equal(sscanf(e.msg, "byte: timed out after %" SCNu64 " ms", &named), 1);
	assert_in_range(named, 140, 10000);
	assert_int_equal(wait_fd(-1, 0, "byte", deadline_ms, NULL, &e), -ETIMEDOUT);
	assert_int_equal(sscanf(e.msg, "byte: timed out after %" SCNu64 " ms", &named), 1);
	assert_in_range(named, 140, 10000);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* ---- urgent jobs ---- */

#define SMALL_THREADS 2

struct crowd {
	struct work_pool *pool;
	struct loop *loop;
	struct cancel go_on;
	atomic_uint begun;
	unsigned n_done;
	bool was_full; /* when the urgent one ran */
};

struct crowd_job {
	struct job job;
	struct crowd *crowd;
};

static void run_until_told(struct job *job)
{
	struct crowd *c = CONTAINER_OF(job, struct crowd_job, job)->crowd;
	struct error e;

	(void)atomic_fetch_add(&c->begun, 1);
	(void)wait_pause(WATCHDOG_MS, "the end", NO_DEADLINE, &c->go_on, &e);
}

static void crowd_done(struct job *job)
{
	struct crowd *c = CONTAINER_OF(job, struct crowd_job, job)->crowd;

	if (++c->n_done == SMALL_THREADS + 2)
		loop_stop(c->loop, 0);
}

static void run_urgent(struct job *job)
{
	struct crowd *c = CONTAINER_OF(job, struct crowd_job, job)->crowd;

	c->was_full = atomic_load(&c->begun) <= SMALL_THREADS;
}

/* It was the only one that ended so far, and the thread that it got takes nothing else. */
static void urgent_done(struct job *job)
{
	struct crowd *c = CONTAINER_OF(job, struct crowd_job, job)->crowd;

	c->was_full &= c->n_done == 0 && atomic_load(&c->begun) <= SMALL_THREADS;
	cancel_raise(&c->go_on);
	crowd_done(job);
}

/* One more than there are threads waits its turn; the urgent one does not. */
static void test_urgent_job_needs_no_thread_of_others(void **state)
{
	struct fixture *f = *state;
	struct crowd crowd = { .loop = f->loop };
	struct crowd_job jobs[SMALL_THREADS + 1], urgent;
	struct error e;

	assert_return_code(cancel_init(&crowd.go_on, &e), 0);
	crowd.pool = work_pool_new(f->loop, SMALL_THREADS, 256 * KIB);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		jobs[i] = (struct crowd_job){ .job = { .run = run_until_told, .done = crowd_done },
					      .crowd = &crowd };
		work_submit_alone(crowd.pool, &jobs[i].job);
	}
	urgent = (struct crowd_job){ .job = { .run = run_urgent, .done = urgent_done },
				     .crowd = &crowd };
	work_submit_urgent(crowd.pool, &urgent.job);
	assert_int_equal(loop_run(f->loop), 0);
	assert_true(crowd.was_full);
	work_pool_free(crowd.pool);
	cancel_done(&crowd.go_on);
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
		cmocka_unit_test_setup_teardown(test_urgent_job_needs_no_thread_of_others, setup,
						teardown),
		cmocka_unit_test(test_wait_fd_cancelled_fails_with_ecanceled),
		cmocka_unit_test(test_wait_fd_past_deadline_fails_with_etimedout),
		cmocka_unit_test(test_waits_for_one_deadline_say_how_long_all_took),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
