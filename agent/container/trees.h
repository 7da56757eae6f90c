/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONTAINER_TREES_H
#define AGENT_CONTAINER_TREES_H

#include "agent/plan/plan.h"
#include "lib/str.h"

struct Oci__Spec;
struct points;

/* Detached mounts for the child that builds a container's root, in the order of its plan. */
struct trees {
	int null;
	int fds[1 + LAUNCH_MOUNTS_MAX];
	size_t n;
};

/* Opens the root and every bind of SPEC, and NULLFD as a mount.  The shares they lie in are added
 * to *MOUNTS, to be given up by the owner also after a failure.  Work thread. */
int trees_open(struct trees *t, const struct Oci__Spec *spec, int nullfd, struct points *points,
	       uint64_t deadline_ms, strv *mounts, struct error *e);
void trees_close(struct trees *t);
#define _trees_ _cleanup_(trees_close)

#endif
