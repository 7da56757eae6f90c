/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sock - stream sockets by the addresses of the agent protocol.
 *
 * Everything is non-blocking and waits in wait_fd(), so that a peer that accepts and then says
 * nothing costs no more than the caller's deadline.  The answer of a hybrid vsock is read byte by
 * byte: what follows its newline belongs to the next protocol.  Holds no state.
 */

#include "lib/sock.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <linux/vm_sockets.h>

#include "lib/file.h"
#include "lib/str.h"

#define BACKLOG        64
#define OK_LINE_MAX    32 /* "OK 4294967295\n" and room */
#define PRIVILEGED_MIN 128
#define PRIVILEGED_MAX 1023
#define UNIX_PAUSE_MS  20 /* between two tries while the peer's backlog is full */

static const struct {
	const char *prefix;
	enum sock_kind kind;
} schemes[] = {
	{ "unix://", SOCK_KIND_UNIX },     { "remote://", SOCK_KIND_UNIX },
	{ "mock://", SOCK_KIND_UNIX },     { "vsock://", SOCK_KIND_VSOCK },
	{ "hvsock://", SOCK_KIND_HVSOCK },
};

/* Splits "HEAD:PORT" at its last colon. */
static int split_port(const char *text, const char *rest, char *head, size_t head_size,
		      uint32_t *ret_port, struct error *e)
{
	const char *colon = strrchr(rest, ':');

	if (!colon)
		return fail(e, EINVAL, "address '%s' has no port", text);
	if ((size_t)(colon - rest) >= head_size)
		return fail(e, EINVAL, "address '%s' is too long", text);
	memcpy(head, rest, (size_t)(colon - rest));
	head[colon - rest] = '\0';
	return parse_u32(colon + 1, "port", UINT32_MAX, ret_port, e);
}

static int parse_vsock(const char *text, const char *rest, struct sock_address *a, struct error *e)
{
	char cid[16];
	int r = split_port(text, rest, cid, sizeof(cid), &a->port, e);

	if (r < 0)
		return r;
	if (str_equal(cid, "-1")) {
		a->cid = VMADDR_CID_ANY;
		return 0;
	}
	return parse_u32(cid, "vsock context id", UINT32_MAX, &a->cid, e);
}

static int parse_path(const char *text, const char *rest, struct sock_address *a, struct error *e)
{
	if (a->kind == SOCK_KIND_HVSOCK) {
		int r = split_port(text, rest, a->path, sizeof(a->path), &a->port, e);

		if (r < 0)
			return r;
	} else {
		if (strlen(rest) >= sizeof(a->path))
			return fail(e, EINVAL, "address '%s' is longer than %zu characters", text,
				    sizeof(a->path) - 1);
		memcpy(a->path, rest, strlen(rest) + 1);
	}
	if (a->path[0] != '/' && a->path[0] != '@')
		return fail(e, EINVAL, "address '%s' has no absolute path", text);
	return 0;
}

int sock_parse(const char *text, struct sock_address *ret_address, struct error *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		struct sock_address a = { .kind = schemes[i].kind };
		const char *rest = text + strlen(schemes[i].prefix);
		int r;

		if (!str_starts(text, schemes[i].prefix))
			continue;
		if (a.kind == SOCK_KIND_VSOCK)
			r = parse_vsock(text, rest, &a, e);
		else
			r = parse_path(text, rest, &a, e);
		if (r == 0)
			*ret_address = a;
		return r;
	}
	return fail(e, EINVAL,
		    "address '%s' is none of unix://, vsock://, hvsock://, remote://, mock://",
		    text);
}

union any_address {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_vm vm;
};

static socklen_t fill_address(const struct sock_address *a, union any_address *out)
{
	size_t len;

	memset(out, 0, sizeof(*out));
	if (a->kind == SOCK_KIND_VSOCK) {
		out->vm.svm_family = AF_VSOCK;
		out->vm.svm_cid = a->cid;
		out->vm.svm_port = a->port;
		return sizeof(out->vm);
	}
	len = strlen(a->path);
	out->un.sun_family = AF_UNIX;
	memcpy(out->un.sun_path, a->path, len);
	if (a->path[0] != '@')
		return sizeof(out->un);
	out->un.sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static int open_socket(const struct sock_address *a, struct error *e)
{
	int family = a->kind == SOCK_KIND_VSOCK ? AF_VSOCK : AF_UNIX;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return fail(e, errno, "cannot make a %s socket: %m",
			    family == AF_VSOCK ? "vsock" : "unix");
	return fd;
}

static int fail_at(const struct sock_address *a, const char *verb, int code, struct error *e)
{
	if (a->kind == SOCK_KIND_VSOCK)
		return fail(e, code, "cannot %s vsock %d port %u: %m", verb, (int)a->cid, a->port);
	return fail(e, code, "cannot %s '%s': %m", verb, a->path);
}

/* Only a socket is removed: anything else under that name is somebody's file. */
static void remove_stale(const struct sock_address *a)
{
	struct stat st;

	if (a->kind == SOCK_KIND_UNIX && a->path[0] == '/' && lstat(a->path, &st) == 0 &&
	    S_ISSOCK(st.st_mode))
		(void)unlink(a->path);
}

int sock_listen(const struct sock_address *a, struct error *e)
{
	union any_address to;
	socklen_t len = fill_address(a, &to);
	_close_ int fd = -1;

	if (a->kind == SOCK_KIND_HVSOCK)
		return fail(e, EINVAL, "cannot listen on '%s': a hybrid vsock belongs to the VMM",
			    a->path);
	fd = open_socket(a, e);
	if (fd < 0)
		return fd;
	remove_stale(a);
	if (bind(fd, &to.any, len) < 0 || listen(fd, BACKLOG) < 0)
		return fail_at(a, "listen on", errno, e);
	return TAKE_FD(fd);
}

static bool only_privileged;

void sock_accept_privileged_only(void)
{
	only_privileged = true;
}

static bool is_our_host(const struct sockaddr_vm *peer)
{
	return peer->svm_cid == VMADDR_CID_HOST &&
	       (!only_privileged || peer->svm_port <= PRIVILEGED_MAX);
}

int sock_accept(int listener)
{
	union any_address peer = { 0 };
	socklen_t len = sizeof(peer);
	int fd = accept4(listener, &peer.any, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 || peer.any.sa_family != AF_VSOCK || is_our_host(&peer.vm))
		return fd;
	(void)close(fd);
	errno = ECONNABORTED;
	return -1;
}

bool sock_accept_is_passing(int code)
{
	return code == EAGAIN || code == EINTR || code == ECONNABORTED;
}

void sock_ignore_sigpipe(void)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	(void)sigaction(SIGPIPE, &ignore, NULL);
}

/* After EINPROGRESS: what became of the connection. */
static int finish_connect(int fd, const struct sock_address *a, uint64_t deadline_ms,
			  const struct cancel *cancel, struct error *e)
{
	int code = 0;
	socklen_t len = sizeof(code);
	int r = wait_fd(fd, POLLOUT, "connection", deadline_ms, cancel, e);

	if (r < 0)
		return r;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		code = errno;
	if (code != 0)
		return fail_at(a, "connect to", code, e);
	return 0;
}

/* vsock(7): a port up to 1023 is for CAP_NET_BIND_SERVICE.  The lowest are left to services. */
static void take_privileged_port(int fd)
{
	static _Atomic unsigned count;
	const unsigned ports = PRIVILEGED_MAX - PRIVILEGED_MIN + 1;
	unsigned start = (unsigned)getpid() + atomic_fetch_add(&count, 1);
	struct sockaddr_vm from = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY };

	for (unsigned i = 0; i < ports; i++) {
		from.svm_port = PRIVILEGED_MIN + (start + i) % ports;
		if (bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0 || errno != EADDRINUSE)
			return;
	}
}

static int connect_socket(int fd, const struct sock_address *a, uint64_t deadline_ms,
			  const struct cancel *cancel, struct error *e)
{
	union any_address to;
	socklen_t len = fill_address(a, &to);

	if (a->kind == SOCK_KIND_VSOCK)
		take_privileged_port(fd);
	while (connect(fd, &to.any, len) < 0) {
		int r;

		if (errno == EINPROGRESS)
			return finish_connect(fd, a, deadline_ms, cancel, e);
		if (errno != EAGAIN && errno != EINTR)
			return fail_at(a, "connect to", errno, e);
		r = wait_pause(UNIX_PAUSE_MS, "connection", deadline_ms, cancel, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The VMM closes a connection that nobody in the guest takes, at any point of the handshake. */
static int fail_refused(const char *path, struct error *e)
{
	return fail(e, ECONNREFUSED, "nobody listens behind hybrid vsock '%s'", path);
}

static int read_byte(int fd, const char *path, char *ret_byte, uint64_t deadline_ms,
		     const struct cancel *cancel, struct error *e)
{
	for (;;) {
		ssize_t n;
		int r = wait_fd(fd, POLLIN, "answer of the hybrid vsock", deadline_ms, cancel, e);

		if (r < 0)
			return r;
		n = read(fd, ret_byte, 1);
		if (n == 1)
			return 0;
		if (n == 0 || errno == ECONNRESET)
			return fail_refused(path, e);
		if (errno != EAGAIN && errno != EINTR)
			return fail(e, errno, "cannot read from hybrid vsock '%s': %m", path);
	}
}

/* A new connection has room for the line.  One that is closed already must not be a SIGPIPE. */
static int ask_for_port(int fd, const struct sock_address *a, struct error *e)
{
	_free_ char *line = xasprintf("CONNECT %u\n", a->port);

	if (send(fd, line, strlen(line), MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == EPIPE || errno == ECONNRESET)
		return fail_refused(a->path, e);
	return fail(e, errno, "cannot write to hybrid vsock '%s': %m", a->path);
}

static int shake_hands(int fd, const struct sock_address *a, uint64_t deadline_ms,
		       const struct cancel *cancel, struct error *e)
{
	char line[OK_LINE_MAX];
	size_t n = 0;
	int r = ask_for_port(fd, a, e);

	while (r >= 0) {
		if (n == sizeof(line) - 1)
			return fail(e, EPROTO, "hybrid vsock '%s' answers with a long line",
				    a->path);
		r = read_byte(fd, a->path, &line[n], deadline_ms, cancel, e);
		if (r < 0 || line[n] == '\n')
			break;
		n++;
	}
	if (r < 0)
		return r;
	line[n] = '\0';
	if (!str_starts(line, "OK"))
		return fail(e, ECONNREFUSED, "hybrid vsock '%s' refuses port %u", a->path, a->port);
	return 0;
}

int sock_connect(const struct sock_address *a, uint64_t deadline_ms, const struct cancel *cancel,
		 struct error *e)
{
	_close_ int fd = open_socket(a, e);
	int r;

	if (fd < 0)
		return fd;
	r = connect_socket(fd, a, deadline_ms, cancel, e);
	if (r == 0 && a->kind == SOCK_KIND_HVSOCK)
		r = shake_hands(fd, a, deadline_ms, cancel, e);
	return r < 0 ? r : TAKE_FD(fd);
}
