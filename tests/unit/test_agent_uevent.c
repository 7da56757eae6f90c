/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agent_uevent - what the io thread does when the kernel says that something came.
 *
 * The kernel is the other end of a socket pair.
 */

#include "tests/unit/unit.h"

#include <poll.h>
#include <sys/socket.h>

#include "agent/device/uevent.h"
#include "tests/unit/rpc-peer.h"

static int kernel_fd;
static struct cancel gate, has_come, has_run;
static unsigned n_taken;

int __wrap_socket(int domain, int type, int protocol);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t len);

int __wrap_socket(int domain, int type, int protocol)
{
	int fds[2];

	(void)domain;
	(void)type;
	(void)protocol;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	kernel_fd = fds[0];
	return fds[1];
}

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t len)
{
	(void)fd;
	(void)address;
	(void)len;
	return 0;
}

static void say(const char *what, size_t len)
{
	assert_int_equal(send(kernel_fd, what, len, 0), len);
}

#define SAY_MEMORY(action)                                                                        \
	do {                                                                                      \
		static const char text_[] =                                                       \
			action "@/x\0ACTION=" action "\0DEVPATH=/devices/system/memory/memory40"; \
		say(text_, sizeof(text_));                                                        \
	} while (0)

static bool is_raised_soon(const struct cancel *c)
{
	struct error e;

	return wait_fd(c->fd, POLLIN, "it", deadline_in(PEER_PATIENCE_MS / 2), NULL, &e) >= 0;
}

static void memory_came(void)
{
	(void)__atomic_add_fetch(&n_taken, 1, __ATOMIC_SEQ_CST);
	cancel_raise(&has_come);
	(void)is_raised_soon(&gate);
}

static void run_task(struct loop_task *task)
{
	(void)task;
	cancel_raise(&has_run);
}

/* What comes meanwhile is taken once more, and together. */
static void test_memory_that_takes_its_time_does_not_keep_the_io_thread(void **state)
{
	struct loop_task task = { .run = run_task };
	struct peer_loop io = { 0 };
	struct uevents *u;
	struct work_pool *pool;
	struct error e;

	(void)state;
	assert_int_equal(cancel_init(&gate, &e), 0);
	assert_int_equal(cancel_init(&has_come, &e), 0);
	assert_int_equal(cancel_init(&has_run, &e), 0);
	io.loop = loop_new(&e);
	pool = work_pool_new(io.loop, 4, 256 * KIB);
	u = uevents_new(io.loop, pool, memory_came, &e);
	assert_non_null(u);
	peer_loop_start(&io);
	SAY_MEMORY("remove");
	SAY_MEMORY("add");
	assert_true(is_raised_soon(&has_come));
	SAY_MEMORY("add");
	SAY_MEMORY("add");
	loop_post(io.loop, &task);
	assert_true(is_raised_soon(&has_run));
	assert_int_equal(__atomic_load_n(&n_taken, __ATOMIC_SEQ_CST), 1);
	cancel_raise(&gate);
	while (__atomic_load_n(&n_taken, __ATOMIC_SEQ_CST) < 2)
		assert_int_equal(wait_pause(5, "more", deadline_in(PEER_PATIENCE_MS), NULL, &e), 0);
	peer_loop_end(&io);
	work_pool_stop(pool);
	assert_int_equal(n_taken, 2);
	uevents_free(u);
	work_pool_free(pool);
	loop_free(io.loop);
	(void)close_fd(kernel_fd);
	cancel_done(&gate);
	cancel_done(&has_come);
	cancel_done(&has_run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_that_takes_its_time_does_not_keep_the_io_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
