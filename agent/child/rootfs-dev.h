/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CHILD_ROOTFS_DEV_H
#define AGENT_CHILD_ROOTFS_DEV_H

#include "lib/error.h"

struct Oci__Spec;

/* Makes the nodes every container has, those of SPEC, and the links of /dev. */
int rootfs_devices(int rootfd, const struct Oci__Spec *spec, struct error *e);

#endif
