/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sock - addresses, and the handshake of a hybrid vsock against peers that lie.
 */

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/vm_sockets.h>

#include "lib/file.h"
#include "lib/sock.h"
#include "lib/str.h"

#define WAIT_MS 5000

static void test_address_is_parsed(void **state)
{
	static const struct {
		const char *text;
		struct sock_address wanted;
	} cases[] = {
		{ "unix:///run/a.sock", { SOCK_KIND_UNIX, "/run/a.sock", 0, 0 } },
		{ "unix://@name", { SOCK_KIND_UNIX, "@name", 0, 0 } },
		{ "remote:///a", { SOCK_KIND_UNIX, "/a", 0, 0 } },
		{ "vsock://-1:1024", { SOCK_KIND_VSOCK, "", UINT32_MAX, 1024 } },
		{ "vsock://3:1024", { SOCK_KIND_VSOCK, "", 3, 1024 } },
		{ "hvsock:///run/b.sock:1024", { SOCK_KIND_HVSOCK, "/run/b.sock", 0, 1024 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sock_address a;
		struct error e;

		if (sock_parse(cases[i].text, &a, &e) < 0)
			fail_msg("'%s' is refused: %s", cases[i].text, e.msg);
		assert_int_equal(a.kind, cases[i].wanted.kind);
		assert_string_equal(a.path, cases[i].wanted.path);
		assert_int_equal(a.cid, cases[i].wanted.cid);
		assert_int_equal(a.port, cases[i].wanted.port);
	}
}

static void test_address_that_is_none_is_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"/run/a.sock",
		"tcp://1.2.3.4:5",
		"unix://",
		"unix://relative",
		"vsock://3",
		"vsock://x:1",
		"vsock://-2:1",
		"vsock://3:x",
		"hvsock:///a",
		"hvsock://a:1",
		"hvsock:///a:99999999999",
		"vsock://3:",
		"vsock://11111111111111111111111111:1",
	};
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sock_address a;

		if (sock_parse(cases[i], &a, &e) >= 0)
			fail_msg("'%s' is taken", cases[i]);
	}
}

static void test_address_longer_than_a_socket_path_is_refused(void **state)
{
	char text[256];
	struct sock_address a;
	struct error e;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "unix:///", strlen("unix:///"));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(sock_parse(text, &a, &e), -EINVAL);
}

/* A VMM that answers one connection with a fixed text. */
struct peer {
	int fd;
	const char *answer; /* NULL: it hangs up at once */
	char heard[64];
	pthread_t thread;
};

static void *answer(void *arg)
{
	struct peer *peer = arg;
	struct error e;
	_close_ int fd = -1;
	ssize_t n;

	if (wait_fd(peer->fd, POLLIN, "connection", deadline_in(WAIT_MS), NULL, &e) < 0)
		return NULL;
	fd = accept4(peer->fd, NULL, NULL, SOCK_CLOEXEC);
	if (!peer->answer)
		return NULL;
	n = read(fd, peer->heard, sizeof(peer->heard) - 1);
	peer->heard[n > 0 ? n : 0] = '\0';
	(void)!write(fd, peer->answer, strlen(peer->answer));
	return NULL;
}

static int connect_to(struct peer *peer, char *ret_rest, size_t size, struct error *e)
{
	struct sock_address listener = { .kind = SOCK_KIND_UNIX }, a;
	_close_ int fd = -1;
	ssize_t n;

	(void)snprintf(listener.path, sizeof(listener.path), "@kata-unit-%d", (int)getpid());
	a = listener;
	a.kind = SOCK_KIND_HVSOCK;
	a.port = 1024;
	peer->fd = sock_listen(&listener, e);
	assert_true(peer->fd >= 0);
	assert_int_equal(pthread_create(&peer->thread, NULL, answer, peer), 0);
	fd = sock_connect(&a, deadline_in(WAIT_MS), NULL, e);
	(void)pthread_join(peer->thread, NULL);
	(void)close(peer->fd);
	if (fd < 0)
		return fd;
	n = read(fd, ret_rest, size - 1);
	ret_rest[n > 0 ? n : 0] = '\0';
	return 0;
}

static void test_handshake_leaves_what_follows_it(void **state)
{
	struct peer peer = { .answer = "OK 5\nframe" };
	char rest[64] = "";
	struct error e;

	(void)state;
	if (connect_to(&peer, rest, sizeof(rest), &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(peer.heard, "CONNECT 1024\n");
	assert_string_equal(rest, "frame");
}

static void test_handshake_with_a_liar_fails(void **state)
{
	static const struct {
		const char *answer;
		int code;
	} cases[] = {
		{ "", -ECONNREFUSED },
		{ "NO\n", -ECONNREFUSED },
		{ "OK 5", -ECONNREFUSED },
		{ "OK 555555555555555555555555555555555555555\n", -EPROTO },
	};
	char rest[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct peer peer = { .answer = cases[i].answer };
		struct error e;
		int r = connect_to(&peer, rest, sizeof(rest), &e);

		if (r != cases[i].code)
			fail_msg("'%s' gives %d", cases[i].answer, r);
	}
}

/* Whether the request is written before the end or after it is chance; both are tried. */
static void test_handshake_that_is_hung_up_on_is_refused(void **state)
{
	char rest[64];

	(void)state;
	for (size_t i = 0; i < 50; i++) {
		struct peer peer = { .answer = NULL };
		struct error e;

		assert_int_equal(connect_to(&peer, rest, sizeof(rest), &e), -ECONNREFUSED);
	}
}

static void test_connect_to_nobody_is_refused(void **state)
{
	const struct sock_address a = { .kind = SOCK_KIND_UNIX, .path = "@kata-unit-nobody" };
	struct error e;

	(void)state;
	assert_int_equal(sock_connect(&a, deadline_in(WAIT_MS), NULL, &e), -ECONNREFUSED);
}

/* Who the next connection is from. */
static struct sockaddr_vm next_peer = { .svm_family = AF_VSOCK };

int __real_accept4(int fd, struct sockaddr *peer, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *peer, socklen_t *len, int flags);

int __wrap_accept4(int fd, struct sockaddr *peer, socklen_t *len, int flags)
{
	if (fd >= 0)
		return __real_accept4(fd, peer, len, flags);
	memcpy(peer, &next_peer, sizeof(next_peer));
	*len = sizeof(next_peer);
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static bool is_taken(unsigned cid, unsigned port)
{
	_close_ int fd = -1;

	next_peer.svm_cid = cid;
	next_peer.svm_port = port;
	fd = sock_accept(-1);
	assert_true(fd >= 0 || errno == ECONNABORTED);
	return fd >= 0;
}

/* The last test: what is set stays. */
static void test_who_may_come_by_vsock(void **state)
{
	(void)state;
	assert_true(is_taken(VMADDR_CID_HOST, 1023));
	assert_true(is_taken(VMADDR_CID_HOST, 3000000000));
	assert_false(is_taken(VMADDR_CID_LOCAL, 1023));
	assert_false(is_taken(3, 1023));
	sock_accept_privileged_only();
	assert_true(is_taken(VMADDR_CID_HOST, 1));
	assert_true(is_taken(VMADDR_CID_HOST, 1023));
	assert_false(is_taken(VMADDR_CID_HOST, 1024));
	assert_false(is_taken(VMADDR_CID_HOST, 3000000000));
	assert_false(is_taken(3, 1023));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address_is_parsed),
		cmocka_unit_test(test_address_that_is_none_is_refused),
		cmocka_unit_test(test_address_longer_than_a_socket_path_is_refused),
		cmocka_unit_test(test_handshake_leaves_what_follows_it),
		cmocka_unit_test(test_handshake_with_a_liar_fails),
		cmocka_unit_test(test_handshake_that_is_hung_up_on_is_refused),
		cmocka_unit_test(test_connect_to_nobody_is_refused),
		cmocka_unit_test(test_who_may_come_by_vsock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
