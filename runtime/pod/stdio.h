/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_STDIO_H
#define RUNTIME_POD_STDIO_H

#include "lib/rpc/client.h"
#include "runtime/pod/sink.h"

/* stdio - the streams of one process, between the agent and containerd's fifos. */

struct stdio;

struct stdio_params {
	struct loop *loop;
	const char *container_id;
	const char *exec_id;    /* as the agent knows it */
	const char *namespace_; /* for loggers */
	struct stdio_paths paths;
};

/* Opens the host's side.  EINVAL names a scheme nobody knows.  A logger (binary://) is started and
 * waited for.  Work thread. */
int stdio_open(const struct stdio_params *params, struct stdio **ret_stdio, struct error *e);

/* Copies from now on.  ENDED(ARG) is called once, when both outputs have been delivered to the
 * end; it must not free S.  Io thread, as all below. */
void stdio_start(struct stdio *s, struct rpc_client *rpc, void (*ended)(void *arg), void *arg);

/* Closes the process's input once what is in the fifo has been passed on; remembered until
 * stdio_start(). */
void stdio_close_input(struct stdio *s);

/* No more output is expected: if none can be delivered for a while, ENDED comes anyhow. */
void stdio_expect_end(struct stdio *s);

/* Ends the outputs with what has come; ENDED follows. */
void stdio_end_outputs(struct stdio *s);

/* The agent is gone for good: afterwards the client is not used any more.  Outputs end with what
 * has come, input ends now. */
void stdio_detach(struct stdio *s);

/* ENDED is not called any more; memory goes when the last answer has come. */
void stdio_free(struct stdio *s);

#endif
