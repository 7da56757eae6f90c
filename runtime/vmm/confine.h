/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_VMM_CONFINE_H
#define RUNTIME_VMM_CONFINE_H

#include "lib/proc.h"
#include "runtime/vmm/user.h"

struct vmm;

/* What a VMM's process may do, for as long as the VM is. */
struct confinement {
	struct vmm_user id;
	strv paths;
	struct jail jail;
	struct proc_user user;
	gid_t kvm; /* the group of /dev/kvm */
};

/* Fills what confines the VMM of VMM, which sees FILES of the host ("" are left out) and needs its
 * run_dir to be there.  EACCES if it could not read one of them.  Without root's rights nothing is
 * confined: then there are none to lose. */
int confine(struct vmm *vmm, char *const *files, struct error *e);
/* Sets what matters in *spec, which borrows it. */
void confine_apply(const struct vmm *vmm, struct proc_spec *spec);
/* Idempotent; after the VMM has ended. */
void confine_done(struct vmm *vmm);

#endif
