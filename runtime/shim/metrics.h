/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SHIM_METRICS_H
#define RUNTIME_SHIM_METRICS_H

#include <sys/types.h>

#include "lib/rpc/client.h"
#include "lib/rpc/server.h"

/*
 * metrics - the pod in numbers, as Prometheus text, under the names that upstream's shim has.
 */

struct metrics;
struct sandbox;

/* What a pod takes and what its containers say they took, at one moment. */
struct metrics_sample {
	uint64_t at_ns; /* 0: unknown */
	uint64_t host_cpu_ns, host_memory;
	uint64_t guest_cpu_ns, guest_memory;
};

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);

/* One more call of the Task service, or of the agent, took MS.  Io thread. */
void metrics_task_took(struct metrics *m, const struct rpc_method *method, uint64_t ms);
void metrics_agent_took(struct metrics *m, const struct rpc_call *call, uint64_t ms);

/* What has to be read and asked for: of this process, the VM's and the guest with CONTAINERS.  What
 * cannot be had is left out.  Caller frees.  Work thread. */
char *metrics_gather(struct sandbox *s, char *const *containers, struct metrics_sample *ret_sample);

/* All of it: GATHERED, and what is known here.  Caller frees.  Io thread. */
char *metrics_text(struct metrics *m, const char *gathered, const struct metrics_sample *now);

/* The parts, which the caller frees. */
/* The processes PIDS together as families PREFIX_..., read below PROC. */
char *metrics_of_processes(const char *prefix, const char *proc, const pid_t *pids, size_t n_pids);
/* What the guest SAID, a line at a time: it speaks of itself alone. */
char *metrics_of_guest(const char *said);

#endif
