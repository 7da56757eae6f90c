/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_RPC_SERVER_H
#define LIB_RPC_SERVER_H

#include <protobuf-c/protobuf-c.h>

#include "lib/rpc/status.h"
#include "lib/rpc/ttrpc.h"
#include "lib/wait.h"
#include "lib/work.h"

/*
 * A ttRPC server: a table of methods, each a function from one message to another.
 *
 * The io thread reads frames, decodes the request by its descriptor and either calls the handler
 * itself (RPC_INLINE: must not block) or queues a job (RPC_WORK: may block, with deadlines).  When
 * the caller's deadline passes first, the server answers DEADLINE_EXCEEDED by itself and drops the
 * answer that comes later.  Calls under way are bounded per connection (RPC_WORK by WIRE_CALLS_MAX,
 * all by WIRE_PARKED_MAX, and by WIRE_CALL_BYTES_MAX but for small RPC_INLINE ones): more are
 * answered RESOURCE_EXHAUSTED.  Connections beyond WIRE_RPC_PEERS_MAX wait to be accepted.
 */

struct rpc_server;
struct rpc_request;

enum rpc_where { RPC_INLINE, RPC_WORK };

/*
 * IN is the decoded request; OUT is an initialised, empty response whose fields the handler sets to
 * malloc()ed values, freed with the response.  Returns 0 to answer with OUT, -errno with *e filled
 * to answer with a status (rpc_status_of()), or rpc_defer(req) to answer later.
 */
typedef int rpc_handler(struct rpc_request *req, const void *in, void *out, struct error *e);
#define RPC_DEFERRED 1

struct rpc_method {
	const char *service; /* "grpc.AgentService" */
	const char *name;    /* "CreateSandbox" */
	const ProtobufCMessageDescriptor *in;
	const ProtobufCMessageDescriptor *out;
	enum rpc_where where;
	rpc_handler *handle;
};

/* A second name under which a service is served. */
struct rpc_alias {
	const char *name; /* "containerd.task.v3.Task" */
	const char *of;   /* "containerd.task.v2.Task" */
};

struct rpc_service {
	const struct rpc_method *methods;
	size_t n_methods;
	const struct rpc_alias *aliases;
	size_t n_aliases;
	/* The queue in whose order an RPC_WORK call runs; NULL: beside everything else.  Called on
	 * the io thread; may itself be NULL. */
	struct work_queue *(*queue_of)(void *context, const struct rpc_method *method,
				       const void *in);
	void *context;
	/* Called on the io thread when a connection has ended; may be NULL. */
	void (*closed)(void *context);
	/* Called on the io thread when a call of METHOD has been answered, after so long; may be
	 * NULL. */
	void (*answered)(void *context, const struct rpc_method *method, uint64_t ms);
};

/* SERVICE is copied; what it points to must outlive the server.  POOL may be NULL if no method is
 * RPC_WORK. */
struct rpc_server *rpc_server_new(struct loop *loop, struct work_pool *pool,
				  const struct rpc_service *service, struct error *e);
/* Closes the listeners and connections.  No job of a request may be under way (stop the pool
 * first), and whoever may still answer a deferred one must be gone (free clients first): those left
 * are freed unanswered.  What was answered before is sent as far as the sockets take it.  Io thread
 * or after loop_run(). */
void rpc_server_free(struct rpc_server *server);
DEFINE_CLEANUP(rpc_server_freep, struct rpc_server *, rpc_server_free)

/* Serves every connection of the listening socket OWN_FD.  Io thread or before loop_run(). */
int rpc_server_listen(struct rpc_server *server, int own_fd, struct error *e);
/* Serves one connected stream.  Same threads. */
int rpc_server_serve(struct rpc_server *server, int own_fd, struct error *e);

/* Of the service the request came to. */
void *rpc_context(const struct rpc_request *req);
/* The queue in which the RPC_WORK call runs; one of its own if queue_of() named none. */
const struct work_queue *rpc_queue(const struct rpc_request *req);
/* The caller's deadline on the clock of now_ms(); NO_DEADLINE if it set none. */
uint64_t rpc_deadline_ms(const struct rpc_request *req);
/* Raised when the connection ends; the work of a request may use it to give up. */
const struct cancel *rpc_cancel(const struct rpc_request *req);
/* True if nobody gets the answer: the connection has ended, the caller has closed its end, or its
 * deadline has passed.  For whoever is about to give away something that exists once.  Io thread.
 */
bool rpc_is_abandoned(const struct rpc_request *req);

/* Lets somebody answer REQ later; returns RPC_DEFERRED for the handler to return, which must not
 * touch IN or OUT any more.  REQ stays valid until it is answered with exactly one of the two calls
 * below, even if the connection ends before.  Any thread. */
int rpc_defer(struct rpc_request *req);
/* OUT is serialised at once and stays the caller's. */
void rpc_reply(struct rpc_request *req, const void *out);
void rpc_reply_error(struct rpc_request *req, const struct error *e);

#endif
