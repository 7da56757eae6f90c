/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOTFS_DEV_H
#define AGENT_ROOTFS_DEV_H

#include "lib/error.h"

struct Oci__LinuxDeviceCgroup;
struct Oci__Spec;

/* Makes the nodes every container has, those of SPEC, and the links of /dev. */
int rootfs_devices(int rootfd, const struct Oci__Spec *spec, struct error *e);

/* The rules that go with them: what SPEC says, then what every container may use, then SPEC's
 * devices.  *ret_rules and what it points to are one allocation, caller frees. */
size_t rootfs_device_rules(const struct Oci__Spec *spec,
			   struct Oci__LinuxDeviceCgroup ***ret_rules);

#endif
