/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_IDMAP_H
#define LIB_IDMAP_H

#include <sys/types.h>

#include "lib/error.h"

struct Oci__Linux;
struct Oci__LinuxIDMapping;
struct Oci__Mount;

/* Maps of owners: of the users of a container, or of the files of a mount.  Borrowed lists. */
struct idmap {
	struct Oci__LinuxIDMapping **users;
	size_t n_users;
	struct Oci__LinuxIDMapping **groups;
	size_t n_groups;
};

static inline bool idmap_is_empty(const struct idmap *map)
{
	return map->n_users == 0 && map->n_groups == 0;
}

/* Those of a container, and of a mount; empty without. */
struct idmap idmap_of_container(const struct Oci__Linux *l);
struct idmap idmap_of_mount(const struct Oci__Mount *m);

/* A user namespace with these maps, held by the descriptor that is returned.  Work thread. */
int idmap_open(const struct idmap *map, struct error *e);

/* The namespaces that a user namespace of idmap_open_all() owns, by the names in /proc/PID/ns. */
enum idmap_ns { IDMAP_NS_USER, IDMAP_NS_IPC, IDMAP_NS_UTS, IDMAP_NS_NET, N_IDMAP_NS };

/* A new namespace of each kind, owned by the new user namespace.  Work thread. */
int idmap_open_all(const struct idmap *map, int ret_fds[N_IDMAP_NS], struct error *e);

/* What user or group ID of the inside is outside; an empty map changes nothing.  EINVAL if it is
 * not mapped. */
int idmap_user(const struct idmap *map, uid_t id, uid_t *ret_id, struct error *e);
int idmap_group(const struct idmap *map, gid_t id, gid_t *ret_id, struct error *e);

/* "0:65536:65536,...", as snapshotters write maps.  idmap_done() frees what was parsed. */
int idmap_parse(const char *users, const char *groups, struct idmap *ret_map, struct error *e);
void idmap_done(struct idmap *map);
/* One of its own, for idmap_done(). */
struct idmap idmap_copy(const struct idmap *map);

/* The same as text, to be compared.  Caller frees. */
char *idmap_text(const struct idmap *map);

#endif
