/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward - carry connections to the pod's localhost into the guest.
 *
 * `kubectl port-forward` has the engine connect to localhost in the pod's network namespace on the
 * node, whatever the port (runtime/sandbox/localhost.h).  Each connection gets one to the agent,
 * which makes the third to the program in the guest (agent/network/forward.c): an op dials and is
 * told whether somebody listens, then a tunnel carries the bytes.  By then the kernel has accepted
 * the connection, so that nobody listens is seen as a reset and not as a refusal.
 *
 * A pod has a limited number of them, and few that are being made; others wait in the queue of the
 * sockets.  Io thread, but for the dialling.
 */

#include "runtime/pod/forward.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/file.h"
#include "lib/listener.h"
#include "lib/log.h"
#include "lib/tunnel.h"
#include "lib/wire.h"
#include "runtime/pod/op.h"

#define DIAL_MS     UINT64_C(10000)
#define DIALLED_MAX 8

struct carried {
	struct carried *next;
	struct forward *forward;
	uint16_t port;
	int plain;   /* of the engine */
	int carrier; /* to the agent; -1: not yet, or nobody listens there */
	struct tunnel *tunnel;
};

struct one_listener {
	struct listener listener;
	struct forward *forward;
};

struct forward {
	struct pod *pod;
	struct localhost localhost; /* without what listens */
	struct one_listener listeners[N_LOCALHOST];
	struct carried *all;
	unsigned n_carried;
	unsigned n_dialled;
};

/* ---- the agent; work thread ---- */

/* The agent's answer: 0, or the errno of the guest's connect(2). */
static int ask_port(int fd, uint16_t port, uint64_t deadline_ms, const struct cancel *cancel,
		    struct error *e)
{
	const uint8_t bytes[2] = { (uint8_t)(port >> 8), (uint8_t)port };
	uint8_t answer;
	int r = write_all(fd, bytes, sizeof(bytes), "agent", e);

	if (r >= 0)
		r = wait_fd(fd, POLLIN, "the agent to connect", deadline_ms, cancel, e);
	if (r < 0)
		return r;
	if (recv(fd, &answer, sizeof(answer), MSG_DONTWAIT) != 1)
		return fail(e, ECONNRESET, "the agent has hung up");
	return answer ? fail(e, answer, "%s", strerror(answer)) : 0;
}

/* That nobody listens is an ordinary answer. */
static int dial_work(struct op *op, struct error *e)
{
	struct carried *c = op->user;
	const struct cancel *cancel = &op->pod->cancel;
	uint64_t deadline_ms = deadline_in(DIAL_MS);
	_close_ int fd = vsock_dial(vmm_vsock(sandbox_vmm(op->sandbox)), VSOCK_PORT_FORWARD,
				    deadline_ms, cancel, e);
	int r = fd < 0 ? fd : ask_port(fd, c->port, deadline_ms, cancel, e);

	if (r < 0)
		log_info("port %u is not forwarded: %s", c->port, e->msg);
	else
		c->carrier = TAKE_FD(fd);
	return 0;
}

/* ---- connections ---- */

/* Without a tunnel the engine's connection is reset. */
static void carried_free(struct carried *c)
{
	struct forward *f = c->forward;
	struct carried **at = &f->all;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	f->n_carried--;
	tunnel_free(c->tunnel);
	if (c->plain >= 0)
		tunnel_refuse(c->plain);
	(void)close_fd(c->carrier);
	free(c);
}

static void look_for_room(struct forward *f)
{
	bool has_room = f->n_carried < WIRE_FORWARDS_MAX && f->n_dialled < DIALLED_MAX;

	for (size_t i = 0; i < N_LOCALHOST; i++) {
		struct listener *l = &f->listeners[i].listener;

		if (l->io.fd < 0)
			continue;
		if (has_room)
			listener_go_on(l);
		else
			listener_hold(l);
	}
}

static void tunnel_ended(void *arg, enum tunnel_end how)
{
	struct carried *c = arg;
	struct forward *f = c->forward;

	(void)how;
	carried_free(c);
	look_for_room(f);
}

static void dialled(struct op *op)
{
	struct carried *c = op->user;
	struct forward *f = c->forward;
	struct error e;

	f->n_dialled--;
	if (c->carrier >= 0)
		c->tunnel = tunnel_new(f->pod->loop, TAKE_FD(c->plain), TAKE_FD(c->carrier),
				       tunnel_ended, c, &e);
	if (!c->tunnel)
		carried_free(c);
	look_for_room(f);
}

static uint16_t port_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a;
	socklen_t len = sizeof(a);

	if (getsockname(fd, &a.any, &len) < 0)
		return 0;
	return ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
}

static void on_accepted(struct listener *l, int own_fd)
{
	struct forward *f = CONTAINER_OF(l, struct one_listener, listener)->forward;
	struct pod *pod = f->pod;
	struct carried *c;
	struct op *op;

	if (pod->stage != POD_RUNNING) {
		tunnel_refuse(own_fd);
		return;
	}
	c = xcalloc(1, sizeof(*c));
	*c = (struct carried){ .next = f->all,
			       .forward = f,
			       .port = port_of(own_fd),
			       .plain = own_fd,
			       .carrier = -1 };
	f->all = c;
	f->n_carried++;
	f->n_dialled++;
	look_for_room(f);
	op = op_new(pod, NULL);
	op->sandbox = pod->sandbox;
	op->user = c;
	op->work = dial_work;
	op->finish = dialled;
	op_submit(op, OP_ALONE);
}

/* ---- all of it ---- */

struct forward *forward_new(struct pod *pod)
{
	struct localhost taken = sandbox_take_localhost(pod->sandbox);
	struct forward *f;
	struct error e;

	if (taken.link < 0)
		return NULL;
	f = xcalloc(1, sizeof(*f));
	f->pod = pod;
	f->localhost = taken;
	for (size_t i = 0; i < N_LOCALHOST; i++) {
		int fd = TAKE_FD(f->localhost.fds[i]);

		f->listeners[i] = (struct one_listener){ LISTENER_NONE, f };
		if (fd >= 0 &&
		    listener_open(&f->listeners[i].listener, pod->loop, fd, on_accepted, &e) < 0)
			log_warn("ports are not forwarded: %s", e.msg);
	}
	return f;
}

void forward_free(struct forward *own_forward)
{
	struct forward *f = own_forward;

	if (!f)
		return;
	localhost_close(&f->localhost);
	for (size_t i = 0; i < N_LOCALHOST; i++)
		listener_close(&f->listeners[i].listener);
	while (f->all)
		carried_free(f->all);
	free(f);
}
