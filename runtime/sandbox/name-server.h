/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_NAME_SERVER_H
#define RUNTIME_SANDBOX_NAME_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

struct network;

/* Questions to it that can be under way. */
#define NAME_SERVER_QUESTIONS 16

/* A name server that an engine runs for a pod, at a loopback address of its network namespace. */
struct name_server {
	char *resolv_conf; /* the host's file of that name for the pod; NULL: none */
	bool is_there;     /* atomic: sockets are open */
	int sockets[NAME_SERVER_QUESTIONS]; /* of the namespace, for datagrams; -1: not open */
};

void name_server_init(struct name_server *s);
void name_server_done(struct name_server *s);
/* Looks whether there is one by now, and opens the sockets.  Work thread, one at a time. */
int name_server_look(struct name_server *s, const struct network *n, struct error *e);
/* Where it listens; NULL: there is none, or not yet.  Any thread. */
const char *name_server_address(const struct name_server *s);

#endif
