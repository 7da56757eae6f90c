/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trees - open what a container's root is made of, for the child that puts it together.
 *
 * Here and not in the child, because a copy of a mount is a peer of it only while it is made in
 * the same mount namespace, and because whatever is walked on the way is then walked once for all
 * containers.  First every share is held and entered, then the mounts below them, then the copies
 * are made: a copy shows what was entered before it.  Work thread.
 */
#include "agent/container/trees.h"

#include <string.h>
#include <sys/mount.h>

#include "agent/storage/shares.h"
#include "lib/idmap.h"
#include "lib/mount.h"
#include "lib/rpc/proto/oci.pb-c.h"

static bool spreads(const Oci__Mount *m)
{
	for (size_t i = 0; i < m->n_options; i++)
		if (str_equal(m->options[i], "rshared") || str_equal(m->options[i], "shared"))
			return true;
	return false;
}

/* A volume that a container mounts in for others keeps these mounts when the container has gone,
 * for those that come later, as after an init container. */
static int hold_volume(const Oci__Mount *m, struct points *points, uint64_t deadline_ms,
		       strv *mounts, struct error *e)
{
	int r = share_hold(points, m->source, deadline_ms, mounts, e);

	return r >= 0 && spreads(m) ? share_hold(points, m->source, deadline_ms, NULL, e) : r;
}

static int hold_shares(const Oci__Spec *spec, struct points *points, uint64_t deadline_ms,
		       strv *mounts, struct error *e)
{
	int r;

	shares_forget_gone(points);
	r = share_hold(points, spec->root->path, deadline_ms, mounts, e);
	for (size_t i = 0; r >= 0 && i < spec->n_mounts; i++)
		if (launch_is_bind(spec->mounts[i]))
			r = hold_volume(spec->mounts[i], points, deadline_ms, mounts, e);
	for (size_t i = 0; r >= 0 && i < spec->n_annotations; i++)
		if (!strcmp(spec->annotations[i]->key, SHARES_NESTED))
			r = share_enter_nested(spec->annotations[i]->value, *mounts, e);
	return r;
}

static int add(struct trees *t, int fd)
{
	if (fd >= 0)
		t->fds[t->n++] = fd;
	return fd;
}

/* Its propagation is the container's affair alone. */
static int open_root(struct trees *t, const char *path, struct error *e)
{
	const struct mount_options o = {
		.is_bind_tree = true,
		.propagation = MS_PRIVATE,
		.propagates_tree = true,
	};

	return add(t, share_tree(path, &o, e));
}

/* Without maps of its own a mount has those of the container. */
static struct idmap idmap_of(const Oci__Spec *spec, const Oci__Mount *m)
{
	struct idmap own = idmap_of_mount(m);

	return idmap_is_empty(&own) ? idmap_of_container(spec->linux) : own;
}

static int map_owners(int fd, const Oci__Spec *spec, const Oci__Mount *m, enum mount_idmap idmap,
		      struct error *e)
{
	struct idmap map = idmap_of(spec, m);
	_close_ int userns = idmap_open(&map, e);

	return userns < 0 ? userns : mount_map_ids(fd, idmap, userns, m->source, e);
}

static int open_bind(struct trees *t, const Oci__Spec *spec, const Oci__Mount *m, struct error *e)
{
	_mount_options_ struct mount_options o = { 0 };
	int r = mount_options_parse(m->options, m->n_options, &o, e);

	if (r >= 0 && o.idmap == MOUNT_IDMAP_NONE && m->n_uidmappings)
		o.idmap = MOUNT_IDMAP_ONE;
	if (r >= 0 && o.copies_up)
		r = fail(e, EINVAL, "mount option 'tmpcopyup' is for a tmpfs");

	if (r >= 0 && !o.propagation) {
		o.propagation = MS_SLAVE;
		o.propagates_tree = true;
	}
	if (r >= 0)
		r = add(t, share_tree(m->source, &o, e));
	if (r >= 0 && o.idmap != MOUNT_IDMAP_NONE)
		r = map_owners(r, spec, m, o.idmap, e);
	return r < 0 ? fail_wrap(e, "mounting '%s' (%s) on '%s'", m->source, m->type,
				 m->destination)
		     : 0;
}

static int open_null(struct trees *t, int nullfd, struct error *e)
{
	const struct mount_options o = { .propagation = MS_PRIVATE };

	t->null = mount_clone(nullfd, "", &o, e);
	return t->null;
}

int trees_open(struct trees *t, const Oci__Spec *spec, int nullfd, struct points *points,
	       uint64_t deadline_ms, strv *mounts, struct error *e)
{
	int r;

	t->null = -1;
	t->n = 0;
	if (spec->n_mounts > LAUNCH_MOUNTS_MAX)
		return fail(e, E2BIG, "%zu mounts, at most %d are allowed", spec->n_mounts,
			    LAUNCH_MOUNTS_MAX);
	r = hold_shares(spec, points, deadline_ms, mounts, e);
	if (r >= 0)
		r = open_null(t, nullfd, e);
	if (r >= 0)
		r = open_root(t, spec->root->path, e);
	for (size_t i = 0; r >= 0 && i < spec->n_mounts; i++)
		if (launch_is_bind(spec->mounts[i]))
			r = open_bind(t, spec, spec->mounts[i], e);
	return r < 0 ? r : 0;
}

void trees_close(struct trees *t)
{
	t->null = close_fd(t->null);
	while (t->n > 0)
		(void)close(t->fds[--t->n]);
}
