/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_CONFIG_VMMS_H
#define RUNTIME_CONFIG_VMMS_H

#include "lib/base.h"

/*
 * vmms - the hypervisors that a configuration can be for.
 *
 * Each has a table [hypervisor.NAME] with the rows of fields.c that have its bit.  The first is the
 * one of a configuration that names none.  Constant.
 */

#define CONFIG_HYPERVISOR "hypervisor"

#define CONFIG_QEMU    (1U << 0)
#define CONFIG_ANY_VMM (~0U)

struct config_vmm {
	const char *name; /* of its table, and of its driver */
	unsigned bit;
	/* What is another default with it than with others. */
	const struct config_default {
		const char *key;
		const char *value;
	} * defaults;
	size_t n_defaults;
};

/* In a file of its own, so that a test can be linked with one more. */
extern const struct config_vmm config_vmms[];
extern const size_t n_config_vmms;

/* NULL if there is none of that name. */
const struct config_vmm *config_vmm_find(const char *name);

#endif
