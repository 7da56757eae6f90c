/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drivers - the table of programs that run virtual machines.
 *
 * Nothing but the table stands here: a test that needs a driver of its own links another one in its
 * place.  A row of the same name in runtime/config/vmms.c has the keys and defaults.
 */

#include "runtime/vmm/driver.h"

const struct vmm_driver *const vmm_drivers[] = {
	&qemu_driver,
};
const size_t n_vmm_drivers = ARRAY_SIZE(vmm_drivers);
