/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONTAINER_IDMAP_H
#define AGENT_CONTAINER_IDMAP_H

#include "lib/error.h"

struct Oci__LinuxIDMapping;

/* The owners of files as a mount shows them. */
struct idmap {
	struct Oci__LinuxIDMapping **users;
	size_t n_users;
	struct Oci__LinuxIDMapping **groups;
	size_t n_groups;
};

/* A user namespace with these maps, held by the descriptor that is returned.  Work thread. */
int idmap_open(const struct idmap *map, struct error *e);

#endif
