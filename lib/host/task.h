/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_TASK_H
#define LIB_HOST_TASK_H

#include "lib/json.h"
#include "lib/wait.h"

/*
 * One program run to its end by containerd, as a task in a namespace of its owner, seen by
 * neither the kubelet nor CRI.  It needs no image: its root is a folder.
 *
 * This is how an installer in a container runs something on the node, and something in a sandbox,
 * with no right of its own but containerd's socket.
 */
struct task_spec {
	const char *socket;       /* of containerd */
	const char *namespace;    /* in it; nobody else uses it */
	const char *id;           /* not used before: what has it may still be being cleaned up */
	const char *runtime;      /* "io.containerd.runc.v2" */
	const char *runtime_path; /* the shim; NULL: found by the runtime's name */
	const char *config_path;  /* option of the runtime; NULL: none */
	const char *rootfs;       /* a folder of the node, the same path here and there */
	const char *fifo_dir;     /* folder for the fifos of its output, likewise */
	struct json_object *oci;  /* config.json with root.path "rootfs" */
};

#define TASK_OUTPUT_MAX (4 * MIB)

struct task_result {
	unsigned status; /* exit status */
	char *out;       /* standard output */
	char *err;       /* standard error */
};

static inline void task_result_done(struct task_result *r)
{
	free(r->out);
	free(r->err);
	*r = (struct task_result){ 0 };
}
#define _task_result_ _cleanup_(task_result_done)

/* Runs, waits, collects what it wrote, and removes every trace, on failure as well; first, what a
 * killed run left.  One at a time on a machine.  Survives a restart of containerd by the task
 * itself. */
int task_run(const struct task_spec *spec, uint64_t deadline_ms, const struct cancel *cancel,
	     struct task_result *ret_result, struct error *e);

/* Removes what a killed run left, as task_run() does first; within its own deadline. */
int task_clear(const char *socket, const char *namespace, struct error *e);

#endif
