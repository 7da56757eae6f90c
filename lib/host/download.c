/* SPDX-License-Identifier: Apache-2.0 */
/*
 * download - bring the frames of an archive that this machine lacks.
 *
 * Frames that lie beside one another come by one request.  Each is compared with its digest, which
 * hangs on the signature of the index, as soon as it is whole; what comes behind a wrong one is not
 * looked at.  They are kept in one file in the cache, one behind the other; a run that finds it
 * there compares all of it once more and goes on where it stops, in the middle of a frame as well.
 * With an end behind it the file is an archive (zstd and tar both go on from one piece to the
 * next), and store_add() takes the rest from other versions.  A folder of this machine that nobody
 * else may write needs none of this: its archive is read where it is, as one that is named is, and
 * only in these parts; what they hold hangs on the digests of MANIFEST.  Without a list of frames
 * the whole archive is one; without an index it has no digest either, and what it holds is known by
 * its MANIFEST.  What is asked for before that, the MANIFEST and a text or two, stays in memory, so
 * that looking at what would be done leaves nothing.  One thread; blocks.
 */
#include "lib/host/download.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/host/digest.h"
#include "lib/host/donor.h"
#include "lib/host/unpack.h"
#include "lib/progress.h"

#define BLOCK       (64 * KIB)
#define EARLY_MAX   (8 * MIB)
#define UNKNOWN_MAX (2 * GIB) /* an archive of which nothing is known */

/* Two blocks of zeros, the end of a tar archive, as zstd has them. */
static const unsigned char end_frame[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x60, 0x00,
					   0x03, 0x03, 0x20, 0x00, 0x00 };

struct download {
	struct mirror *mirror;
	const struct cancel *cancel;
	struct catalog_release release; /* owned */
	struct frames frames;
	struct buf *early; /* for each frame: its bytes, if they were asked for before */
	bool *wanted;      /* for each frame: whether it comes into the file */
	char *cache, *path;
	bool is_plain; /* there are no frames: all of it comes, at once */
	bool is_here;  /* it is read where it lies */
	/* ---- while it comes ---- */
	int fd;
	size_t at;        /* the frame that is next */
	uint64_t got;     /* bytes of it that are there */
	bool is_taken_up; /* some of them since an earlier run */
	struct digest digest;
	uint64_t written; /* bytes of the file that were found right */
	struct progress progress;
};

static void copy_file(struct catalog_file *to, const struct catalog_file *from)
{
	*to = *from;
	to->name = from->name ? xstrdup(from->name) : NULL;
}

void download_close(struct download *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->frames.n; i++)
		buf_done(&d->early[i]);
	free(d->early);
	free(d->wanted);
	frames_done(&d->frames);
	digest_done(&d->digest);
	closep(&d->fd);
	/* Of what has no digest nobody could tell later whether it is the same. */
	if (d->is_plain && d->path && !d->release.archive.size)
		download_discard(d);
	free(d->release.version);
	free(d->release.arch);
	free(d->release.archive.name);
	free(d->release.frames.name);
	free(d->cache);
	free(d->path);
	free(d);
}

const char *download_path(const struct download *d)
{
	return d->path;
}

void download_discard(struct download *d)
{
	if (d->is_here)
		return;
	(void)unlink(d->path);
	(void)rmdir(d->cache);
}

/* ---- the list ---- */

static int read_frames(struct download *d, struct error *e)
{
	_free_ char *text = NULL;
	const char *name = d->release.frames.name;

	if (mirror_file(d->mirror, &d->release.frames, d->cancel, &text, e) < 0 ||
	    frames_parse(text, (size_t)d->release.frames.size, name, &d->frames, e) < 0)
		return -e->code;
	if (d->frames.size != d->release.archive.size)
		return fail(e, EBADMSG, "'%s' is about another archive than '%s'", name,
			    d->release.archive.name);
	return 0;
}

/* The whole as a frame of its own; of size 0 where nothing is known. */
static void make_plain(struct download *d)
{
	struct frame *whole = xcalloc(1, sizeof(*whole));

	whole->size = d->release.archive.size;
	memcpy(whole->sha256, d->release.archive.sha256, sizeof(whole->sha256));
	d->frames = (struct frames){ .list = whole, .n = 1, .size = whole->size };
	d->is_plain = true;
}

int download_open(const struct download_spec *spec, struct download **ret_download, struct error *e)
{
	_cleanup_(download_closep) struct download *d = xcalloc(1, sizeof(*d));
	const struct catalog_release *r = spec->release;

	d->fd = -1;
	d->mirror = spec->mirror;
	d->cancel = spec->cancel;
	d->cache = xstrdup(spec->cache);
	d->release.version = r->version ? xstrdup(r->version) : NULL;
	d->release.arch = r->arch ? xstrdup(r->arch) : NULL;
	memcpy(d->release.digest, r->digest, sizeof(d->release.digest));
	copy_file(&d->release.archive, &r->archive);
	copy_file(&d->release.frames, &r->frames);
	if (!r->frames.name)
		make_plain(d);
	else if (read_frames(d, e) < 0)
		return -e->code;
	if (!d->is_plain)
		d->path = mirror_path(d->mirror, &d->release.archive);
	d->is_here = d->path != NULL;
	if (!d->path)
		d->path = xasprintf("%s/%s", d->cache, r->archive.name);
	d->early = xcalloc(d->frames.n, sizeof(*d->early));
	d->wanted = xcalloc(d->frames.n, sizeof(*d->wanted));
	*ret_download = TAKE_PTR(d);
	return 0;
}

/* ---- into memory ---- */

static int add_early(void *arg, const void *bytes, size_t len, struct error *e)
{
	return buf_add(arg, bytes, len, e);
}

static int fail_frame(const struct frame *frame, struct error *e)
{
	return fail(e, EBADMSG, "it is not what the index says (at byte %llu, %s)",
		    (unsigned long long)frame->offset, frame->path ? frame->path : "its end");
}

/* Frame I with an end behind it, as a file of no name. */
static int open_early(struct download *d, size_t i, struct error *e)
{
	const struct frame *frame = &d->frames.list[i];
	const struct fetch what = {
		.name = d->release.archive.name,
		.offset = frame->offset,
		.len = frame->size,
		.total = d->frames.size,
		.cancel = d->cancel,
		.on_data = add_early,
		.arg = &d->early[i],
	};
	_close_ int fd = memfd_create("kata-release", MFD_CLOEXEC);
	char digest[SHA256_HEX + 1];

	if (frame->size > EARLY_MAX)
		return fail(e, EFBIG, "'%s' is too large to be looked at before", frame->path);
	if (d->early[i].len == 0) {
		buf_init(&d->early[i], EARLY_MAX);
		if (mirror_get(d->mirror, &what, e) < 0)
			return -e->code;
	}
	sha256_bytes(d->early[i].data, d->early[i].len, digest);
	if (strcmp(digest, frame->sha256) != 0)
		return fail_frame(frame, e) < 0 ? fail_wrap(e, "mirror '%s': '%s'",
							    mirror_name(d->mirror), what.name)
						: 0;
	if (fd < 0)
		return fail(e, errno, "cannot make a file in memory: %m");
	if (write_all(fd, d->early[i].data, d->early[i].len, "memory", e) < 0 ||
	    write_all(fd, end_frame, sizeof(end_frame), "memory", e) < 0)
		return -e->code;
	return TAKE_FD(fd);
}

static int read_manifest(struct download *d, struct manifest *ret_manifest, struct error *e)
{
	_close_ int fd = -1;

	if (d->is_plain)
		return download_run(d, NULL, NULL, e) < 0
			       ? -e->code
			       : unpack_manifest(d->path, ret_manifest, e);
	fd = open_early(d, 0, e);
	return fd < 0 ? fd : unpack_manifest(fd_path(fd).s, ret_manifest, e);
}

int download_manifest(struct download *d, struct manifest *ret_manifest, struct error *e)
{
	const struct catalog_release *r = &d->release;
	_manifest_ struct manifest m = { 0 };

	if (read_manifest(d, &m, e) < 0)
		return -e->code;
	if (r->version && (strcmp(m.digest, r->digest) != 0 || strcmp(m.version, r->version) != 0 ||
			   strcmp(m.arch, r->arch) != 0))
		return fail(e, EBADMSG, "mirror '%s': '%s' is not the release that the index says",
			    mirror_name(d->mirror), r->archive.name);
	if (d->is_here)
		m.frames = &d->frames;
	*ret_manifest = m;
	m = (struct manifest){ 0 };
	return 0;
}

int download_text(struct download *d, const struct manifest_entry *entry, char **ret_text,
		  struct error *e)
{
	const struct frame *frame = frames_find(&d->frames, entry->path);
	_close_ int fd = -1;

	if (d->is_plain)
		return unpack_file(d->path, entry, ret_text, e);
	if (!frame)
		return fail(e, ENOENT, "'%s' has no frame of '%s'", d->release.frames.name,
			    entry->path);
	fd = open_early(d, (size_t)(frame - d->frames.list), e);
	return fd < 0 ? fd : unpack_file(fd_path(fd).s, entry, ret_text, e);
}

/* ---- into the cache ---- */

/* All that holds a file which is nowhere here; never the end, which is made. */
static void choose(struct download *d, const struct manifest *m, const char *root)
{
	_donors_ struct donors donors = { 0 };

	if (m)
		donors_find(root, m, &donors);
	for (size_t i = 0; i < d->frames.n; i++) {
		const struct frame *frame = &d->frames.list[i];

		d->wanted[i] =
			d->is_plain || (m ? donors_need(&donors, m, frame) : frame->path != NULL);
	}
}

static uint64_t needed_bytes(const struct download *d)
{
	uint64_t n = 0;

	for (size_t i = 0; i < d->frames.n; i++)
		n += d->wanted[i] ? d->frames.list[i].size : 0;
	return n;
}

/* Those that were not asked for before. */
static uint64_t unread_bytes(const struct download *d)
{
	uint64_t n = needed_bytes(d);

	for (size_t i = 0; i < d->frames.n; i++)
		n -= d->wanted[i] && d->early[i].len > 0 ? d->frames.list[i].size : 0;
	return n;
}

struct download_sizes download_measure(struct download *d, const struct manifest *m,
				       const char *root)
{
	choose(d, m, root);
	return (struct download_sizes){ .archive = d->frames.size, .needed = needed_bytes(d) };
}

uint64_t download_archive_size(const struct download *d)
{
	return d->frames.size;
}

static int open_cache(struct download *d, struct error *e)
{
	struct stat st;

	if (dir_make(d->cache, 0700, e) < 0)
		return -e->code;
	d->fd = open(d->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (d->fd < 0)
		return fail(e, errno, "cannot open '%s': %m", d->path);
	if (fstat(d->fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return fail(e, EPERM, "'%s' is not a file of ours", d->path);
	if (flock(d->fd, LOCK_EX | LOCK_NB) < 0)
		return fail(e, errno, "'%s' is being brought already: %m", d->path);
	return 0;
}

/* The next frame that is wanted, from D->at on, is begun. */
static void seek_wanted(struct download *d)
{
	while (d->at < d->frames.n && !d->wanted[d->at])
		d->at++;
	d->got = 0;
	digest_begin(&d->digest);
}

/* Counts LEN bytes of the frame; 1 if it is whole then, EBADMSG if it is whole and another one. */
static int count(struct download *d, const void *bytes, size_t len, struct error *e)
{
	const struct frame *frame = &d->frames.list[d->at];
	char digest[SHA256_HEX + 1];

	digest_add(&d->digest, bytes, len);
	d->got += len;
	if (d->got < frame->size)
		return 0;
	digest_end(&d->digest, digest);
	if (frame->sha256[0] && strcmp(digest, frame->sha256) != 0)
		return fail_frame(frame, e);
	d->written += frame->size;
	d->is_taken_up = false;
	d->at++;
	seek_wanted(d);
	return 1;
}

/* The next byte is written behind what counts. */
static int go_on(struct download *d, struct error *e)
{
	off_t end = (off_t)(d->written + d->got);

	return ftruncate(d->fd, end) < 0 || lseek(d->fd, end, SEEK_SET) < 0
		       ? fail(e, errno, "cannot go on with '%s': %m", d->path)
		       : 0;
}

/* What an earlier run left of the same frames.  Behind the first that is not right there is nothing
 * to be had. */
static int take_up(struct download *d, struct error *e)
{
	_free_ char *bytes = xmalloc(BLOCK);
	struct error other;
	ssize_t n = 1;

	while (n > 0 && d->at < d->frames.n && d->frames.list[d->at].size > 0) {
		uint64_t left = d->frames.list[d->at].size - d->got;

		n = pread(d->fd, bytes, (size_t)min_u64(BLOCK, left), (off_t)(d->written + d->got));
		if (n > 0 && count(d, bytes, (size_t)n, &other) < 0) {
			seek_wanted(d);
			break;
		}
	}
	if (n < 0)
		return fail(e, errno, "cannot read '%s': %m", d->path);
	d->is_taken_up = d->got > 0;
	return go_on(d, e);
}

static int keep(void *arg, const void *bytes, size_t len, struct error *e)
{
	struct download *d = arg;
	const char *from = bytes;

	progress_add(&d->progress, len);
	while (len > 0) {
		size_t n = (size_t)min_u64(len, d->frames.list[d->at].size - d->got);

		if (write_all(d->fd, from, n, d->path, e) < 0 || count(d, from, n, e) < 0)
			return -e->code;
		from += n;
		len -= n;
	}
	return 0;
}

/* From where D is to the end of the last frame that can come along. */
static uint64_t run_length(const struct download *d)
{
	uint64_t len = d->frames.list[d->at].size - d->got;

	for (size_t i = d->at + 1; i < d->frames.n && d->wanted[i] && !d->early[i].len; i++)
		len += d->frames.list[i].size;
	return len;
}

static int bring_run(struct download *d, struct error *e)
{
	const struct frame *frame = &d->frames.list[d->at];
	const struct buf *early = &d->early[d->at];
	const struct fetch what = {
		.name = d->release.archive.name,
		.offset = frame->offset + d->got,
		.len = run_length(d),
		.total = d->frames.size,
		.cancel = d->cancel,
		.on_data = keep,
		.arg = d,
	};

	if (early->len == frame->size)
		return keep(d, early->data + d->got, early->len - (size_t)d->got, e);
	return mirror_get(d->mirror, &what, e);
}

static int keep_all(void *arg, const void *bytes, size_t len, struct error *e)
{
	struct download *d = arg;

	progress_add(&d->progress, len);
	return write_all(d->fd, bytes, len, d->path, e);
}

/* Of nobody knows what size. */
static int bring_unknown(struct download *d, struct error *e)
{
	const struct fetch what = {
		.name = d->release.archive.name,
		.len = FETCH_REST,
		.max = UNKNOWN_MAX,
		.cancel = d->cancel,
		.on_data = keep_all,
		.arg = d,
	};

	if (ftruncate(d->fd, 0) < 0)
		return fail(e, errno, "cannot empty '%s': %m", d->path);
	return mirror_get(d->mirror, &what, e);
}

/* A frame of which an earlier run left the beginning may be wrong there, as after a power cut. */
static int begin_anew(struct download *d, struct error *e)
{
	if (e->code != EBADMSG || !d->is_taken_up)
		return -e->code;
	d->is_taken_up = false;
	d->progress.total += d->got;
	seek_wanted(d);
	return go_on(d, e);
}

static int bring(struct download *d, struct error *e)
{
	if (d->is_plain && !d->frames.size)
		return bring_unknown(d, e);
	seek_wanted(d);
	if (take_up(d, e) < 0)
		return -e->code;
	progress_begin(&d->progress, "download", needed_bytes(d) - d->written - d->got);
	while (d->at < d->frames.n)
		if (bring_run(d, e) < 0 && begin_anew(d, e) < 0)
			return -e->code;
	return d->is_plain ? 0 : write_all(d->fd, end_frame, sizeof(end_frame), d->path, e);
}

int download_run(struct download *d, const struct manifest *m, const char *root, struct error *e)
{
	int r;

	if (d->fd >= 0)
		return 0;
	choose(d, m, root);
	if (d->is_here) {
		mirror_count(d->mirror, unread_bytes(d));
		return 0;
	}
	if (open_cache(d, e) < 0)
		return -e->code;
	d->at = 0;
	d->written = 0;
	progress_begin(&d->progress, "download", d->frames.size);
	r = bring(d, e);
	progress_end(&d->progress);
	if (r < 0)
		d->fd = close_fd(d->fd);
	if (r == -EBADMSG)
		download_discard(d);
	return r;
}
