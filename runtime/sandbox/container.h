/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_CONTAINER_H
#define RUNTIME_SANDBOX_CONTAINER_H

#include "runtime/sandbox/rootfs.h"
#include "runtime/sandbox/sandbox.h"

/* container - one container of a sandbox, its files on the host and its twin in the guest.  Work
 * threads, one at a time per container, unless stated otherwise. */

struct container;

struct container_params {
	const char *id;
	const char *bundle;
	const struct rootfs_mount *mounts; /* to be mounted on BUNDLE/rootfs */
	size_t n_mounts;
};

/* Shares the files of the container and creates it in the guest, its process waiting.  Consumes
 * OWN_SPEC in every case.  A failure leaves nothing behind. */
int container_create(struct sandbox *s, const struct container_params *params, Oci__Spec *own_spec,
		     struct container **ret_container, struct error *e);
int container_start(struct container *c, struct error *e);
/* Takes out of RESOURCES what has no meaning in the guest. */
int container_update(struct container *c, Oci__LinuxResources *resources, struct error *e);

/* Kills what runs and removes it from the guest and the host.  The host's part is done even if the
 * agent does not answer. */
void container_remove(struct container *c);
/* The host's part alone, for a guest that is gone or is about to be. */
void container_forget(struct container *c);

/* Frees the description only.  Any thread. */
void container_free(struct container *c);

#endif
