/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootfs-path - find or make the place of a mount inside a container's root.
 *
 * The kernel resolves paths that exist (openat2).  It cannot say where a link leads that leads to
 * nothing, such as an image's /etc/resolv.conf that points into /run, so that one case is walked
 * here: part by part, each opened below the root without following, each link put in front of what
 * is left.  ".." goes up in the path so far, never above the root.  The walk only finds a name; it
 * is then made and opened through the root again, so a race ends inside the root too.
 *
 * Runs in the child that becomes the container's first process.
 */
#include "agent/child/rootfs-path.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/str.h"

#define LINKS_MAX 40 /* as the kernel */

struct walk {
	strv done; /* parts without links */
	strv left; /* parts to come, last one first */
	unsigned links;
};

static void push_parts(struct walk *w, const char *path)
{
	_strv_ strv parts = strv_split(path, "/");

	for (size_t i = strv_len(parts); i > 0; i--)
		strv_add(&w->left, parts[i - 1]);
}

static char *pop(strv list)
{
	size_t n = strv_len(list);
	char *last = list[n - 1];

	list[n - 1] = NULL;
	return last;
}

static char *path_of(const struct walk *w)
{
	_free_ char *joined = strv_join(w->done, "/");

	return xasprintf("/%s", joined);
}

static void go_up(struct walk *w)
{
	if (strv_len(w->done) > 0)
		free(pop(w->done));
}

/* The target of PATH if it is a link; NULL if it is not, or not there. */
static char *read_link(int rootfd, const char *path)
{
	char target[PATH_MAX];
	struct error ignored;
	_close_ int fd = open_in_root(rootfd, path, O_PATH | O_NOFOLLOW, 0, &ignored);
	ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof(target) - 1);

	return n < 0 ? NULL : xstrndup(target, (size_t)n);
}

static int step(struct walk *w, int rootfd, const char *part, struct error *e)
{
	_free_ char *path = NULL, *target = NULL;

	if (!strcmp(part, "."))
		return 0;
	if (!strcmp(part, "..")) {
		go_up(w);
		return 0;
	}
	strv_add(&w->done, part);
	path = path_of(w);
	target = read_link(rootfd, path);
	if (!target)
		return 0;
	if (++w->links > LINKS_MAX)
		return fail(e, ELOOP, "'%s' leads through too many links", path);
	go_up(w);
	while (target[0] == '/' && strv_len(w->done) > 0)
		go_up(w);
	push_parts(w, target);
	return 0;
}

static void walk_done(struct walk *w)
{
	strv_free(w->done);
	strv_free(w->left);
}

int rootfs_resolve(int rootfd, const char *path, char **ret_path, struct error *e)
{
	_cleanup_(walk_done) struct walk w = { 0 };
	int r = 0;

	push_parts(&w, path);
	while (r >= 0 && strv_len(w.left) > 0) {
		_free_ char *part = pop(w.left);

		r = step(&w, rootfd, part, e);
	}
	if (r < 0)
		return r;
	*ret_path = path_of(&w);
	return 0;
}

static int make_file(int rootfd, const char *path, struct error *e)
{
	_free_ char *parent = path_parent(path);
	_close_ int dirfd = dir_make_in_root(rootfd, parent, 0755, e);
	_close_ int fd = -1;

	if (dirfd < 0)
		return dirfd;
	fd = openat(dirfd, path_base(path), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC,
		    0644);
	if (fd < 0)
		return fail(e, errno, "cannot make the file '%s': %m", path);
	return 0;
}

int rootfs_place(int rootfd, const char *path, enum rootfs_kind kind, struct error *e)
{
	_free_ char *resolved = NULL;
	int r = open_in_root(rootfd, path, O_PATH, 0, e);

	if (r != -ENOENT)
		return r;
	r = rootfs_resolve(rootfd, path, &resolved, e);
	if (r < 0)
		return r;
	if (kind == ROOTFS_DIR)
		return dir_make_in_root(rootfd, resolved, 0755, e);
	r = make_file(rootfd, resolved, e);
	return r < 0 ? r : open_in_root(rootfd, resolved, O_PATH, 0, e);
}
