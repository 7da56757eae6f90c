/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_RPC_CLIENT_H
#define LIB_RPC_CLIENT_H

#include <protobuf-c/protobuf-c.h>

#include "lib/loop.h"
#include "lib/rpc/status.h"
#include "lib/rpc/ttrpc.h"
#include "lib/wait.h"

/*
 * A ttRPC client on one connected stream.  The io thread reads answers; calls are made either
 * blocking from a work thread or asynchronously from the io thread.  Any number may be under way.
 */

struct rpc_client;

/* One kind of call, the counterpart of struct rpc_method. */
struct rpc_call {
	const char *service;
	const char *name;
	const ProtobufCMessageDescriptor *in;
	const ProtobufCMessageDescriptor *out;
};

/* Takes the connected stream OWN_FD, also when it fails.  Any thread. */
struct rpc_client *rpc_client_new(struct loop *loop, int own_fd, struct error *e);
/* Fails what is under way with ECONNRESET, then frees.  Io thread or after loop_run(), not from the
 * DONE of a call; no call may be made any more. */
void rpc_client_free(struct rpc_client *client);
DEFINE_CLEANUP(rpc_client_freep, struct rpc_client *, rpc_client_free)

/* Calls CLOSED(ARG, WHY) once on the io thread when the stream has ended, or at once if it has.
 * CLOSED may free the client.  Io thread. */
void rpc_client_on_close(struct rpc_client *client,
			 void (*closed)(void *arg, const struct error *why), void *arg);

/* Calls TOOK(ARG, ...) for every answer from now on: to what, and how long it took.  Io thread. */
void rpc_client_observe(struct rpc_client *client,
			void (*took)(void *arg, const struct rpc_call *call, uint64_t ms),
			void *arg);

/* Ends the connection: every call, under way or later, fails with ECONNRESET.  Any thread. */
void rpc_client_close(struct rpc_client *client);

/* Calls and waits.  *ret_out is the answer, to be freed with message_free(); pass NULL when it does
 * not matter.  A status other than OK is the errno of rpc_errno_of() with the peer's message;
 * ETIMEDOUT and ECANCELED abandon the call.  Any thread but the io thread. */
int rpc_call(struct rpc_client *client, const struct rpc_call *call, const void *in, void *ret_out,
	     uint64_t deadline_ms, const struct cancel *cancel, struct error *e);

/* Calls and returns; DONE runs on the io thread with the answer (freed after it) or with OUT NULL
 * and *ERROR filled.  IN is serialised at once.  A failure of this function itself calls no DONE.
 * Io thread. */
int rpc_call_async(struct rpc_client *client, const struct rpc_call *call, const void *in,
		   void (*done)(void *arg, void *out, const struct error *error), void *arg,
		   struct error *e);
/* The same, and the peer is told by when the answer is wanted.  Whoever calls gives up by himself.
 */
int rpc_call_async_within(struct rpc_client *client, const struct rpc_call *call, const void *in,
			  uint64_t deadline_ms,
			  void (*done)(void *arg, void *out, const struct error *error), void *arg,
			  struct error *e);
/* Abandons every asynchronous call with ARG: its DONE is not called.  Io thread. */
void rpc_call_forget(struct rpc_client *client, const void *arg);

#endif
