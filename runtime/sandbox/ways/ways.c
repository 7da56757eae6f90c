/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ways - bring what a specification names into the guest, each thing by the first way that matches.
 *
 * The root file system comes first, since mounts lie on it, then the mounts, then the devices.  Of
 * mounts a whole comes before its parts, whatever the order of the specification, which the agent
 * keeps: so a part finds the share it lies in, and both are one file system.  A way that takes a
 * mount or a device out of the specification leaves a hole (NULL), which is closed at the end, so
 * that numbers stay what they were meanwhile.
 *
 * Work thread, one at a time per container.
 */

#include "runtime/sandbox/ways/way.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/rpc/message.h"
#include "runtime/sandbox/spec.h"

#define NESTED_KEY    "io.katacontainers.share.nested"
#define SUBPATHS_PART "/volume-subpaths/"

#define WAY_REFER(name) &name,
static const struct way *const ways[] = { WAYS(WAY_REFER) };

void gifts_note(struct gifts *g, const struct way *way, const char *what)
{
	g->notes = xrealloc(g->notes, g->n_notes + 1, sizeof(*g->notes));
	g->notes[g->n_notes++] = (struct way_note){ .way = way, .what = xstrdup(what) };
}

Agent__Storage *gifts_add_storage(struct gifts *g)
{
	g->storages = xrealloc(g->storages, g->n_storages + 1, sizeof(*g->storages));
	g->storages[g->n_storages] = message_new(&agent__storage__descriptor);
	return g->storages[g->n_storages++];
}

Agent__Device *gifts_add_device(struct gifts *g)
{
	g->devices = xrealloc(g->devices, g->n_devices + 1, sizeof(*g->devices));
	g->devices[g->n_devices] = message_new(&agent__device__descriptor);
	return g->devices[g->n_devices++];
}

static const struct {
	unsigned long flag;
	const char *option, *opposite;
} flags[] = {
	{ ST_NOSUID, "nosuid", "suid" },
	{ ST_NODEV, "nodev", "dev" },
	{ ST_NOEXEC, "noexec", "exec" },
};

void arrival_keep_flags(const struct arrival *a)
{
	Oci__Mount *m = a->mount;
	struct statvfs fs;

	if (statvfs(m->source, &fs) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if ((fs.f_flag & flags[i].flag) && !spec_mount_has(m, flags[i].opposite))
			spec_mount_add_option(m, flags[i].option);
}

void gifts_done(struct gifts *g)
{
	for (size_t i = 0; i < g->n_storages; i++)
		message_free(g->storages[i]);
	for (size_t i = 0; i < g->n_devices; i++)
		message_free(g->devices[i]);
	for (size_t i = 0; i < g->n_notes; i++)
		free(g->notes[i].what);
	free(g->storages);
	free(g->devices);
	free(g->notes);
	strv_free(g->nested);
	*g = (struct gifts){ 0 };
}

/* Caller frees. */
static char *arrival_name(const struct arrival *a)
{
	if (a->kind == WAY_MOUNT)
		return xasprintf("volume on '%s'", a->mount->destination);
	if (a->kind == WAY_DEVICE)
		return xasprintf("device '%s'", a->device->path);
	return xstrdup("root file system");
}

static int find_way(const struct arrival *a, const struct way **ret_way, struct error *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		int r = ways[i]->kind == a->kind ? ways[i]->match(a, e) : 0;

		if (r < 0)
			return r;
		if (r > 0) {
			*ret_way = ways[i];
			return 0;
		}
	}
	return fail(e, ENOTSUP, "there is no way to give it to the guest");
}

static int bring_one(const struct arrival *a, struct gifts *g, struct error *e)
{
	_free_ char *name = arrival_name(a);
	const struct way *way = NULL;
	int r = find_way(a, &way, e);

	if (r >= 0) {
		log_debug("%s: %s", name, way->name);
		r = way->give(a, g, e);
	}
	return r < 0 ? fail_wrap(e, "%s", name) : 0;
}

/* Closes the holes that ways have left in LIST; returns how many members it has then. */
static size_t close_holes(void **list, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (list[i])
			list[kept++] = list[i];
	return kept;
}

static int bring_root(struct arrival a, const struct ways_params *params, struct gifts *g,
		      struct error *e)
{
	_free_ char *dir = a.spec->root->path[0] == '/'
				   ? xstrdup(a.spec->root->path)
				   : path_join(params->bundle, a.spec->root->path);

	a.kind = WAY_ROOT;
	a.root = dir;
	a.root_mounts = params->mounts;
	a.n_root_mounts = params->n_mounts;
	return bring_one(&a, g, e);
}

struct turn {
	size_t number;
	const char *source;
	bool is_part; /* of a volume: a bind mount of kubelet's, whose path does not say of what */
};

static int by_whole(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;
	int order = x->is_part - y->is_part;

	if (order == 0)
		order = strcmp(x->source, y->source);
	return order ? order : (x->number > y->number) - (x->number < y->number);
}

/* Caller frees. */
static struct turn *turns_of(const Oci__Spec *spec)
{
	struct turn *turns = xcalloc(spec->n_mounts + 1, sizeof(*turns));

	for (size_t i = 0; i < spec->n_mounts; i++)
		turns[i] = (struct turn){ i, spec->mounts[i]->source,
					  strstr(spec->mounts[i]->source, SUBPATHS_PART) };
	qsort(turns, spec->n_mounts, sizeof(*turns), by_whole);
	return turns;
}

static int bring_mounts(struct arrival a, struct gifts *g, struct error *e)
{
	Oci__Spec *spec = a.spec;
	_free_ struct turn *turns = turns_of(spec);
	int r = 0;

	a.kind = WAY_MOUNT;
	for (size_t i = 0; r >= 0 && i < spec->n_mounts; i++) {
		a.number = turns[i].number;
		a.mount = spec->mounts[a.number];
		r = bring_one(&a, g, e);
	}
	spec->n_mounts = close_holes((void **)spec->mounts, spec->n_mounts);
	return r;
}

static int bring_devices(struct arrival a, struct gifts *g, struct error *e)
{
	Oci__Linux *linux_ = a.spec->linux;
	int r = 0;

	a.kind = WAY_DEVICE;
	for (a.number = 0; r >= 0 && a.number < linux_->n_devices; a.number++) {
		a.device = linux_->devices[a.number];
		r = bring_one(&a, g, e);
	}
	linux_->n_devices = close_holes((void **)linux_->devices, linux_->n_devices);
	return r;
}

/* Tells the agent of host mounts in what is shared: it enters each once for all. */
static void annotate(Oci__Spec *spec, const struct gifts *g)
{
	Oci__Spec__AnnotationsEntry *entry;

	if (strv_len(g->nested) == 0)
		return;
	entry = message_new(&oci__spec__annotations_entry__descriptor);
	entry->key = xstrdup(NESTED_KEY);
	entry->value = strv_join(g->nested, "\n");
	spec->annotations =
		xrealloc(spec->annotations, spec->n_annotations + 1, sizeof(*spec->annotations));
	spec->annotations[spec->n_annotations++] = entry;
}

int ways_bring_in(const struct ways_params *params, Oci__Spec *spec, struct gifts *g,
		  struct error *e)
{
	const struct arrival a = { .sandbox = params->sandbox,
				   .container = params->container,
				   .spec = spec };
	int r = bring_root(a, params, g, e);

	if (r >= 0)
		r = bring_mounts(a, g, e);
	if (r >= 0)
		r = bring_devices(a, g, e);
	if (r >= 0)
		annotate(spec, g);
	return r;
}

void ways_take_back(struct sandbox *s, struct gifts *g)
{
	while (g->n_notes > 0) {
		struct way_note *note = &g->notes[--g->n_notes];

		note->way->undo(s, note->what);
		free(note->what);
	}
}
