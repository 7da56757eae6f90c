/* SPDX-License-Identifier: Apache-2.0 */
/*
 * origin - what a path of the host is, whichever path leads there.
 *
 * Kubelet binds a part of a volume (subPath) somewhere else, a node has several paths to one
 * folder, and a volume may be mounted many times: for the guest each must be the one folder it is.
 * Device and inode number say whether two paths lead to one object; the list of mounts says where
 * in its file system it is, so that a part can be found in the whole.  Two mounts of one folder may
 * have different mounts below them, and then they are not the same to a user.
 *
 * The object is held open, so its inode number is nobody else's.  Work thread.
 */

#include "runtime/sandbox/origin.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/mount.h"
#include "lib/mountinfo.h"

#define PATH_LENGTH 4096

/* O_DIRECTORY first: what the host mounts on access (autofs) is mounted then. */
static int open_source(const char *source, struct error *e)
{
	int fd = open(source, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOTDIR)
		fd = open(source, O_PATH | O_CLOEXEC);
	return fd < 0 ? fail(e, errno, "cannot share '%s': %m", source) : fd;
}

static int look(const char *source, struct origin *o, struct error *e)
{
	struct statvfs fs;
	struct stat st;

	if (fstat(o->fd, &st) < 0 || fstatvfs(o->fd, &fs) < 0)
		return fail(e, errno, "cannot share '%s': %m", source);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode) && !S_ISSOCK(st.st_mode) &&
	    !S_ISFIFO(st.st_mode))
		return fail(e, ENOTSUP, "cannot share '%s' with the guest: it is a device", source);
	o->is_dir = S_ISDIR(st.st_mode);
	o->is_read_only = fs.f_flag & ST_RDONLY;
	o->dev = st.st_dev;
	o->ino = st.st_ino;
	return 0;
}

/* PATH without its beginning DIR and the slash after it, or NULL if it does not begin so. */
static const char *below(const char *dir, const char *path)
{
	size_t len = strcmp(dir, "/") == 0 ? 0 : strlen(dir);

	if (strncmp(path, dir, len) != 0 || path[len] != '/' || !path[len + 1])
		return NULL;
	return path + len + 1;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, what is below comes after; a place that is mounted on twice is one. */
static void sort_once(strv list)
{
	size_t n = strv_len(list), kept = 0;

	if (n < 2)
		return;
	qsort(list, n, sizeof(*list), compare);
	for (size_t i = 0; i < n; i++) {
		if (kept > 0 && strcmp(list[kept - 1], list[i]) == 0)
			free(list[i]);
		else
			list[kept++] = list[i];
	}
	list[kept] = NULL;
}

/* Which of the words that forbid something are in OPTIONS.  Caller frees. */
static char *forbidden_by(const char *options)
{
	static const char *const words[] = { "nosuid", "nodev", "noexec" };
	_strv_ strv given = strv_split(options, ","), found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strv_contains(given, words[i]))
			strv_add(&found, words[i]);
	return strv_join(found, ",");
}

/* Of several mounts at one place the last is on top. */
static void find_forbidden(const struct mountinfo *info, const char *path, struct origin *o)
{
	for (char *const *nested = o->nested; nested && *nested; nested++) {
		_free_ char *point = path_join(path, *nested);
		const char *options = "";

		for (size_t i = 0; i < info->n; i++)
			if (strcmp(info->entries[i].point, point) == 0)
				options = info->entries[i].options;
		strv_take(&o->forbids, forbidden_by(options));
	}
}

static void find_nested(const struct mountinfo *info, const char *path, struct origin *o)
{
	for (size_t i = 0; o->is_dir && i < info->n; i++) {
		const char *rest = below(path, info->entries[i].point);

		if (rest)
			strv_add(&o->nested, rest);
	}
	sort_once(o->nested);
}

static void find_inside(const struct mountinfo *info, const char *path, struct origin *o)
{
	for (size_t i = 0; o->mount && i < info->n; i++) {
		const struct mountinfo_entry *m = &info->entries[i];

		if (m->id != o->mount || strstr(m->root, "//deleted"))
			continue;
		if (strcmp(m->point, path) == 0)
			o->inside = xstrdup(m->root);
		else if (below(m->point, path))
			o->inside = path_join(m->root, below(m->point, path));
	}
}

static int find_mounts(const char *source, struct origin *o, struct error *e)
{
	_mountinfo_ struct mountinfo info = { 0 };
	struct mount_place place = { 0 };
	struct error ignored;
	char path[PATH_LENGTH];
	ssize_t n = readlink(fd_path(o->fd).s, path, sizeof(path) - 1);
	int r;

	if (n < 0)
		return fail(e, errno, "cannot find where '%s' is: %m", source);
	path[n] = '\0';
	r = mountinfo_read(&info, e);
	if (r < 0)
		return r;
	if (mount_look(o->fd, &place, &ignored) >= 0)
		o->mount = place.id;
	find_nested(&info, path, o);
	find_inside(&info, path, o);
	if (strv_len(o->nested) > ORIGIN_MOUNTS_MAX)
		return fail(e, E2BIG,
			    "cannot share '%s': %zu file systems are mounted below it, at most "
			    "%d can be given to a guest",
			    source, strv_len(o->nested), ORIGIN_MOUNTS_MAX);
	find_forbidden(&info, path, o);
	return 0;
}

int origin_find(const char *source, struct origin *ret, struct error *e)
{
	_origin_ struct origin o = ORIGIN_INIT;
	int r = o.fd = open_source(source, e);

	if (r >= 0)
		r = look(source, &o, e);
	if (r >= 0)
		r = find_mounts(source, &o, e);
	if (r < 0)
		return r;
	*ret = o;
	o = (struct origin)ORIGIN_INIT;
	return 0;
}

void origin_done(struct origin *o)
{
	(void)close_fd(o->fd);
	free(o->inside);
	strv_free(o->nested);
	strv_free(o->forbids);
	*o = (struct origin)ORIGIN_INIT;
}

/* True if the mounts below PART of OUTER ("" for all of it) are those below INNER. */
static bool have_same_mounts(const struct origin *outer, const char *part,
			     const struct origin *inner)
{
	size_t n = 0;

	for (size_t i = 0; outer->nested && outer->nested[i]; i++) {
		const char *path = outer->nested[i];
		const char *rest = part[0] ? below(part, path) : path;

		if (strcmp(path, part) == 0)
			return false;
		if (!rest)
			continue;
		if (!inner->nested || !str_equal(inner->nested[n], rest))
			return false;
		n++;
	}
	if (n != strv_len(inner->nested))
		return false;
	return n == 0 || outer->mount == inner->mount;
}

bool origin_is_same(const struct origin *a, const struct origin *b)
{
	return a->dev == b->dev && a->ino == b->ino && have_same_mounts(a, "", b);
}

const char *origin_part(const struct origin *outer, const struct origin *inner)
{
	const char *part = NULL;

	if (outer->is_dir && outer->inside && inner->inside && outer->dev == inner->dev)
		part = below(outer->inside, inner->inside);
	return part && have_same_mounts(outer, part, inner) ? part : NULL;
}
