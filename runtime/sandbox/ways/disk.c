/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk - a file system of the host, mounted by the guest and by nobody else.
 *
 * The guest's kernel has the file system to itself: what virtio-fs cannot (unnamed files, flags of
 * files, direct writes) works, and no operation leaves the VM.  The options are those of the host's
 * mount but for what concerns the host.
 *
 * Work thread.
 */

#include "runtime/sandbox/ways/disk.h"

#include <string.h>

#include "runtime/sandbox/block.h"

/* What the guest's kernel has, and what a mount of it needs besides. */
static const struct {
	const char *fstype;
	const char *option;
} systems[] = {
	{ "ext4", NULL },  { "ext3", NULL },
	{ "ext2", NULL },  { "xfs", "nouuid" }, /* a snapshot has the UUID of its origin */
	{ "erofs", NULL }, { "squashfs", NULL },
};

/* About the host's way to the disk. */
static const char *const not_for_guest[] = { "loop",     "bind",   "rbind",
					     "rprivate", "rslave", "rshared" };

bool disk_can_have(const char *fstype)
{
	for (size_t i = 0; i < ARRAY_SIZE(systems); i++)
		if (str_equal(systems[i].fstype, fstype))
			return true;
	return false;
}

static bool is_for_guest(const char *option)
{
	for (size_t i = 0; i < ARRAY_SIZE(not_for_guest); i++)
		if (strcmp(not_for_guest[i], option) == 0)
			return false;
	return true;
}

static strv guest_options(const struct disk *d)
{
	strv options = NULL;

	for (size_t i = 0; d->options && d->options[i]; i++)
		if (is_for_guest(d->options[i]))
			strv_add(&options, d->options[i]);
	for (size_t i = 0; i < ARRAY_SIZE(systems); i++)
		if (str_equal(systems[i].fstype, d->fstype) && systems[i].option &&
		    !strv_contains(options, systems[i].option))
			strv_add(&options, systems[i].option);
	return options;
}

static bool is_read_only(const struct disk *d)
{
	return strv_contains(d->options, "ro") || str_equal(d->fstype, "erofs") ||
	       str_equal(d->fstype, "squashfs");
}

int disk_give(const struct arrival *a, struct gifts *g, const struct way *way, const struct disk *d,
	      Agent__Storage **ret_storage, struct error *e)
{
	const struct block_source source = { .path = d->source,
					     .access = is_read_only(d) ? BLOCK_READ_ONLY
								       : BLOCK_READ_WRITE };
	_free_ char *user = xasprintf("%s:%s", d->is_pods ? "" : a->container, d->point);
	const struct address *address;
	Agent__Storage *s;
	int r;

	if (!d->is_pods)
		gifts_note(g, way, user);
	r = sandbox_plug(a->sandbox, &source, user, &address, e);
	if (r < 0)
		return r;
	s = gifts_add_storage(g);
	s->driver = xstrdup(address_driver(address->bus));
	s->source = xstrdup(address->text);
	s->fstype = xstrdup(d->fstype);
	s->mount_point = xstrdup(d->point);
	s->options = guest_options(d);
	s->n_options = strv_len(s->options);
	s->shared = d->is_pods;
	if (ret_storage)
		*ret_storage = s;
	return 0;
}

void disk_undo(struct sandbox *s, const char *what)
{
	sandbox_unplug(s, what);
}
