/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode - the two ends of a pipe between an archive and who trusts nothing in it.
 *
 * zstd and tar are read by a child without any right (confine.c), forked and not executed: it needs
 * this program's code and no file.  It has three descriptors, the archive, the pipe and one for the
 * reason of a failure.  Through the pipe go frames of one size, each followed by the member's
 * bytes; the last says that the archive was whole, so that a child that dies is no end of an
 * archive.  The parent checks the form of each frame and who called it (unpack.c) what it says; it
 * alone opens and writes files.  Both work at a time.  The child inherits memory, but can give
 * nothing of it to anybody, but for the few printable words of a failure: files get what their
 * digest in the manifest lets through.
 *
 * A thread of the parent; blocks, until the child stands still for too long.
 */
#include "lib/host/decode.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/host/confine.h"

#define COPY_SIZE     (128 * KIB)
#define PIPE_SIZE     (1 * MIB)
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

/* ---- the child ---- */

static int give_bytes(struct tar *t, int to, struct error *e)
{
	_free_ char *bytes = xmalloc(COPY_SIZE);
	ssize_t n;

	while ((n = tar_read(t, bytes, COPY_SIZE, e)) > 0)
		if (write_all(to, bytes, (size_t)n, "pipe", e) < 0)
			return -e->code;
	return (int)n;
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

static int give_member(struct tar *t, const struct tar_member *m, int to, struct error *e)
{
	struct frame f = { .kind = KIND_MEMBER, .type = m->type, .size = m->size };

	if (m->type == TAR_FOLDER)
		return check_folder(m, e);
	memcpy(f.path, m->path, sizeof(f.path));
	memcpy(f.target, m->target, sizeof(f.target));
	if (write_all(to, &f, sizeof(f), "pipe", e) < 0)
		return -e->code;
	return give_bytes(t, to, e);
}

size_t decode_frame_size(void)
{
	return sizeof(struct frame);
}

int decode(int archive, const struct extents *parts, int to, struct error *e)
{
	const struct frame end = { .kind = KIND_END };
	_tar_ struct tar t;
	int r;

	tar_init(&t, archive);
	if (parts)
		unzstd_choose(&t.bytes, parts->list, parts->n);
	do {
		struct tar_member m = { 0 };

		r = tar_next(&t, &m, e);
		if (r > 0 && give_member(&t, &m, to, e) < 0)
			return -e->code;
	} while (r > 0);
	return r < 0 ? r : write_all(to, &end, sizeof(end), "pipe", e);
}

static _noreturn_ void be_child(const struct extents *parts, pid_t parent)
{
	struct error e = { 0 };

	if (confine_self(parent, &e) < 0 || decode(ARCHIVE_FD, parts, FRAMES_FD, &e) < 0)
		(void)!write(REPORT_FD, &e, sizeof(e));
	_exit(0);
}

/* ---- the parent ---- */

static int start(struct decoder *d, const struct extents *parts, const int *fds, struct error *e)
{
	pid_t parent = getpid();
	int r = confine_fork(fds, N_FDS, &d->child, e);

	if (r == 0)
		be_child(parts, parent);
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

static int start_with_pipes(struct decoder *d, const struct extents *parts, int archive,
			    struct error *e)
{
	_close_ int frames = -1, report = -1;
	int pipe_fds[2];

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return fail(e, errno, "cannot make a pipe: %m");
	d->fd = pipe_fds[0];
	frames = pipe_fds[1];
	/* More than a user may have of it: then the two wait for each other more often. */
	(void)fcntl(frames, F_SETPIPE_SZ, (int)PIPE_SIZE);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return fail(e, errno, "cannot make a pipe: %m");
	d->report = pipe_fds[0];
	report = pipe_fds[1];
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
	if (fd < 0 || start_with_pipes(&d, parts, fd, e) < 0)
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
}

/* The pipe ended too early: the child says why, unless something else ended it. */
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

static ssize_t take(struct decoder *d, void *bytes, size_t len, struct error *e)
{
	ssize_t n;
	int r = wait_fd(d->fd, POLLIN, "unpacking", deadline_in(STILL_WAIT_MS), d->cancel, e);

	if (r < 0)
		return fail_wrap(e, "archive '%s'", d->archive);
	n = read(d->fd, bytes, len);
	if (n < 0)
		return fail(e, errno, "cannot read from a pipe: %m");
	return n == 0 ? fail_as_child(d, e) : n;
}

ssize_t decoder_read(struct decoder *d, void *bytes, size_t len, struct error *e)
{
	size_t most = d->left < len ? (size_t)d->left : len;
	ssize_t n = most ? take(d, bytes, most, e) : 0;

	if (n > 0) {
		d->left -= (uint64_t)n;
		d->room -= min_u64(d->room, (uint64_t)n);
	}
	return n;
}

static int pass_over(struct decoder *d, struct error *e)
{
	_free_ char *scrap = d->left ? xmalloc(COPY_SIZE) : NULL;
	ssize_t n = 1;

	if (d->left > d->room)
		return fail(e, EFBIG,
			    "archive '%s' has %llu bytes and holds more than %d times as many",
			    d->archive, (unsigned long long)d->size, DECODE_RATIO_MAX);
	while (d->left > 0 && n > 0)
		n = decoder_read(d, scrap, COPY_SIZE, e);
	return n < 0 ? (int)n : 0;
}

static int take_frame(struct decoder *d, struct frame *f, struct error *e)
{
	char *bytes = (char *)f;
	size_t got = 0;

	while (got < sizeof(*f)) {
		ssize_t n = take(d, bytes + got, sizeof(*f) - got, e);

		if (n < 0)
			return (int)n;
		got += (size_t)n;
	}
	return 0;
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

	if (pass_over(d, e) < 0 || take_frame(d, &f, e) < 0)
		return -e->code;
	if (f.kind == KIND_END)
		return 0;
	if (!is_in_form(&f))
		return fail(e, EPROTO, "archive '%s': the process that reads it is not itself",
			    d->archive);
	*ret_member = (struct tar_member){ .type = (enum tar_type)f.type, .size = f.size };
	memcpy(ret_member->path, f.path, sizeof(f.path));
	memcpy(ret_member->target, f.target, sizeof(f.target));
	str_make_printable(ret_member->path);
	d->left = f.size;
	return 1;
}
