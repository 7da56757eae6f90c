/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copied-volume - a folder or file of the host where nothing is shared: copied into the guest.
 *
 * Each container has copies of its own, made before it and removed by the agent with it.  What
 * kubelet updates (configMap, secret, projected, downwardAPI) is sent again then (copies.c).
 * Nothing comes back: a volume that may be written is refused, or its writer would believe that the
 * host has what it wrote.  The files that every engine gives (hosts, hostname, resolv.conf) are the
 * container's own to change, as upstream has it, and the kubelet's file for a container's last
 * words is read when the container is removed (container.c).
 *
 * Work thread.
 */

#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "runtime/sandbox/copies.h"
#include "runtime/sandbox/lastwords.h"
#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/way.h"

#define HINT_LEN 48

/* Files that may be written, and are the container's own. */
static const char *const own_files[] = { "/etc/hosts", "/etc/hostname", "/etc/resolv.conf" };

static int match(const struct arrival *a, struct error *e)
{
	(void)e;
	return spec_mount_is_shared(a->mount) && !sandbox_share(a->sandbox);
}

static bool may_stay_in_guest(const struct arrival *a)
{
	const Oci__Mount *m = a->mount;
	struct stat st;

	if (spec_mount_is_read_only(m) || str_equal(m->source, lastwords_path(a->spec)))
		return true;
	if (stat(m->source, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(own_files); i++)
		if (strcmp(m->destination, own_files[i]) == 0)
			return true;
	return false;
}

static int check(const struct arrival *a, struct error *e)
{
	const char *source = a->mount->source;
	struct stat st;

	if (stat(source, &st) < 0)
		return fail(e, errno, "cannot look at '%s': %m", source);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return fail(e, ENOTSUP,
			    "'%s' is neither a file nor a folder, and nothing is shared with the "
			    "guest (shared_fs = \"none\")",
			    source);
	if (!may_stay_in_guest(a))
		return fail(e, ENOTSUP,
			    "what is written to '%s' would not reach the host, as nothing is "
			    "shared with the guest (shared_fs = \"none\"): make it read-only, or "
			    "a block device",
			    source);
	return 0;
}

/* In the form that agents and their policies know: CONTAINER-16 hex digits-NAME.  Caller frees. */
static char *guest_path(const struct arrival *a)
{
	_free_ char *hint = xstrndup(path_base(a->mount->destination), HINT_LEN);
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		number = a->number;
	for (char *c = hint; *c; c++)
		if (*c <= ' ' || *c > '~' || strchr("/\\\"'", *c))
			*c = '_';
	return xasprintf(SHARE_GUEST_ROOT "/%s-%016llx-%s", a->container,
			 (unsigned long long)number, hint);
}

static int give(const struct arrival *a, struct gifts *g, struct error *e)
{
	_free_ char *ticket = xasprintf("%s mount %zu", a->container, a->number);
	_free_ char *guest = guest_path(a);
	struct copies_volume volume = { .ticket = ticket,
					.source = a->mount->source,
					.path = guest };
	int r = check(a, e);

	if (r < 0)
		return r;
	(void)spec_mount_idmap(a->spec, a->mount, &volume.map);
	gifts_note(g, &way_copied_volume, ticket);
	r = copies_add(sandbox_copies(a->sandbox), &volume, e);
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
	copies_drop(sandbox_copies(s), what);
}

const struct way way_copied_volume = {
	.name = "copied",
	.kind = WAY_MOUNT,
	.match = match,
	.give = give,
	.undo = undo,
};
