/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store - versions side by side, one of them current.
 *
 * A version is unpacked beside its final name, read back and compared, synced as a whole and then
 * renamed: a crash before the rename leaves a .new folder that the next run removes, after it a
 * complete version.  A damaged version is exchanged for a whole one in the same way and is there
 * until then: sandboxes may run from it.  Nothing is ever written into a version, so running
 * sandboxes keep the exact files they began with.  Disk space is asked for before the first byte.
 * One process at a time (the journal's lock); may block.
 */
#include "lib/host/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>

#include "lib/file.h"
#include "lib/foreign.h"
#include "lib/host/digest.h"
#include "lib/host/donor.h"
#include "lib/host/source.h"

#define NEW_PREFIX  ".new-"
#define SPARE_BYTES (64 * MIB) /* what must stay free: a full disk hurts more than Kata helps */

#define VERSION_MAX 128
#define TICK_MS     100 /* more than any kernel's */

static const char *const known[] = { "bin", "libexec", "share" };

static const char *const mark_names[] = { "previous", "held" };
_Static_assert(ARRAY_SIZE(mark_names) == N_STORE_MARK, "a mark has no name");

static char *version_path(const char *root, const char *folder)
{
	return xasprintf("%s/versions/%s", root, folder);
}

static int check_space(const char *dir, const struct manifest *m, const struct donors *donors,
		       struct error *e)
{
	uint64_t block, need;
	struct statvfs fs;

	if (statvfs(dir, &fs) < 0)
		return fail(e, errno, "cannot ask for the free space of '%s': %m", dir);
	block = fs.f_frsize;
	need = m->total_size - (donors ? donors->n_bytes : 0) + m->n_entries * block + SPARE_BYTES;
	if (fs.f_bavail * block < need)
		return fail(e, ENOSPC, "'%s' has %llu MiB free, %llu MiB are needed", dir,
			    (unsigned long long)(fs.f_bavail * block / MIB),
			    (unsigned long long)(need / MIB));
	if (fs.f_files > 0 && fs.f_favail < m->n_entries + 64)
		return fail(e, ENOSPC, "'%s' has too few free inodes", dir);
	return 0;
}

/* One sync of the whole file system: the folders on the way have to be durable as well. */
static int sync_tree(int dirfd, const char *name, struct error *e)
{
	return syncfs(dirfd) < 0 ? fail(e, errno, "cannot sync '%s': %m", name) : 0;
}

/* The clock of files stands still for some milliseconds at a time.  When it has gone on, whatever
 * is touched later is later than MANIFEST, by which intact.c tells. */
static int outlast_manifest(int dirfd, const char *name, struct error *e)
{
	struct timespec now;
	struct error late;
	struct stat st;

	if (fstatat(dirfd, MANIFEST_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "cannot look at '%s/" MANIFEST_NAME "': %m", name);
	for (uint64_t deadline = deadline_in(TICK_MS);;) {
		(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
		if (now.tv_sec > st.st_mtim.tv_sec ||
		    (now.tv_sec == st.st_mtim.tv_sec && now.tv_nsec > st.st_mtim.tv_nsec))
			return 0;
		if (wait_pause(1, "the clock of files", deadline, NULL, &late) < 0)
			return 0;
	}
}

static int read_sum(int dirfd, const struct manifest_entry *entry, unpack_sum ret_sum,
		    struct error *e)
{
	_close_ int fd = openat(dirfd, entry->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? fail(e, errno, "cannot open '%s': %m", entry->path)
		      : digest_fd(fd, entry->path, ret_sum, e);
}

/* Compares every file with its digest, but those that DONORS, which may be NULL, stand for.  SUMS
 * has digests that are known already, or is NULL. */
static int verify_tree(int dirfd, const struct manifest *m, const struct donors *donors,
		       const unpack_sum *sums, struct error *e)
{
	for (size_t i = 0; i < m->n_entries; i++) {
		const struct manifest_entry *entry = &m->entries[i];
		unpack_sum actual = "";

		if (entry->target || donors_vouch(donors, i))
			continue;
		if (sums)
			memcpy(actual, sums[i], sizeof(actual));
		if (!*actual && read_sum(dirfd, entry, actual, e) < 0)
			return -e->code;
		if (strcmp(actual, entry->sha256) != 0)
			return fail(e, EBADMSG, "'%s' has SHA-256 %s, the manifest says %s",
				    entry->path, actual, entry->sha256);
	}
	return 0;
}

/* Before the manifest is written: what is touched after that is not believed by its time. */
static int share(const struct manifest *m, struct donors *donors, int dirfd, struct error *e)
{
	for (size_t i = 0; donors && i < m->n_entries; i++)
		if (donors_have(donors, i) && donors_give(donors, i, &m->entries[i], dirfd, e) < 0)
			return -e->code;
	return 0;
}

static int fill(const char *source, const struct manifest *m, struct donors *donors,
		const char *path, const struct cancel *cancel, struct error *e)
{
	_free_ unpack_sum *sums = xcalloc(m->n_entries + 1, sizeof(*sums));
	_close_ int dirfd = -1;

	if (mkdir(path, 0755) < 0)
		return fail(e, errno, "cannot make folder '%s': %m", path);
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return fail(e, errno, "cannot open folder '%s': %m", path);
	/* Last, the sync: by then the disk has begun. */
	if (share(m, donors, dirfd, e) < 0 ||
	    source_into(source, m, donors, dirfd, sums, cancel, e) < 0 ||
	    verify_tree(dirfd, m, donors, (const unpack_sum *)sums, e) < 0)
		return -e->code;
	return sync_tree(dirfd, path, e) < 0 ? -e->code : outlast_manifest(dirfd, path, e);
}

/* Where the file system cannot exchange: for a moment FINAL is no name at all.  A kill in this
 * moment leaves only what the next run sweeps before it unpacks anew. */
static int exchange_by_names(const char *staging, const char *final, struct error *e)
{
	_free_ char *aside = xasprintf("%s.old", staging);

	if (rename(final, aside) < 0)
		return fail(e, errno, "cannot rename '%s' to '%s': %m", final, aside);
	if (rename(staging, final) < 0) {
		(void)fail(e, errno, "cannot rename '%s' to '%s': %m", staging, final);
		(void)rename(aside, final);
		return -e->code;
	}
	(void)rename(aside, staging);
	return 0;
}

/* Gives STAGING the name FINAL, and what had that name until now the name STAGING. */
static int take_name(const char *staging, const char *final, struct error *e)
{
	if (!file_exists(final))
		return rename(staging, final) < 0
			       ? fail(e, errno, "cannot rename '%s': %m", staging)
			       : 0;
	if (syscall(SYS_renameat2, AT_FDCWD, staging, AT_FDCWD, final, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return fail(e, errno, "cannot exchange '%s' and '%s': %m", staging, final);
	return exchange_by_names(staging, final, e);
}

bool store_exists(const char *root)
{
	_free_ char *versions = path_join(root, "versions");

	return file_exists(versions);
}

static int add(const char *root, const char *source, const struct manifest *m,
	       struct donors *donors, const struct cancel *cancel, struct error *e)
{
	_free_ char *versions = path_join(root, "versions");
	_free_ char *folder = manifest_folder(m);
	_free_ char *staging = xasprintf("%s/%s%s", versions, NEW_PREFIX, folder);
	_free_ char *final = path_join(versions, folder);
	struct error ignored;

	if (dir_make(versions, 0755, e) < 0 || store_sweep(root, e) < 0 ||
	    check_space(versions, m, donors, e) < 0)
		return -e->code;
	/* A version under this name that store_has() refuses is damaged, but may be current and in
	 * use: it stays until a whole one takes its name. */
	if (fill(source, m, donors, staging, cancel, e) < 0 || take_name(staging, final, e) < 0) {
		(void)tree_remove(staging, &ignored);
		return fail_wrap(e, "making '%s'", final);
	}
	if (file_sync_parent(final, e) < 0)
		return -e->code;
	/* The damaged one, if there was any.  What cannot go now is swept later. */
	(void)tree_remove(staging, &ignored);
	return 0;
}

int store_add(const char *root, const char *source, const struct manifest *m,
	      enum store_sharing sharing, const struct cancel *cancel, struct error *e)
{
	_donors_ struct donors donors = { 0 };

	if (sharing == STORE_ALONE)
		return add(root, source, m, NULL, cancel, e);
	donors_find(root, m, &donors);
	return add(root, source, m, &donors, cancel, e);
}

static bool entry_fits(int dirfd, const struct manifest_entry *entry)
{
	struct stat st;

	if (fstatat(dirfd, entry->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (entry->target)
		return S_ISLNK(st.st_mode);
	return S_ISREG(st.st_mode) && (uint64_t)st.st_size == entry->size &&
	       (st.st_mode & 07777) == entry->mode;
}

static int open_version(const char *root, const char *folder, struct manifest *ret_manifest,
			struct error *e)
{
	_free_ char *path = version_path(root, folder);
	_free_ char *manifest = path_join(path, MANIFEST_NAME);
	_free_ char *expected = NULL;
	_close_ int dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int r;

	if (dirfd < 0)
		return fail(e, errno, "cannot open version '%s': %m", path);
	r = manifest_read(manifest, ret_manifest, e);
	if (r < 0)
		return r;
	expected = manifest_folder(ret_manifest);
	if (strcmp(expected, folder) != 0) {
		manifest_done(ret_manifest);
		return fail(e, EBADMSG, "version '%s' has the manifest of '%s'", folder, expected);
	}
	return TAKE_FD(dirfd);
}

bool store_has(const char *root, const char *folder)
{
	_manifest_ struct manifest m = { 0 };
	_close_ int dirfd = -1;
	struct error ignored;

	dirfd = open_version(root, folder, &m, &ignored);
	if (dirfd < 0)
		return false;
	for (size_t i = 0; i < m.n_entries; i++)
		if (!entry_fits(dirfd, &m.entries[i]))
			return false;
	return true;
}

int store_verify(const char *root, const char *folder, struct error *e)
{
	_manifest_ struct manifest m = { 0 };
	_close_ int dirfd = open_version(root, folder, &m, e);

	return dirfd < 0 ? dirfd : verify_tree(dirfd, &m, NULL, NULL, e);
}

/* Names in ROOT/versions that begin with PREFIX and not with EXCEPT. */
static int list_versions(const char *root, const char *prefix, const char *except, strv *ret_names,
			 struct error *e)
{
	_free_ char *versions = path_join(root, "versions");
	DIR *dir = opendir(versions);
	struct dirent *d;

	if (!dir)
		return errno == ENOENT ? 0 : fail(e, errno, "cannot list '%s': %m", versions);
	while ((d = readdir(dir)) != NULL)
		if (str_starts(d->d_name, prefix) && !str_starts(d->d_name, except))
			strv_add(ret_names, d->d_name);
	(void)closedir(dir);
	return 0;
}

/* Names in ROOT of files that a killed writer did not come to rename. */
static strv list_rest(const char *root)
{
	DIR *dir = opendir(root);
	strv names = NULL;
	struct dirent *d;

	while (dir && (d = readdir(dir)) != NULL)
		if (file_is_rest(dirfd(dir), d->d_name))
			strv_add(&names, d->d_name);
	if (dir)
		(void)closedir(dir);
	return names;
}

bool store_has_rest(const char *root)
{
	_strv_ strv files = list_rest(root);
	_strv_ strv names = NULL;
	struct error ignored;

	return files ||
	       (list_versions(root, NEW_PREFIX, "..", &names, &ignored) >= 0 && names && *names);
}

int store_sweep(const char *root, struct error *e)
{
	_strv_ strv files = list_rest(root);
	_strv_ strv names = NULL;
	int r = list_versions(root, NEW_PREFIX, "..", &names, e);

	for (char **name = files; name && *name; name++) {
		_free_ char *path = path_join(root, *name);

		(void)unlink(path);
	}
	for (char **name = names; r >= 0 && name && *name; name++) {
		_free_ char *path = version_path(root, *name);

		r = tree_remove(path, e);
	}
	return r;
}

int store_list(const char *root, strv *ret_folders, struct error *e)
{
	_strv_ strv names = NULL;
	int r = list_versions(root, "", ".", &names, e);

	for (char **name = names; r >= 0 && name && *name; name++)
		if (!str_ends(*name, FOREIGN_SUFFIX))
			strv_add(ret_folders, *name);
	return r;
}

int store_manifest(const char *root, const char *folder, struct manifest *ret_manifest,
		   struct error *e)
{
	_close_ int dirfd = open_version(root, folder, ret_manifest, e);

	return dirfd < 0 ? dirfd : 0;
}

/* The folder that the link NAME leads to; NULL if there is none. */
static int read_mark(const char *root, const char *name, char **ret_folder, struct error *e)
{
	_free_ char *link = path_join(root, name);
	char target[PATH_MAX];
	ssize_t n = readlink(link, target, sizeof(target) - 1);

	if (n < 0 && errno == ENOENT) {
		*ret_folder = NULL;
		return 0;
	}
	if (n < 0)
		return fail(e, errno, "cannot read link '%s': %m", link);
	target[n] = '\0';
	if (!str_starts(target, "versions/") || strchr(target + strlen("versions/"), '/'))
		return fail(e, EINVAL, "link '%s' leads to '%s', not to a version", link, target);
	*ret_folder = xstrdup(target + strlen("versions/"));
	return 0;
}

static int set_mark(const char *root, const char *name, const char *folder, struct error *e)
{
	_free_ char *link = path_join(root, name);
	_free_ char *target = folder ? path_join("versions", folder) : NULL;

	if (target)
		return link_replace(link, target, e);
	if (unlink(link) < 0)
		return errno == ENOENT ? 0 : fail(e, errno, "cannot remove link '%s': %m", link);
	return file_sync_parent(link, e);
}

int store_current(const char *root, char **ret_folder, struct error *e)
{
	return read_mark(root, "current", ret_folder, e);
}

int store_switch(const char *root, const char *folder, struct error *e)
{
	_free_ char *path = folder ? version_path(root, folder) : NULL;

	if (path && !file_exists(path))
		return fail(e, ENOENT, "there is no version '%s'", path);
	return set_mark(root, "current", folder, e);
}

int store_marked(const char *root, enum store_mark mark, char **ret_folder, struct error *e)
{
	return read_mark(root, mark_names[mark], ret_folder, e);
}

int store_mark(const char *root, enum store_mark mark, const char *folder, struct error *e)
{
	return set_mark(root, mark_names[mark], folder, e);
}

static bool links_to(const char *path, const char *target)
{
	char actual[PATH_MAX];
	ssize_t n = readlink(path, actual, sizeof(actual) - 1);

	return n >= 0 && (size_t)n == strlen(target) && memcmp(actual, target, (size_t)n) == 0;
}

char *store_foreign_version(const char *root)
{
	_free_ char *path = path_join(root, "VERSION");
	_free_ char *text = NULL;
	struct error ignored;

	return file_read(path, VERSION_MAX, &text, NULL, &ignored) < 0 ? xstrdup("")
								       : xstrdup(str_trim(text));
}

int store_may_link(const char *root, struct error *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		_free_ char *path = path_join(root, known[i]);
		_free_ char *version = NULL;
		struct stat st;

		if (lstat(path, &st) < 0 || S_ISLNK(st.st_mode))
			continue;
		version = store_foreign_version(root);
		return fail(
			e, EEXIST,
			"'%s' exists and is not ours: '%s' has another installation of Kata%s%s, "
			"whose pods may run; remove that first, once they have gone (helm "
			"uninstall, if it was upstream's chart), install beside it with "
			"MULTI_INSTALL_SUFFIX, or have upstream's taken over with KATA_ADOPT=true",
			path, root, *version ? " " : "", version);
	}
	return 0;
}

static int link_one(const char *root, const char *name, struct error *e)
{
	_free_ char *path = path_join(root, name);
	_free_ char *target = path_join("current", name);

	if (links_to(path, target))
		return 0;
	return link_replace(path, target, e) < 0 ? -e->code : 1;
}

int store_link(const char *root, struct error *e)
{
	int changed = 0;
	int r = store_may_link(root, e);

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(known); i++) {
		r = link_one(root, known[i], e);
		changed |= r;
	}
	return r < 0 ? r : changed;
}

strv store_missing_links(const char *root)
{
	strv paths = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		_free_ char *path = path_join(root, known[i]);
		_free_ char *target = path_join("current", known[i]);

		if (!links_to(path, target))
			strv_add(&paths, path);
	}
	return paths;
}

int store_unlink(const char *root, struct error *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		_free_ char *path = path_join(root, known[i]);
		_free_ char *target = path_join("current", known[i]);

		if (links_to(path, target) && unlink(path) < 0)
			return fail(e, errno, "cannot remove link '%s': %m", path);
	}
	return 0;
}

int store_remove(const char *root, const char *folder, struct error *e)
{
	_free_ char *path = version_path(root, folder);
	_free_ char *leaving = xasprintf("%s/versions/%s%s", root, NEW_PREFIX, folder);
	_free_ char *current = NULL;
	int r = store_current(root, &current, e);

	if (r < 0)
		return r;
	if (str_equal(current, folder))
		return fail(e, EBUSY, "version '%s' is current", folder);
	if (!file_exists(path))
		return 0;
	/* A repair that was killed may have left one of that name. */
	if (tree_remove(leaving, e) < 0)
		return -e->code;
	/* Under its name a version is complete: it loses the name before the first file, whatever
	 * a power cut undoes. */
	if (rename(path, leaving) < 0)
		return fail(e, errno, "cannot rename '%s': %m", path);
	return file_sync_parent(leaving, e) < 0 ? -e->code : tree_remove(leaving, e);
}
