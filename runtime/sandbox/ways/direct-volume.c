/* SPDX-License-Identifier: Apache-2.0 */
/*
 * direct-volume - a volume whose storage driver leaves the mounting to the guest.
 *
 * On the node there is an empty folder and a record of what is to be there (direct.c).  The guest
 * mounts the disk once for all containers of the pod, each of which has its own flags for it.  That
 * the sandbox has it is written beside the record, from where a driver that wants to know or change
 * the volume's size takes it; it goes with the record.
 *
 * Work thread.
 */

#include "lib/rpc/message.h"
#include "runtime/sandbox/direct.h"
#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/disk.h"

#define GUEST_ROOT "/run/kata-containers/sandbox/storage"

static int match(const struct arrival *a, struct error *e)
{
	(void)e;
	return spec_mount_is_bind(a->mount) && direct_exists(DIRECT_ROOT, a->mount->source);
}

static void set_group(Agent__Storage *s, const struct direct *d)
{
	Agent__FSGroup *group;

	if (d->group_policy == DIRECT_GROUP_KEEP)
		return;
	group = message_new(&agent__fsgroup__descriptor);
	group->group_id = d->group;
	group->group_change_policy = d->group_policy == DIRECT_GROUP_ALWAYS
					     ? TYPES__FSGROUP_CHANGE_POLICY__Always
					     : TYPES__FSGROUP_CHANGE_POLICY__OnRootMismatch;
	s->fs_group = group;
}

static int mount_disk(const struct arrival *a, struct gifts *g, const struct direct *d,
		      const char *point, struct error *e)
{
	const struct disk disk = {
		.source = d->device, .fstype = d->fstype, .options = d->options, .point = point
	};
	Agent__Storage *s;
	int r;

	if (!disk_can_have(d->fstype))
		return fail(e, ENOTSUP, "the guest cannot mount '%.64s' from a disk", d->fstype);
	r = direct_note_sandbox(DIRECT_ROOT, a->mount->source, sandbox_id(a->sandbox), e);
	if (r >= 0)
		r = disk_give(a, g, &way_direct_volume, &disk, &s, e);
	if (r >= 0)
		set_group(s, d);
	return r;
}

static int give(const struct arrival *a, struct gifts *g, struct error *e)
{
	_free_ char *name = direct_name(a->mount->source);
	_free_ char *point = xasprintf(GUEST_ROOT "/%s", name);
	_direct_ struct direct d = { 0 };
	int r = direct_read(DIRECT_ROOT, a->mount->source, &d, e);

	if (r >= 0)
		r = mount_disk(a, g, &d, point, e);
	if (r < 0)
		return r;
	spec_set(&a->mount->source, point);
	spec_set(&a->mount->type, "bind");
	return 0;
}

const struct way way_direct_volume = {
	.name = "a disk that the guest mounts",
	.kind = WAY_MOUNT,
	.match = match,
	.give = give,
	.undo = disk_undo,
};
