/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_OPEN_H
#define RUNTIME_POD_OPEN_H

#include "runtime/pod/pod.h"

/* open - the beginning and the end of a pod.  Io thread, or without a loop that runs. */

struct pod_params {
	struct loop *loop;
	const char *id;
	const char *namespace_;
	const char *bundle;      /* of the first container */
	int held;                /* state_hold(), borrowed; -1: none */
	const char *config_path; /* NULL: the engine says, or the default is */
	uint64_t kill_wait_ms;   /* what a killed process may take to end */
	uint64_t look_ms;        /* how often it looks whether it is still wanted; 0: never */
	unsigned max_threads;
	struct pod_listener listener;
};
/* An empty one.  What PARAMS point to must outlive it; after a failure it is closed, too. */
int pod_open(struct pod *pod, const struct pod_params *params, struct error *e);
/* No op is under way afterwards.  After loop_run(); whoever may still be answered is there. */
void pod_halt(struct pod *pod);
/* Halts it first. */
void pod_close(struct pod *pod);

#endif
