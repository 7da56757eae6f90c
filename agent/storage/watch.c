/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - small volumes of the host's, copied into the guest and kept the same.
 *
 * A change that the host makes in a shared folder is no event in the guest: virtio-fs has none.  So
 * a volume of a few small files (configMap, secret, projected, downwardAPI) is a tmpfs of the
 * guest's that this file fills, and fills again when the host's has changed.  kubelet changes such
 * a volume by one rename of the link "..data", and so does the copy: programs see the same events
 * in the same order, and never half of a change.
 *
 * Once a second one job looks at every volume.  Of one that kubelet writes the time of its folder
 * says whether anything changed, so a volume at rest costs one request to the host; of others each
 * entry is looked at.  After a change the next look is a full one: a time is not finer than the
 * host's clock.  Nothing is in motion where there is no such volume.
 *
 * The folder is the host's: its size is bounded, its links are text, and only folders, files and
 * links are copied.  The list has a lock; copying is done by one work thread at a time.
 */
#include "agent/storage/watch.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/storage/copy.h"
#include "agent/storage/points.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/str.h"
#include "lib/work.h"

#define EVERY_MS  1000
#define TRIES     3
#define DEPTH_MAX 8
#define DATA_LINK "..data"

const struct watch_limits watch_first = { .entries = 16, .bytes = 1 * MIB };
const struct watch_limits watch_later = { .entries = 1024, .bytes = 8 * MIB };

struct watch {
	struct watch *next;
	char *path;
	int source;
	int target;
	struct timespec changed; /* of the source, when it was copied last */
	bool is_settled;         /* looked at since its last change */
	bool has_failed;         /* and that was logged */
};

struct watches {
	struct loop *loop;
	struct points *points;
	struct work_queue *queue;
	struct io timer;
	struct job job;
	bool is_running;      /* (io) the job */
	pthread_mutex_t lock; /* guards the list */
	struct watch *first;
};

/* One look at a volume. */
struct look {
	struct watch_limits left;
	bool is_torn; /* the host changed it meanwhile */
};

static bool is_same_owner(const struct stat *a, const struct stat *b)
{
	return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return is_same_owner(a, b) && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Owner first: a change of owner takes bits of the mode away. */
static int give(int fd, const struct stat *st, struct error *e)
{
	const struct timespec times[2] = { st->st_mtim, st->st_mtim };

	if (fchown(fd, st->st_uid, st->st_gid) < 0 || fchmod(fd, st->st_mode & 07777) < 0)
		return fail(e, errno, "cannot set owner and mode: %m");
	if (S_ISREG(st->st_mode) && futimens(fd, times) < 0)
		return fail(e, errno, "cannot set the time: %m");
	return 0;
}

/* Makes room for what is of another type now. */
static int replace_type(int dirfd, const char *name, mode_t type, struct stat *ret_st,
			struct error *e)
{
	*ret_st = (struct stat){ 0 };
	if (fstatat(dirfd, name, ret_st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (ret_st->st_mode & S_IFMT) == type)
		return 0;
	*ret_st = (struct stat){ 0 };
	return tree_remove_at(dirfd, name, e);
}

static int write_file(int dirfd, const char *name, const char *bytes, size_t len,
		      const struct stat *st, struct error *e)
{
	_free_ char *temporary = copy_temporary_name(name);
	_close_ int fd = -1;
	int r = tree_remove_at(dirfd, temporary, e);

	if (r < 0)
		return r;
	fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(e, errno, "cannot make '%s': %m", temporary);
	r = write_all(fd, bytes, len, name, e);
	if (r >= 0)
		r = give(fd, st, e);
	if (r >= 0 && renameat(dirfd, temporary, dirfd, name) < 0)
		r = fail(e, errno, "cannot rename '%s': %m", temporary);
	return r;
}

static int copy_content(struct look *l, int from, int to, const char *name, const struct stat *st,
			struct error *e)
{
	_close_ int fd = -1;
	_free_ char *bytes = NULL;
	struct stat have;
	size_t len;
	int r = replace_type(to, name, S_IFREG, &have, e);

	if (r < 0)
		return r;
	if ((uint64_t)st->st_size > l->left.bytes)
		return fail(e, E2BIG, "it is too large at '%s'", name);
	l->left.bytes -= (uint64_t)st->st_size;
	if (is_same_file(&have, st))
		return 0;
	fd = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "cannot open '%s': %m", name);
	r = file_read_fd(fd, name, watch_later.bytes, &bytes, &len, e);
	return r < 0 ? r : write_file(to, name, bytes, len, st, e);
}

static int copy_link(struct look *l, int from, int to, const char *name, struct error *e)
{
	_free_ char *temporary = copy_temporary_name(name);
	char target[PATH_MAX], have[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1), m;
	struct stat st;
	int r = replace_type(to, name, S_IFLNK, &st, e);

	if (n < 0)
		return fail(e, errno, "cannot read the link '%s': %m", name);
	if (r < 0)
		return r;
	target[n] = '\0';
	m = readlinkat(to, name, have, sizeof(have) - 1);
	if (m == n && memcmp(target, have, (size_t)n) == 0)
		return 0;
	/* The folder it leads to came after this look began. */
	if (str_equal(name, DATA_LINK) && faccessat(to, target, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		l->is_torn = true;
		return 0;
	}
	r = tree_remove_at(to, temporary, e);
	if (r >= 0 && symlinkat(target, to, temporary) < 0)
		r = fail(e, errno, "cannot make the link '%s': %m", name);
	if (r >= 0 && renameat(to, temporary, to, name) < 0)
		r = fail(e, errno, "cannot rename the link '%s': %m", name);
	return r;
}

static int copy_folder(struct look *l, int from, int to, unsigned depth, struct error *e);

static int copy_below(struct look *l, int from, int to, const char *name, const struct stat *st,
		      unsigned depth, struct error *e)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	_close_ int source = -1, target = -1;
	struct stat have;
	int r = replace_type(to, name, S_IFDIR, &have, e);

	if (r < 0)
		return r;
	if (depth >= DEPTH_MAX)
		return fail(e, E2BIG, "it is deeper than %d folders", DEPTH_MAX);
	if (mkdirat(to, name, 0700) < 0 && errno != EEXIST)
		return fail(e, errno, "cannot make '%s': %m", name);
	source = openat(from, name, flags);
	target = openat(to, name, flags);
	if (source < 0 || target < 0)
		return fail(e, errno, "cannot open '%s': %m", name);
	r = copy_folder(l, source, target, depth + 1, e);
	return r < 0 || is_same_owner(&have, st) ? r : give(target, st, e);
}

enum pass { PASS_CONTENT, PASS_LINKS };

static int copy_one(struct look *l, int from, int to, const char *name, enum pass pass,
		    unsigned depth, struct error *e)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "cannot look at '%s': %m", name);
	if (S_ISLNK(st.st_mode))
		return pass == PASS_LINKS ? copy_link(l, from, to, name, e) : 0;
	if (pass == PASS_LINKS)
		return 0;
	if (S_ISDIR(st.st_mode))
		return copy_below(l, from, to, name, &st, depth, e);
	return S_ISREG(st.st_mode) ? copy_content(l, from, to, name, &st, e) : 0;
}

static int remove_others(int to, char *const *kept, struct error *e)
{
	_strv_ strv names = NULL;
	int r = dir_list(to, UINT_MAX, &names, e);

	/* The folder that "..data" led to is the last to go. */
	for (size_t i = strv_len(names); r >= 0 && i > 0; i--)
		if (!strv_contains(kept, names[i - 1]))
			r = tree_remove_at(to, names[i - 1], e);
	return r;
}

static int copy_folder(struct look *l, int from, int to, unsigned depth, struct error *e)
{
	_strv_ strv names = NULL;
	int r = dir_list(from, l->left.entries, &names, e);

	if (r < 0)
		return r;
	l->left.entries -= (unsigned)strv_len(names);
	for (enum pass pass = PASS_CONTENT; pass <= PASS_LINKS; pass++)
		for (size_t i = 0; i < strv_len(names); i++) {
			r = copy_one(l, from, to, names[i], pass, depth, e);
			if (r < 0)
				return r;
		}
	return l->is_torn ? 0 : remove_others(to, names, e);
}

int watch_copy(int sourcefd, int targetfd, const struct watch_limits *limits, struct error *e)
{
	struct look l = { .is_torn = true };
	struct stat from, to;
	int r = 0;

	for (int i = 0; i < TRIES && l.is_torn; i++) {
		l = (struct look){ .left = *limits };
		r = copy_folder(&l, sourcefd, targetfd, 0, e);
		/* Something went while we looked at it. */
		if (r == -ENOENT)
			l.is_torn = true;
		else if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	if (l.is_torn)
		return fail(e, EAGAIN, "it changes all the time");
	if (fstat(sourcefd, &from) < 0 || fstat(targetfd, &to) < 0)
		return fail(e, errno, "cannot look at the folder: %m");
	return is_same_owner(&from, &to) ? 0 : give(targetfd, &from, e);
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* False if a look at W would find what the last one found. */
static bool may_have_changed(struct watch *w)
{
	struct stat st, link;
	bool is_quiet;

	if (fstat(w->source, &st) < 0)
		return true;
	is_quiet = is_same_time(&st.st_ctim, &w->changed);
	w->changed = st.st_ctim;
	if (!is_quiet) {
		w->is_settled = false;
		return true;
	}
	if (fstatat(w->target, DATA_LINK, &link, AT_SYMLINK_NOFOLLOW) < 0 || !w->is_settled) {
		w->is_settled = true;
		return true;
	}
	return false;
}

static void look_after(struct watch *w)
{
	struct error e;
	int r;

	if (!may_have_changed(w))
		return;
	r = watch_copy(w->source, w->target, &watch_later, &e);
	if (r < 0) {
		w->is_settled = false;
		if (!w->has_failed)
			log_warn("the copy of the volume '%.256s' is not what it should be: %s",
				 w->path, e.msg);
	}
	w->has_failed = r < 0;
}

static void watch_free(struct watch *w)
{
	(void)close_fd(w->source);
	(void)close_fd(w->target);
	free(w->path);
	free(w);
}

/* The watches whose points are there, taken off the list, which others may add to meanwhile. */
static struct watch *take_all(struct watches *ws)
{
	struct watch *all;

	(void)pthread_mutex_lock(&ws->lock);
	all = TAKE_PTR(ws->first);
	(void)pthread_mutex_unlock(&ws->lock);
	return all;
}

/* Of two on one point the newer one, which was in the list, counts. */
static bool is_listed(const struct watches *ws, const char *path)
{
	const struct watch *w = ws->first;

	while (w && !str_equal(w->path, path))
		w = w->next;
	return w != NULL;
}

static void put_back(struct watches *ws, struct watch *w)
{
	bool is_kept;

	(void)pthread_mutex_lock(&ws->lock);
	is_kept = !is_listed(ws, w->path) && points_has(ws->points, w->path);
	if (is_kept) {
		w->next = ws->first;
		ws->first = w;
	}
	(void)pthread_mutex_unlock(&ws->lock);
	if (!is_kept)
		watch_free(w);
}

static void run_look(struct job *job)
{
	struct watches *ws = CONTAINER_OF(job, struct watches, job);
	struct watch *next;

	for (struct watch *w = take_all(ws); w; w = next) {
		next = w->next;
		if (points_has(ws->points, w->path))
			look_after(w);
		put_back(ws, w);
	}
}

static void look_done(struct job *job)
{
	struct watches *ws = CONTAINER_OF(job, struct watches, job);

	ws->is_running = false;
	(void)pthread_mutex_lock(&ws->lock);
	if (!ws->first)
		timer_arm(ws->timer.fd, 0, 0);
	(void)pthread_mutex_unlock(&ws->lock);
}

static void on_timer(struct io *io, uint32_t events)
{
	struct watches *ws = CONTAINER_OF(io, struct watches, timer);

	(void)events;
	timer_read(io->fd);
	if (ws->is_running)
		return;
	ws->is_running = true;
	work_submit(ws->queue, &ws->job);
}

struct watches *watches_new(struct loop *loop, struct work_pool *pool, struct points *points,
			    struct error *e)
{
	struct watches *ws = xcalloc(1, sizeof(*ws));

	ws->loop = loop;
	ws->points = points;
	ws->queue = work_queue_new(pool);
	ws->job = (struct job){ .run = run_look, .done = look_done };
	ws->timer = (struct io){ .fd = timer_open(e), .ready = on_timer };
	(void)pthread_mutex_init(&ws->lock, NULL);
	if (ws->timer.fd < 0 || loop_add(loop, &ws->timer, EPOLLIN, e) < 0) {
		watches_free(ws);
		return NULL;
	}
	return ws;
}

void watches_free(struct watches *ws)
{
	if (!ws)
		return;
	while (ws->first) {
		struct watch *w = ws->first;

		ws->first = w->next;
		watch_free(w);
	}
	loop_del(ws->loop, &ws->timer);
	(void)close_fd(ws->timer.fd);
	work_queue_free(ws->queue);
	(void)pthread_mutex_destroy(&ws->lock);
	free(ws);
}

void watches_add(struct watches *ws, const char *path, int own_sourcefd, int own_targetfd)
{
	struct watch *w = xcalloc(1, sizeof(*w));

	w->path = xstrdup(path);
	w->source = own_sourcefd;
	w->target = own_targetfd;
	(void)pthread_mutex_lock(&ws->lock);
	w->next = ws->first;
	ws->first = w;
	timer_arm(ws->timer.fd, EVERY_MS, EVERY_MS);
	(void)pthread_mutex_unlock(&ws->lock);
}
