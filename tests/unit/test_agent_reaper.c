/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agent_reaper - orphans are collected all at once, and nobody else's children.
 */

#include "tests/unit/unit.h"

#include <sys/wait.h>
#include <unistd.h>

#include "agent/container/reaper.h"

#define PATIENCE_MS 40
#define ORPHANS     60

struct fixture {
	struct loop *loop;
	struct reaper *reaper;
	struct io timer;
	unsigned ticks;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct error e;

	*state = f;
	f->loop = loop_new(&e);
	f->reaper = reaper_new(f->loop, PATIENCE_MS, &e);
	f->timer.fd = timer_open(&e);
	assert_non_null(f->reaper);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	reaper_free(f->reaper);
	loop_del(f->loop, &f->timer);
	(void)close_fd(f->timer.fd);
	loop_free(f->loop);
	free(f);
	return 0;
}

/* A child that leaves N dead ones behind, and is itself collected. */
static void leave_orphans(int n)
{
	pid_t parent = fork();

	assert_return_code(parent, errno);
	if (parent == 0) {
		for (int i = 0; i < n; i++)
			if (fork() == 0)
				_exit(0);
		_exit(0);
	}
	assert_int_equal(waitpid(parent, NULL, 0), parent);
}

static void give_up(struct io *io, uint32_t events)
{
	struct fixture *f = CONTAINER_OF(io, struct fixture, timer);

	(void)events;
	timer_read(io->fd);
	f->ticks++;
	if (waitid(P_ALL, 0, &(siginfo_t){ 0 }, WEXITED | WNOHANG | WNOWAIT) < 0 || f->ticks > 500)
		loop_stop(f->loop, 0);
}

static void run(struct fixture *f, uint64_t every_ms)
{
	struct error e;

	f->timer.ready = give_up;
	assert_int_equal(loop_add(f->loop, &f->timer, EPOLLIN, &e), 0);
	timer_arm(f->timer.fd, every_ms, every_ms);
	assert_int_equal(loop_run(f->loop), 0);
}

/* Each alone would take as long as all together may. */
static void test_many_orphans_are_collected_in_two_looks(void **state)
{
	struct fixture *f = *state;

	leave_orphans(ORPHANS);
	run(f, PATIENCE_MS);
	assert_true(f->ticks < ORPHANS / 2);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_many_orphans_are_collected_in_two_looks, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
