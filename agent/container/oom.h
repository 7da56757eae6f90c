/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONTAINER_OOM_H
#define AGENT_CONTAINER_OOM_H

#include "agent/container/parked.h"
#include "lib/loop.h"

struct cgroup;

/* Tells which container lost a process for want of memory.  Io thread. */
struct oom;

struct oom *oom_new(struct loop *loop, struct error *e);
void oom_free(struct oom *oom);

/* Watches the group CG, which must stay until oom_unwatch(), for container ID. */
int oom_watch(struct oom *oom, const char *id, const struct cgroup *cg, struct error *e);
/* Looks now, as before the end of a process of container ID is told: whoever asks why it ended
 * knows then. */
void oom_look(struct oom *oom, const char *id);
/* Looks once more, then forgets the container; an event nobody asked for yet stays. */
void oom_unwatch(struct oom *oom, const char *id);

/* Handler of GetOOMEvent. */
int oom_wait(struct oom *oom, struct rpc_request *req, void *out, struct error *e);
/* Answers the waiting calls with an error. */
void oom_cancel(struct oom *oom, int code, const char *why);

#endif
