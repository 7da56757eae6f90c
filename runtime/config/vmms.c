/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmms - the table of hypervisors that a configuration can be for.
 *
 * Nothing but the table stands here: a test that needs a hypervisor of its own links another one
 * in its place.  A driver of the same name is a row of runtime/vmm/drivers.c.
 */

#include "runtime/config/vmms.h"

#define QEMU_PROGRAM "/opt/kata/bin/qemu-system-x86_64"

static const struct config_default qemu_defaults[] = {
	{ "path", QEMU_PROGRAM },
	{ "valid_hypervisor_paths", QEMU_PROGRAM },
};

const struct config_vmm config_vmms[] = {
	{ "qemu", CONFIG_QEMU, qemu_defaults, ARRAY_SIZE(qemu_defaults) },
};
const size_t n_config_vmms = ARRAY_SIZE(config_vmms);
