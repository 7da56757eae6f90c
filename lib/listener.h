/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_LISTENER_H
#define LIB_LISTENER_H

#include "lib/loop.h"

/*
 * A listening socket of a server.  Embedded in its owner, io thread only.
 */
struct listener {
	struct io io;
	struct io timer;
	struct loop *loop;
	/* Takes OWN_FD, a connection that does not block. */
	void (*accepted)(struct listener *l, int own_fd);
	bool is_held;
	bool is_paused;
};

#define LISTENER_NONE ((struct listener){ .io.fd = -1, .timer.fd = -1 })

/* Serves OWN_FD, which it takes, also when it fails. */
int listener_open(struct listener *l, struct loop *loop, int own_fd,
		  void (*accepted)(struct listener *l, int own_fd), struct error *e);
/* LISTENER_NONE is allowed. */
void listener_close(struct listener *l);

/* Leaves further connections to the system until listener_go_on(): the owner has no room. */
void listener_hold(struct listener *l);
void listener_go_on(struct listener *l);
/* The same for a moment: the owner could not get what a connection takes. */
void listener_pause(struct listener *l);

#endif
