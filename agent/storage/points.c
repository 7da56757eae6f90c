/* SPDX-License-Identifier: Apache-2.0 */
/*
 * points - the mount points of the sandbox and how many use each.
 *
 * A point in work belongs to one call; others that want it wait for `changed`.  The lock is never
 * held over anything slow.  The root of what is mounted is kept as a descriptor, so its end needs
 * no path.  Any work thread.
 */
#include "agent/storage/points.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>

#include "agent/plan/run-dir.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/str.h"
#include "lib/wait.h"

#define GONE_MAX 1024 /* those beyond it are forgotten */

struct points {
	pthread_mutex_t lock; /* guards the list and all points not in work */
	pthread_cond_t changed;
	struct point *first;
	strv gone;
};

struct points *points_new(void)
{
	struct points *ps = xcalloc(1, sizeof(*ps));
	pthread_condattr_t clock;

	(void)pthread_mutex_init(&ps->lock, NULL);
	(void)pthread_condattr_init(&clock);
	(void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&ps->changed, &clock);
	(void)pthread_condattr_destroy(&clock);
	return ps;
}

static struct point *find(struct points *ps, const char *path)
{
	struct point *p = ps->first;

	while (p && !str_equal(p->path, path))
		p = p->next;
	return p;
}

static void forget(struct points *ps, struct point *p)
{
	struct point **at = &ps->first;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	free(p->path);
	free(p);
	(void)pthread_cond_broadcast(&ps->changed);
}

/* The point PATH when no call works on it, NULL if there is none.  Lock held. */
static int claim(struct points *ps, const char *path, uint64_t deadline_ms,
		 struct point **ret_point, struct error *e)
{
	const struct timespec until = { .tv_sec = (time_t)(deadline_ms / 1000),
					.tv_nsec = (long)(deadline_ms % 1000) * 1000000 };

	for (;;) {
		*ret_point = find(ps, path);
		if (!*ret_point || !(*ret_point)->in_work)
			return 0;
		if (deadline_ms == NO_DEADLINE)
			(void)pthread_cond_wait(&ps->changed, &ps->lock);
		else if (pthread_cond_timedwait(&ps->changed, &ps->lock, &until) == ETIMEDOUT)
			return fail(e, ETIMEDOUT, "another call still works on it");
	}
}

static struct point *add(struct points *ps, const char *path, unsigned uses)
{
	struct point *p = xcalloc(1, sizeof(*p));

	p->path = xstrdup(path);
	p->uses = uses;
	p->in_work = true;
	p->mount_fd = -1;
	p->next = ps->first;
	ps->first = p;
	return p;
}

int points_take(struct points *ps, const char *path, unsigned uses, point_filler *fill, void *arg,
		uint64_t deadline_ms, struct error *e)
{
	struct point *p;
	int r;

	(void)pthread_mutex_lock(&ps->lock);
	r = claim(ps, path, deadline_ms, &p, e);
	if (r < 0 || p) {
		if (r == 0)
			p->uses++;
		(void)pthread_mutex_unlock(&ps->lock);
		return r < 0 ? r : 1;
	}
	p = add(ps, path, uses);
	(void)pthread_mutex_unlock(&ps->lock);
	r = fill(p, arg, e);
	(void)pthread_mutex_lock(&ps->lock);
	p->in_work = false;
	if (r < 0)
		forget(ps, p);
	(void)pthread_cond_broadcast(&ps->changed);
	(void)pthread_mutex_unlock(&ps->lock);
	return r < 0 ? r : 0;
}

/* An empty directory that was made for a mount or a volume goes with it; one with data stays. */
static void remove_directory(const struct point *p)
{
	_free_ char *parent = path_parent(p->path);
	_close_ int dir = -1;
	struct error ignored;

	if (!p->made_dir)
		return;
	dir = run_dir_open(parent, O_PATH | O_DIRECTORY, &ignored);
	if (dir >= 0)
		(void)unlinkat(dir, path_base(p->path), AT_REMOVEDIR);
}

static int empty(struct point *p, struct error *e)
{
	int r = 0;

	if (p->mount_fd >= 0) {
		struct fd_path root = fd_path(p->mount_fd);

		if (umount2(root.s, MNT_DETACH) < 0)
			r = fail(e, errno, "cannot unmount '%.128s': %m", p->path);
		p->mount_fd = close_fd(p->mount_fd);
	}
	remove_directory(p);
	return r;
}

int points_release(struct points *ps, const char *path, struct error *e)
{
	struct point *p;
	int r;

	(void)pthread_mutex_lock(&ps->lock);
	r = claim(ps, path, NO_DEADLINE, &p, e);
	if (r < 0 || !p || --p->uses > 0) {
		(void)pthread_mutex_unlock(&ps->lock);
		return p ? r : fail(e, ENOENT, "nothing is mounted on '%.128s'", path);
	}
	p->in_work = true;
	(void)pthread_mutex_unlock(&ps->lock);
	r = empty(p, e);
	points_add_gone(ps, path);
	(void)pthread_mutex_lock(&ps->lock);
	forget(ps, p);
	(void)pthread_mutex_unlock(&ps->lock);
	return r;
}

void points_free(struct points *ps)
{
	if (!ps)
		return;
	while (ps->first) {
		struct error e;

		if (empty(ps->first, &e) < 0)
			log_warn("%s", e.msg);
		forget(ps, ps->first);
	}
	strv_free(ps->gone);
	(void)pthread_cond_destroy(&ps->changed);
	(void)pthread_mutex_destroy(&ps->lock);
	free(ps);
}

int points_mount(struct points *ps, const char *path)
{
	struct point *p;
	int fd = -1;

	(void)pthread_mutex_lock(&ps->lock);
	p = find(ps, path);
	if (p && !p->in_work && p->mount_fd >= 0)
		fd = fcntl(p->mount_fd, F_DUPFD_CLOEXEC, 3);
	(void)pthread_mutex_unlock(&ps->lock);
	return fd;
}

bool points_has(struct points *ps, const char *path)
{
	bool found;

	(void)pthread_mutex_lock(&ps->lock);
	found = find(ps, path) != NULL;
	(void)pthread_mutex_unlock(&ps->lock);
	return found;
}

bool points_cover(struct points *ps, const char *dir, const char *path)
{
	bool found = false;

	(void)pthread_mutex_lock(&ps->lock);
	for (const struct point *p = ps->first; p && !found; p = p->next)
		found = strlen(p->path) > strlen(dir) && path_is_within(p->path, dir) &&
			path_is_within(path, p->path);
	(void)pthread_mutex_unlock(&ps->lock);
	return found;
}

char **points_take_gone(struct points *ps)
{
	strv gone;

	(void)pthread_mutex_lock(&ps->lock);
	gone = TAKE_PTR(ps->gone);
	(void)pthread_mutex_unlock(&ps->lock);
	return gone;
}

void points_add_gone(struct points *ps, const char *path)
{
	(void)pthread_mutex_lock(&ps->lock);
	if (strv_len(ps->gone) < GONE_MAX)
		strv_add(&ps->gone, path);
	(void)pthread_mutex_unlock(&ps->lock);
}
