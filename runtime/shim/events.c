/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events - publish task events through containerd's ttRPC socket.
 *
 * Events of one sandbox must arrive in the order they happened, so one is under way and the rest
 * wait.  containerd may be restarting: the connection is made anew every RETRY_MS and the event is
 * sent again; a repeated event does no harm, a lost exit leaves a pod running for ever.  Memory is
 * bounded: beyond EVENTS_MAX the oldest are dropped, which is logged.
 *
 * Without an address (CRI-O) events are only logged.  Io thread.
 */

#include "runtime/shim/events.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "lib/log.h"
#include "lib/rpc/client.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/forward.pb-c.h"
#include "lib/str.h"

#define EVENTS_MAX 2048
#define RETRY_MS   500

struct event {
	struct event *next;
	struct timespec when;
	const char *topic;
	const char *type;
	uint8_t *bytes;
	size_t len;
};

struct events {
	struct loop *loop;
	char *address;
	char *namespace_;
	struct rpc_client *client;
	struct event *first;
	struct event **last;
	size_t n_events;
	bool in_flight;
	struct io retry;
	struct io limit; /* of a drain */
	void (*idle)(void *arg);
	void *arg;
};

static const struct rpc_call forward = { "containerd.services.events.ttrpc.v1.Events", "Forward",
					 &forward__forward_request__descriptor,
					 &pb__empty__descriptor };

static void send_next(struct events *ev);

static void event_free(struct event *event)
{
	free(event->bytes);
	free(event);
}

static void drop_first(struct events *ev)
{
	struct event *event = ev->first;

	ev->first = event->next;
	if (!ev->first)
		ev->last = &ev->first;
	ev->n_events--;
	event_free(event);
}

static void report_idle(struct events *ev)
{
	void (*idle)(void *) = TAKE_PTR(ev->idle);

	if (idle)
		idle(ev->arg);
}

/* The connection is not freed inside its own callback: only noticed, and replaced by the timer. */
static void sent(void *arg, void *out, const struct error *error)
{
	struct events *ev = arg;

	ev->in_flight = false;
	if (!out && (error->code == ECONNRESET || error->code == EPIPE)) {
		timer_arm(ev->retry.fd, RETRY_MS, 0);
		return;
	}
	if (!out)
		log_warn("containerd refused the event '%s': %s", ev->first->topic, error->msg);
	drop_first(ev);
	send_next(ev);
}

static int connect_unix(const char *path, struct error *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return fail(e, errno, "cannot make a socket: %m");
	if (strlen(path) >= sizeof(address.sun_path))
		return fail(e, ENAMETOOLONG, "the address '%s' is too long", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return fail(e, errno, "cannot connect to '%s': %m", path);
	return TAKE_FD(fd);
}

static int ensure_connected(struct events *ev, struct error *e)
{
	int fd;

	if (ev->client)
		return 0;
	fd = connect_unix(ev->address, e);
	if (fd < 0)
		return fd;
	ev->client = rpc_client_new(ev->loop, fd, e);
	return ev->client ? 0 : -e->code;
}

static void send_next(struct events *ev)
{
	struct event *event = ev->first;
	Forward__ForwardRequest request = FORWARD__FORWARD_REQUEST__INIT;
	Containerd__Envelope envelope = CONTAINERD__ENVELOPE__INIT;
	Pb__Timestamp when;
	Pb__Any any = PB__ANY__INIT;
	struct error e;

	if (!event) {
		report_idle(ev);
		return;
	}
	if (ev->in_flight)
		return;
	when = events_time(&event->when);
	any.type_url = (char *)(uintptr_t)event->type;
	any.value.data = event->bytes;
	any.value.len = event->len;
	envelope.timestamp = &when;
	envelope.namespace_ = ev->namespace_;
	envelope.topic = (char *)(uintptr_t)event->topic;
	envelope.event = &any;
	request.envelope = &envelope;
	ev->in_flight = true;
	if (ensure_connected(ev, &e) < 0 ||
	    rpc_call_async(ev->client, &forward, &request, sent, ev, &e) < 0) {
		ev->in_flight = false;
		log_debug("events wait: %s", e.msg);
		timer_arm(ev->retry.fd, RETRY_MS, 0);
	}
}

static void retry(struct io *io, uint32_t flags)
{
	struct events *ev = CONTAINER_OF(io, struct events, retry);

	(void)flags;
	timer_read(io->fd);
	rpc_client_free(TAKE_PTR(ev->client));
	send_next(ev);
}

static void limit_reached(struct io *io, uint32_t flags)
{
	struct events *ev = CONTAINER_OF(io, struct events, limit);

	(void)flags;
	timer_read(io->fd);
	log_warn("%zu events could not be delivered", ev->n_events);
	report_idle(ev);
}

static int timer_add(struct events *ev, struct io *io, void (*ready)(struct io *, uint32_t),
		     struct error *e)
{
	io->fd = timer_open(e);
	io->ready = ready;
	return io->fd < 0 ? io->fd : loop_add(ev->loop, io, EPOLLIN, e);
}

struct events *events_new(struct loop *loop, const char *address, const char *namespace_,
			  struct error *e)
{
	_cleanup_(events_freep) struct events *ev = xcalloc(1, sizeof(*ev));

	ev->loop = loop;
	ev->address = str_empty(address) ? NULL : xstrdup(address);
	ev->namespace_ = xstrdup(namespace_);
	ev->last = &ev->first;
	ev->retry.fd = ev->limit.fd = -1;
	if (timer_add(ev, &ev->retry, retry, e) < 0 ||
	    timer_add(ev, &ev->limit, limit_reached, e) < 0)
		return NULL;
	return TAKE_PTR(ev);
}

void events_free(struct events *ev)
{
	if (!ev)
		return;
	rpc_client_free(ev->client);
	while (ev->first)
		drop_first(ev);
	loop_del(ev->loop, &ev->retry);
	loop_del(ev->loop, &ev->limit);
	(void)close_fd(ev->retry.fd);
	(void)close_fd(ev->limit.fd);
	free(ev->address);
	free(ev->namespace_);
	free(ev);
}

Pb__Timestamp events_time(const struct timespec *when)
{
	Pb__Timestamp t = PB__TIMESTAMP__INIT;

	t.seconds = when->tv_sec;
	t.nanos = (int32_t)when->tv_nsec;
	return t;
}

void events_publish(struct events *ev, const char *topic, const void *message)
{
	const ProtobufCMessage *base = message;
	struct event *event;

	log_debug("event %s", topic);
	if (!ev->address)
		return;
	/* The first may be under way; it is the second that goes. */
	if (ev->n_events >= EVENTS_MAX) {
		event = ev->first->next;
		ev->first->next = event->next;
		log_error("containerd takes no events: '%s' is lost", event->topic);
		ev->n_events--;
		event_free(event);
	}
	event = xcalloc(1, sizeof(*event));
	(void)clock_gettime(CLOCK_REALTIME, &event->when);
	event->topic = topic;
	event->type = base->descriptor->name;
	event->len = message_pack(message, &event->bytes);
	*ev->last = event;
	ev->last = &event->next;
	ev->n_events++;
	if (ev->n_events == 1)
		send_next(ev);
}

void events_drain(struct events *ev, uint64_t wait_ms, void (*idle)(void *arg), void *arg)
{
	ev->idle = idle;
	ev->arg = arg;
	if (!ev->first)
		report_idle(ev);
	else
		timer_arm(ev->limit.fd, wait_ms, 0);
}
