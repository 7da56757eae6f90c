/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_VMM_KVM_H
#define RUNTIME_VMM_KVM_H

#include "lib/base.h"

/* Where to look; vmm_kvm_works() looks at the host's own. */
struct kvm_places {
	const char *device;  /* /dev/kvm */
	const char *modules; /* /sys/module */
	const char *cpuinfo; /* /proc/cpuinfo */
};

bool kvm_judge(const struct kvm_places *places, char *ret_reason, size_t size);

#endif
