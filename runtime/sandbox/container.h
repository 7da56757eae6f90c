/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_CONTAINER_H
#define RUNTIME_SANDBOX_CONTAINER_H

#include "runtime/sandbox/ask.h"
#include "runtime/sandbox/rootfs.h"
#include "runtime/sandbox/sandbox.h"

/*
 * container - one container of a sandbox, its files on the host and its twin in the guest.
 *
 * What takes a while comes in stages, one at a time per container: those of the host on a work
 * thread, questions to the agent on the io thread, which waits for no answer.
 */

struct container;

struct container_params {
	const char *bundle;
	const struct rootfs_mount *mounts; /* to be mounted on BUNDLE/rootfs */
	size_t n_mounts;
};

/* A description; it is not made.  Any thread. */
struct container *container_new(struct sandbox *s, const char *id, Oci__Spec *own_spec);

/* Brings its files into the guest.  Work thread; once.  Then the agent is asked to make it, its
 * process waiting, and what became of that is told: WHY NULL if it was made.  Io thread.  Whatever
 * fails, all of it is undone by the stages of a removal. */
int container_bring_in(struct container *c, const struct container_params *params, struct error *e);
void container_ask_create(struct container *c, struct ask *ask);
void container_created(struct container *c, const struct error *why);

/* Io thread. */
void container_ask_start(struct container *c, struct ask *ask);
void container_ask_kill(struct container *c, struct ask *ask);

/* New limits: gives the VM what it lacks for them (work thread), has the agent set them, which
 * takes out of RESOURCES what has no meaning in the guest (io thread), and when that is done takes
 * back what is too much (work thread). */
int container_grow(struct container *c, const Oci__LinuxResources *resources, struct error *e);
void container_ask_update(struct container *c, Oci__LinuxResources *resources, struct ask *ask);
void container_shrink(struct container *c);

/* The stages of a removal, which ends, whether the agent answers or not: the guest kills what runs
 * and forgets the container; the host's part goes; the guest lets go of shares that have gone.
 * Those of the guest ask nothing and return false where there is nothing to ask for.  Io thread. */
bool container_ask_remove(struct container *c, struct ask *ask);
void container_removed(struct container *c, const void *answer, const struct error *why);
/* Work thread. */
void container_forget(struct container *c);
bool container_ask_let_go(struct container *c, struct ask *ask);

/* Frees the description only.  Any thread. */
void container_free(struct container *c);

#endif
