/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oom - report containers whose processes the kernel killed for want of memory.
 *
 * The kernel counts such kills in memory.events and says by inotify when that file changes.  One
 * inotify descriptor serves every container.  An event waits for the next GetOOMEvent, once per
 * container however often it happens before that, so the list is as short as that of the
 * containers.  Io thread.
 */
#include "agent/container/oom.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "agent/container/cgroup.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/rpc/proto/agent.pb-c.h"

#define EVENTS_MAX 256 /* that nobody asked for */

struct watch {
	struct watch *next;
	char *id;
	int wd;
	struct cgroup cg; /* its directory, a copy of our own */
	uint64_t kills;
};

struct oom {
	struct loop *loop;
	struct io io;
	struct watch *watches;
	strv events; /* ids */
	struct parked *calls;
};

/* An event goes to somebody who still is there: nobody gets it twice. */
static void deliver(struct oom *oom)
{
	parked_drop_gone(&oom->calls);
	while (oom->calls && oom->events) {
		Agent__OOMEvent answer = AGENT__OOMEVENT__INIT;
		_strv_ strv rest = NULL;

		answer.container_id = oom->events[0];
		parked_reply(&oom->calls, &answer);
		strv_add_all(&rest, oom->events + 1);
		strv_free(oom->events);
		oom->events = TAKE_PTR(rest);
	}
}

static void look(struct oom *oom, struct watch *w)
{
	uint64_t kills = cgroup_oom_kills(&w->cg);

	if (kills <= w->kills)
		return;
	w->kills = kills;
	log_info("container '%s' ran out of memory", w->id);
	if (!strv_contains(oom->events, w->id) && strv_len(oom->events) < EVENTS_MAX)
		strv_add(&oom->events, w->id);
	deliver(oom);
}

static void on_change(struct io *io, uint32_t events)
{
	struct oom *oom = CONTAINER_OF(io, struct oom, io);
	union {
		char bytes[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
		struct inotify_event align;
	} buffer;

	(void)events;
	/* Whatever changed: the counters say what happened, and a lost message costs nothing. */
	while (read(io->fd, buffer.bytes, sizeof(buffer.bytes)) > 0)
		;
	for (struct watch *w = oom->watches; w; w = w->next)
		look(oom, w);
}

struct oom *oom_new(struct loop *loop, struct error *e)
{
	struct oom *oom = xcalloc(1, sizeof(*oom));

	oom->loop = loop;
	oom->io = (struct io){ .fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .ready = on_change };
	if (oom->io.fd < 0) {
		(void)fail(e, errno, "cannot make an inotify descriptor: %m");
		free(oom);
		return NULL;
	}
	if (loop_add(loop, &oom->io, EPOLLIN, e) < 0) {
		(void)close_fd(oom->io.fd);
		free(oom);
		return NULL;
	}
	return oom;
}

static void watch_free(struct watch *w)
{
	(void)close_fd(w->cg.fd);
	free(w->id);
	free(w);
}

void oom_free(struct oom *oom)
{
	if (!oom)
		return;
	while (oom->watches) {
		struct watch *w = oom->watches;

		oom->watches = w->next;
		watch_free(w);
	}
	loop_del(oom->loop, &oom->io);
	(void)close_fd(oom->io.fd);
	parked_drop_all(&oom->calls);
	strv_free(oom->events);
	free(oom);
}

int oom_watch(struct oom *oom, const char *id, const struct cgroup *cg, struct error *e)
{
	_free_ char *path = NULL;
	_close_ int fd = fcntl(cg->fd, F_DUPFD_CLOEXEC, 3);
	struct watch *w;
	int wd;

	if (fd < 0)
		return fail(e, errno, "cannot watch the memory of container '%s': %m", id);
	path = xasprintf("%s/memory.events", fd_path(fd).s);
	wd = inotify_add_watch(oom->io.fd, path, IN_MODIFY);
	if (wd < 0)
		return fail(e, errno, "cannot watch the memory of container '%s': %m", id);
	w = xcalloc(1, sizeof(*w));
	w->id = xstrdup(id);
	w->wd = wd;
	w->cg.fd = TAKE_FD(fd);
	w->next = oom->watches;
	oom->watches = w;
	/* What happened before the watch changes the file no more. */
	look(oom, w);
	return 0;
}

void oom_look(struct oom *oom, const char *id)
{
	for (struct watch *w = oom->watches; w; w = w->next)
		if (!strcmp(w->id, id))
			look(oom, w);
}

void oom_unwatch(struct oom *oom, const char *id)
{
	struct watch **at = &oom->watches;

	while (*at && strcmp((*at)->id, id) != 0)
		at = &(*at)->next;
	if (*at) {
		struct watch *w = *at;

		look(oom, w);
		*at = w->next;
		(void)inotify_rm_watch(oom->io.fd, w->wd);
		watch_free(w);
	}
}

int oom_wait(struct oom *oom, struct rpc_request *req, void *out, struct error *e)
{
	(void)out;
	parked_drop_gone(&oom->calls);
	if (parked_add(&oom->calls, req, "for an event", NULL, e) < 0)
		return -e->code;
	deliver(oom);
	return RPC_DEFERRED;
}

void oom_cancel(struct oom *oom, int code, const char *why)
{
	parked_fail_all(&oom->calls, code, why);
}
