/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_SIZE_H
#define RUNTIME_SANDBOX_SIZE_H

#include "runtime/config/config.h"
#include "runtime/sandbox/spec.h"

/* What somebody is allowed to use; 0 is no limit. */
struct size {
	uint64_t cpu_milli;
	uint64_t memory_bytes;
};

/* A VM. */
struct size_vm {
	unsigned vcpus;
	uint64_t memory_mib;
};

/* The limits of a container's resources (NULL: none). */
struct size size_of_resources(const Oci__LinuxResources *resources);
/* The limits after an update of a container that had those of BEFORE: what RESOURCES do not name
 * stays. */
struct size size_update(struct size before, const Oci__LinuxResources *resources);
/* What the annotations of a pod's sandbox say about the whole pod.  EINVAL names the one that is no
 * number. */
int size_of_pod(const Oci__Spec *spec, struct size *ret_size, struct error *e);

/* The VM for work of LIMITS on top of what the configuration gives every VM, within its maxima. */
struct size_vm size_vm(const struct config *config, struct size limits);

struct size size_add(struct size a, struct size b);

#endif
