/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock - context ids, addresses, and the agent's ready signal.
 *
 * A context id is free when the kernel lets us have it: ids are drawn at random until one is, and
 * belong to us as long as the descriptor is open.  The ready signal is a connection from the guest,
 * so nothing is polled; whoever else connects to the port is turned away by its context id.  The
 * line that it carries is bounded and only shown to people.  Work threads.
 */

#include "runtime/vmm/vsock.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <linux/vhost.h>
#include <linux/vm_sockets.h>

#include "lib/sock.h"

#define VHOST_DEVICE   "/dev/vhost-vsock"
#define HYBRID_CID     3
#define CID_MIN        3
#define TRIES          64
#define READY_PORT_MIN 1101
#define READY_PORT_MAX 0x7fffffffU
#define READY_LINE_MAX 128
#define PAUSE_MS       50 /* until there may be a descriptor for the connection */
#define GREETING       "READY "
#define LINE_MS        2000 /* between a call and its line */

bool vsock_has_vhost(void)
{
	_close_ int fd = open(VHOST_DEVICE, O_RDWR | O_CLOEXEC);

	return fd >= 0;
}

static uint32_t random_between(uint32_t min, uint32_t max)
{
	uint32_t n = 0;

	if (getrandom(&n, sizeof(n), 0) != (ssize_t)sizeof(n))
		n = (uint32_t)now_ms();
	return min + n % (max - min + 1);
}

static int take_cid(int fd, uint32_t *ret_cid, struct error *e)
{
	for (int i = 0; i < TRIES; i++) {
		uint64_t cid = random_between(CID_MIN, UINT32_MAX - 1);

		if (ioctl(fd, VHOST_VSOCK_SET_GUEST_CID, &cid) == 0) {
			*ret_cid = (uint32_t)cid;
			return 0;
		}
		if (errno != EADDRINUSE)
			return fail(e, errno, "cannot take a vsock context id: %m");
	}
	return fail(e, EADDRINUSE, "found no free vsock context id");
}

int vsock_open_vhost(struct vsock *v, struct error *e)
{
	_close_ int fd = open(VHOST_DEVICE, O_RDWR | O_CLOEXEC);
	uint32_t cid = HYBRID_CID;
	int r;

	if (fd < 0) {
		r = errno == ENOENT || errno == ENXIO ? ENODEV : errno;
		return fail(e, r, "cannot open '%s': %m", VHOST_DEVICE);
	}
	r = take_cid(fd, &cid, e);
	if (r < 0)
		return r;
	*v = (struct vsock){ .kind = VSOCK_VHOST, .cid = cid, .vhost_fd = TAKE_FD(fd) };
	return 0;
}

void vsock_open_hybrid(struct vsock *v, const char *dir)
{
	*v = (struct vsock){ .kind = VSOCK_HYBRID, .cid = HYBRID_CID, .vhost_fd = -1 };
	v->path = xasprintf("%s/vsock.sock", dir);
}

void vsock_done(struct vsock *v)
{
	v->vhost_fd = close_fd(v->vhost_fd);
	str_set(&v->path, NULL);
	v->kind = VSOCK_NONE;
}

char *vsock_url(const struct vsock *v, uint32_t port)
{
	if (v->kind == VSOCK_HYBRID)
		return xasprintf("hvsock://%s:%u", v->path, port);
	return xasprintf("vsock://%u:%u", v->cid, port);
}

int vsock_dial(const struct vsock *v, uint32_t port, uint64_t deadline_ms, const struct cancel *c,
	       struct error *e)
{
	_free_ char *url = vsock_url(v, port);
	struct sock_address a;
	int r;

	r = sock_parse(url, &a, e);
	return r < 0 ? r : sock_connect(&a, deadline_ms, c, e);
}

static int listen_hybrid(const struct vsock *v, struct vsock_ready *ready, struct error *e)
{
	_free_ char *url = xasprintf("unix://%s_%u", v->path, READY_PORT_MIN);
	struct sock_address a;
	int r;

	r = sock_parse(url, &a, e);
	if (r < 0)
		return r;
	ready->fd = sock_listen(&a, e);
	if (ready->fd < 0)
		return ready->fd;
	ready->port = READY_PORT_MIN;
	ready->path = xstrdup(a.path);
	return 0;
}

/* The port is one of the host's, shared by all VMs: take one that is free. */
static int listen_vhost(struct vsock_ready *ready, struct error *e)
{
	struct sock_address a = { .kind = SOCK_KIND_VSOCK, .cid = VMADDR_CID_ANY };

	for (int i = 0; i < TRIES; i++) {
		a.port = random_between(READY_PORT_MIN, READY_PORT_MAX);
		ready->fd = sock_listen(&a, e);
		ready->port = a.port;
		if (ready->fd != -EADDRINUSE)
			return ready->fd < 0 ? ready->fd : 0;
	}
	return fail_wrap(e, "agent's ready signal");
}

int vsock_ready_open(const struct vsock *v, struct vsock_ready *ret, struct error *e)
{
	struct vsock_ready ready = { .fd = -1, .peer_cid = v->cid };
	int r;

	r = v->kind == VSOCK_HYBRID ? listen_hybrid(v, &ready, e) : listen_vhost(&ready, e);
	if (r < 0)
		return r;
	*ret = ready;
	return 0;
}

void vsock_ready_done(struct vsock_ready *r)
{
	r->fd = close_fd(r->fd);
	if (r->path)
		(void)unlink(r->path);
	str_set(&r->path, NULL);
}

/* Whether FD comes from our guest; a unix socket can only be reached by the guest's own daemon. */
static bool is_our_guest(const struct vsock_ready *r, int fd)
{
	struct sockaddr_vm peer = { 0 };
	socklen_t len = sizeof(peer);

	if (r->path)
		return true;
	return getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.svm_cid == r->peer_cid;
}

static int accept_guest(const struct vsock_ready *r, uint64_t deadline_ms, const struct cancel *c,
			struct error *e)
{
	int fd, n;

	for (;;) {
		n = wait_fd(r->fd, POLLIN, "agent's ready signal", deadline_ms, c, e);
		if (n < 0)
			return n;
		fd = accept4(r->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0 && is_our_guest(r, fd))
			return fd;
		if (fd < 0 && !sock_accept_is_passing(errno) &&
		    wait_pause(PAUSE_MS, "agent's ready signal", deadline_ms, c, e) < 0)
			return -e->code;
		fd = close_fd(fd);
		/* Whoever else knocks must not keep us from noticing. */
		if (now_ms() >= deadline_ms)
			return fail(e, ETIMEDOUT, "agent's ready signal: only strangers came");
	}
}

static int read_line(int fd, char *line, size_t size, uint64_t deadline_ms, const struct cancel *c,
		     struct error *e)
{
	size_t used = 0;
	ssize_t n;
	int r;

	while (!memchr(line, '\n', used)) {
		if (used == size - 1)
			return fail(e, EPROTO, "agent's ready signal is longer than %zu bytes",
				    size - 1);
		r = wait_fd(fd, POLLIN, "agent's ready signal", deadline_ms, c, e);
		if (r < 0)
			return r;
		n = read(fd, line + used, size - 1 - used);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return fail(e, ECONNRESET, "agent's ready signal ends early");
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return fail(e, errno, "cannot read the agent's ready signal: %m");
		used += n > 0 ? (size_t)n : 0;
	}
	*(char *)memchr(line, '\n', used) = '\0';
	return 0;
}

static int check_line(const char *line, char **ret_version, struct error *e)
{
	if (!str_starts(line, GREETING))
		return fail(e, EPROTO, "agent's ready signal is not understood");
	for (const char *p = line; *p; p++)
		if (!isprint((unsigned char)*p))
			return fail(e, EPROTO, "agent's ready signal is not text");
	*ret_version = xstrdup(line + strlen(GREETING));
	return 1;
}

int vsock_ready_wait(const struct vsock_ready *r, uint64_t patience_ms, uint64_t deadline_ms,
		     const struct cancel *c, char **ret_version, struct error *e)
{
	uint64_t until_ms = deadline_in(patience_ms);
	char line[READY_LINE_MAX];
	_close_ int fd = -1;
	int n;

	fd = accept_guest(r, min_u64(until_ms, deadline_ms), c, e);
	if (fd == -ETIMEDOUT && until_ms < deadline_ms) {
		*ret_version = NULL;
		return 0;
	}
	if (fd < 0)
		return fd;
	n = read_line(fd, line, sizeof(line), min_u64(deadline_in(LINE_MS), deadline_ms), c, e);
	/* A guest that is slow gives its call up after two seconds, and the daemon between need not
	 * tell.  An agent that called listens all the same. */
	if (n == -ETIMEDOUT || n == -ECONNRESET) {
		*ret_version = xstrdup("");
		return 1;
	}
	return n < 0 ? n : check_line(line, ret_version, e);
}
