/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookout - wait for changes of the node with inotify, and look when they have settled.
 *
 * A start of a pod, an upgrade or an editor make many changes in a row: what follows within
 * SETTLE_MS belongs to the same, and after SETTLE_MAX_MS it is looked anyway, so that whoever waits
 * for the answer has it within ten seconds.  An engine that has just made its socket is given a
 * little longer to serve.  Looking is the work of a child (the action publish), which writes the
 * list into a file in memory and gets the last one that was published: so this process keeps
 * neither.  What could not be published is tried again after RETRY_MS.  Io thread.
 */
#include "deploy/lookout.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "deploy/child.h"
#include "deploy/facts.h"
#include "deploy/stale.h"
#include "lib/file.h"
#include "lib/foreign.h"
#include "lib/host/live.h"
#include "lib/log.h"
#include "lib/tree-watch.h"
#include "lib/wire.h"

DEFINE_CLEANUP(lookout_freep, struct lookout *, lookout_free)

#define SETTLE_MS     1000
#define SETTLE_MAX_MS 3000
#define ENGINE_MS     5000
#define RETRY_MS      (60 * UINT64_C(1000))
#define PLACES_MAX    8
#define NAMES_MAX     2

struct lookout {
	struct loop *loop;
	void (*changed)(void *arg, unsigned changes);
	void *arg;
	struct facts facts; /* where things are */
	char *paths[PLACES_MAX];
	const char *socket_name[NAMES_MAX];
	struct tree_place places[PLACES_MAX];
	size_t n_places;
	struct tree_watch *watch;
	struct io timer;
	struct child child;
	unsigned pending;  /* changes that settle */
	uint64_t since_ms; /* the first of them */
	bool is_resting;
	bool must_look; /* again when the child has ended */
	int new_fd;     /* what the child writes */
	int list_fd;    /* what it wrote last; -1: nothing yet */
	int told_fd;    /* what the cluster knows; -1: nothing yet */
};

/* ---- where ---- */

static void add_place(struct lookout *l, char *own_path, unsigned depth, const char *const *only,
		      unsigned bits)
{
	l->paths[l->n_places] = own_path;
	l->places[l->n_places++] = (struct tree_place){ own_path, depth, only, bits };
}

static void find_places(struct lookout *l, const struct settings *s)
{
	static const char *const root_names[] = { "versions", "current", "bin",
						  "libexec",  "share",   NULL };
	static const char *const record_names[] = { "sbs", NULL };
	static const char *const map_names[] = { "..data", NULL };
	const struct engine *engine = &l->facts.engine;

	add_place(l, xstrdup(l->facts.root), 16, root_names, LOOKOUT_FILES | LOOKOUT_SANDBOXES);
	add_place(l, xstrdup(s->etc), 3, NULL, LOOKOUT_FILES | LOOKOUT_SANDBOXES);
	add_place(l, xstrdup(engine->dir), 2, NULL, LOOKOUT_FILES);
	l->socket_name[0] = path_base(engine->socket);
	add_place(l, path_parent(engine->socket), 0, l->socket_name, LOOKOUT_ENGINE);
	add_place(l, path_parent(LIVE_RECORDS), 2, record_names, LOOKOUT_SANDBOXES);
	add_place(l, path_join(FOREIGN_RUN, "kata"), 1, NULL, LOOKOUT_SANDBOXES);
	/* The kubelet turns a link of this name when a ConfigMap has changed. */
	add_place(l, xstrdup(s->custom), 0, map_names, LOOKOUT_WISHES);
	/* And when an annotation of the pod has. */
	add_place(l, xstrdup(s->pod_info), 0, map_names, LOOKOUT_SANDBOXES);
}

/* ---- looking ---- */

/* The child may be reading the same file just now, and has its place in it from us. */
static char *read_list(int fd)
{
	_free_ char *path = xasprintf("/proc/self/fd/%d", fd);
	struct error ignored;
	char *text = NULL;

	if (fd < 0 || file_read(path, WIRE_ANSWER_MAX, &text, NULL, &ignored) < 0)
		return NULL;
	return text;
}

static void look(struct lookout *l)
{
	struct error e;

	if (child_runs(&l->child)) {
		l->must_look = true;
		return;
	}
	l->must_look = false;
	closep(&l->new_fd);
	l->new_fd = memfd_create("stale", MFD_CLOEXEC);
	if (l->new_fd >= 0) {
		const struct proc_fd fds[] = {
			{ l->new_fd, STALE_LIST_FD },
			{ l->told_fd >= 0 ? l->told_fd : l->new_fd, STALE_TOLD_FD },
		};

		if (child_start(&l->child, "publish", fds, ARRAY_SIZE(fds), &e) >= 0)
			return;
	} else {
		(void)fail(&e, errno, "cannot make a file in memory: %m");
	}
	log_error("%s", e.msg);
}

static void on_looked(struct child *child, int status, const char *report)
{
	struct lookout *l = CONTAINER_OF(child, struct lookout, child);
	struct stat st;

	if (fstat(l->new_fd, &st) == 0 && st.st_size > 0) {
		closep(&l->list_fd);
		l->list_fd = TAKE_FD(l->new_fd);
	}
	if (status == 0) {
		closep(&l->told_fd);
		l->told_fd = fcntl(l->list_fd, F_DUPFD_CLOEXEC, 0);
	} else if (status != 128 + SIGTERM) {
		log_warn("the list of stale sandboxes is not published: %s",
			 *report ? report : "the child was killed");
		if (l->pending == 0)
			timer_arm(l->timer.fd, RETRY_MS, 0);
	}
	if (l->must_look)
		look(l);
}

/* ---- waiting ---- */

static void settle(struct lookout *l)
{
	uint64_t now = now_ms();
	uint64_t wait_ms = SETTLE_MS;
	uint64_t end_ms = l->since_ms + SETTLE_MAX_MS;

	if (l->pending & LOOKOUT_ENGINE) {
		wait_ms = ENGINE_MS;
		end_ms = l->since_ms + ENGINE_MS;
	}
	wait_ms = min_u64(wait_ms, end_ms > now ? end_ms - now : 1);
	timer_arm(l->timer.fd, wait_ms, 0);
}

static void on_change(void *arg, unsigned bits)
{
	struct lookout *l = arg;

	if (l->pending == 0)
		l->since_ms = now_ms();
	l->pending |= bits;
	if (!l->is_resting)
		settle(l);
}

static void on_timer(struct io *io, uint32_t events)
{
	struct lookout *l = CONTAINER_OF(io, struct lookout, timer);
	unsigned changes = l->pending;

	(void)events;
	timer_read(io->fd);
	if (l->is_resting)
		return;
	l->pending = 0;
	/* Without a change it is a second try. */
	if (changes == 0 || (changes & LOOKOUT_SANDBOXES))
		look(l);
	/* One that only ended makes another socket when it starts. */
	if (!file_exists(l->facts.engine.socket))
		changes &= ~(unsigned)LOOKOUT_ENGINE;
	if (changes & ~(unsigned)LOOKOUT_SANDBOXES)
		l->changed(l->arg, changes);
}

void lookout_rest(struct lookout *l)
{
	l->is_resting = true;
}

unsigned lookout_resume(struct lookout *l)
{
	unsigned changes = l->pending | tree_watch_take(l->watch);

	tree_watch_renew(l->watch);
	l->is_resting = false;
	l->pending = 0;
	look(l);
	return changes;
}

void lookout_stop(struct lookout *l)
{
	l->is_resting = true;
	child_done(&l->child);
}

const char *lookout_lost(const struct lookout *l)
{
	struct stat st;

	for (size_t i = 0; i < l->n_places; i++)
		if (stat(l->paths[i], &st) == 0 && S_ISDIR(st.st_mode) && st.st_nlink == 0)
			return l->paths[i];
	return NULL;
}

/* ---- for others ---- */

/* The list stands behind an empty line. */
static const char *find_json(const char *text)
{
	const char *json = text ? strstr(text, "\n\n") : NULL;

	return json ? json + 2 : NULL;
}

char *lookout_list(const struct lookout *l)
{
	_free_ char *text = read_list(l->list_fd);
	const char *json = find_json(text);

	return json ? xstrdup(json) : NULL;
}

char *lookout_metrics(const struct lookout *l)
{
	_free_ char *text = read_list(l->list_fd);
	const char *json = find_json(text);

	return json ? xstrndup(text, (size_t)(json - 1 - text)) : xstrdup("");
}

int lookout_new(struct loop *loop, const struct settings *settings,
		void (*changed)(void *arg, unsigned changes), void *arg,
		struct lookout **ret_lookout, struct error *e)
{
	_cleanup_(lookout_freep) struct lookout *l = xcalloc(1, sizeof(*l));

	*l = (struct lookout){ .loop = loop,
			       .changed = changed,
			       .arg = arg,
			       .timer = { .fd = -1, .ready = on_timer },
			       .new_fd = -1,
			       .list_fd = -1,
			       .told_fd = -1 };
	child_init(&l->child, loop, on_looked);
	if (facts_open(settings, &l->facts, e) < 0)
		return -e->code;
	find_places(l, settings);
	l->timer.fd = timer_open(e);
	if (l->timer.fd < 0 || loop_add(loop, &l->timer, EPOLLIN, e) < 0 ||
	    tree_watch_new(loop, l->places, l->n_places, on_change, l, &l->watch, e) < 0)
		return -e->code;
	*ret_lookout = TAKE_PTR(l);
	return 0;
}

void lookout_free(struct lookout *l)
{
	if (!l)
		return;
	child_done(&l->child);
	tree_watch_free(l->watch);
	loop_del(l->loop, &l->timer);
	closep(&l->timer.fd);
	closep(&l->new_fd);
	closep(&l->list_fd);
	closep(&l->told_fd);
	for (size_t i = 0; i < l->n_places; i++)
		free(l->paths[i]);
	facts_done(&l->facts);
	free(l);
}
