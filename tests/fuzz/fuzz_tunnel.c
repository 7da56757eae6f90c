/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_tunnel - what a guest sends through the tunnel of a forwarded port.
 *
 * Whatever comes, the tunnel ends, and has handed on no more than came.
 */

#include <sys/socket.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/tunnel.h"

#define INPUT_MAX (64 * KIB) /* what a socket takes at once */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ended(void *arg, enum tunnel_end how)
{
	(void)how;
	loop_stop(arg, 0);
}

static size_t count_bytes(int fd)
{
	uint8_t bytes[4096];
	size_t all = 0;

	for (;;) {
		ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n <= 0)
			return all;
		all += (size_t)n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int plain[2], carrier[2];
	struct tunnel *t;
	struct error e;
	_cleanup_(loop_freep) struct loop *loop = loop_new(&e);

	if (size > INPUT_MAX || !loop ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, plain) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, carrier) < 0)
		return 0;
	t = tunnel_new(loop, plain[0], carrier[0], ended, loop, &e);
	if (!t || send(carrier[1], data, size, MSG_NOSIGNAL) != (ssize_t)size)
		abort();
	(void)close(carrier[1]);
	(void)shutdown(plain[1], SHUT_WR);
	(void)loop_run(loop);
	tunnel_free(t);
	if (count_bytes(plain[1]) > size)
		abort();
	(void)close(plain[1]);
	return 0;
}
