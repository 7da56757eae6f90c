/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONTAINER_CONTAINER_H
#define AGENT_CONTAINER_CONTAINER_H

#include "lib/rpc/server.h"
#include "lib/wait.h"

struct sandbox;
struct containers;

/*
 * The containers of the sandbox.  The list is found by id under its own lock; a container belongs
 * to its queue, a process' exit state and streams to the io thread.
 */
/* Also begins to reap every orphan of the guest.  Before threads exist. */
struct containers *containers_new(struct sandbox *sb, struct error *e);
/* After containers_destroy_all() and loop_run(). */
void containers_free(struct containers *cs);

enum containers_get { CONTAINERS_FIND, CONTAINERS_MAKE };

/* The queue in whose order the calls for container ID run.  CONTAINERS_MAKE (CreateContainer) makes
 * it when there is none; NULL when ID is bad or unknown: the call then runs beside everything and
 * its handler finds no container, not even one that is made meanwhile.  Io thread. */
struct work_queue *containers_queue(struct containers *cs, const char *id, enum containers_get get);

/* Kills and removes every container.  Always ends.  Work thread. */
void containers_destroy_all(struct containers *cs, uint64_t deadline_ms);

/* Answers every parked call (WaitProcess, GetOOMEvent, ReadStdout, ReadStderr) with ECANCELED, as
 * before the agent ends.  Io thread. */
void containers_cancel_waits(struct containers *cs);

/* RPC_WORK */
rpc_handler container_rpc_create;
rpc_handler container_rpc_start;
rpc_handler container_rpc_remove;
rpc_handler container_rpc_exec;
rpc_handler container_rpc_update;
rpc_handler container_rpc_stats;
rpc_handler container_rpc_diagnostic;
rpc_handler container_rpc_pause;
rpc_handler container_rpc_resume;
/* RPC_INLINE */
rpc_handler container_rpc_signal;
rpc_handler container_rpc_wait;
rpc_handler container_rpc_write_stdin;
rpc_handler container_rpc_close_stdin;
rpc_handler container_rpc_read_stdout;
rpc_handler container_rpc_read_stderr;
rpc_handler container_rpc_tty_resize;
rpc_handler container_rpc_oom_event;

#endif
