/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SANDBOX_H
#define AGENT_SANDBOX_H

#include <sys/types.h>

#include "lib/rpc/server.h"
#include "lib/work.h"

#include "agent/config.h"
#include "agent/plan/run-dir.h"

struct containers;
struct hugepages_pools;
struct names;
struct storages;
struct uevents;

/*
 * The one sandbox of a guest: the root of everything the agent owns, and the context of every RPC
 * (rpc_context()).
 *
 * Threads.  The io thread decodes requests and runs RPC_INLINE handlers; they never block and may
 * touch everything marked (io).  An RPC_WORK handler runs on a work thread: calls that name a
 * container in the order of that container's queue (containers_queue()), calls that change the
 * sandbox in the order of `queue`, stateless ones beside everything.  What is marked (fixed) is set
 * before the server listens and may be read by any thread.  Members with a lock of their own say so
 * in their header.
 */
struct sandbox {
	struct loop *loop;             /* (fixed) */
	struct work_pool *pool;        /* (fixed) */
	const struct config *config;   /* (fixed) */
	struct uevents *uevents;       /* (fixed) own lock */
	struct storages *storages;     /* (fixed) own lock */
	struct containers *containers; /* (fixed) own lock, container.h */
	struct hugepages_pools *pages; /* (fixed) own lock */
	struct names *names;           /* (io) */
	struct work_queue *queue;      /* (fixed) order of the sandbox's own calls */
	struct sandbox_state *state;   /* (fixed) own lock, sandbox.c */
	uint64_t scrapes;              /* atomic: how often the metrics were asked for */
	/* Told to main on the io thread: DestroySandbox was answered; a connection has ended. */
	void (*ended)(struct sandbox *sb);        /* (fixed) */
	void (*disconnected)(struct sandbox *sb); /* (fixed) */
	void *owner;                              /* (fixed) theirs */
	struct loop_task end_task;                /* sandbox.c */
};

#define SANDBOX_ID_MAX 128 /* characters of a container, exec or sandbox id */

/* Makes the parts above that are (fixed).  Before loop_run(). */
struct sandbox *sandbox_new(struct loop *loop, struct work_pool *pool, const struct config *config,
			    struct error *e);
/* Kills what is left, unmounts, frees.  After loop_run(). */
void sandbox_free(struct sandbox *sb);
DEFINE_CLEANUP(sandbox_freep, struct sandbox *, sandbox_free)

enum sandbox_ns { SANDBOX_NS_IPC, SANDBOX_NS_UTS, SANDBOX_NS_NET, SANDBOX_NS_USER, N_SANDBOX_NS };

/* A descriptor of the namespace that every container of the sandbox joins, to be closed by the
 * caller; -ENOENT before CreateSandbox, and for one that is the guest's own.  Any thread. */
int sandbox_ns_open(struct sandbox *sb, enum sandbox_ns ns, struct error *e);

struct idmap;

/* Gives the sandbox a user namespace with this map, which owns its other namespaces; the network
 * moves into the new one.  Nothing if it has it already; EINVAL if it has another.  Work thread. */
int sandbox_adopt_users(struct sandbox *sb, const struct idmap *map, struct error *e);

/* The id given by CreateSandbox, "" before it.  Caller frees.  Any thread. */
char *sandbox_id(struct sandbox *sb);

rpc_handler sandbox_rpc_create;
rpc_handler sandbox_rpc_destroy;

#endif
