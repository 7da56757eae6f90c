/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_SOCK_H
#define LIB_SOCK_H

#include "lib/wait.h"

/*
 * Stream sockets by the addresses of the agent protocol.
 *
 *   unix://PATH          a path, or @NAME in the abstract space; remote:// and mock:// are the same
 *   vsock://CID:PORT     to a guest or the host; CID -1 listens for everybody
 *   hvsock://PATH:PORT   a hybrid vsock: the VMM's socket PATH, then "CONNECT PORT"; connect only
 */

#define SOCK_CID_HOST 2

enum sock_kind { SOCK_KIND_UNIX, SOCK_KIND_VSOCK, SOCK_KIND_HVSOCK };

struct sock_address {
	enum sock_kind kind;
	char path[108]; /* of UNIX and HVSOCK, NUL-terminated */
	uint32_t cid;   /* of VSOCK */
	uint32_t port;  /* of VSOCK and HVSOCK */
};

/* EINVAL names TEXT and what is wrong with it. */
int sock_parse(const char *text, struct sock_address *ret_address, struct error *e);

/* Binds and listens; a socket file left by an earlier process is replaced.  Returns a non-blocking
 * descriptor. */
int sock_listen(const struct sock_address *a, struct error *e);

/* Accepts a non-blocking connection of LISTENER; -1 and errno as accept(2) has it.  On a vsock only
 * the host is a peer: everybody else, which is the guest's own processes, is turned away and
 * ECONNABORTED.
 */
int sock_accept(int listener);
/* From now on the host is a peer only with a port that needs privileges there (below 1024), as ours
 * have: not every process of the host, nor of a container on it.  Once, before there are others. */
void sock_accept_privileged_only(void);
/* Whether accept(2) failed with CODE for the peer's sake or a signal's: it can be called again.
 * Otherwise we are out of something, the connection stays in the queue, and whoever only tried
 * again would do nothing else. */
bool sock_accept_is_passing(int code);
/* Writing to a peer that has closed is an error of that write and not the end of this process.
 * Programs started by lib/proc.h get the default back.  Any thread, any number of times. */
void sock_ignore_sigpipe(void);

/* Connects, and for HVSOCK does the handshake without reading a byte too many.  One try: a peer
 * that is not there yet is ECONNREFUSED, ECONNRESET, ENOENT or ENODEV, for the caller to try again.
 * On a vsock from a privileged port, as long as we may have one and one is free.
 * Returns a non-blocking descriptor.  Not for the io thread. */
int sock_connect(const struct sock_address *a, uint64_t deadline_ms, const struct cancel *cancel,
		 struct error *e);

#endif
