/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MANAGER_CONTAINER_H
#define MANAGER_CONTAINER_H

#include "manager/machine.h"

/* What running a container by the engine's own means showed. */
struct container_result {
	const char *by;      /* whom it was asked of: "docker"; NULL: nobody can be asked */
	char *kernel;        /* the guest's; NULL: it was a sandbox without containers */
	struct error reason; /* why nothing was proven; code 0: it was */
	uint64_t ms;
};

void container_result_done(struct container_result *r);
#define _container_result_ _cleanup_(container_result_done)

/* Runs a container of ours through P, as a person would (ctr, nerdctl, docker) or as the kubelet
 * does (the CRI service), removes it, and sees that it was in a sandbox of the current version.
 * What cannot be tried here, for want of a program or an image, is a reason and no failure. */
int container_try(const struct machine *k, const struct present *p, const struct cancel *cancel,
		  struct container_result *ret_result, struct error *e);

#endif
