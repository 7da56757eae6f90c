/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_GUEST_LOGPORT_H
#define AGENT_GUEST_LOGPORT_H

#include "lib/loop.h"

/* The agent's log as a stream on a vsock port, for one reader at a time. */
struct logport;

/* *ret_fd is where the log is to be written; it stays the logport's.  Before loop_run(). */
struct logport *logport_new(struct loop *loop, uint32_t port, int *ret_fd, struct error *e);
/* Nothing may be logged any more. */
void logport_free(struct logport *l);

#endif
