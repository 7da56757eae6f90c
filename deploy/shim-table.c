/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim-table - the kinds of sandboxes that a release offers.
 *
 * A new one is a row, and a configuration in the release.  Nothing else knows how many there are.
 * Any thread.
 */
#include <string.h>

#include "deploy/shim.h"

static const struct shim shims[] = {
	{ "qemu", "configuration-qemu.toml", "hypervisor.qemu" },
};

strv shim_names(void)
{
	strv names = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(shims); i++)
		strv_add(&names, shims[i].name);
	return names;
}

const struct shim *shim_find(const char *name, struct error *e)
{
	_strv_ strv names = shim_names();
	_free_ char *known = strv_join(names, " ");

	for (size_t i = 0; i < ARRAY_SIZE(shims); i++)
		if (strcmp(shims[i].name, name) == 0)
			return &shims[i];
	(void)fail(e, EINVAL, "SHIMS: '%s' is not in this release; it has: %s", name, known);
	return NULL;
}
