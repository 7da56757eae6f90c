/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_vsock - the two lines that come from behind a hybrid vsock: the answer to CONNECT, and the
 * agent's ready signal.
 *
 * Whoever answers has closed behind it, so nothing waits.  A version is for people: it is text.
 */

#include "lib/sock.c"
#include "runtime/vmm/vsock.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 4096

enum { ANSWER = 1, GONE = 2 }; /* bits of the first byte */

/* The end of a connection on whose other, PEER, somebody has said all that he will. */
static int open_said(const uint8_t *data, size_t size, int *ret_peer)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0 ||
	    send(ends[0], data, size, MSG_NOSIGNAL) != (ssize_t)size)
		abort();
	(void)shutdown(ends[0], SHUT_WR);
	*ret_peer = ends[0];
	return ends[1];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sock_address a = { .kind = SOCK_KIND_HVSOCK, .path = "/vsock", .port = 1024 };
	uint64_t deadline_ms = deadline_in(1000);
	char line[READY_LINE_MAX];
	_free_ char *version = NULL;
	_close_ int fd = -1, peer = -1;
	struct error e;

	if (size == 0 || size > INPUT_MAX)
		return 0;
	fd = open_said(data + 1, size - 1, &peer);
	if (data[0] & GONE)
		peer = close_fd(peer);
	if (data[0] & ANSWER) {
		(void)shake_hands(fd, &a, deadline_ms, NULL, &e);
		return 0;
	}
	if (read_line(fd, line, sizeof(line), deadline_ms, NULL, &e) >= 0 &&
	    check_line(line, &version, &e) >= 0 && strlen(version) >= sizeof(line))
		abort();
	return 0;
}
