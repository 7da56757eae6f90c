/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener - take connections, and stay calm when there is no descriptor for one.
 *
 * A connection that accept(2) cannot take, because the process or the system is out of descriptors
 * or memory, stays in the queue and keeps the socket readable: a loop that only tried again would
 * do nothing else.  So the socket is looked away from for a moment.  Io thread.
 */

#include "lib/listener.h"

#include "lib/sock.h"

#define PAUSE_MS 500

static void watch(struct listener *l)
{
	loop_mod(l->loop, &l->io, l->is_held || l->is_paused ? 0 : EPOLLIN);
}

static void on_connection(struct io *io, uint32_t events)
{
	struct listener *l = CONTAINER_OF(io, struct listener, io);
	int fd = sock_accept(io->fd);

	(void)events;
	if (fd >= 0)
		l->accepted(l, fd);
	else if (!sock_accept_is_passing(errno))
		listener_pause(l);
}

static void on_timer(struct io *io, uint32_t events)
{
	struct listener *l = CONTAINER_OF(io, struct listener, timer);

	(void)events;
	timer_read(io->fd);
	l->is_paused = false;
	watch(l);
}

int listener_open(struct listener *l, struct loop *loop, int own_fd,
		  void (*accepted)(struct listener *l, int own_fd), struct error *e)
{
	*l = (struct listener){
		.io = { .fd = own_fd, .ready = on_connection },
		.timer = { .fd = timer_open(e), .ready = on_timer },
		.loop = loop,
		.accepted = accepted,
	};
	if (l->timer.fd >= 0 && loop_add(loop, &l->timer, EPOLLIN, e) >= 0 &&
	    loop_add(loop, &l->io, EPOLLIN, e) >= 0)
		return 0;
	listener_close(l);
	return -e->code;
}

void listener_close(struct listener *l)
{
	loop_del(l->loop, &l->io);
	loop_del(l->loop, &l->timer);
	l->io.fd = close_fd(l->io.fd);
	l->timer.fd = close_fd(l->timer.fd);
}

void listener_hold(struct listener *l)
{
	l->is_held = true;
	watch(l);
}

void listener_go_on(struct listener *l)
{
	l->is_held = false;
	watch(l);
}

void listener_pause(struct listener *l)
{
	l->is_paused = true;
	watch(l);
	timer_arm(l->timer.fd, PAUSE_MS, 0);
}
