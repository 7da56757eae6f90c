/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_VMM_CONFINE_H
#define RUNTIME_VMM_CONFINE_H

#include "lib/filter.h"
#include "lib/proc.h"
#include "runtime/vmm/user.h"

struct vmm;

/* What one process of a VM may do. */
struct confined {
	strv paths;
	struct jail jail;
	struct proc_user user;
	const struct filter *filter; /* NULL: every system call */
	bool has_jail;
};

struct confinement {
	struct vmm_user id;
	gid_t kvm; /* the group of /dev/kvm */
	struct confined vmm;
};

/* Takes the user of VMM's processes, who is theirs until confine_done().  Without root's rights
 * there is none, and no root for a process: then there are no rights to lose. */
int confine_open(struct vmm *vmm, struct error *e);
/* Fills what confines the VMM of VMM, which makes no system calls but those of FILTER, sees FILES
 * of the host ("" are left out) and needs its run_dir to be there.  EACCES if it could not read one
 * of them. */
int confine(struct vmm *vmm, const struct filter *filter, char *const *files, struct error *e);
/* The same for a daemon, PROGRAM, which is shown FOLDER alone, to make sockets in: its owner is the
 * VM's user from now on. */
int confine_daemon(const struct vmm *vmm, const char *program, const struct filter *filter,
		   const char *folder, struct confined *ret, struct error *e);
/* Sets what matters in *spec, which borrows it. */
void confine_apply(const struct confined *c, struct proc_spec *spec);
void confined_done(struct confined *c);
/* Idempotent; after the VM's processes have ended. */
void confine_done(struct vmm *vmm);

#endif
