/* SPDX-License-Identifier: Apache-2.0 */
/*
 * donor - share with versions that are there what a release has in common with them.
 *
 * A file is known by its digest in both manifests, its size and its mode; that it still has those
 * bytes by its change time, or, where something has touched it since its version was complete, by
 * reading it (as intact.c does).  A link to it made here touches it, too, but was made before the
 * other version was complete, which therefore can vouch for it: what nothing has touched is asked
 * of all versions before anything is read.  Reflinks come first: then
 * damage to one version is none to the other.  A hard link is as good for whom never writes into a
 * version, and nobody may.  One thread; may block.
 */
#include "lib/host/donor.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/host/catalog.h"
#include "lib/host/digest.h"
#include "lib/host/intact.h"
#include "lib/host/store.h"

/* A version that is there. */
struct version {
	const char *path;
	int dirfd;
	struct timespec seal;
	struct manifest m;
};

/* How a version is looked into. */
enum look { LOOK_AT_TIMES, LOOK_AND_READ };

static bool is_whole(const struct version *v, const struct manifest_entry *theirs, enum look look)
{
	return look == LOOK_AT_TIMES ? intact_is_untouched(v->dirfd, theirs, &v->seal)
				     : intact_entry(v->dirfd, theirs, &v->seal);
}

static bool is_same(const struct version *v, const struct manifest_entry *theirs,
		    const struct manifest_entry *entry, enum look look)
{
	return !theirs->target && strcmp(theirs->sha256, entry->sha256) == 0 &&
	       theirs->size == entry->size && theirs->mode == entry->mode &&
	       is_whole(v, theirs, look);
}

static const struct manifest_entry *find_same(const struct version *v,
					      const struct manifest_entry *entry, enum look look)
{
	for (size_t i = 0; i < v->m.n_entries; i++)
		if (is_same(v, &v->m.entries[i], entry, look))
			return &v->m.entries[i];
	return NULL;
}

static void consider(struct donors *d, const struct version *v, const struct manifest *m,
		     enum look look)
{
	for (size_t i = 0; i < m->n_entries; i++) {
		const struct manifest_entry *entry = &m->entries[i];
		const struct manifest_entry *theirs;

		if (d->paths[i] || entry->target || entry->size == 0)
			continue;
		theirs = find_same(v, entry, look);
		if (!theirs)
			continue;
		d->paths[i] = path_join(v->path, theirs->path);
		d->n_bytes += entry->size;
	}
}

static void look_into(struct donors *d, const char *root, const char *folder,
		      const struct manifest *m, enum look look)
{
	_free_ char *path = xasprintf("%s/versions/%s", root, folder);
	_close_ int dirfd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct version v = { .path = path, .dirfd = dirfd };
	struct error ignored;
	struct stat seal;

	if (dirfd < 0 || fstatat(dirfd, MANIFEST_NAME, &seal, AT_SYMLINK_NOFOLLOW) < 0 ||
	    store_manifest(root, folder, &v.m, &ignored) < 0)
		return;
	v.seal = seal.st_mtim;
	consider(d, &v, m, look);
	manifest_done(&v.m);
}

void donors_find(const char *root, const struct manifest *m, struct donors *ret_donors)
{
	_free_ char *own = manifest_folder(m);
	_strv_ strv folders = NULL;
	struct error ignored;

	*ret_donors = (struct donors){
		.paths = xcalloc(m->n_entries + 1, sizeof(char *)),
		.are_copied = xcalloc(m->n_entries + 1, sizeof(bool)),
		.n = m->n_entries,
	};
	(void)store_list(root, &folders, &ignored);
	for (enum look look = LOOK_AT_TIMES; look <= LOOK_AND_READ; look++)
		for (char **f = folders; f && *f; f++)
			if (strcmp(*f, own) != 0)
				look_into(ret_donors, root, *f, m, look);
}

void donors_done(struct donors *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->paths[i]);
	free(d->paths);
	free(d->are_copied);
	*d = (struct donors){ 0 };
}

bool donors_have(const struct donors *d, size_t i)
{
	return d && d->paths[i];
}

bool donors_need(const struct donors *d, const struct manifest *m, const struct frame *frame)
{
	const struct manifest_entry *entry = frame->path ? manifest_find(m, frame->path) : NULL;

	return frame->path && !(entry && donors_have(d, (size_t)(entry - m->entries)));
}

static int copy(int from, int to, const struct manifest_entry *entry, struct error *e)
{
	uint64_t left = entry->size;

	while (left > 0) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, (size_t)left, 0);

		if (n <= 0)
			return fail(e, n < 0 ? errno : EIO, "cannot copy '%s': %m", entry->path);
		left -= (uint64_t)n;
	}
	return 0;
}

/* Shares the blocks, or copies; the mode is that of the manifest. */
static int clone(int from, int dirfd, const struct manifest_entry *entry, bool *is_copied,
		 struct error *e)
{
	_close_ int to = openat(dirfd, entry->path,
				O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (to < 0)
		return fail(e, errno, "cannot create '%s': %m", entry->path);
	*is_copied = ioctl(to, FICLONE, from) < 0;
	if (*is_copied && copy(from, to, entry, e) < 0)
		return -e->code;
	return fchmod(to, entry->mode) < 0
		       ? fail(e, errno, "cannot set the mode of '%s': %m", entry->path)
		       : 0;
}

/* Whether the file system at DIRFD shares blocks, tried once, with a file of no name. */
static bool can_clone(struct donors *d, int from, int dirfd)
{
	_close_ int to = -1;

	if (d->was_tried)
		return d->shares_blocks;
	to = openat(dirfd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	d->shares_blocks = to >= 0 && ioctl(to, FICLONE, from) == 0;
	d->was_tried = true;
	return d->shares_blocks;
}

bool donors_vouch(const struct donors *d, size_t i)
{
	return donors_have(d, i) && !d->are_copied[i];
}

int donors_give(struct donors *d, size_t i, const struct manifest_entry *entry, int dirfd,
		struct error *e)
{
	_free_ char *parent = path_parent(entry->path);
	const char *path = d->paths[i];
	_close_ int folder = dir_make_without_links(dirfd, parent, 0755, e);
	_close_ int from = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (folder < 0)
		return folder;
	if (from < 0)
		return fail(e, errno, "cannot open '%s': %m", path);
	if (!can_clone(d, from, dirfd) && linkat(AT_FDCWD, path, dirfd, entry->path, 0) == 0)
		return 0;
	return clone(from, dirfd, entry, &d->are_copied[i], e);
}
