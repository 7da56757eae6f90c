/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpack - from a packed release to a folder.
 *
 * The manifest decides what is written: a member that it does not list, or lists with another type
 * or size, refuses the whole archive, so no trick of the tar format (absolute names, links,
 * devices, sparse files, duplicates) reaches the disk.  Files are created with O_EXCL below one
 * folder descriptor and nothing there is a link until all files are written.  The size of every
 * file is bounded by the manifest before it is read.  Digests are compared once, when the files are
 * read back (store.c).  One thread; may block.
 */
#include "lib/host/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"

#define BLOCK_SIZE (256 * 1024)
#define PREFIX     "opt/kata/"

static void archive_closep(struct archive **a)
{
	if (*a)
		(void)archive_read_free(*a);
}
#define _archive_ _cleanup_(archive_closep)

static int fail_archive(struct archive *a, const char *path, struct error *e)
{
	int code = archive_errno(a);
	const char *why = archive_error_string(a);

	return fail(e, code > 0 && code < 4096 ? code : EINVAL, "archive '%s': %s", path,
		    why ? why : "not an archive");
}

static int open_archive(const char *path, struct archive **ret_archive, struct error *e)
{
	_archive_ struct archive *a = archive_read_new();

	(void)archive_read_support_filter_zstd(a);
	(void)archive_read_support_filter_none(a);
	(void)archive_read_support_format_tar(a);
	if (archive_read_open_filename(a, path, BLOCK_SIZE) != ARCHIVE_OK)
		return fail_archive(a, path, e);
	*ret_archive = TAKE_PTR(a);
	return 0;
}

const char *unpack_member_path(const char *name)
{
	while (str_starts(name, "./"))
		name += 2;
	if (!str_starts(name, PREFIX))
		return NULL;
	name += strlen(PREFIX);
	return *name ? name : NULL;
}

/* The next member that is not a folder, by its path in the release.  1, or 0 at the end. */
static int next_member(struct archive *a, const char *archive, struct archive_entry **ret_entry,
		       const char **ret_path, struct error *e)
{
	const char *name;
	int r;

	for (;;) {
		r = archive_read_next_header(a, ret_entry);
		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK)
			return fail_archive(a, archive, e);
		if (archive_entry_filetype(*ret_entry) == AE_IFDIR)
			continue;
		name = archive_entry_pathname(*ret_entry);
		*ret_path = name ? unpack_member_path(name) : NULL;
		if (!*ret_path)
			return fail(e, EINVAL,
				    "archive '%s' has the member '%.100s' outside of '%s'", archive,
				    name ? name : "", PREFIX);
		return 1;
	}
}

static int read_manifest(struct archive *a, const char *archive, struct manifest *ret_manifest,
			 struct error *e)
{
	_free_ char *text = NULL;
	struct archive_entry *entry;
	const char *path;
	la_int64_t size;
	int r = next_member(a, archive, &entry, &path, e);

	if (r < 0)
		return r;
	if (r == 0 || strcmp(path, MANIFEST_NAME) != 0)
		return fail(e, EINVAL, "archive '%s' does not begin with " MANIFEST_NAME, archive);
	size = archive_entry_size(entry);
	if (size < 0 || (uint64_t)size > MANIFEST_MAX)
		return fail(e, EFBIG, "the manifest of archive '%s' is too large", archive);
	text = xmalloc((size_t)size + 1);
	if (archive_read_data(a, text, (size_t)size) != size)
		return fail_archive(a, archive, e);
	return manifest_parse(text, (size_t)size, archive, ret_manifest, e);
}

int unpack_manifest(const char *archive, struct manifest *ret_manifest, struct error *e)
{
	_archive_ struct archive *a = NULL;
	int r = open_archive(archive, &a, e);

	return r < 0 ? r : read_manifest(a, archive, ret_manifest, e);
}

/* The text of the member that the archive is at. */
static int read_text(struct archive *a, const struct manifest_entry *entry, char **ret_text,
		     struct error *e)
{
	_free_ char *text = xmalloc(entry->size + 1);
	char digest[SHA256_HEX + 1];
	la_ssize_t n = archive_read_data(a, text, entry->size);

	if (n < 0)
		return fail_archive(a, entry->path, e);
	sha256_bytes(text, (size_t)n, digest);
	if (strcmp(digest, entry->sha256) != 0)
		return fail(e, EBADMSG, "'%s' is not the one of the manifest", entry->path);
	text[n] = '\0';
	*ret_text = TAKE_PTR(text);
	return 0;
}

int unpack_file(const char *archive, const struct manifest_entry *entry, char **ret_text,
		struct error *e)
{
	_archive_ struct archive *a = NULL;
	struct archive_entry *member;
	const char *path;
	int r = open_archive(archive, &a, e);

	if (r >= 0 && entry->size > UNPACK_TEXT_MAX)
		return fail(e, EFBIG, "'%s' is too large", entry->path);
	while (r >= 0) {
		r = next_member(a, archive, &member, &path, e);
		if (r == 0)
			return fail(e, ENOENT, "archive '%s' has no '%s'", archive, entry->path);
		if (r > 0 && strcmp(path, entry->path) == 0)
			return read_text(a, entry, ret_text, e);
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

/* Copies the member's bytes; counts what really came. */
static int copy_data(struct archive *a, int fd, const struct manifest_entry *entry, struct error *e)
{
	_free_ char *bytes = xmalloc(BLOCK_SIZE);
	uint64_t total = 0;
	la_ssize_t n;

	for (;;) {
		n = archive_read_data(a, bytes, BLOCK_SIZE);
		if (n < 0)
			return fail_archive(a, entry->path, e);
		if (n == 0)
			break;
		total += (uint64_t)n;
		if (total > entry->size)
			break;
		if (write_all(fd, bytes, (size_t)n, entry->path, e) < 0)
			return -e->code;
	}
	return total == entry->size
		       ? 0
		       : fail(e, EBADMSG, "'%s' has not the size the manifest says", entry->path);
}

static int write_file(struct archive *a, int fd, const struct manifest_entry *entry,
		      struct error *e)
{
	int r = copy_data(a, fd, entry, e);

	if (r < 0)
		return r;
	return fchmod(fd, entry->mode) < 0
		       ? fail(e, errno, "cannot set the mode of '%s': %m", entry->path)
		       : 0;
}

static int place_file(struct archive *a, int dirfd, const struct manifest_entry *entry,
		      struct error *e)
{
	_close_ int fd = -1;
	int r = make_parents(dirfd, entry->path, e);

	if (r < 0)
		return r;
	fd = openat(dirfd, entry->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(e, errno, "cannot create '%s': %m", entry->path);
	return write_file(a, fd, entry, e);
}

static int place_member(struct archive *a, struct archive_entry *member, const char *path,
			const struct manifest *m, int dirfd, struct error *e)
{
	const struct manifest_entry *entry = manifest_find(m, path);
	mode_t type = archive_entry_filetype(member);

	if (!entry)
		return fail(e, EINVAL, "'%.200s' is not in the manifest", path);
	if (archive_entry_hardlink(member))
		return fail(e, EINVAL, "'%s' is a hard link", path);
	if (entry->target)
		return type == AE_IFLNK && str_equal(archive_entry_symlink(member), entry->target)
			       ? 0
			       : fail(e, EBADMSG, "'%s' is not the link the manifest says", path);
	if (type != AE_IFREG)
		return fail(e, EINVAL, "'%s' is not a regular file", path);
	return place_file(a, dirfd, entry, e);
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

/* Every file of the manifest came exactly once: O_EXCL refuses a second, this finds a missing. */
static int check_complete(const struct manifest *m, int dirfd, struct error *e)
{
	struct stat st;

	for (size_t i = 0; i < m->n_entries; i++)
		if (fstatat(dirfd, m->entries[i].path, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return fail(e, EBADMSG, "'%s' is missing in the archive",
				    m->entries[i].path);
	return 0;
}

static int write_manifest(const struct manifest *m, int dirfd, struct error *e)
{
	_close_ int fd =
		openat(dirfd, MANIFEST_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		return fail(e, errno, "cannot create '" MANIFEST_NAME "': %m");
	if (write_all(fd, m->text, strlen(m->text), MANIFEST_NAME, e) < 0)
		return -e->code;
	return fsync(fd) < 0 ? fail(e, errno, "cannot finish '" MANIFEST_NAME "': %m") : 0;
}

int unpack_into(const char *archive, const struct manifest *m, int dirfd,
		const struct cancel *cancel, struct error *e)
{
	_manifest_ struct manifest own = { 0 };
	_archive_ struct archive *a = NULL;
	struct archive_entry *member;
	const char *path;
	int r = open_archive(archive, &a, e);

	if (r >= 0)
		r = read_manifest(a, archive, &own, e);
	if (r < 0)
		return r;
	if (strcmp(own.digest, m->digest) != 0)
		return fail(e, EBADMSG, "archive '%s' has changed meanwhile", archive);
	while (r >= 0) {
		r = next_member(a, archive, &member, &path, e);
		if (r <= 0)
			break;
		if (cancel && cancel_is_raised(cancel))
			return fail(e, ECANCELED, "unpacking '%s' was cancelled", archive);
		r = place_member(a, member, path, m, dirfd, e);
		if (r < 0)
			return fail_wrap(e, "archive '%s'", archive);
	}
	if (r < 0 || place_links(m, dirfd, e) < 0 || check_complete(m, dirfd, e) < 0)
		return -e->code;
	return write_manifest(m, dirfd, e);
}
