/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_KVM_H
#define LIB_KVM_H

#include "lib/error.h"

/* Where a machine shows what it is. */
struct kvm_places {
	const char *sys;  /* "/sys" */
	const char *proc; /* "/proc" */
	const char *dev;  /* "/dev"; NULL where device nodes are not visible, as in a pod */
};

/* Whether hardware runs the VMs of this machine.  ENODEV with the reason and what to do: then they
 * can only be emulated.  The one answer of the installer, of the runtime and of its check. */
int kvm_find(const struct kvm_places *places, struct error *e);
/* The same of the machine this program runs on. */
bool kvm_works(struct error *why_not);

#endif
