/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agent_forward - connections of the runtime to programs of the pod.
 *
 * The test is the runtime on a unix socket, and a program that listens.
 */

#include "tests/unit/folder.h"
#include "tests/unit/loopback.h"

#include "agent/config.h"
#include "agent/network/forward.h"
#include "agent/sandbox.h"
#include "lib/str.h"
#include "tests/unit/rpc-peer.h"

struct fixture {
	struct peer_loop io;
	struct work_pool *pool;
	struct config config;
	struct sandbox *sandbox;
	struct forward *forward;
	struct sock_address address;
	char *folder;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	_free_ char *url = NULL;
	struct error e;

	*state = f;
	assert_int_equal(setenv("KATA_AGENT_CGROUP_ROOT", "", 1), 0);
	f->folder = folder_new();
	url = xasprintf("unix://%s/s", f->folder);
	assert_int_equal(sock_parse(url, &f->address, &e), 0);
	config_init(&f->config);
	f->io.loop = loop_new(&e);
	f->pool = work_pool_new(f->io.loop, 16, 256 * KIB);
	f->sandbox = sandbox_new(f->io.loop, f->pool, &f->config, &e);
	assert_non_null(f->sandbox);
	f->forward = forward_new(f->sandbox, &f->address, &e);
	assert_non_null(f->forward);
	peer_loop_start(&f->io);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	peer_loop_end(&f->io);
	work_pool_stop(f->pool);
	forward_free(f->forward);
	sandbox_free(f->sandbox);
	work_pool_free(f->pool);
	loop_free(f->io.loop);
	config_done(&f->config);
	folder_remove(f->folder);
	free(f);
	return 0;
}

/* Returns the connection, *ret_answer is what the agent says. */
static int ask_for(struct fixture *f, uint16_t port, uint8_t *ret_answer)
{
	const uint8_t bytes[] = { (uint8_t)(port >> 8), (uint8_t)port };
	struct error e;
	int fd = sock_connect(&f->address, deadline_in(PEER_PATIENCE_MS), NULL, &e);

	assert_true(fd >= 0);
	peer_send(fd, bytes, sizeof(bytes));
	assert_true(peer_receive(fd, ret_answer, 1));
	return fd;
}

static void assert_carried(struct fixture *f, int family)
{
	static const char question[] = "\0\5hello\0\0", answer[] = "\0\3you\0\0";
	_close_ int listener = -1, fd = -1, server = -1;
	char bytes[16];
	uint16_t port;
	uint8_t code;

	listener = loopback_listen(family, &port);
	fd = ask_for(f, port, &code);
	assert_int_equal(code, 0);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	peer_send(fd, question, sizeof(question) - 1);
	assert_true(peer_receive(server, bytes, 5));
	assert_memory_equal(bytes, "hello", 5);
	assert_false(peer_receive(server, bytes, 1));
	peer_send(server, "you", 3);
	(void)shutdown(server, SHUT_WR);
	assert_true(peer_receive(fd, bytes, sizeof(answer) - 1));
	assert_memory_equal(bytes, answer, sizeof(answer) - 1);
	assert_false(peer_receive(fd, bytes, 1));
}

static void test_bytes_are_carried_to_who_listens(void **state)
{
	assert_carried(*state, AF_INET);
}

static void test_server_of_ipv6_alone_is_found(void **state)
{
	assert_carried(*state, AF_INET6);
}

static void test_that_nobody_listens_is_told(void **state)
{
	_close_ int fd = -1;
	uint16_t port;
	uint8_t code;
	int listener = loopback_listen(AF_INET, &port);

	(void)close(listener);
	fd = ask_for(*state, port, &code);
	assert_int_equal(code, ECONNREFUSED);
}

/* One after another, of which none has ended. */
static void test_many_at_once(void **state)
{
	_close_ int listener = -1;
	int fds[32];
	uint16_t port;

	listener = loopback_listen(AF_INET, &port);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		uint8_t code;

		fds[i] = ask_for(*state, port, &code);
		assert_int_equal(code, 0);
		(void)close(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	}
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		(void)close(fds[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bytes_are_carried_to_who_listens),
		TEST(test_server_of_ipv6_alone_is_found),
		TEST(test_that_nobody_listens_is_told),
		TEST(test_many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
