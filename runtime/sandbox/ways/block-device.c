/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block-device - a block device of the host as one of the container's.
 *
 * A volume of mode Block, --device and a hostPath of type BlockDevice end here.  The specification
 * says where the container wants it and which number it has on the host; the agent puts the guest's
 * in its place, in the node and in the rules alike.  What the container may do with it is what the
 * engine's rules say: without the right to write it is opened, and plugged in, for reading alone,
 * and without any right there is a node that cannot be opened, as there would be on the host.
 *
 * A privileged container is given every device of the host.  Those it must not have here: a guest
 * with all disks of its node would be none.  What it was also asked to have by name is told apart
 * by a rule of its own, by a path that is not the host's, or by being there twice.
 *
 * Work thread.
 */

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/log.h"
#include "lib/rpc/message.h"
#include "runtime/sandbox/block.h"
#include "runtime/sandbox/rights.h"
#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/way.h"

static int match_node(const struct arrival *a, struct error *e)
{
	struct stat st;

	(void)e;
	return spec_mount_is_bind(a->mount) && a->mount->source[0] == '/' &&
	       stat(a->mount->source, &st) == 0 && S_ISBLK(st.st_mode);
}

static void add_device(Oci__Linux *l, const char *path, const struct stat *st)
{
	Oci__LinuxDevice *node = message_new(&oci__linux_device__descriptor);

	node->path = xstrdup(path);
	node->type = xstrdup("b");
	node->major = major(st->st_rdev);
	node->minor = minor(st->st_rdev);
	node->filemode = st->st_mode & 07777;
	node->uid = st->st_uid;
	node->gid = st->st_gid;
	l->devices = xrealloc(l->devices, l->n_devices + 1, sizeof(*l->devices));
	l->devices[l->n_devices++] = node;
}

/* The mount becomes a device with a rule, which is then given like any other. */
static int give_node(const struct arrival *a, struct gifts *g, struct error *e)
{
	Oci__Mount *m = a->mount;
	struct rights rights;
	struct stat st;
	char *w;

	(void)g;
	if (stat(m->source, &st) < 0)
		return fail(e, errno, "cannot look at '%s': %m", m->source);
	rights = rights_of(a->spec, 'b', st.st_rdev);
	w = strchr(rights.text, 'w');
	if (w && spec_mount_is_read_only(m))
		memmove(w, w + 1, strlen(w));
	rights_set(a->spec, 'b', st.st_rdev, rights);
	add_device(a->spec->linux, m->destination, &st);
	message_free(TAKE_PTR(a->spec->mounts[a->number]));
	return 0;
}

static bool is_block(const Oci__LinuxDevice *d)
{
	return d && strcmp(d->type, "b") == 0;
}

static dev_t number_of(const Oci__LinuxDevice *d)
{
	return makedev((unsigned)d->major, (unsigned)d->minor);
}

/* True if D has the host's own name. */
static bool is_of_host(const Oci__LinuxDevice *d)
{
	struct stat st;

	return stat(d->path, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == number_of(d);
}

static size_t count_at(const Oci__Linux *l, size_t n, const char *path)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += is_block(l->devices[i]) && str_equal(l->devices[i]->path, path);
	return found;
}

static int match_all(const struct arrival *a, struct error *e)
{
	const Oci__Linux *l = a->spec->linux;
	const Oci__LinuxDevice *d = a->device;

	(void)e;
	if (!is_block(d))
		return 0;
	return count_at(l, a->number, d->path) > 0 ||
	       (spec_gives_all_devices(a->spec) && !rights_are_named(a->spec, 'b', number_of(d)) &&
		is_of_host(d) && count_at(l, l->n_devices, d->path) == 1);
}

static int leave_out(const struct arrival *a, struct gifts *g, struct error *e)
{
	(void)g;
	(void)e;
	message_free(TAKE_PTR(a->spec->linux->devices[a->number]));
	return 0;
}

static int match_device(const struct arrival *a, struct error *e)
{
	(void)e;
	return is_block(a->device);
}

static void tell_agent(struct gifts *g, const struct address *address, const char *path)
{
	Agent__Device *device = gifts_add_device(g);

	device->type = xstrdup(address_driver(address->bus));
	if (address_is_node(address->bus))
		device->vm_path = xstrdup(address->text);
	else
		device->id = xstrdup(address->text);
	device->container_path = xstrdup(path);
}

static int give_device(const struct arrival *a, struct gifts *g, struct error *e)
{
	dev_t device = number_of(a->device);
	struct rights rights = rights_of(a->spec, 'b', device);
	const struct block_source source = {
		.device = device,
		.access = rights_have(rights, 'w') ? BLOCK_READ_WRITE : BLOCK_READ_ONLY,
	};
	_free_ char *user = xasprintf("%s:%s", a->container, a->device->path);
	const struct address *address;
	int r;

	rights_set(a->spec, 'b', device, rights);
	if (!rights_have(rights, 'r') && !rights_have(rights, 'w'))
		return 0;
	gifts_note(g, &way_block_device, user);
	r = sandbox_plug(a->sandbox, &source, user, &address, e);
	if (r >= 0)
		tell_agent(g, address, a->device->path);
	return r;
}

static void undo_device(struct sandbox *s, const char *what)
{
	sandbox_unplug(s, what);
}

const struct way way_block_node = {
	.name = "a device of the container",
	.kind = WAY_MOUNT,
	.match = match_node,
	.give = give_node,
};

const struct way way_host_disks = {
	.name = "left on the host",
	.kind = WAY_DEVICE,
	.match = match_all,
	.give = leave_out,
};

const struct way way_block_device = {
	.name = "plugged in",
	.kind = WAY_DEVICE,
	.match = match_device,
	.give = give_device,
	.undo = undo_device,
};
