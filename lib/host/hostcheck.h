/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_HOSTCHECK_H
#define LIB_HOST_HOSTCHECK_H

#include "lib/str.h"

/* Whether this machine can run sandboxes, read from /proc and /sys without changing anything. */

struct host_facts {
	const char *arch;     /* of the release */
	const char *root;     /* where it goes */
	bool allow_emulation; /* the configuration accepts a VM without KVM */
	const char *sys;      /* "/sys" */
	const char *proc;     /* "/proc" */
};

/* Whether VMs of this machine have hardware virtualisation, so that none is emulated. */
bool hostcheck_has_kvm(const struct host_facts *facts);

/* Runs every check.  *ret_warnings are for the log; a check that must hold fails with what to do.
 */
int hostcheck_run(const struct host_facts *facts, strv *ret_warnings, struct error *e);

#endif
