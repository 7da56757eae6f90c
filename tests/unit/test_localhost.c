/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_localhost - which connections of a network namespace come to us, and until when.
 */

#include "tests/unit/loopback.h"
#include "tests/unit/root.h"

#include "runtime/sandbox/localhost.h"

static int own_namespace(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Accepts what was just connected; the port it was for. */
static uint16_t accept_port(int listener)
{
	union loopback_address a;
	socklen_t len = sizeof(a);
	_close_ int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(getsockname(fd, &a.any, &len), 0);
	return ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
}

static void assert_taken(const struct localhost *l, int family, uint16_t port)
{
	_close_ int fd = loopback_connect(family, 1, port);

	assert_true(fd >= 0);
	assert_int_equal(accept_port(l->fds[family == AF_INET ? 0 : 1]), port);
}

static void test_connections_to_every_port_of_localhost_are_taken(void **state)
{
	_close_ int netns = own_namespace(), theirs = -1, fd = -1;
	struct localhost l;
	uint16_t port;
	struct error e;

	(void)state;
	/* Even one that somebody listens at. */
	theirs = loopback_listen(AF_INET, &port);
	assert_int_equal(localhost_open(netns, &l, &e), 0);
	assert_taken(&l, AF_INET, 80);
	assert_taken(&l, AF_INET, 65535);
	assert_taken(&l, AF_INET, port);
	assert_taken(&l, AF_INET6, 8080);
	/* Not other addresses. */
	assert_int_equal(loopback_connect(AF_INET, 2, 80), -ECONNREFUSED);
	localhost_close(&l);
	assert_int_equal(loopback_connect(AF_INET, 1, 80), -ECONNREFUSED);
	fd = loopback_connect(AF_INET, 1, port);
	assert_true(fd >= 0);
}

static void test_end_of_the_taker_is_a_reset(void **state)
{
	_close_ int netns = own_namespace(), fd = -1;
	struct localhost l;
	struct error e;
	char byte;

	(void)state;
	assert_int_equal(localhost_open(netns, &l, &e), 0);
	fd = loopback_connect(AF_INET, 1, 80);
	assert_true(fd >= 0);
	localhost_close(&l);
	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
}

static bool can_take(void)
{
	_close_ int netns = own_namespace();
	struct localhost l;
	struct error e;

	if (localhost_open(netns, &l, &e) >= 0) {
		localhost_close(&l);
		return true;
	}
	print_message("SKIPPED: %s\n", e.msg);
	return false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections_to_every_port_of_localhost_are_taken),
		cmocka_unit_test(test_end_of_the_taker_is_a_reset),
	};

	if (geteuid() == 0 ? unshare(CLONE_NEWNET) < 0 : !become_root(CLONE_NEWNET))
		return 0;
	loopback_up();
	return can_take() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
