/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source - read a release from an archive, or from a folder in which it lies already.
 *
 * A folder is root's, as those of packages are, yet no link in it is followed and nothing but a
 * regular file of the size that MANIFEST says is taken; digests are compared once, with what the
 * disk gives back (store.c).  Files are copied: where the file system can share their blocks it
 * does, and a version never changes with what it was copied from.  One thread; may block.
 */
#include "lib/host/source.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/host/donor.h"
#include "lib/host/sign.h"

#define BLOCK_SIZE (256 * 1024)

/* A folder that files are copied from. */
struct folder {
	const char *path;
	int fd;
	const struct donors *donors; /* what they have is not copied; may be NULL */
	const struct cancel *cancel;
};

bool source_is_laid_out(const char *source)
{
	_free_ char *manifest = path_join(source, MANIFEST_NAME);

	return file_exists(manifest);
}

static int read_laid_out(const char *source, struct manifest *ret_manifest, struct error *e)
{
	_free_ char *path = path_join(source, MANIFEST_NAME);
	_free_ char *signature = path_join(source, MANIFEST_SIGNATURE);
	_manifest_ struct manifest m = { 0 };

	if (manifest_read(path, &m, e) < 0)
		return -e->code;
	if (file_read(signature, SIGN_TEXT_MAX, &m.signature, NULL, e) < 0 && e->code != ENOENT)
		return -e->code;
	*ret_manifest = m;
	m = (struct manifest){ 0 };
	return 0;
}

static int open_folder(const char *source, struct error *e)
{
	int fd = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? fail(e, errno, "cannot open folder '%s': %m", source) : fd;
}

static int open_part(int dirfd, const struct manifest_entry *entry, struct error *e)
{
	_close_ int fd =
		open_without_links(dirfd, entry->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, e);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return fail(e, errno, "cannot stat '%s': %m", entry->path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != entry->size)
		return fail(e, EBADMSG, "'%s' is not the file of the manifest", entry->path);
	return TAKE_FD(fd);
}

static int copy_by_hand(int from, int to, const struct manifest_entry *entry, struct error *e)
{
	_free_ char *bytes = xmalloc(BLOCK_SIZE);
	ssize_t n;

	while ((n = read(from, bytes, BLOCK_SIZE)) > 0)
		if (write_all(to, bytes, (size_t)n, entry->path, e) < 0)
			return -e->code;
	return n < 0 ? fail(e, errno, "cannot read '%s': %m", entry->path) : 0;
}

static int copy_part(void *arg, int to, const struct manifest_entry *entry, struct error *e)
{
	const struct folder *f = arg;
	_close_ int from = open_part(f->fd, entry, e);
	ssize_t n;

	if (from < 0)
		return from;
	do {
		if (f->cancel && cancel_is_raised(f->cancel))
			return fail(e, ECANCELED, "copying '%s' was cancelled", entry->path);
		n = copy_file_range(from, NULL, to, NULL, 64 * MIB, 0);
	} while (n > 0);
	/* Not between these file systems, or not at all: both are where they were. */
	return n < 0 ? copy_by_hand(from, to, entry, e) : 0;
}

static int copy_all(struct folder *f, const struct manifest *m, int dirfd, struct error *e)
{
	for (size_t i = 0; i < m->n_entries; i++)
		if (!m->entries[i].target && !donors_have(f->donors, i) &&
		    unpack_place(dirfd, &m->entries[i], copy_part, f, e) < 0)
			return fail_wrap(e, "folder '%s'", f->path);
	return unpack_finish(m, dirfd, e);
}

static int read_part(const char *source, const struct manifest_entry *entry, char **ret_text,
		     struct error *e)
{
	_close_ int dirfd = open_folder(source, e);
	_close_ int fd = dirfd < 0 ? dirfd : open_part(dirfd, entry, e);
	_free_ char *text = NULL;
	char digest[SHA256_HEX + 1];
	size_t len;

	if (fd < 0 || file_read_fd(fd, entry->path, UNPACK_TEXT_MAX, &text, &len, e) < 0)
		return -e->code;
	sha256_bytes(text, len, digest);
	if (strcmp(digest, entry->sha256) != 0)
		return fail(e, EBADMSG, "'%s' in '%s' is not the one of the manifest", entry->path,
			    source);
	*ret_text = TAKE_PTR(text);
	return 0;
}

int source_manifest(const char *source, struct manifest *ret_manifest, struct error *e)
{
	return source_is_laid_out(source) ? read_laid_out(source, ret_manifest, e)
					  : unpack_manifest(source, ret_manifest, e);
}

int source_file(const char *source, const struct manifest_entry *entry, char **ret_text,
		struct error *e)
{
	return source_is_laid_out(source) ? read_part(source, entry, ret_text, e)
					  : unpack_file(source, entry, ret_text, e);
}

int source_into(const char *source, const struct manifest *m, const struct donors *donors,
		int dirfd, unpack_sum *sums, const struct cancel *cancel, struct error *e)
{
	struct folder f = { .path = source, .donors = donors, .cancel = cancel };
	_close_ int fd = -1;

	if (!source_is_laid_out(source))
		return unpack_into(source, m, donors, dirfd, sums, cancel, e);
	fd = open_folder(source, e);
	f.fd = fd;
	return fd < 0 ? fd : copy_all(&f, m, dirfd, e);
}
