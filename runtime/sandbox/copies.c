/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copies - the volumes of a sandbox that the guest has copies of, and which are kept the same.
 *
 * kubelet updates a volume by turning its link "..data".  The kernel tells of that (inotify), so
 * nobody looks at volumes at rest: the io thread notes which volume it was, and a job sends what is
 * new.  Another turn meanwhile is noted as well, and sent by the same job when it has done.  What
 * went away while it was read is looked at again.
 *
 * inotify holds the folder's inode and not its mount, so that the host unmounts a volume when it
 * likes.  One folder has one watch, however many containers have copies of it.
 *
 * `lock` is for the list; nothing is sent under it.  What is sent is the sender's alone meanwhile
 * (is_busy), and whoever takes the volume away waits for that.
 */

#include "runtime/sandbox/copies.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/log.h"

#define DATA_LINK   "..data"
#define TRIES       3
#define EVENT_BYTES 4096

struct copied {
	struct copied *next;
	char *ticket;
	char *source;
	char *path;
	struct idmap map;
	struct copy_state state; /* the sender's */
	int watch;               /* of inotify; -1: none */
	bool is_changed;
	bool is_busy;
};

struct copies {
	struct copies_params params;
	struct work_queue *queue;
	struct io events; /* (io) */
	struct loop_task begin;
	struct job job;
	bool is_submitted; /* (io) the job */
	bool is_freed;     /* (io) */
	pthread_mutex_t lock;
	pthread_cond_t idle; /* something is no longer busy */
	struct copied *first;
	bool is_closed;
};

static void lock(struct copies *c)
{
	(void)pthread_mutex_lock(&c->lock);
}

static void unlock(struct copies *c)
{
	(void)pthread_mutex_unlock(&c->lock);
}

static void copied_free(struct copied *v)
{
	copy_state_done(&v->state);
	idmap_done(&v->map);
	free(v->ticket);
	free(v->source);
	free(v->path);
	free(v);
}

/* V is busy, or nobody else's. */
static int send_volume(struct copies *c, struct copied *v, struct error *e)
{
	const struct copy_target target = {
		.send = c->params.send, .arg = c->params.arg, .path = v->path, .map = &v->map
	};
	_close_ int fd = open(v->source, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return fail(e, errno, "cannot open '%s': %m", v->source);
	return copy_volume(fd, &target, &v->state, e);
}

/* One that is to be sent by the job; C is locked. */
static struct copied *find_changed(const struct copies *c)
{
	struct copied *v = c->is_closed ? NULL : c->first;

	while (v && (!v->is_changed || v->is_busy))
		v = v->next;
	return v;
}

static struct copied *take_changed(struct copies *c)
{
	struct copied *v;

	lock(c);
	v = find_changed(c);
	if (v) {
		v->is_changed = false;
		v->is_busy = true;
	}
	unlock(c);
	return v;
}

static void put_back(struct copies *c, struct copied *v)
{
	lock(c);
	v->is_busy = false;
	(void)pthread_cond_broadcast(&c->idle);
	unlock(c);
}

static void run_changes(struct job *job)
{
	struct copies *c = CONTAINER_OF(job, struct copies, job);

	for (struct copied *v = take_changed(c); v; v = take_changed(c)) {
		struct error e;
		int r = -ESTALE;

		for (int i = 0; i < TRIES && (r == -ENOENT || r == -ESTALE); i++)
			r = send_volume(c, v, &e);
		if (r < 0)
			log_warn("the guest's copy of '%s' is not what it should be: %s", v->source,
				 e.msg);
		else
			log_debug("'%s' was sent again", v->source);
		put_back(c, v);
	}
}

static bool has_changed(struct copies *c)
{
	bool has;

	lock(c);
	has = find_changed(c) != NULL;
	unlock(c);
	return has;
}

static void destroy(struct copies *c)
{
	(void)pthread_cond_destroy(&c->idle);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

static void submit(struct copies *c)
{
	if (c->is_submitted || c->is_freed || !has_changed(c))
		return;
	c->is_submitted = true;
	work_submit(c->queue, &c->job);
}

static void changes_sent(struct job *job)
{
	struct copies *c = CONTAINER_OF(job, struct copies, job);

	c->is_submitted = false;
	if (c->is_freed)
		destroy(c);
	else
		submit(c);
}

static void note(struct copies *c, const struct inotify_event *event)
{
	bool is_lost = event->mask & IN_Q_OVERFLOW;

	if (!is_lost && (event->len == 0 || strcmp(event->name, DATA_LINK) != 0))
		return;
	lock(c);
	for (struct copied *v = c->first; v; v = v->next)
		if (v->watch >= 0 && (is_lost || v->watch == event->wd))
			v->is_changed = true;
	unlock(c);
}

static void events_ready(struct io *io, uint32_t flags)
{
	struct copies *c = CONTAINER_OF(io, struct copies, events);
	_Alignas(struct inotify_event) char bytes[EVENT_BYTES];
	ssize_t n;

	(void)flags;
	while ((n = read(io->fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *event = (const void *)(bytes + at);

			note(c, event);
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	submit(c);
}

static void begin(struct loop_task *task)
{
	struct copies *c = CONTAINER_OF(task, struct copies, begin);
	struct error e;

	if (loop_add(c->params.loop, &c->events, EPOLLIN, &e) < 0)
		log_warn("volumes are not kept the same: %s", e.msg);
}

struct copies *copies_new(const struct copies_params *params)
{
	struct copies *c = xcalloc(1, sizeof(*c));

	c->params = *params;
	c->queue = work_queue_new(params->pool);
	c->job = (struct job){ .run = run_changes, .done = changes_sent };
	c->events = (struct io){ inotify_init1(IN_NONBLOCK | IN_CLOEXEC), events_ready };
	c->begin.run = begin;
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_cond_init(&c->idle, NULL);
	if (c->events.fd < 0)
		log_warn("the node has no inotify left, volumes are not kept the same: %m");
	else
		loop_post(params->loop, &c->begin);
	return c;
}

void copies_close(struct copies *c)
{
	if (!c)
		return;
	lock(c);
	c->is_closed = true;
	for (struct copied *v = c->first; v; v = v->next)
		while (v->is_busy)
			(void)pthread_cond_wait(&c->idle, &c->lock);
	unlock(c);
}

void copies_free(struct copies *c)
{
	if (!c)
		return;
	loop_del(c->params.loop, &c->events);
	c->events.fd = close_fd(c->events.fd);
	work_queue_free(c->queue);
	while (c->first) {
		struct copied *v = c->first;

		c->first = v->next;
		copied_free(v);
	}
	c->is_freed = true;
	if (!c->is_submitted)
		destroy(c);
}

/* Before the first look at it, so that no change is missed. */
static void watch(struct copies *c, struct copied *v)
{
	_free_ char *link = path_join(v->source, DATA_LINK);
	struct stat st;

	if (c->events.fd < 0 || lstat(link, &st) < 0 || !S_ISLNK(st.st_mode))
		return;
	v->watch = inotify_add_watch(c->events.fd, v->source, IN_MOVED_TO | IN_CREATE | IN_ONLYDIR);
	if (v->watch < 0)
		log_warn("'%s' is not kept the same: %m", v->source);
}

static void add(struct copies *c, struct copied *v)
{
	lock(c);
	watch(c, v);
	v->is_busy = true;
	v->next = c->first;
	c->first = v;
	unlock(c);
}

/* Puts V back unless it was changed while it was sent. */
static bool put_back_unchanged(struct copies *c, struct copied *v)
{
	bool is_same;

	lock(c);
	is_same = !v->is_changed;
	v->is_changed = false;
	if (is_same) {
		v->is_busy = false;
		(void)pthread_cond_broadcast(&c->idle);
	}
	unlock(c);
	return is_same;
}

static int send_first(struct copies *c, struct copied *v, struct error *e)
{
	bool is_done = false;
	int r = 0;

	for (int i = 0; i < TRIES && !is_done; i++) {
		r = send_volume(c, v, e);
		if (r == -ENOENT || r == -ESTALE)
			continue;
		if (r < 0)
			break;
		is_done = put_back_unchanged(c, v);
	}
	if (!is_done)
		put_back(c, v);
	return r;
}

int copies_add(struct copies *c, const struct copies_volume *wanted, struct error *e)
{
	struct copied *v = xcalloc(1, sizeof(*v));
	int r;

	v->ticket = xstrdup(wanted->ticket);
	v->source = xstrdup(wanted->source);
	v->path = xstrdup(wanted->path);
	v->map = idmap_copy(&wanted->map);
	v->watch = -1;
	add(c, v);
	r = send_first(c, v, e);
	return r < 0 ? fail_wrap(e, "copying '%s' to the guest", wanted->source) : 0;
}

/* A watch that others have as well stays. */
static void unwatch(struct copies *c, int watch)
{
	for (const struct copied *v = c->first; v; v = v->next)
		if (v->watch == watch)
			return;
	if (watch >= 0)
		(void)inotify_rm_watch(c->events.fd, watch);
}

void copies_drop(struct copies *c, const char *ticket)
{
	struct copied **at, *v;

	lock(c);
	for (at = &c->first; *at && strcmp((*at)->ticket, ticket) != 0; at = &(*at)->next)
		;
	v = *at;
	while (v && v->is_busy)
		(void)pthread_cond_wait(&c->idle, &c->lock);
	/* Others may have come or gone meanwhile. */
	for (at = &c->first; v && *at != v; at = &(*at)->next)
		;
	if (v) {
		*at = v->next;
		unwatch(c, v->watch);
	}
	unlock(c);
	if (v)
		copied_free(v);
}
