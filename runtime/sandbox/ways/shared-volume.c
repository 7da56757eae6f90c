/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared-volume - a folder or file of the host, shared by virtio-fs.
 *
 * Work thread.
 */

#include "lib/file.h"
#include "lib/log.h"
#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/way.h"

#define BASE_LEN 64

static int match(const struct arrival *a, struct error *e)
{
	(void)e;
	return spec_mount_is_shared(a->mount) && sandbox_share(a->sandbox)->dir;
}

static enum share_access access_of(const Oci__Mount *m)
{
	bool follows = spec_mount_follows(m);

	if (!spec_mount_is_read_only(m))
		return follows ? SHARE_FOLLOWING : SHARE_READ_WRITE;
	if (follows)
		log_info(
			"the volume on '%s' is read-only: what the host mounts below it from now "
			"on is not shown",
			m->destination);
	return SHARE_READ_ONLY;
}

static int give(const struct arrival *a, struct gifts *g, struct error *e)
{
	/* Nothing but the last part of the destination, shortened: it must be no path. */
	_free_ char *name = xasprintf("%s-%016zx-%.*s", a->container, a->number, BASE_LEN,
				      path_base(a->mount->destination));
	_free_ char *guest = share_guest_path(name);
	int r;

	gifts_note(g, &way_shared_volume, name);
	r = share_bind(sandbox_share(a->sandbox), a->mount->source, name, access_of(a->mount), e);
	if (r < 0)
		return r;
	spec_set(&a->mount->source, guest);
	spec_set(&a->mount->type, "bind");
	return 0;
}

static void undo(struct sandbox *s, const char *what)
{
	share_unbind(sandbox_share(s), what);
}

const struct way way_shared_volume = {
	.name = "shared by virtio-fs",
	.kind = WAY_MOUNT,
	.match = match,
	.give = give,
	.undo = undo,
};
