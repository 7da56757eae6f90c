/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory-volume - an emptyDir in memory and huge pages: a tmpfs or hugetlbfs of the guest
 * (ephemeral.c says why).
 *
 * Work thread.
 */

#include "runtime/sandbox/ephemeral.h"
#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/way.h"

static int match(const struct arrival *a, struct error *e)
{
	_ephemeral_ struct ephemeral v = { 0 };

	return spec_mount_is_bind(a->mount) && a->mount->source[0] == '/'
		       ? ephemeral_find(a->mount->source, &v, e)
		       : 0;
}

/* It is empty, and all that use it have the same map: it is made for the owners they see. */
static int map_owners(struct ephemeral *v, const struct arrival *a, struct error *e)
{
	struct idmap map;

	if (spec_mount_idmap(a->spec, a->mount, &map) == MOUNT_IDMAP_NONE)
		return 0;
	if (idmap_user(&map, v->uid, &v->uid, e) < 0 || idmap_group(&map, v->gid, &v->gid, e) < 0 ||
	    idmap_group(&map, v->sub_gid, &v->sub_gid, e) < 0)
		return -e->code;
	spec_mount_forget_idmap(a->mount);
	return 0;
}

static int give(const struct arrival *a, struct gifts *g, struct error *e)
{
	_ephemeral_ struct ephemeral v = { 0 };
	_free_ char *guest = NULL;
	int r = ephemeral_find(a->mount->source, &v, e);

	if (r == 0)
		return fail(e, ENOENT, "'%s' is no volume in memory any more", a->mount->source);
	if (r >= 0)
		r = map_owners(&v, a, e);
	if (r < 0)
		return r;
	guest = ephemeral_guest_path(&v);
	ephemeral_add_storages(&v, g);
	spec_set(&a->mount->source, guest);
	spec_set(&a->mount->type, "bind");
	return 0;
}

const struct way way_memory_volume = {
	.name = "a volume in the guest's memory",
	.kind = WAY_MOUNT,
	.match = match,
	.give = give,
};
