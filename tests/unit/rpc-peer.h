/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_RPC_PEER_H
#define TESTS_UNIT_RPC_PEER_H

/*
 * The other end of a connection under test, by hand: blocking, byte by byte, free to lie.  Whatever
 * goes wrong here ends the program, because a peer may run on a thread that cmocka does not know.
 */

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/loop.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/ttrpc.pb-c.h"
#include "lib/rpc/ttrpc.h"

#define PEER_PATIENCE_MS 20000

static inline void peer_check(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "peer: %s: %m\n", what);
	abort();
}

/* To one that has hung up meanwhile: nothing; the next receiving says so. */
static inline void peer_send(int fd, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	ssize_t n;

	for (; len; p += n, len -= (size_t)n) {
		n = send(fd, p, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EPIPE)
			return;
		peer_check(n > 0, "cannot send");
	}
}

/* False at end of file. */
static inline bool peer_receive(int fd, void *bytes, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t *at = bytes;
	ssize_t n;

	for (; len; at += n, len -= (size_t)n) {
		peer_check(poll(&p, 1, PEER_PATIENCE_MS) == 1, "nothing came");
		n = recv(fd, at, len, 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return false;
		peer_check(n > 0, "cannot receive");
	}
	return true;
}

static inline void peer_frame(int fd, uint32_t stream, uint8_t type, uint8_t flags,
			      const void *data, size_t len)
{
	_buf_ struct buf out;
	struct error e;

	buf_init(&out, 8 * MIB);
	peer_check(ttrpc_add(&out, stream, (enum ttrpc_type)type, flags, data, len, &e) >= 0,
		   "cannot make a frame");
	peer_send(fd, out.data, out.len);
}

/* The answer MESSAGE to the call on STREAM. */
static inline void peer_answer(int fd, uint32_t stream, const void *message)
{
	Ttrpc__Response response = TTRPC__RESPONSE__INIT;
	_free_ uint8_t *payload = NULL;
	_free_ uint8_t *bytes = NULL;
	size_t len;

	response.payload.len = message_pack(message, &payload);
	response.payload.data = payload;
	len = message_pack(&response, &bytes);
	peer_frame(fd, stream, TTRPC_RESPONSE, 0, bytes, len);
}

/* A frame whose header promises LEN bytes. */
static inline void peer_header(int fd, uint32_t stream, uint8_t type, uint32_t len)
{
	uint8_t header[TTRPC_HEADER] = {
		(uint8_t)(len >> 24),
		(uint8_t)(len >> 16),
		(uint8_t)(len >> 8),
		(uint8_t)len,
		(uint8_t)(stream >> 24),
		(uint8_t)(stream >> 16),
		(uint8_t)(stream >> 8),
		(uint8_t)stream,
		type,
		0,
	};

	peer_send(fd, header, sizeof(header));
}

/* Reads one frame; returns false at end of file.  *ret_data is the caller's. */
static inline bool peer_read_frame(int fd, struct ttrpc_frame *ret_frame, uint8_t **ret_data)
{
	uint8_t h[TTRPC_HEADER];

	*ret_frame = (struct ttrpc_frame){ .len = 0 };
	*ret_data = NULL;
	if (!peer_receive(fd, h, sizeof(h)))
		return false;
	ret_frame->len = (uint32_t)h[0] << 24 | (uint32_t)h[1] << 16 | (uint32_t)h[2] << 8 | h[3];
	ret_frame->stream =
		(uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | h[7];
	ret_frame->type = h[8];
	ret_frame->flags = h[9];
	*ret_data = xmalloc((size_t)ret_frame->len + 1);
	return peer_receive(fd, *ret_data, ret_frame->len);
}

/* A loop on a thread of its own, so that a test may block. */
struct peer_loop {
	struct loop *loop;
	pthread_t thread;
	struct loop_task stop;
};

static void *peer_loop_thread(void *arg)
{
	struct peer_loop *l = arg;

	(void)loop_run(l->loop);
	return NULL;
}

static void peer_loop_stop_task(struct loop_task *task)
{
	loop_stop(CONTAINER_OF(task, struct peer_loop, stop)->loop, 0);
}

static inline void peer_loop_start(struct peer_loop *l)
{
	peer_check(pthread_create(&l->thread, NULL, peer_loop_thread, l) == 0, "no thread");
}

static inline void peer_loop_end(struct peer_loop *l)
{
	l->stop.run = peer_loop_stop_task;
	loop_post(l->loop, &l->stop);
	(void)pthread_join(l->thread, NULL);
}

#endif
