/* SPDX-License-Identifier: Apache-2.0 */
/*
 * courier - the two ends of a pair of pipes between a web server and who trusts nothing of it.
 *
 * TLS, HTTP and names are a child's to understand, which is forked and not executed, as the one
 * that reads archives is (decode.c).  It has two descriptors, the pipes, and what a process on the
 * network needs (confine.h): sockets of the internet, and to read the few files that say how names
 * are found, which where it may have one is all that its root has.  A request is of one size; what
 * comes is pieces of the file, and at the end how it went.  The trusted certificates are read
 * before, since whoever reads them then may not.
 *
 * Whoever takes the bytes can end a transfer: then the child is ended, and the next request starts
 * another.  It has memory of ours, which it could give away, so secrets are kept out of programs
 * that fetch.  A thread of the parent; blocks as fetch() does, and a little longer at most.
 */
#include "lib/host/courier.h"

#include <fcntl.h>
#include <string.h>

#include "lib/file.h"
#include "lib/host/confine.h"
#include "lib/http/url.h"
#include "lib/sock.h"

#define NAME_LEN  256
#define PIECE_MAX (64 * KIB)
#define CA_MAX    (4 * MIB)
#define CODE_MAX  4095
/* Behind the time that the child gives itself. */
#define LATE_MS 30000

struct request {
	uint64_t offset, len, total, max;
	char name[NAME_LEN];
};

enum kind { KIND_PIECE = 0x6b617461, KIND_END };

struct frame {
	uint32_t kind;
	uint32_t len; /* of the bytes behind it */
};

struct end {
	int32_t code; /* 0: all is there */
	uint64_t moved;
	char msg[sizeof(((struct error *)0)->msg)];
};

struct courier {
	char *base_url, *ca_pem;
	struct fetch_patience patience;
	bool has_patience;
	struct proc child;
	int requests, answers; /* -1: there is no child */
	uint64_t moved_before; /* by children that have ended */
	uint64_t moved;
};

/* The child's. */
enum { REQUESTS_FD, ANSWERS_FD, N_FDS };

/* ---- the child ---- */

/* 1, or 0 at the end of the pipe. */
static int read_whole(int fd, void *bytes, size_t len)
{
	for (size_t got = 0; got < len;) {
		ssize_t n = read(fd, (char *)bytes + got, len - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		got += (size_t)n;
	}
	return 1;
}

static int give_piece(void *arg, const void *bytes, size_t len, struct error *e)
{
	const char *from = bytes;

	(void)arg;
	while (len > 0) {
		const struct frame f = {
			.kind = KIND_PIECE,
			.len = (uint32_t)min_size(len, PIECE_MAX),
		};

		if (write_all(ANSWERS_FD, &f, sizeof(f), "pipe", e) < 0 ||
		    write_all(ANSWERS_FD, from, f.len, "pipe", e) < 0)
			return -e->code;
		from += f.len;
		len -= f.len;
	}
	return 0;
}

static int serve(struct fetcher *fetcher, struct request *r, struct error *e)
{
	const struct frame f = { .kind = KIND_END, .len = sizeof(struct end) };
	struct end end = { 0 };
	const struct fetch what = {
		.name = r->name,
		.offset = r->offset,
		.len = r->len,
		.total = r->total,
		.max = r->max,
		.on_data = give_piece,
	};

	r->name[NAME_LEN - 1] = '\0';
	if (fetch(fetcher, &what, e) < 0) {
		end.code = e->code;
		memcpy(end.msg, e->msg, sizeof(end.msg));
	}
	end.moved = fetcher_moved(fetcher);
	return write_all(ANSWERS_FD, &f, sizeof(f), "pipe", e) < 0
		       ? -e->code
		       : write_all(ANSWERS_FD, &end, sizeof(end), "pipe", e);
}

static int serve_all(const struct courier *c, pid_t parent, struct error *e)
{
	const struct fetch_server server = {
		.base_url = c->base_url,
		.ca_pem = c->ca_pem,
		.patience = c->has_patience ? &c->patience : NULL,
	};
	struct fetcher *fetcher = NULL;
	struct request r;

	sock_ignore_sigpipe();
	if (confine_to_network(parent, e) < 0 || fetcher_new(&server, &fetcher, e) < 0)
		return -e->code;
	while (read_whole(REQUESTS_FD, &r, sizeof(r)))
		if (serve(fetcher, &r, e) < 0)
			return -e->code;
	return 0;
}

/* Why it could not begin is the answer to whatever is asked for. */
static void tell(const struct error *why)
{
	const struct frame f = { .kind = KIND_END, .len = sizeof(struct end) };
	struct end end = { .code = why->code };
	struct error e;

	memcpy(end.msg, why->msg, sizeof(end.msg));
	if (write_all(ANSWERS_FD, &f, sizeof(f), "pipe", &e) >= 0)
		(void)write_all(ANSWERS_FD, &end, sizeof(end), "pipe", &e);
}

static _noreturn_ void be_child(const struct courier *c, pid_t parent)
{
	struct error e = { 0 };

	if (serve_all(c, parent, &e) < 0)
		tell(&e);
	_exit(0);
}

/* ---- the parent ---- */

static void stop(struct courier *c)
{
	c->requests = close_fd(c->requests);
	c->answers = close_fd(c->answers);
	(void)proc_stop(&c->child, 0);
	c->moved_before = c->moved;
}

static int start(struct courier *c, struct error *e)
{
	_close_ int requests = -1, answers = -1;
	pid_t parent = getpid();
	int pipe_fds[2], r;

	if (c->requests >= 0)
		return 0;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return fail(e, errno, "cannot make a pipe: %m");
	requests = pipe_fds[0];
	c->requests = pipe_fds[1];
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return fail(e, errno, "cannot make a pipe: %m");
	c->answers = pipe_fds[0];
	answers = pipe_fds[1];
	r = confine_fork((const int[]){ requests, answers }, N_FDS, &c->child, e);
	if (r == 0)
		be_child(c, parent);
	return r < 0 ? r : 0;
}

int courier_new(const struct fetch_server *server, struct courier **ret_courier, struct error *e)
{
	_cleanup_(courier_freep) struct courier *c = xcalloc(1, sizeof(*c));
	_url_ struct url url = { 0 };

	sock_ignore_sigpipe();
	c->requests = c->answers = c->child.pidfd = -1;
	c->base_url = xstrdup(server->base_url);
	if (server->patience) {
		c->patience = *server->patience;
		c->has_patience = true;
	}
	if (url_parse(server->base_url, &url, e) < 0)
		return -e->code;
	str_set(&c->ca_pem, server->ca_pem);
	if (server->ca_file && file_read(server->ca_file, CA_MAX, &c->ca_pem, NULL, e) < 0)
		return fail_wrap(e, "certificates");
	*ret_courier = TAKE_PTR(c);
	return 0;
}

void courier_free(struct courier *c)
{
	if (!c)
		return;
	stop(c);
	free(c->base_url);
	free(c->ca_pem);
	free(c);
}

uint64_t courier_moved(const struct courier *c)
{
	return c->moved;
}

/* What is heard of one file. */
struct hearing {
	int fd;
	const struct fetch *what;
	uint64_t deadline_ms;
	uint64_t got;
	char *bytes; /* of PIECE_MAX */
	struct end end;
};

/* LEN bytes of what the child says. */
static int take(const struct hearing *h, void *bytes, size_t len, struct error *e)
{
	const struct fetch *what = h->what;
	size_t got = 0;

	while (got < len) {
		int r = wait_fd(h->fd, POLLIN, what->name, h->deadline_ms, what->cancel, e);
		ssize_t n;

		if (r < 0)
			return r;
		n = read(h->fd, (char *)bytes + got, len - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(e, errno, "cannot read from a pipe: %m");
		if (n == 0)
			return fail(e, EPROTO, "'%s': the process that brings it has died",
				    what->name);
		got += (size_t)n;
	}
	return 0;
}

static int fail_strange(const struct fetch *what, struct error *e)
{
	return fail(e, EPROTO, "'%s': the process that brings it is not itself", what->name);
}

/* How it went. */
static int take_end(struct hearing *h, struct error *e)
{
	struct end *end = &h->end;

	if (take(h, end, sizeof(*end), e) < 0)
		return -e->code;
	if (end->code < 0 || end->code > CODE_MAX ||
	    (end->code == 0 && h->what->len != FETCH_REST && h->got != h->what->len))
		return fail_strange(h->what, e);
	end->msg[sizeof(end->msg) - 1] = '\0';
	str_make_printable(end->msg);
	return 0;
}

/* 1 behind a piece, 0 behind the end. */
static int take_frame(struct hearing *h, struct error *e)
{
	const struct fetch *what = h->what;
	uint64_t most = what->len == FETCH_REST ? what->max : what->len;
	struct frame f;

	if (take(h, &f, sizeof(f), e) < 0)
		return -e->code;
	if (f.kind == KIND_END && f.len == sizeof(h->end))
		return take_end(h, e);
	if (f.kind != KIND_PIECE || f.len == 0 || f.len > PIECE_MAX || f.len > most - h->got)
		return fail_strange(what, e);
	if (take(h, h->bytes, f.len, e) < 0 || what->on_data(what->arg, h->bytes, f.len, e) < 0)
		return -e->code;
	h->got += f.len;
	return 1;
}

static int hear(int fd, const struct fetch *what, struct end *ret_end, struct error *e)
{
	_free_ char *bytes = xmalloc(PIECE_MAX);
	struct hearing h = {
		.fd = fd,
		.what = what,
		.deadline_ms = deadline_in(fetch_limit_ms(what) + LATE_MS),
		.bytes = bytes,
	};
	int more;

	do
		more = take_frame(&h, e);
	while (more > 0);
	*ret_end = h.end;
	return more;
}

int courier_hear(int fd, const struct fetch *what, struct error *e)
{
	struct end end;

	if (hear(fd, what, &end, e) < 0)
		return -e->code;
	return end.code ? fail(e, end.code, "%s", end.msg) : 0;
}

static int ask(struct courier *c, const struct fetch *what, struct error *e)
{
	struct request r = {
		.offset = what->offset,
		.len = what->len,
		.total = what->total,
		.max = what->max,
	};

	if (strlen(what->name) >= sizeof(r.name))
		return fail(e, ENAMETOOLONG, "'%.64s' is too long a name", what->name);
	memcpy(r.name, what->name, strlen(what->name) + 1);
	return start(c, e) < 0 ? -e->code : write_all(c->requests, &r, sizeof(r), "pipe", e);
}

int courier_bring(struct courier *c, const struct fetch *what, struct error *e)
{
	struct end end;

	if (what->len == 0)
		return 0;
	if (ask(c, what, e) < 0 || hear(c->answers, what, &end, e) < 0) {
		/* In the middle of a file nobody could tell what comes next. */
		stop(c);
		return -e->code;
	}
	c->moved = c->moved_before + end.moved;
	return end.code ? fail(e, end.code, "%s", end.msg) : 0;
}
