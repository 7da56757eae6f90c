/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpack - from a packed release to a folder.
 *
 * The archive is read by a child without any right (decode.c); what it says is checked here, once
 * more by the manifest, which decides what is written: a member that it does not list, lists with
 * another type or size, or that comes twice, refuses the whole archive.  Files are created with
 * O_EXCL below one folder descriptor and nothing there is a link until all files are written.  The
 * size of every file is bounded by the manifest before it is read, and what the manifest promises
 * by the size of the archive.  Each block is read back as soon as it is written, while the child
 * decodes the next (readback.h); the digests are for store.c to compare.  One thread; may block.
 */
#include "lib/host/unpack.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/host/catalog.h"
#include "lib/host/decode.h"
#include "lib/host/donor.h"
#include "lib/host/readback.h"
#include "lib/host/sign.h"

#define PREFIX  "opt/kata/"
#define STRETCH (4 * MIB)

const char *unpack_member_path(const char *name)
{
	while (str_starts(name, "./"))
		name += 2;
	if (!str_starts(name, PREFIX))
		return NULL;
	name += strlen(PREFIX);
	return *name ? name : NULL;
}

/* The next member, by its path in the release.  1, or 0 at the end. */
static int next_member(struct decoder *d, struct tar_member *ret_member, const char **ret_path,
		       struct error *e)
{
	int r = decoder_next(d, ret_member, e);

	if (r <= 0)
		return r;
	*ret_path = unpack_member_path(ret_member->path);
	if (!*ret_path)
		return fail(e, EINVAL, "archive '%s' has the member '%.100s' outside of '%s'",
			    d->archive, ret_member->path, PREFIX);
	return 1;
}

/* The whole text of the member that the archive is at. */
static int read_text(struct decoder *d, const struct tar_member *member, uint64_t max,
		     char **ret_text, struct error *e)
{
	_free_ char *text = NULL;
	const void *bytes;
	size_t got = 0;
	ssize_t n;

	if (member->type != TAR_FILE || member->size > max)
		return fail(e, EFBIG, "archive '%s': '%s' is no file or larger than %llu bytes",
			    d->archive, member->path, (unsigned long long)max);
	text = xmalloc((size_t)member->size + 1);
	while ((n = decoder_take(d, &bytes, e)) > 0) {
		memcpy(text + got, bytes, (size_t)n);
		got += (size_t)n;
	}
	if (n < 0)
		return (int)n;
	text[got] = '\0';
	*ret_text = TAKE_PTR(text);
	return 0;
}

/* MANIFEST and, where there is one, its signature, which are first, and the member behind them: 1,
 * or 0 at the end. */
static int read_manifest(struct decoder *d, struct manifest *ret_manifest,
			 struct tar_member *ret_member, const char **ret_path, struct error *e)
{
	_free_ char *text = NULL;
	size_t len;
	int r = next_member(d, ret_member, ret_path, e);

	if (r < 0)
		return r;
	if (r == 0 || strcmp(*ret_path, MANIFEST_NAME) != 0)
		return fail(e, EINVAL, "archive '%s' does not begin with " MANIFEST_NAME,
			    d->archive);
	len = (size_t)ret_member->size;
	if (read_text(d, ret_member, MANIFEST_MAX, &text, e) < 0 ||
	    manifest_parse(text, len, d->archive, ret_manifest, e) < 0)
		return -e->code;
	r = next_member(d, ret_member, ret_path, e);
	if (r <= 0 || strcmp(*ret_path, MANIFEST_SIGNATURE) != 0)
		return r;
	if (read_text(d, ret_member, SIGN_TEXT_MAX, &ret_manifest->signature, e) < 0)
		return -e->code;
	return next_member(d, ret_member, ret_path, e);
}

int unpack_manifest(const char *archive, struct manifest *ret_manifest, struct error *e)
{
	_manifest_ struct manifest m = { 0 };
	_decoder_ struct decoder d = DECODER_NONE;
	struct tar_member member;
	const char *path;
	int r = decoder_open(archive, NULL, NULL, &d, e);

	if (r < 0 || read_manifest(&d, &m, &member, &path, e) < 0)
		return -e->code;
	*ret_manifest = m;
	m = (struct manifest){ 0 };
	return 0;
}

static int read_entry(struct decoder *d, const struct tar_member *member,
		      const struct manifest_entry *entry, char **ret_text, struct error *e)
{
	_free_ char *text = NULL;
	char digest[SHA256_HEX + 1] = "";

	if (member->size == entry->size) {
		if (read_text(d, member, UNPACK_TEXT_MAX, &text, e) < 0)
			return -e->code;
		sha256_bytes(text, (size_t)member->size, digest);
	}
	if (strcmp(digest, entry->sha256) != 0)
		return fail(e, EBADMSG, "'%s' is not the one of the manifest", entry->path);
	*ret_text = TAKE_PTR(text);
	return 0;
}

int unpack_file(const char *archive, const struct manifest_entry *entry, char **ret_text,
		struct error *e)
{
	_decoder_ struct decoder d = DECODER_NONE;
	struct tar_member member;
	const char *path;
	int r;

	if (entry->size > UNPACK_TEXT_MAX)
		return fail(e, EFBIG, "'%s' is too large", entry->path);
	r = decoder_open(archive, NULL, NULL, &d, e);
	while (r >= 0) {
		r = next_member(&d, &member, &path, e);
		if (r == 0)
			return fail(e, ENOENT, "archive '%s' has no '%s'", archive, entry->path);
		if (r > 0 && strcmp(path, entry->path) == 0)
			return read_entry(&d, &member, entry, ret_text, e);
	}
	return r;
}

/* Folders exist once; in between nobody else writes here. */
static int make_parents(int dirfd, const char *path, struct error *e)
{
	_free_ char *copy = xstrdup(path);

	for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdirat(dirfd, copy, 0755) < 0 && errno != EEXIST)
			return fail(e, errno, "cannot make folder '%s': %m", copy);
		*slash = '/';
	}
	return 0;
}

/* The disk begins with LEN bytes from AT, or with all behind that if LEN is 0, and nobody waits. */
static void begin_to_sync(int fd, uint64_t at, uint64_t len)
{
	(void)sync_file_range(fd, (off_t)at, (off_t)len, SYNC_FILE_RANGE_WRITE);
}

/* A member on its way into a file. */
struct member_copy {
	struct decoder *decoder;
	char *sum; /* of what the file gives back */
};

/* The member's bytes, which are as many as the manifest says.  While the next ones are decoded,
 * read back and, a stretch at a time, taken to the disk, so that the sync of the whole waits for
 * less. */
static int copy_data(void *arg, int fd, const struct manifest_entry *entry, struct error *e)
{
	const struct member_copy *c = arg;
	_cleanup_(readback_freep) struct readback *back = NULL;
	uint64_t written = 0, begun = 0;
	const void *bytes;
	ssize_t n;

	if (readback_begin(fd, entry->path, &back, e) < 0)
		return -e->code;
	while ((n = decoder_take(c->decoder, &bytes, e)) > 0) {
		if (write_all(fd, bytes, (size_t)n, entry->path, e) < 0)
			return -e->code;
		readback_add(back, (size_t)n);
		written += (uint64_t)n;
		if (written - begun >= STRETCH) {
			begin_to_sync(fd, begun, written - begun);
			begun = written;
		}
	}
	return n < 0 ? (int)n : readback_end(back, c->sum, e);
}

int unpack_place(int dirfd, const struct manifest_entry *entry, unpack_fill *fill, void *arg,
		 struct error *e)
{
	_close_ int fd = -1;
	int r = make_parents(dirfd, entry->path, e);

	if (r < 0)
		return r;
	fd = openat(dirfd, entry->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(e, errno, "cannot create '%s': %m", entry->path);
	r = fill(arg, fd, entry, e);
	if (r < 0)
		return r;
	begin_to_sync(fd, 0, 0);
	return fchmod(fd, entry->mode) < 0
		       ? fail(e, errno, "cannot set the mode of '%s': %m", entry->path)
		       : 0;
}

/* Where a release goes. */
struct place {
	const struct manifest *m;
	const struct donors *donors; /* may be NULL */
	int dirfd;
	bool *has_come;   /* one for each entry */
	unpack_sum *sums; /* likewise */
};

static int place_file(struct decoder *d, const struct place *p, size_t i, struct error *e)
{
	struct member_copy c = { .decoder = d, .sum = p->sums[i] };

	return unpack_place(p->dirfd, &p->m->entries[i], copy_data, &c, e);
}

static int place_member(struct decoder *d, const struct tar_member *member, const char *path,
			struct place *p, struct error *e)
{
	const struct manifest_entry *entry = manifest_find(p->m, path);
	size_t i;

	if (!entry)
		return fail(e, EINVAL, "'%.200s' is not in the manifest", path);
	i = (size_t)(entry - p->m->entries);
	if (p->has_come[i])
		return fail(e, EINVAL, "'%s' is there twice", path);
	p->has_come[i] = true;
	if (entry->target)
		return member->type == TAR_LINK && str_equal(member->target, entry->target)
			       ? 0
			       : fail(e, EBADMSG, "'%s' is not the link the manifest says", path);
	if (member->type != TAR_FILE)
		return fail(e, EINVAL, "'%s' is not a regular file", path);
	if (member->size != entry->size)
		return fail(e, EBADMSG, "'%s' has not the size the manifest says", path);
	return donors_have(p->donors, i) ? 0 : place_file(d, p, i, e);
}

static int place_links(const struct manifest *m, int dirfd, struct error *e)
{
	for (size_t i = 0; i < m->n_entries; i++) {
		const struct manifest_entry *entry = &m->entries[i];

		if (!entry->target)
			continue;
		if (make_parents(dirfd, entry->path, e) < 0)
			return -e->code;
		if (symlinkat(entry->target, dirfd, entry->path) < 0)
			return fail(e, errno, "cannot make link '%s': %m", entry->path);
	}
	return 0;
}

/* A link is made from the manifest; that it is in the archive, too, is a rule for whole ones. */
static bool may_lack(const struct place *p, size_t i)
{
	return donors_have(p->donors, i) || (p->donors && p->m->entries[i].target);
}

static int check_complete(const struct place *p, struct error *e)
{
	for (size_t i = 0; i < p->m->n_entries; i++)
		if (!p->has_come[i] && !may_lack(p, i))
			return fail(e, EBADMSG, "'%s' is missing in the archive",
				    p->m->entries[i].path);
	return 0;
}

static int write_text(int dirfd, const char *name, const char *text, struct error *e)
{
	_close_ int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		return fail(e, errno, "cannot create '%s': %m", name);
	return write_all(fd, text, strlen(text), name, e);
}

/* What makes a folder a version comes last. */
static int write_manifest(const struct manifest *m, int dirfd, struct error *e)
{
	if (m->signature && write_text(dirfd, MANIFEST_SIGNATURE, m->signature, e) < 0)
		return -e->code;
	return write_text(dirfd, MANIFEST_NAME, m->text, e);
}

int unpack_finish(const struct manifest *m, int dirfd, struct error *e)
{
	return place_links(m, dirfd, e) < 0 ? -e->code : write_manifest(m, dirfd, e);
}

static int place_members(struct decoder *d, struct place *p, struct error *e)
{
	_manifest_ struct manifest own = { 0 };
	struct tar_member member;
	const char *path;
	int r = read_manifest(d, &own, &member, &path, e);

	if (r >= 0 && strcmp(own.digest, p->m->digest) != 0)
		return fail(e, EBADMSG, "archive '%s' has changed meanwhile", d->archive);
	while (r > 0) {
		if (place_member(d, &member, path, p, e) < 0)
			return fail_wrap(e, "archive '%s'", d->archive);
		r = next_member(d, &member, &path, e);
	}
	return r < 0 ? r : check_complete(p, e);
}

int unpack_from(struct decoder *d, const struct manifest *m, const struct donors *donors, int dirfd,
		unpack_sum *sums, struct error *e)
{
	_free_ bool *has_come = xcalloc(m->n_entries + 1, sizeof(*has_come));
	struct place p = { m, donors, dirfd, has_come, sums };

	return place_members(d, &p, e) < 0 ? -e->code : unpack_finish(m, dirfd, e);
}

static void extents_done(struct extents *x)
{
	free(x->list);
}

/* What of an archive has to be read, its end as well; nothing: all of it. */
static struct extents parts_of(const struct manifest *m, const struct donors *donors)
{
	const struct frames *f = m->frames;
	struct extents x = { .list = f ? xcalloc(f->n, sizeof(*x.list)) : NULL };

	for (size_t i = 0; f && i < f->n; i++) {
		const struct frame *frame = &f->list[i];
		struct extent *last = x.n > 0 ? &x.list[x.n - 1] : NULL;

		if (frame->path && !donors_need(donors, m, frame))
			continue;
		if (last && last->at + last->len == frame->offset)
			last->len += frame->size;
		else
			x.list[x.n++] = (struct extent){ frame->offset, frame->size };
	}
	return x;
}

int unpack_into(const char *archive, const struct manifest *m, const struct donors *donors,
		int dirfd, unpack_sum *sums, const struct cancel *cancel, struct error *e)
{
	uint64_t size = m->total_size - (donors ? donors->n_bytes : 0);
	_cleanup_(extents_done) struct extents parts = parts_of(m, donors);
	_decoder_ struct decoder d = DECODER_NONE;

	if (decoder_open(archive, parts.n > 0 ? &parts : NULL, cancel, &d, e) < 0)
		return -e->code;
	if (size > d.room)
		return fail(e, EFBIG,
			    "archive '%s' has %llu bytes and says it holds %llu: more than %d "
			    "times as many",
			    archive, (unsigned long long)d.size, (unsigned long long)size,
			    DECODE_RATIO_MAX);
	return unpack_from(&d, m, donors, dirfd, sums, e);
}
