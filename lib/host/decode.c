/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode - the two sides of memory between an archive and who trusts nothing in it.
 *
 * zstd and tar are read by a child without any right (confine.c), forked and not executed: it needs
 * this program's code and no file.  It has three descriptors, the archive, a socket and one for the
 * reason of a failure.  Through the socket go frames of one size, one for each member; the last
 * says that the archive was whole, so that a child that dies is no end of an archive.  The parent
 * checks the form of each frame and who called it (unpack.c) what it says; it alone opens and
 * writes files.
 *
 * A member's bytes are in memory that both have, which a pipe would copy twice: the child fills one
 * piece after the other and says how long it is, the parent says when it has been taken, so both
 * work at a time.  A child that is not itself can change a piece while it is taken, and then has
 * changed what is written: what that is is known from what the file gives back, never from here.
 * The child inherits memory, but can give nothing of it to anybody, but for the few printable words
 * of a failure: files get what their digest in the manifest lets through.
 *
 * A thread of the parent; blocks, until the child stands still for too long.
 */
#include "lib/host/decode.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/host/confine.h"

#define N_PIECES      4
#define STILL_WAIT_MS UINT64_C(120000) /* a disk may be slow */
#define CODE_MAX      4095

enum kind { KIND_MEMBER = 0x6b617461, KIND_END };

struct frame {
	uint32_t kind;
	uint32_t type; /* enum tar_type */
	uint64_t size;
	char path[TAR_NAME_MAX + 1];
	char target[TAR_LINK_MAX + 1];
};

/* The child's. */
enum { ARCHIVE_FD, FRAMES_FD, REPORT_FD, N_FDS };

static char *piece_at(const struct pieces *p, unsigned i)
{
	return p->memory + (size_t)i * DECODE_PIECE;
}

/* ---- the child ---- */

/* Where it gives what it reads. */
struct outlet {
	const struct pieces *pieces;
	int fd;
	unsigned at, n_free;
};

/* A byte has come for each piece that was taken. */
static int await_piece(struct outlet *o, struct error *e)
{
	char taken[64];
	ssize_t n = 0;

	while (o->n_free == 0) {
		n = read(o->fd, taken, sizeof(taken));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(e, EPIPE, "nobody takes what it holds");
		o->n_free = (unsigned)n;
	}
	return 0;
}

static int give_bytes(struct tar *t, struct outlet *o, struct error *e)
{
	for (;;) {
		uint32_t len;
		ssize_t n;

		if (await_piece(o, e) < 0)
			return -e->code;
		n = tar_read(t, piece_at(o->pieces, o->at), DECODE_PIECE, e);
		if (n <= 0)
			return (int)n;
		len = (uint32_t)n;
		if (write_all(o->fd, &len, sizeof(len), "socket", e) < 0)
			return -e->code;
		o->n_free--;
		o->at = (o->at + 1) % o->pieces->n;
	}
}

/* Folders are made as files need them; their names matter only as a sign of bad will. */
static int check_folder(const struct tar_member *m, struct error *e)
{
	const char *part = m->path;

	if (*part == '/')
		return fail(e, EINVAL, "folder '%.200s' is not relative", part);
	while (*part) {
		size_t len = strcspn(part, "/");

		if (len == 2 && strncmp(part, "..", len) == 0)
			return fail(e, EINVAL, "folder '%.200s' leads out of the archive", m->path);
		part += len + (part[len] == '/');
	}
	return 0;
}

static int give_member(struct tar *t, const struct tar_member *m, struct outlet *o, struct error *e)
{
	struct frame f = { .kind = KIND_MEMBER, .type = m->type, .size = m->size };

	if (m->type == TAR_FOLDER)
		return check_folder(m, e);
	memcpy(f.path, m->path, sizeof(f.path));
	memcpy(f.target, m->target, sizeof(f.target));
	if (write_all(o->fd, &f, sizeof(f), "socket", e) < 0)
		return -e->code;
	return give_bytes(t, o, e);
}

size_t decode_frame_size(void)
{
	return sizeof(struct frame);
}

int decode(int archive, const struct extents *parts, const struct pieces *pieces, int to,
	   struct error *e)
{
	struct outlet o = { .pieces = pieces, .fd = to, .n_free = pieces->n };
	const struct frame end = { .kind = KIND_END };
	_tar_ struct tar t;
	int r;

	tar_init(&t, archive);
	if (parts)
		unzstd_choose(&t.bytes, parts->list, parts->n);
	do {
		struct tar_member m = { 0 };

		r = tar_next(&t, &m, e);
		if (r > 0 && give_member(&t, &m, &o, e) < 0)
			return -e->code;
	} while (r > 0);
	return r < 0 ? r : write_all(to, &end, sizeof(end), "socket", e);
}

static _noreturn_ void be_child(const struct decoder *d, const struct extents *parts, pid_t parent)
{
	struct error e = { 0 };

	if (confine_self(parent, &e) < 0 ||
	    decode(ARCHIVE_FD, parts, &d->pieces, FRAMES_FD, &e) < 0)
		(void)!write(REPORT_FD, &e, sizeof(e));
	_exit(0);
}

/* ---- the parent ---- */

static int start(struct decoder *d, const struct extents *parts, const int *fds, struct error *e)
{
	pid_t parent = getpid();
	int r = confine_fork(fds, N_FDS, &d->child, e);

	if (r == 0)
		be_child(d, parts, parent);
	return r < 0 ? fail_wrap(e, "archive '%s'", d->archive) : 0;
}

static int open_archive(struct decoder *d, struct error *e)
{
	struct stat st;
	int fd = open(d->archive, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return fail(e, errno, "cannot open archive '%s': %m", d->archive);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return fail(e, EINVAL, "archive '%s' is not a regular file", d->archive);
	}
	d->size = (uint64_t)st.st_size;
	d->room = DECODE_RATIO_MAX * d->size + DECODE_SLACK;
	return fd;
}

static int make_pieces(struct pieces *p, struct error *e)
{
	void *memory = mmap(NULL, N_PIECES * DECODE_PIECE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return fail(e, errno, "no memory to share with a process: %m");
	*p = (struct pieces){ .memory = memory, .n = N_PIECES };
	return 0;
}

static int start_with_ends(struct decoder *d, const struct extents *parts, int archive,
			   struct error *e)
{
	_close_ int frames = -1, report = -1;
	int ends[2];

	if (make_pieces(&d->pieces, e) < 0)
		return -e->code;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return fail(e, errno, "cannot make a pair of sockets: %m");
	d->fd = ends[0];
	frames = ends[1];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail(e, errno, "cannot make a pipe: %m");
	d->report = ends[0];
	report = ends[1];
	return start(d, parts, (const int[]){ archive, frames, report }, e);
}

int decoder_open(const char *archive, const struct extents *parts, const struct cancel *cancel,
		 struct decoder *ret_decoder, struct error *e)
{
	_decoder_ struct decoder d = DECODER_NONE;
	_close_ int fd = -1;

	d.archive = archive;
	d.cancel = cancel;
	fd = open_archive(&d, e);
	if (fd < 0 || start_with_ends(&d, parts, fd, e) < 0)
		return -e->code;
	*ret_decoder = d;
	d = (struct decoder)DECODER_NONE;
	return 0;
}

void decoder_done(struct decoder *d)
{
	/* First: it ends a child that we, who may lack the right, cannot kill. */
	d->fd = close_fd(d->fd);
	d->report = close_fd(d->report);
	(void)proc_stop(&d->child, 0);
	if (d->pieces.memory)
		(void)munmap(d->pieces.memory, d->pieces.n * DECODE_PIECE);
	d->pieces.memory = NULL;
}

/* The socket ended too early: the child says why, unless something else ended it. */
static int fail_as_child(struct decoder *d, struct error *e)
{
	struct error told = { 0 };
	ssize_t n = d->report < 0 ? 0 : read(d->report, &told, sizeof(told));

	if (n != (ssize_t)sizeof(told) || told.code <= 0 || told.code > CODE_MAX)
		return fail(e, EPROTO, "archive '%s': the process that reads it has died",
			    d->archive);
	told.msg[sizeof(told.msg) - 1] = '\0';
	str_make_printable(told.msg);
	return fail(e, told.code, "archive '%s': %.400s", d->archive, told.msg);
}

/* LEN bytes of what the child says. */
static int hear(struct decoder *d, void *bytes, size_t len, struct error *e)
{
	size_t got = 0;

	while (got < len) {
		int r = wait_fd(d->fd, POLLIN, "unpacking", deadline_in(STILL_WAIT_MS), d->cancel,
				e);
		ssize_t n;

		if (r < 0)
			return fail_wrap(e, "archive '%s'", d->archive);
		n = read(d->fd, (char *)bytes + got, len - got);
		if (n < 0 && errno != ECONNRESET)
			return fail(e, errno, "cannot read from a socket: %m");
		if (n <= 0)
			return fail_as_child(d, e);
		got += (size_t)n;
	}
	return 0;
}

static int fail_strange(const struct decoder *d, struct error *e)
{
	return fail(e, EPROTO, "archive '%s': the process that reads it is not itself", d->archive);
}

/* Without waiting: a child that takes in none of this waits for itself.  One that has died is told
 * of by the next that is heard. */
static void release_piece(struct decoder *d)
{
	if (d->has_piece)
		(void)send(d->fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	d->has_piece = false;
}

ssize_t decoder_take(struct decoder *d, const void **ret_bytes, struct error *e)
{
	uint32_t len;

	release_piece(d);
	if (d->left == 0)
		return 0;
	if (hear(d, &len, sizeof(len), e) < 0)
		return -e->code;
	if (len == 0 || len > DECODE_PIECE || len > d->left)
		return fail_strange(d, e);
	*ret_bytes = piece_at(&d->pieces, d->at);
	d->at = (d->at + 1) % d->pieces.n;
	d->has_piece = true;
	d->left -= len;
	d->room -= min_u64(d->room, len);
	return (ssize_t)len;
}

static int pass_over(struct decoder *d, struct error *e)
{
	const void *bytes;
	ssize_t n;

	if (d->left > d->room)
		return fail(e, EFBIG,
			    "archive '%s' has %llu bytes and holds more than %d times as many",
			    d->archive, (unsigned long long)d->size, DECODE_RATIO_MAX);
	do
		n = decoder_take(d, &bytes, e);
	while (n > 0);
	return (int)n;
}

static bool is_in_form(const struct frame *f)
{
	bool is_file = f->type == TAR_FILE && f->target[0] == '\0';
	bool is_link = f->type == TAR_LINK && f->size == 0;

	return f->kind == KIND_MEMBER && (is_file || is_link) &&
	       strnlen(f->path, sizeof(f->path)) < sizeof(f->path) &&
	       strnlen(f->target, sizeof(f->target)) < sizeof(f->target);
}

int decoder_next(struct decoder *d, struct tar_member *ret_member, struct error *e)
{
	struct frame f;

	if (pass_over(d, e) < 0 || hear(d, &f, sizeof(f), e) < 0)
		return -e->code;
	if (f.kind == KIND_END)
		return 0;
	/* It counts by itself, if it is itself. */
	if (!is_in_form(&f) || ++d->n_members > TAR_MEMBERS_MAX)
		return fail_strange(d, e);
	*ret_member = (struct tar_member){ .type = (enum tar_type)f.type, .size = f.size };
	memcpy(ret_member->path, f.path, sizeof(f.path));
	memcpy(ret_member->target, f.target, sizeof(f.target));
	str_make_printable(ret_member->path);
	d->left = f.size;
	return 1;
}
