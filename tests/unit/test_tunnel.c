/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tunnel - a stream inside another one: all of it, both ways, whoever ends first.
 *
 * Two tunnels meet in a socket pair, as those of shim and agent do.  The plain ends are TCP, since
 * resets are; the test is the client on one side and the server on the other.
 */

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "lib/file.h"
#include "lib/tunnel.h"
#include "lib/wait.h"
#include "tests/unit/rpc-peer.h"

#define LARGE (3 * MIB + 1)

struct fixture {
	struct peer_loop io;
	struct tunnel *tunnels[2];
	enum tunnel_end ends[2];
	unsigned n_ended;
	struct cancel is_over; /* both have ended */
	int client, server;    /* the test's */
};

static void ended(struct fixture *f, size_t which, enum tunnel_end how)
{
	__atomic_store_n(&f->ends[which], how, __ATOMIC_SEQ_CST);
	tunnel_free(TAKE_PTR(f->tunnels[which]));
	if (++f->n_ended == 2)
		cancel_raise(&f->is_over);
}

static void first_ended(void *arg, enum tunnel_end how)
{
	ended(arg, 0, how);
}

static void second_ended(void *arg, enum tunnel_end how)
{
	ended(arg, 1, how);
}

/* Two ends of a TCP connection. */
static void connect_tcp(int *ret_a, int *ret_b)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	_close_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
	*ret_a = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(*ret_a, (struct sockaddr *)&a, sizeof(a)), 0);
	*ret_b = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(*ret_b >= 0);
	assert_int_equal(fcntl(*ret_b, F_SETFL, O_NONBLOCK), 0);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	int carriers[2], plains[2];
	struct error e;

	*state = f;
	assert_int_equal(cancel_init(&f->is_over, &e), 0);
	f->io.loop = loop_new(&e);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, carriers), 0);
	connect_tcp(&f->client, &plains[0]);
	connect_tcp(&f->server, &plains[1]);
	f->tunnels[0] = tunnel_new(f->io.loop, plains[0], carriers[0], first_ended, f, &e);
	f->tunnels[1] = tunnel_new(f->io.loop, plains[1], carriers[1], second_ended, f, &e);
	assert_non_null(f->tunnels[0]);
	assert_non_null(f->tunnels[1]);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	peer_loop_end(&f->io);
	tunnel_free(f->tunnels[0]);
	tunnel_free(f->tunnels[1]);
	loop_free(f->io.loop);
	cancel_done(&f->is_over);
	(void)close_fd(f->client);
	(void)close_fd(f->server);
	free(f);
	return 0;
}

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 31 + i / 251);
}

static void *send_large(void *arg)
{
	int fd = *(int *)arg;
	_free_ uint8_t *bytes = xmalloc(LARGE);

	for (size_t i = 0; i < LARGE; i++)
		bytes[i] = byte_at(i);
	peer_send(fd, bytes, LARGE);
	(void)shutdown(fd, SHUT_WR);
	return NULL;
}

static void receive_large(int fd)
{
	_free_ uint8_t *bytes = xmalloc(LARGE);
	char more;

	assert_true(peer_receive(fd, bytes, LARGE));
	for (size_t i = 0; i < LARGE; i++)
		if (bytes[i] != byte_at(i))
			fail_msg("byte %zu is wrong", i);
	assert_false(peer_receive(fd, &more, 1));
}

static void wait_until_over(struct fixture *f)
{
	struct error e;

	assert_true(wait_fd(f->is_over.fd, POLLIN, "the end", deadline_in(PEER_PATIENCE_MS), NULL,
			    &e) >= 0);
}

static void assert_end(struct fixture *f, size_t which, enum tunnel_end how)
{
	assert_int_equal(__atomic_load_n(&f->ends[which], __ATOMIC_SEQ_CST), how);
}

static void test_all_arrives_both_ways(void **state)
{
	struct fixture *f = *state;
	pthread_t there, back;

	peer_loop_start(&f->io);
	assert_int_equal(pthread_create(&there, NULL, send_large, &f->client), 0);
	receive_large(f->server);
	/* The client has ended its direction; the other goes on. */
	assert_int_equal(pthread_create(&back, NULL, send_large, &f->server), 0);
	receive_large(f->client);
	(void)pthread_join(there, NULL);
	(void)pthread_join(back, NULL);
	wait_until_over(f);
	assert_end(f, 0, TUNNEL_OVER);
	assert_end(f, 1, TUNNEL_OVER);
}

static void test_both_at_once(void **state)
{
	struct fixture *f = *state;
	pthread_t there, back;

	peer_loop_start(&f->io);
	assert_int_equal(pthread_create(&there, NULL, send_large, &f->client), 0);
	assert_int_equal(pthread_create(&back, NULL, send_large, &f->server), 0);
	receive_large(f->server);
	receive_large(f->client);
	(void)pthread_join(there, NULL);
	(void)pthread_join(back, NULL);
	wait_until_over(f);
	assert_end(f, 0, TUNNEL_OVER);
}

static void test_reset_is_passed_on(void **state)
{
	struct fixture *f = *state;
	char byte;

	peer_loop_start(&f->io);
	peer_send(f->client, "x", 1);
	assert_true(peer_receive(f->server, &byte, 1));
	tunnel_refuse(f->client);
	f->client = -1;
	wait_until_over(f);
	assert_end(f, 0, TUNNEL_BROKEN);
	assert_end(f, 1, TUNNEL_BROKEN);
	assert_int_equal(recv(f->server, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
}

/* Not even where one direction has ended, and nothing is on its way. */
static void test_reset_is_noticed_at_rest(void **state)
{
	struct fixture *f = *state;
	char byte;

	peer_loop_start(&f->io);
	(void)shutdown(f->client, SHUT_WR);
	assert_false(peer_receive(f->server, &byte, 1));
	tunnel_refuse(f->client);
	f->client = -1;
	wait_until_over(f);
	assert_end(f, 1, TUNNEL_BROKEN);
}

/* ---- the test is the peer of the carrier ---- */

/* One tunnel alone, whose plain end has little room; returns the other end of the carrier. */
static int single_tunnel(struct fixture *f, int *ret_plain)
{
	const int small = 8 * (int)KIB;
	int carriers[2], plain;
	struct error e;

	tunnel_free(TAKE_PTR(f->tunnels[0]));
	tunnel_free(TAKE_PTR(f->tunnels[1]));
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, carriers), 0);
	connect_tcp(ret_plain, &plain);
	(void)setsockopt(plain, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	f->tunnels[0] = tunnel_new(f->io.loop, plain, carriers[0], first_ended, f, &e);
	f->n_ended = 1;
	return carriers[1];
}

/* Who has all and has sent all goes; a reader that comes later still gets it. */
static void test_slow_reader_gets_what_a_peer_left(void **state)
{
	enum { PIECE = 50000 };
	struct fixture *f = *state;
	_free_ uint8_t *piece = xcalloc(1, 2 + PIECE);
	_close_ int plain = -1;
	int carrier = single_tunnel(f, &plain);
	uint8_t end[2];

	piece[0] = PIECE >> 8;
	piece[1] = PIECE & 0xff;
	(void)shutdown(plain, SHUT_WR);
	peer_send(carrier, piece, 2 + PIECE);
	peer_send(carrier, piece, 2 + PIECE);
	peer_send(carrier, "\0\0", 2);
	peer_loop_start(&f->io);
	assert_true(peer_receive(carrier, end, 2));
	(void)close_fd(carrier);
	for (size_t i = 0; i < 2; i++)
		assert_true(peer_receive(plain, piece, PIECE));
	assert_false(peer_receive(plain, piece, 1));
	wait_until_over(f);
	assert_end(f, 0, TUNNEL_OVER);
}

static void assert_broken_by(struct fixture *f, const void *bytes, size_t len)
{
	_close_ int other = -1;
	int carrier = single_tunnel(f, &other);

	peer_send(carrier, bytes, len);
	(void)close_fd(carrier);
	peer_loop_start(&f->io);
	wait_until_over(f);
	assert_end(f, 0, TUNNEL_BROKEN);
}

static void test_carrier_that_ends_in_a_piece_is_broken(void **state)
{
	assert_broken_by(*state, "\0\5abc", 5);
}

static void test_carrier_that_goes_on_after_its_end_is_broken(void **state)
{
	assert_broken_by(*state, "\0\0\0\1a", 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_arrives_both_ways),
		TEST(test_both_at_once),
		TEST(test_slow_reader_gets_what_a_peer_left),
		TEST(test_reset_is_passed_on),
		TEST(test_reset_is_noticed_at_rest),
		TEST(test_carrier_that_ends_in_a_piece_is_broken),
		TEST(test_carrier_that_goes_on_after_its_end_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
