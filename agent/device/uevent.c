/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uevent - hear from the kernel that a device came.
 *
 * Nothing is remembered of a message but that it came: whoever waits looks at sysfs, which is true
 * whatever was missed.  Hence an overrun of the socket (ENOBUFS) is just one more reason to look,
 * and a device may come before, during or after the request that waits for it.  Waiters also look
 * every LOOK_MS, for trees that change without a message.  Only messages of the kernel itself count
 * (port 0): any process may send to the group.  The io thread reads and does nothing else: what a
 * message asks for (memory) is a job, since the kernel may take seconds for a block.  Work threads
 * wait on a condition.
 */

#include "agent/device/uevent.h"

#include <linux/netlink.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "lib/log.h"
#include "lib/str.h"

#define KERNEL_GROUP 1
#define LOOK_MS      200
#define RECEIVE_SIZE (1 << 20) /* of the socket: a bus full of devices at once */

struct uevents {
	struct loop *loop;
	struct io io;
	pthread_mutex_t lock;
	pthread_cond_t came;
	uint64_t n_seen;
	struct work_pool *pool;
	void (*memory_came)(void);
	struct job memory;
	bool is_taking_memory;
	bool has_more_memory; /* came while the job ran */
};

static void take_pair(const char *pair, struct uevent *event)
{
	const struct {
		const char *key;
		const char **member;
	} keys[] = {
		{ "ACTION=", &event->action },       { "DEVPATH=", &event->devpath },
		{ "SUBSYSTEM=", &event->subsystem }, { "DEVNAME=", &event->devname },
		{ "INTERFACE=", &event->interface },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (str_starts(pair, keys[i].key))
			*keys[i].member = pair + strlen(keys[i].key);
}

int uevent_parse(const char *bytes, size_t len, struct uevent *ret_event, struct error *e)
{
	struct uevent event = { 0 };
	size_t at;

	if (len == 0 || bytes[len - 1] != '\0')
		return fail(e, EPROTO, "uevent of %zu bytes is cut", len);
	for (at = strlen(bytes) + 1; at < len; at += strlen(bytes + at) + 1)
		take_pair(bytes + at, &event);
	if (!event.action || !event.devpath)
		return fail(e, EPROTO, "uevent has no ACTION or no DEVPATH");
	*ret_event = event;
	return 0;
}

static bool is_below(const char *path, const char *dir)
{
	return str_starts(path, dir) && path[strlen(dir)] == '/';
}

static void take_memory(struct uevents *u)
{
	u->has_more_memory = u->is_taking_memory;
	if (u->is_taking_memory)
		return;
	u->is_taking_memory = true;
	work_submit_alone(u->pool, &u->memory);
}

static void run_memory(struct job *job)
{
	CONTAINER_OF(job, struct uevents, memory)->memory_came();
}

static void memory_done(struct job *job)
{
	struct uevents *u = CONTAINER_OF(job, struct uevents, memory);

	u->is_taking_memory = false;
	if (u->has_more_memory)
		take_memory(u);
}

static bool is_new_memory(const struct uevent *event)
{
	return str_equal(event->action, "add") &&
	       is_below(event->devpath, "/devices/system/memory");
}

static void tell_waiters(struct uevents *u)
{
	(void)pthread_mutex_lock(&u->lock);
	u->n_seen++;
	(void)pthread_cond_broadcast(&u->came);
	(void)pthread_mutex_unlock(&u->lock);
}

/* False when nothing is there. */
static bool receive_one(struct uevents *u)
{
	char bytes[UEVENT_MAX + 1];
	struct sockaddr_nl from = { 0 };
	socklen_t from_len = sizeof(from);
	struct uevent event;
	struct error e;
	ssize_t n = recvfrom(u->io.fd, bytes, UEVENT_MAX, MSG_TRUNC, (struct sockaddr *)&from,
			     &from_len);

	if (n < 0)
		return errno == ENOBUFS;
	if (from.nl_pid != 0 || n == 0 || n > UEVENT_MAX)
		return true;
	bytes[n++] = '\0';
	if (uevent_parse(bytes, (size_t)n, &event, &e) < 0) {
		log_debug("%s", e.msg);
		return true;
	}
	log_debug("uevent %s '%s'", event.action, event.devpath);
	if (u->memory_came && is_new_memory(&event))
		take_memory(u);
	return true;
}

static void ready(struct io *io, uint32_t events)
{
	struct uevents *u = CONTAINER_OF(io, struct uevents, io);

	(void)events;
	while (receive_one(u))
		;
	tell_waiters(u);
}

static int open_socket(struct error *e)
{
	const struct sockaddr_nl group = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
	const int size = RECEIVE_SIZE;
	_close_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd < 0)
		return fail(e, errno, "cannot make the uevent socket: %m");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (const struct sockaddr *)&group, sizeof(group)) < 0)
		return fail(e, errno, "cannot listen to uevents: %m");
	return TAKE_FD(fd);
}

struct uevents *uevents_new(struct loop *loop, struct work_pool *pool, void (*memory_came)(void),
			    struct error *e)
{
	_cleanup_(uevents_freep) struct uevents *u = xcalloc(1, sizeof(*u));
	pthread_condattr_t clock;

	u->loop = loop;
	u->pool = pool;
	u->memory_came = memory_came;
	u->memory = (struct job){ .run = run_memory, .done = memory_done };
	(void)pthread_mutex_init(&u->lock, NULL);
	(void)pthread_condattr_init(&clock);
	(void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&u->came, &clock);
	(void)pthread_condattr_destroy(&clock);
	u->io = (struct io){ .fd = open_socket(e), .ready = ready };
	if (u->io.fd < 0 || loop_add(loop, &u->io, EPOLLIN, e) < 0)
		return NULL;
	return TAKE_PTR(u);
}

void uevents_free(struct uevents *u)
{
	if (!u)
		return;
	loop_del(u->loop, &u->io);
	(void)close_fd(u->io.fd);
	(void)pthread_cond_destroy(&u->came);
	(void)pthread_mutex_destroy(&u->lock);
	free(u);
}

/* Until something came after N_BEFORE, or a moment has passed. */
static void wait_moment(struct uevents *u, uint64_t n_before, uint64_t wait_ms)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)wait_ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	(void)pthread_mutex_lock(&u->lock);
	while (u->n_seen == n_before)
		if (pthread_cond_timedwait(&u->came, &u->lock, &until) == ETIMEDOUT)
			break;
	(void)pthread_mutex_unlock(&u->lock);
}

static uint64_t count_seen(struct uevents *u)
{
	uint64_t n;

	(void)pthread_mutex_lock(&u->lock);
	n = u->n_seen;
	(void)pthread_mutex_unlock(&u->lock);
	return n;
}

int uevents_wait(struct uevents *u, const char *what, int (*look)(void *arg, struct error *e),
		 void *arg, uint64_t deadline_ms, const struct cancel *cancel, struct error *e)
{
	for (;;) {
		uint64_t n_before = count_seen(u), now;
		int r = look(arg, e);

		if (r != 0)
			return r;
		now = now_ms();
		if (now >= deadline_ms)
			return fail(e, ETIMEDOUT, "waited in vain for %s", what);
		if (cancel && cancel_is_raised(cancel))
			return fail(e, ECANCELED, "no longer waiting for %s", what);
		wait_moment(u, n_before, min_u64(LOOK_MS, deadline_ms - now));
	}
}
