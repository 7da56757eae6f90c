/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_NODE_H
#define LIB_HOST_NODE_H

#include "lib/host/engine.h"
#include "lib/host/task.h"

/*
 * Programs run on the node and in a sandbox, from inside a container, through the engine (task.h).
 * Work is done in ROOT/.work.
 *
 * Both carry this very program into the other world: it must be linked statically and answer to
 * NODE_EXEC and NODE_CANARY as its first argument (node_main()).
 */
#define NODE_EXEC   "node-exec"
#define NODE_CANARY "node-canary"
/* As argv[0] of node_exec(), followed by a path: the program that listens on that socket. */
#define NODE_PEER "peer-of:"

/* Runs ARGV on the node as root, with the node's files, processes and network.  argv[0] without a
 * slash is looked up in the usual folders.  A non-zero exit is no error. */
engine_exec node_exec;

/* Boots a sandbox of HANDLER, runs a program in it that answers, takes it down.  *ret_kernel is the
 * guest's kernel release.  Fails if the answer came from the node's own kernel. */
int node_canary(const struct engine *engine, const struct handler *handler, uint64_t deadline_ms,
		const struct cancel *cancel, char **ret_kernel, struct error *e);

/* The same through the engine's CRI service, with the handler as it is configured (trial.h). */
int node_trial(const struct engine *engine, const struct handler *handler, const char *version_dir,
	       uint64_t deadline_ms, const struct cancel *cancel, struct error *e);

/* Removes what killed runs of these three left, in the engine and in ROOT/.work. */
int node_clear(const struct engine *engine, struct error *e);

/* Runs the part of node_exec() or node_canary() that happens over there, if ARGV asks for it: then
 * returns the exit status, else -1. */
int node_main(int argc, char **argv);

#endif
