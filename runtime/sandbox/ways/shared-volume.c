/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared-volume - a folder or file of the host, shared by virtio-fs.
 *
 * An emptyDir belongs to its pod alone, so of its part (subPath) the whole is shared, whoever
 * mounts it later finds the same file system, and the guest may cache it.  A volume that a
 * container mounts in for others (Bidirectional) remains for those that come when it has gone, as
 * after an init container.
 *
 * Work thread.
 */

#include "lib/file.h"
#include "lib/log.h"
#include "runtime/sandbox/ephemeral.h"
#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/way.h"

static int match(const struct arrival *a, struct error *e)
{
	(void)e;
	return spec_mount_is_shared(a->mount) && sandbox_share(a->sandbox);
}

/* What the host mounts later would not be read-only with the volume. */
static bool follows(const Oci__Mount *m, bool is_pods_own)
{
	if (!spec_mount_follows(m) || is_pods_own)
		return false;
	if (!spec_mount_is_read_only(m))
		return true;
	log_info(
		"the volume on '%s' is read-only: what the host mounts below it from now on is "
		"not shown",
		m->destination);
	return false;
}

static int give(const struct arrival *a, struct gifts *g, struct error *e)
{
	_free_ char *ticket = xasprintf("%s mount %zu", a->container, a->number);
	_free_ char *whole = volume_of_pod(a->mount->source);
	struct share_use use = {
		.ticket = ticket,
		.source = a->mount->source,
		.within = whole,
		.hint = path_base(a->mount->destination),
		.kind = whole ? SHARE_PRIVATE : SHARE_WITH_HOST,
		.writes = !spec_mount_is_read_only(a->mount),
		.follows = follows(a->mount, whole),
		.stays = spec_mount_spreads(a->mount),
	};
	_free_ char *guest = NULL;
	int r;

	use.idmap = spec_mount_idmap(a->spec, a->mount, &use.map);
	gifts_note(g, &way_shared_volume, ticket);
	r = share_get(sandbox_share(a->sandbox), &use, &guest, &g->nested, e);
	if (r < 0)
		return r;
	spec_mount_forget_idmap(a->mount);
	arrival_keep_flags(a);
	spec_set(&a->mount->source, guest);
	spec_set(&a->mount->type, "bind");
	return 0;
}

static void undo(struct sandbox *s, const char *what)
{
	share_put(sandbox_share(s), what);
}

const struct way way_shared_volume = {
	.name = "shared by virtio-fs",
	.kind = WAY_MOUNT,
	.match = match,
	.give = give,
	.undo = undo,
};
