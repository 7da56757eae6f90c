/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file - reading whole, replacing atomically, resolving paths that others chose.
 *
 * Three habits live here: a file is read with a limit; a file that matters is replaced by rename
 * after fsync, so that a power cut leaves the old or the new one; a path that came from a guest, an
 * image or a user is resolved by the kernel inside a root (openat2(2)), never by string checks.
 * Blocks on disk: work threads or start-up.
 */

#include "lib/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "lib/str.h"

#define FILE_REST  ".tmp-" /* and the writer's number */
#define LINK_REST  ".new"
#define READ_FIRST 2048 /* most files are shorter; more than a page would be a map of its own */
#define READ_STEP  16384
#define DEPTH_MAX  32 /* of our stack and of descriptors, in tree_remove() */

int file_read_fd(int fd, const char *name, size_t max, char **ret_text, size_t *ret_len,
		 struct error *e)
{
	_free_ char *text = NULL;
	size_t len = 0, room = 0;
	ssize_t n;

	do {
		if (room - len < 2) {
			room = min_size(room + (room ? READ_STEP : READ_FIRST), max + 2);
			text = xrealloc(text, room, 1);
		}
		n = read(fd, text + len, room - len - 1);
		if (n < 0 && errno != EINTR)
			return fail(e, errno, "cannot read '%s': %m", name);
		len += n > 0 ? (size_t)n : 0;
		if (len > max)
			return fail(e, EFBIG, "'%s' is larger than %zu bytes", name, max);
	} while (n != 0);
	text[len] = '\0';
	*ret_text = TAKE_PTR(text);
	if (ret_len)
		*ret_len = len;
	return 0;
}

int file_read_at(int dirfd, const char *path, size_t max, char **ret_text, size_t *ret_len,
		 struct error *e)
{
	_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fail(e, errno, "cannot open '%s': %m", path);
	return file_read_fd(fd, path, max, ret_text, ret_len, e);
}

int file_read(const char *path, size_t max, char **ret_text, size_t *ret_len, struct error *e)
{
	return file_read_at(AT_FDCWD, path, max, ret_text, ret_len, e);
}

int write_all(int fd, const void *bytes, size_t len, const char *name, struct error *e)
{
	const uint8_t *from = bytes;
	ssize_t n;

	while (len) {
		n = write(fd, from, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(e, errno, "cannot write '%s': %m", name);
		from += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_write_at(int dirfd, const char *path, const char *text, struct error *e)
{
	_close_ int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return fail(e, errno, "cannot open '%s': %m", path);
	return write_all(fd, text, strlen(text), path, e);
}

int file_write(const char *path, const char *text, struct error *e)
{
	return file_write_at(AT_FDCWD, path, text, e);
}

int file_sync_parent(const char *path, struct error *e)
{
	_free_ char *parent = path_parent(path);
	_close_ int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return fail(e, errno, "cannot open '%s': %m", parent);
	if (fsync(fd) < 0)
		return fail(e, errno, "cannot sync '%s': %m", parent);
	return 0;
}

struct owner {
	uid_t uid;
	gid_t gid;
};

/* What a new file gets by itself is left alone: that needs no right. */
static int give(int fd, const char *path, const struct owner *owner, struct error *e)
{
	struct stat st;

	if (!owner || (fstat(fd, &st) == 0 && st.st_uid == owner->uid && st.st_gid == owner->gid))
		return 0;
	if (fchown(fd, owner->uid, owner->gid) < 0)
		return fail(e, errno, "cannot give '%s' to user %u and group %u: %m", path,
			    (unsigned)owner->uid, (unsigned)owner->gid);
	return 0;
}

/* A label of security is what the folder gives where we may not choose one. */
static int keep_attribute(int fd, int from, const char *name, const char *path, struct error *e)
{
	_free_ char *value = xmalloc(XATTR_SIZE_MAX);
	ssize_t len = fgetxattr(from, name, value, XATTR_SIZE_MAX);

	if (len < 0 || fsetxattr(fd, name, value, (size_t)len, 0) == 0 ||
	    str_starts(name, "security."))
		return 0;
	return fail(e, errno, "cannot keep the attribute '%s' of '%s': %m", name, path);
}

/* Those of the file at PATH, if there is one, for the new one. */
static int keep_attributes(int fd, const char *path, struct error *e)
{
	_close_ int from = open(path, O_RDONLY | O_CLOEXEC);
	_free_ char *names = xmalloc(XATTR_LIST_MAX);
	ssize_t len = from < 0 ? -1 : flistxattr(from, names, XATTR_LIST_MAX);
	int r = 0;

	for (ssize_t at = 0; r >= 0 && at < len; at += (ssize_t)strlen(names + at) + 1)
		r = keep_attribute(fd, from, names + at, path, e);
	return r;
}

static int write_temporary(const char *path, const char *model, const void *bytes, size_t len,
			   mode_t mode, const struct owner *owner, struct error *e)
{
	_close_ int fd = -1;
	int r;

	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(e, errno, "cannot create '%s': %m", path);
	r = write_all(fd, bytes, len, path, e);
	if (r >= 0)
		r = give(fd, path, owner, e);
	if (r < 0)
		return r;
	if (fchmod(fd, mode) < 0)
		return fail(e, errno, "cannot set the mode of '%s': %m", path);
	if (owner && keep_attributes(fd, model, e) < 0)
		return -e->code;
	if (fsync(fd) < 0)
		return fail(e, errno, "cannot sync '%s': %m", path);
	return 0;
}

static int replace(const char *path, const void *bytes, size_t len, mode_t mode,
		   const struct owner *owner, struct error *e)
{
	_free_ char *temporary = xasprintf("%s" FILE_REST "%d", path, (int)getpid());
	int r;

	r = write_temporary(temporary, path, bytes, len, mode, owner, e);
	if (r == 0 && rename(temporary, path) < 0)
		r = fail(e, errno, "cannot rename '%s' to '%s': %m", temporary, path);
	if (r < 0) {
		(void)unlink(temporary);
		return r;
	}
	return file_sync_parent(path, e);
}

int file_replace(const char *path, const void *bytes, size_t len, mode_t mode, struct error *e)
{
	return replace(path, bytes, len, mode, NULL, e);
}

int file_replace_owned(const char *path, const void *bytes, size_t len, mode_t mode, uid_t uid,
		       gid_t gid, struct error *e)
{
	const struct owner owner = { uid, gid };

	return replace(path, bytes, len, mode, &owner, e);
}

int link_replace(const char *path, const char *target, struct error *e)
{
	_free_ char *temporary = xasprintf("%s" LINK_REST, path);

	(void)unlink(temporary);
	if (symlink(target, temporary) < 0)
		return fail(e, errno, "cannot make link '%s': %m", temporary);
	if (rename(temporary, path) < 0) {
		(void)fail(e, errno, "cannot rename '%s' to '%s': %m", temporary, path);
		(void)unlink(temporary);
		return -e->code;
	}
	return file_sync_parent(path, e);
}

bool file_is_rest(int dirfd, const char *name)
{
	const char *mark = strstr(name, FILE_REST);
	const char *digits = mark ? mark + strlen(FILE_REST) : "";
	struct stat st;

	if (*digits && digits[strspn(digits, "0123456789")] == '\0')
		return true;
	return str_ends(name, LINK_REST) && fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISLNK(st.st_mode);
}

/* Names beside PATH. */
static strv list_rest(const char *path)
{
	_free_ char *parent = path_parent(path);
	const char *base = path_base(path);
	DIR *dir = opendir(parent);
	struct dirent *d;
	strv names = NULL;

	while (dir && (d = readdir(dir)) != NULL) {
		const char *rest = str_starts(d->d_name, base) ? d->d_name + strlen(base) : "";

		if ((str_starts(rest, FILE_REST) || str_equal(rest, LINK_REST)) &&
		    file_is_rest(dirfd(dir), d->d_name))
			strv_add(&names, d->d_name);
	}
	if (dir)
		(void)closedir(dir);
	return names;
}

bool file_has_rest(const char *path)
{
	_strv_ strv names = list_rest(path);

	return names != NULL;
}

void file_clear_rest(const char *path)
{
	_free_ char *parent = path_parent(path);
	_strv_ strv names = list_rest(path);

	for (char **name = names; name && *name; name++) {
		_free_ char *rest = path_join(parent, *name);

		(void)unlink(rest);
	}
}

bool file_exists(const char *path)
{
	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int make_one(const char *path, mode_t mode, struct error *e)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return fail(e, errno, "cannot make directory '%s': %m", path);
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return fail(e, ENOTDIR, "'%s' exists and is not a directory", path);
	return 0;
}

int dir_make(const char *path, mode_t mode, struct error *e)
{
	_free_ char *prefix = xstrdup(path);
	int r;

	for (char *slash = strchr(prefix + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		r = make_one(prefix, mode, e);
		*slash = '/';
		if (r < 0)
			return r;
	}
	return make_one(path, mode, e);
}

static int resolve(int rootfd, const char *path, struct open_how how)
{
	int fd;

	how.flags |= O_CLOEXEC;
	/* EAGAIN: a rename elsewhere raced with the resolution of ".."; the kernel asks to try
	 * again. */
	do
		fd = (int)syscall(SYS_openat2, rootfd, path, &how, sizeof(how));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return fd;
}

/* One run of tree_remove(). */
struct removal {
	int topfd;
	unsigned n_moved; /* folders that went up to the top one, to be removed from there */
};

static int remove_below(struct removal *rm, int dirfd, const char *name, unsigned depth,
			struct error *e);

/* Returns 1 if NAME is a directory in which there is something. */
static int remove_one(int dirfd, const char *name, struct error *e)
{
	int code;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	code = errno;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno == ENOTEMPTY || errno == EEXIST)
		return 1;
	if (errno == EBUSY)
		return fail(e, EBUSY, "cannot remove '%s': something is mounted there", name);
	return fail(e, errno == ENOTDIR ? code : errno, "cannot remove '%s': %m", name);
}

/* Nothing in the top folder is kept, so an empty one of that name may be replaced. */
static int move_up(struct removal *rm, int dirfd, const char *name, struct error *e)
{
	char to[32];
	int r;

	do {
		(void)snprintf(to, sizeof(to), ".removed-%u", rm->n_moved++);
		r = renameat(dirfd, name, rm->topfd, to);
	} while (r < 0 && (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR));
	if (r < 0 && errno != ENOENT)
		return fail(e, errno, "cannot move '%s': %m", name);
	return 0;
}

static int remove_entry(struct removal *rm, int dirfd, const char *name, unsigned depth,
			struct error *e)
{
	int r = remove_one(dirfd, name, e);

	if (r <= 0)
		return r;
	if (depth == DEPTH_MAX)
		return move_up(rm, dirfd, name, e);
	r = remove_below(rm, dirfd, name, depth + 1, e);
	if (r == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = fail(e, errno, "cannot remove '%s': %m", name);
	return r;
}

static int open_below(int dirfd, const char *name, struct error *e)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	int fd = resolve(dirfd, name, how);

	return fd < 0 ? fail(e, errno, "cannot open '%s': %m", name) : fd;
}

static int remove_below(struct removal *rm, int dirfd, const char *name, unsigned depth,
			struct error *e)
{
	int r = 0, fd = open_below(dirfd, name, e);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (fd < 0)
		return fd;
	if (!dir) {
		r = fail(e, errno, "cannot list '%s': %m", name);
		(void)close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			r = remove_entry(rm, fd, entry->d_name, depth, e);
	(void)closedir(dir);
	return r;
}

/* Whoever filled the tree chose its depth, so that must not be the depth of our stack: what is
 * deeper than DEPTH_MAX moves up to the top folder, which is gone through again. */
static int remove_tree(int dirfd, const char *name, struct error *e)
{
	_close_ int topfd = open_below(dirfd, name, e);
	struct removal rm = { .topfd = topfd };
	unsigned before;
	int r;

	if (topfd < 0)
		return topfd;
	do {
		before = rm.n_moved;
		r = remove_below(&rm, topfd, ".", 0, e);
	} while (r == 0 && rm.n_moved != before);
	if (r == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = fail(e, errno, "cannot remove '%s': %m", name);
	return r;
}

int tree_remove_at(int dirfd, const char *name, struct error *e)
{
	int r;

	/* These are no entries of DIRFD, and the kernel says of some that they do not exist. */
	if (str_empty(name) || str_equal(name, ".") || str_equal(name, ".."))
		return fail(e, EINVAL, "'%s' names no entry of a folder", name);
	r = remove_one(dirfd, name, e);
	return r > 0 ? remove_tree(dirfd, name, e) : r;
}

/* PATH without slashes at its end.  Caller frees. */
static char *without_end_slashes(const char *path)
{
	size_t len = strlen(path);

	while (len > 0 && path[len - 1] == '/')
		len--;
	return xstrndup(path, len);
}

int tree_remove(const char *path, struct error *e)
{
	_free_ char *whole = without_end_slashes(path);
	_free_ char *parent = path_parent(whole);
	_close_ int dirfd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (dirfd < 0)
		return errno == ENOENT ? 0 : fail(e, errno, "cannot open '%s': %m", parent);
	r = tree_remove_at(dirfd, path_base(whole), e);
	return r < 0 ? fail_wrap(e, "removing '%s'", path) : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int dir_list(int dirfd, size_t max, strv *ret_names, struct error *e)
{
	_strv_ strv names = NULL;
	int r = 0, fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		r = fail(e, errno, "cannot list a folder: %m");
		(void)close_fd(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(dir))) {
		if (str_equal(entry->d_name, ".") || str_equal(entry->d_name, ".."))
			continue;
		if (strv_len(names) >= max)
			r = fail(e, E2BIG, "there are more than %zu entries", max);
		strv_add(&names, entry->d_name);
	}
	(void)closedir(dir);
	if (r < 0)
		return r;
	if (names)
		qsort(names, strv_len(names), sizeof(*names), by_name);
	*ret_names = TAKE_PTR(names);
	return 0;
}

int open_in_root(int rootfd, const char *path, int flags, mode_t mode, struct error *e)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags,
		.mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd = resolve(rootfd, path, how);

	return fd < 0 ? fail(e, errno, "cannot open '%s': %m", path) : fd;
}

int open_without_links(int rootfd, const char *path, int flags, struct error *e)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS,
	};
	int fd = resolve(rootfd, *path ? path : ".", how);

	return fd < 0 ? fail(e, errno, "cannot open '%s' without following links: %m", path) : fd;
}

int dir_make_without_links(int rootfd, const char *path, mode_t mode, struct error *e)
{
	_strv_ strv parts = strv_split(path, "/");
	int fd = open_without_links(rootfd, "", O_PATH | O_DIRECTORY, e);

	for (char *const *part = parts; fd >= 0 && part && *part; part++) {
		_close_ int above = fd;

		if (mkdirat(above, *part, mode) < 0 && errno != EEXIST)
			return fail(e, errno, "cannot make directory '%s': %m", path);
		fd = open_without_links(above, *part, O_PATH | O_DIRECTORY, e);
	}
	return fd;
}

int dir_make_in_root(int rootfd, const char *path, mode_t mode, struct error *e)
{
	_free_ char *prefix = path_join("", path);
	char *end = prefix;
	int fd = -1;

	for (;;) {
		char *part = end + strspn(end, "/");
		size_t len = strcspn(part, "/");
		char kept = part[len];

		if (!len)
			break;
		part[len] = '\0';
		fd = open_in_root(rootfd, prefix, O_PATH | O_DIRECTORY, 0, e);
		if (fd == -ENOENT) {
			_free_ char *parent = path_parent(prefix);
			_close_ int above =
				open_in_root(rootfd, parent, O_PATH | O_DIRECTORY, 0, e);

			if (above < 0)
				return above;
			if (mkdirat(above, part, mode) < 0 && errno != EEXIST)
				return fail(e, errno, "cannot make directory '%s': %m", prefix);
			fd = open_in_root(rootfd, prefix, O_PATH | O_DIRECTORY, 0, e);
		}
		part[len] = kept;
		end = part + len;
		if (fd < 0)
			return fd;
		if (end[strspn(end, "/")])
			(void)close(fd);
	}
	return fd >= 0 ? fd : open_in_root(rootfd, "/", O_PATH | O_DIRECTORY, 0, e);
}

struct fd_path fd_path(int fd)
{
	struct fd_path path;

	(void)snprintf(path.s, sizeof(path.s), "/proc/self/fd/%d", fd);
	return path;
}

char *path_join(const char *a, const char *b)
{
	size_t len = strlen(a);

	while (len && a[len - 1] == '/')
		len--;
	while (*b == '/')
		b++;
	return xasprintf("%.*s/%s", (int)len, a, b);
}

char *path_escape(const char *name)
{
	char *pattern = xcalloc(2 * strlen(name) + 1, 1), *to = pattern;

	for (; *name; name++) {
		if (strchr("*?[\\", *name))
			*to++ = '\\';
		*to++ = *name;
	}
	return pattern;
}

char *path_pattern(const char *folder, const char *pattern)
{
	_free_ char *escaped = path_escape(folder);

	return path_join(escaped, pattern);
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *path_parent(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

char *path_tidy(const char *path)
{
	_strv_ strv parts = strv_split(path, "/"), kept = NULL;
	_free_ char *joined = NULL;

	for (char *const *part = parts; part && *part; part++)
		if (strcmp(*part, ".") != 0)
			strv_add(&kept, *part);
	joined = strv_join(kept, "/");
	return xasprintf("%s%s", path[0] == '/' ? "/" : "", joined);
}

bool path_is_within(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	/* The root has a slash of its own. */
	if (len > 0 && dir[len - 1] == '/')
		len--;
	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}
