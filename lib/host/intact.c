/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intact - has a version been changed, which nobody may?
 *
 * Size and mode tell at once.  Bytes tell only when they are read, some hundred megabytes, so they
 * are read only of files that the kernel says were touched after the version was complete: the time
 * of that is the manifest's own, which is written last.  Whoever may change a file may also turn
 * clocks back; this finds accidents and hands, not an attacker with root.  Any thread; may block.
 */
#include "lib/host/intact.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/host/digest.h"

#define SHOWN 12 /* digits of a digest */

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

static void compare_bytes(int dirfd, const struct manifest_entry *entry, strv *changes)
{
	_close_ int fd = openat(dirfd, entry->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char actual[SHA256_HEX + 1];
	struct error e;

	if (fd < 0 || digest_fd(fd, entry->path, actual, &e) < 0)
		strv_addf(changes, "%s cannot be read", entry->path);
	else if (strcmp(actual, entry->sha256) != 0)
		strv_addf(changes, "%s has other bytes (sha256 %.*s -> %.*s)", entry->path, SHOWN,
			  entry->sha256, SHOWN, actual);
}

/* Adds what can be seen without reading; true if it has to be read. */
static bool look_at(int dirfd, const struct manifest_entry *entry, const struct timespec *seal,
		    strv *changes)
{
	struct stat st;

	if (fstatat(dirfd, entry->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		strv_addf(changes, "%s is gone", entry->path);
	else if (entry->target ? !S_ISLNK(st.st_mode) : !S_ISREG(st.st_mode))
		strv_addf(changes, "%s is something else", entry->path);
	else if (entry->target)
		return false;
	else if ((uint64_t)st.st_size != entry->size)
		strv_addf(changes, "%s has another size (%llu -> %llu)", entry->path,
			  (unsigned long long)entry->size, (unsigned long long)st.st_size);
	else if ((st.st_mode & 07777) != entry->mode)
		strv_addf(changes, "%s has another mode (%o -> %o)", entry->path,
			  (unsigned)entry->mode, (unsigned)(st.st_mode & 07777));
	else
		return is_later(&st.st_ctim, seal);
	return false;
}

static void check_entry(int dirfd, const struct manifest_entry *entry, const struct timespec *seal,
			strv *changes)
{
	if (look_at(dirfd, entry, seal, changes))
		compare_bytes(dirfd, entry, changes);
}

bool intact_is_untouched(int dirfd, const struct manifest_entry *entry, const struct timespec *seal)
{
	_strv_ strv changes = NULL;

	return !look_at(dirfd, entry, seal, &changes) && changes == NULL;
}

bool intact_entry(int dirfd, const struct manifest_entry *entry, const struct timespec *seal)
{
	_strv_ strv changes = NULL;

	check_entry(dirfd, entry, seal, &changes);
	return changes == NULL;
}

void intact_check(const char *dir, strv *ret_changes)
{
	_close_ int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_free_ char *path = path_join(dir, MANIFEST_NAME);
	_manifest_ struct manifest m = { 0 };
	struct stat seal;
	struct error e;

	if (dirfd < 0 || stat(path, &seal) < 0 || manifest_read(path, &m, &e) < 0) {
		strv_addf(ret_changes, "%s", dirfd < 0 ? "it is gone" : MANIFEST_NAME " is gone");
		return;
	}
	for (size_t i = 0; i < m.n_entries; i++)
		check_entry(dirfd, &m.entries[i], &seal.st_mtim, ret_changes);
}
