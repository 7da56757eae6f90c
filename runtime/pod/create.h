/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_CREATE_H
#define RUNTIME_POD_CREATE_H

#include "runtime/pod/task.h"

/* create - a container and, with the first one, the VM it lives in.  Io thread. */

struct task_params {
	const char *id;
	const char *bundle;
	const char *config_path;           /* that the engine names; NULL or "" if it does not */
	const struct rootfs_mount *mounts; /* to be mounted on BUNDLE/rootfs */
	size_t n_mounts;
	const char *in, *out, *err;
	bool is_terminal;
};
/* Fails, or answers ASKER later; PARAMS are copied. */
int pod_create(struct pod *pod, const struct task_params *params, struct asker asker,
	       struct error *e);

#endif
