/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_TUNNEL_H
#define LIB_TUNNEL_H

#include "lib/loop.h"

/*
 * tunnel - carry a stream socket inside another one, to somebody who does the reverse.
 *
 * One of the two sockets is plain, the other carries its bytes in pieces: two bytes of length, the
 * highest first, then so many; a piece of no bytes is the end of that direction.  So each direction
 * ends by itself, whatever the carrying socket knows of that, and what was sent arrives.
 */
struct tunnel;

enum tunnel_end {
	TUNNEL_OVER,   /* both directions have ended and all is delivered */
	TUNNEL_BROKEN, /* the plain peer is to see a reset, which tunnel_free() makes */
};

/* Takes the connected sockets OWN_PLAIN and OWN_CARRIER, which do not block, also when it fails.
 * ENDED(ARG) is called once and may free the tunnel; nothing is carried any more then.  Io thread.
 */
struct tunnel *tunnel_new(struct loop *loop, int own_plain, int own_carrier,
			  void (*ended)(void *arg, enum tunnel_end how), void *arg,
			  struct error *e);
void tunnel_free(struct tunnel *own_tunnel);

/* Closes OWN_FD, a TCP connection, in a way that its peer takes for a refusal. */
void tunnel_refuse(int own_fd);

#endif
