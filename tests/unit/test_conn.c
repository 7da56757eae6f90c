/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_conn - frames that a socket takes or brings in pieces.
 */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/loop.h"
#include "lib/rpc/conn.h"
#include "lib/wire.h"

#define LEN 40

/* What the socket takes of the next frame; the rest is sent as ever. */
static size_t taken;
static int taken_errno;

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	size_t done = 0;

	if (taken_errno) {
		errno = taken_errno;
		return -1;
	}
	for (size_t i = 0; i < message->msg_iovlen && done < taken; i++) {
		size_t n = min_size(message->msg_iov[i].iov_len, taken - done);

		assert_int_equal(send(fd, message->msg_iov[i].iov_base, n, flags), n);
		done += n;
	}
	return (ssize_t)done;
}

struct fixture {
	struct conn conn;
	struct loop *loop;
	int peer;
	uint32_t len; /* of the frame that came */
};

static void on_frame(struct conn *conn, const struct ttrpc_frame *frame)
{
	struct fixture *f = CONTAINER_OF(conn, struct fixture, conn);

	f->len = frame->len;
	loop_stop(f->loop, 0);
}

static void on_oversized(struct conn *conn, const struct ttrpc_frame *frame, const struct error *e)
{
	(void)conn;
	(void)frame;
	fail_msg("%s", e->msg);
}

static void on_ended(struct conn *conn, const struct error *e)
{
	(void)conn;
	fail_msg("%s", e->msg);
}

static const struct conn_ops ops = { on_frame, on_oversized, on_ended };

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct error e;
	int fds[2];

	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), errno);
	f->loop = loop_new(&e);
	f->peer = fds[1];
	assert_int_equal(conn_open(&f->conn, f->loop, fds[0], &ops, &e), 0);
	taken_errno = 0;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	conn_close(&f->conn);
	loop_free(f->loop);
	(void)close_fd(f->peer);
	free(f);
	return 0;
}

static void make_data(uint8_t data[LEN])
{
	for (size_t i = 0; i < LEN; i++)
		data[i] = (uint8_t)(i + 1);
}

static void expect_frame(struct fixture *f, const uint8_t data[LEN])
{
	uint8_t header[TTRPC_HEADER], got[TTRPC_HEADER + LEN + 1];

	ttrpc_put_header(header, 7, TTRPC_RESPONSE, 0, LEN);
	assert_int_equal(recv(f->peer, got, sizeof(got), MSG_DONTWAIT), TTRPC_HEADER + LEN);
	assert_memory_equal(got, header, TTRPC_HEADER);
	assert_memory_equal(got + TTRPC_HEADER, data, LEN);
}

static void test_frame_is_whole_wherever_the_socket_stops_taking_it(void **state)
{
	struct fixture *f = *state;
	uint8_t data[LEN];
	struct error e;

	make_data(data);
	for (taken = 0; taken <= TTRPC_HEADER + LEN; taken++) {
		assert_int_equal(conn_send(&f->conn, 7, TTRPC_RESPONSE, data, LEN, &e), 0);
		expect_frame(f, data);
	}
	taken_errno = EAGAIN;
	assert_int_equal(conn_send(&f->conn, 7, TTRPC_RESPONSE, data, LEN, &e), 0);
	expect_frame(f, data);
}

static void test_frame_without_room_is_refused_as_a_whole(void **state)
{
	struct fixture *f = *state;
	_free_ uint8_t *big = xcalloc(1, WIRE_FRAME_MAX + 1);
	uint8_t data[LEN], got;
	struct error e;

	make_data(data);
	taken = LEN;
	assert_int_equal(
		conn_send(&f->conn, 7, TTRPC_RESPONSE, big, (size_t)WIRE_FRAME_MAX + 1, &e),
		-EMSGSIZE);
	f->conn.out.max = TTRPC_HEADER + LEN - 1;
	assert_int_equal(conn_send(&f->conn, 7, TTRPC_RESPONSE, data, LEN, &e), -EMSGSIZE);
	assert_int_equal(recv(f->peer, &got, 1, MSG_DONTWAIT), -1);
}

static int lowat_of(int fd)
{
	int n = -1;
	socklen_t len = sizeof(n);

	assert_return_code(getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &n, &len), errno);
	return n;
}

/* Sends the header of a frame of LEN bytes and a byte of it; F has read both when this returns. */
static void begin_frame(struct fixture *f, uint32_t len)
{
	uint8_t bytes[TTRPC_HEADER + 1] = { 0 };

	ttrpc_put_header(bytes, 7, TTRPC_RESPONSE, 0, len);
	assert_int_equal(send(f->peer, bytes, sizeof(bytes), 0), sizeof(bytes));
	f->conn.io.ready(&f->conn.io, EPOLLIN);
}

/* Whoever waited for a byte more than come would wait for ever. */
static void test_wakes_up_for_the_rest_of_a_frame_and_no_byte_more(void **state)
{
	struct fixture *f = *state;
	uint8_t rest[LEN - 1] = { 0 };

	begin_frame(f, LEN);
	assert_int_equal(lowat_of(f->conn.io.fd), LEN - 1);
	assert_int_equal(send(f->peer, rest, sizeof(rest), 0), sizeof(rest));
	assert_int_equal(loop_run(f->loop), 0);
	assert_int_equal(f->len, LEN);
	assert_int_equal(lowat_of(f->conn.io.fd), 1);
	begin_frame(f, WIRE_FRAME_MAX);
	assert_in_range(lowat_of(f->conn.io.fd), 1, 64 * KIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_frame_is_whole_wherever_the_socket_stops_taking_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frame_without_room_is_refused_as_a_whole,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_wakes_up_for_the_rest_of_a_frame_and_no_byte_more, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
