/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flavour - the kinds of machines whose container engine we know.
 *
 * A row says where things are; how they are changed is the driver's (engine.h).  The first row is
 * what is meant when nothing is said.  Any thread.
 */
#include "lib/host/flavour.h"

static const struct flavour flavours[] = {
	{
		.name = "k8s",
		.driver = "containerd",
		.units = { "containerd.service" },
		.socket = "/run/containerd/containerd.sock",
		.dir = "/etc/containerd",
		.main_file = "config.toml",
		.drop_in_dir = "conf.d",
	},
};

const struct flavour *flavour_at(size_t i)
{
	return i < ARRAY_SIZE(flavours) ? &flavours[i] : NULL;
}

int flavour_find(const char *name, const struct flavour **ret_flavour, struct error *e)
{
	_strv_ strv known = NULL;
	_free_ char *list = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(flavours); i++) {
		if (str_equal(flavours[i].name, name)) {
			*ret_flavour = &flavours[i];
			return 0;
		}
		strv_add(&known, flavours[i].name);
	}
	list = strv_join(known, ", ");
	return fail(e, EINVAL, "'%s' is none of %s", name, list);
}
