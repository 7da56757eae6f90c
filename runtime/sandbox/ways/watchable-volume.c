/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchable-volume - a small volume that kubelet updates, and that programs watch.
 *
 * What the host changes in a share is no event in the guest: virtio-fs has none, and a program that
 * waits for a new certificate with inotify would wait for ever.  So the agent gets the share and
 * keeps a copy of it in a tmpfs (driver "watchable-bind"), which is what the container sees.  All
 * containers of a pod have the same copy.  A volume too large to be copied is bound as it is; the
 * agent decides, it sees the files.
 *
 * Work thread.
 */

#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/way.h"

#define WATCHABLE_ROOT SHARE_GUEST_ROOT "/watchable"

/* Of kubelet's volumes those that it updates: .../volumes/KIND/NAME. */
static const char *const kinds[] = {
	"kubernetes.io~configmap",
	"kubernetes.io~downward-api",
	"kubernetes.io~projected",
	"kubernetes.io~secret",
};

static int match(const struct arrival *a, struct error *e)
{
	_free_ char *parent = path_parent(a->mount->source);
	struct stat st;

	(void)e;
	if (!spec_mount_is_shared(a->mount) || !sandbox_share(a->sandbox))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(path_base(parent), kinds[i]) == 0)
			return stat(a->mount->source, &st) == 0 && S_ISDIR(st.st_mode);
	return 0;
}

static void add_storage(struct gifts *g, const char *source, const char *point)
{
	Agent__Storage *s = gifts_add_storage(g);
	strv options = NULL;

	strv_add(&options, "bind");
	strv_add(&options, "ro");
	s->driver = xstrdup("watchable-bind");
	s->fstype = xstrdup("bind");
	s->source = xstrdup(source);
	s->mount_point = xstrdup(point);
	s->options = options;
	s->n_options = strv_len(options);
}

static int give(const struct arrival *a, struct gifts *g, struct error *e)
{
	_free_ char *ticket = xasprintf("%s mount %zu", a->container, a->number);
	struct share_use use = {
		.ticket = ticket,
		.source = a->mount->source,
		.hint = path_base(a->mount->destination),
	};
	_free_ char *guest = NULL, *point = NULL;
	int r;

	use.idmap = spec_mount_idmap(a->spec, a->mount, &use.map);
	gifts_note(g, &way_watchable_volume, ticket);
	r = share_get(sandbox_share(a->sandbox), &use, &guest, &g->nested, e);
	if (r < 0)
		return r;
	spec_mount_forget_idmap(a->mount);
	arrival_keep_flags(a);
	point = path_join(WATCHABLE_ROOT, path_base(guest));
	add_storage(g, guest, point);
	spec_set(&a->mount->source, point);
	spec_set(&a->mount->type, "bind");
	return 0;
}

static void undo(struct sandbox *s, const char *what)
{
	share_put(sandbox_share(s), what);
}

const struct way way_watchable_volume = {
	.name = "a copy that the agent keeps the same",
	.kind = WAY_MOUNT,
	.match = match,
	.give = give,
	.undo = undo,
};
