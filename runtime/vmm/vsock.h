/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_VMM_VSOCK_H
#define RUNTIME_VMM_VSOCK_H

#include "lib/str.h"
#include "lib/wait.h"

/*
 * vsock - reach programs in the guest by port, and be reached by them.
 *
 * Two ways: the host's vhost-vsock (an address family and a context id), or a unix socket of a
 * daemon or VMM that speaks the hybrid protocol ("CONNECT PORT\n", "OK ...\n"; a guest that calls
 * the host at port P arrives at PATH_P).  An address is written as upstream does:
 * "vsock://CID:PORT" and "hvsock://PATH:PORT".
 */

#define VSOCK_PORT_AGENT   1024
#define VSOCK_PORT_LOG     1025
#define VSOCK_PORT_CONSOLE 1026
#define VSOCK_PORT_FORWARD 1027 /* of our agent: agent/network/forward.c */

enum vsock_kind { VSOCK_NONE, VSOCK_VHOST, VSOCK_HYBRID };

struct vsock {
	enum vsock_kind kind;
	uint32_t cid; /* the guest's; 3 for VSOCK_HYBRID */
	int vhost_fd; /* VSOCK_VHOST: the device, CID set, for the VMM; else -1 */
	char *path;   /* VSOCK_HYBRID: the unix socket; else NULL */
};

/* True when /dev/vhost-vsock can be opened. */
bool vsock_has_vhost(void);
/* Opens vhost-vsock with a free CID; ENODEV where the host has none. */
int vsock_open_vhost(struct vsock *v, struct error *e);
/* Names DIR/vsock.sock for whoever speaks the hybrid protocol. */
void vsock_open_hybrid(struct vsock *v, const char *dir);
void vsock_done(struct vsock *v);

/* The address of PORT in the guest, in words ("vsock://...").  Caller frees. */
char *vsock_url(const struct vsock *v, uint32_t port);

/* Connects to PORT of the guest, once (see sock_connect()). */
int vsock_dial(const struct vsock *v, uint32_t port, uint64_t deadline_ms, const struct cancel *c,
	       struct error *e);

/* The agent's ready signal: a listener for connections of the guest to a port of ours. */
struct vsock_ready {
	int fd;
	uint32_t port;     /* for the kernel parameter agent.ready_vport */
	uint32_t peer_cid; /* VSOCK_VHOST: the only guest that is listened to */
	char *path;        /* VSOCK_HYBRID: of the listener, unlinked when done; else NULL */
};

/* Listens; call before the VMM starts. */
int vsock_ready_open(const struct vsock *v, struct vsock_ready *ret, struct error *e);
void vsock_ready_done(struct vsock_ready *r);

/* Waits until the agent can be dialled: for the line "READY VERSION\n" of an agent of ours, or
 * PATIENCE_MS, in which no agent called.  Returns 1 with *ret_version (to be freed; "" where an
 * agent called and its line was lost) in the first case, 0 with NULL in the second. */
int vsock_ready_wait(const struct vsock_ready *r, uint64_t patience_ms, uint64_t deadline_ms,
		     const struct cancel *c, char **ret_version, struct error *e);

#endif
