/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PLAN_PLAN_H
#define AGENT_PLAN_PLAN_H

#include "lib/error.h"

struct Oci__Mount;
struct Oci__Spec;

/*
 * What the agent and the child that becomes a container's process agree on: the plan, the numbers
 * of the descriptors the child finds, and the words on the socket between them.
 */

enum launch_kind {
	LAUNCH_INIT, /* the first process of a container: waits for launch_go() */
	LAUNCH_EXEC, /* one more process in it */
};

#define LAUNCH_ID_MAX 128

/* A sealed memory file with what the child must know. */
int launch_plan(enum launch_kind kind, const struct Oci__Spec *spec, struct error *e);
/* An empty memory file, for the filter of the container's system calls. */
int launch_filter(struct error *e);

/* The descriptors of the child.  One that is not given is /dev/null. */
enum launch_slot {
	LAUNCH_SLOT_PLAN = 3,
	LAUNCH_SLOT_CONTROL,
	LAUNCH_SLOT_IPC,
	LAUNCH_SLOT_UTS,
	LAUNCH_SLOT_TARGET,
	LAUNCH_SLOT_CONTAINER_PLAN,
	LAUNCH_SLOT_NULL, /* LAUNCH_INIT: a detached mount of the guest's /dev/null */
	LAUNCH_SLOT_NET,
	LAUNCH_SLOT_USERS,
	LAUNCH_SLOT_FILTER, /* launch_filter(): LAUNCH_INIT writes it, LAUNCH_EXEC reads it */
	N_LAUNCH_SLOT,
};

/* LAUNCH_INIT: behind the slots come the trees, detached mounts that the child only puts in their
 * places: the root, then one of each bind of the specification in its order. */
#define LAUNCH_MOUNTS_MAX 512

bool launch_is_bind(const struct Oci__Mount *m);
/* How many trees a first process of SPEC gets; 0 for LAUNCH_EXEC. */
size_t launch_n_trees(enum launch_kind kind, const struct Oci__Spec *spec);

#define LAUNCH_PLAN_MAGIC UINT32_C(0x6b706c31)
#define LAUNCH_PLAN_MAX   (8 * MIB)

/* In front of the packed specification. */
struct launch_header {
	uint32_t magic;
	uint32_t kind;
};

/* Code 0: ready. */
struct launch_report {
	int32_t code;
	char msg[512];
};

/* The specification in the plan PLANFD, to be freed as a message. */
int launch_plan_read(int planfd, enum launch_kind *ret_kind, struct Oci__Spec **ret_spec,
		     struct error *e);

#endif
