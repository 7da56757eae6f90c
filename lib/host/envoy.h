/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_ENVOY_H
#define LIB_HOST_ENVOY_H

#include "lib/host/engine.h"
#include "lib/host/task.h"

/*
 * Programs run on the node and in a sandbox, from inside a container, through the engine (task.h).
 * Work is done in ROOT/.work.
 *
 * Both carry this very program into the other world: it must be linked statically and answer to
 * ENVOY_EXEC and ENVOY_CANARY as its first argument (envoy_main()).
 */
#define ENVOY_EXEC   "node-exec"
#define ENVOY_CANARY "node-canary"
/* As argv[0] of envoy_exec(), followed by a path: the program that listens on that socket. */
#define ENVOY_PEER "peer-of:"
/* The same, to be told with which words that program was started: one a line, behind one for each
 * path that follows in ARGV.  In paths, links are followed but for the last name. */
#define ENVOY_WORDS "words-of:"

/* Runs ARGV on the node as root, with the node's files, processes and network.  argv[0] without a
 * slash is looked up in the usual folders.  A non-zero exit is no error. */
engine_exec envoy_exec;

/* Boots a sandbox of HANDLER, runs a program in it that answers, takes it down.  *ret_kernel is the
 * guest's kernel release.  Fails if the answer came from the node's own kernel. */
int envoy_canary(const struct engine *engine, const struct handler *handler, uint64_t deadline_ms,
		 const struct cancel *cancel, char **ret_kernel, struct error *e);

/* Whether OUTPUT is what this program prints where it is started with ENVOY_CANARY and NONCE in a
 * sandbox: "canary NONCE BOOT-ID KERNEL"; EPROTO if not, or if it was on the node's own kernel. */
int envoy_check(const char *output, const char *nonce, char **ret_kernel, struct error *e);

/* The same through the engine's CRI service, with the handler as it is configured (trial.h). */
int envoy_trial(const struct engine *engine, const struct handler *handler, const char *version_dir,
		uint64_t deadline_ms, const struct cancel *cancel, struct error *e);

/* Removes what killed runs of these three left, in the engine and in ROOT/.work. */
int envoy_clear(const struct engine *engine, struct error *e);
/* Whether one of the first two was killed, or runs. */
bool envoy_has_rest(const struct engine *engine);

/* Runs the part of envoy_exec() or envoy_canary() that happens over there, if ARGV asks for it:
 * then returns the exit status, else -1. */
int envoy_main(int argc, char **argv);

#endif
