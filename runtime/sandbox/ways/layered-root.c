/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layered-root - a root file system of layers that the guest puts together: the snapshotter erofs.
 *
 * Each layer is a file with a file system.  The guest mounts it from the share, without a block
 * device: a pod has few places for disks, and an image has many layers.  So whatever looks for a
 * file or reads its name stays in the guest, and of the files themselves each page comes once,
 * through virtio-fs.  Pods that run the same image have the same file; nobody writes it.  A layer
 * that is a disk, or a file to be written, is given as one (disk.h), and so is each where nothing
 * is shared.
 *
 * The upper folder of the overlay stays where the snapshotter has it, on the host, shared.  What
 * the guest cannot do (mapped owners of the layers, binds of the host's) is mounted here.
 *
 * Work thread.
 */

#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "runtime/sandbox/layers.h"
#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/disk.h"

#define GUEST_RUN    "/run/kata-containers"
#define MAKE_FOLDER  "io.katacontainers.volume.overlayfs.create_directory="
#define DEVICE       "device="
#define LAYER_FSTYPE "erofs"

static const char *const host_options[] = { "uidmap=", "gidmap=" };

/* Options with a path of the host's. */
static const char *const upper_options[] = { "upperdir=", "workdir=" };

static bool is_layer_file(const struct rootfs_mount *m)
{
	struct stat st;

	return str_equal(m->type, LAYER_FSTYPE) && stat(m->source, &st) == 0 && S_ISREG(st.st_mode);
}

static bool guest_can_have(const struct rootfs_mount *m)
{
	struct stat st;

	return is_layer_file(m) || (disk_can_have(m->type) && stat(m->source, &st) == 0 &&
				    (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)));
}

/* The last one, which is the root: of the guest's making, unless it is for the host to map owners.
 */
static bool guest_can_make(const struct rootfs_mount *m)
{
	for (size_t i = 0; i < m->n_options; i++)
		for (size_t j = 0; j < ARRAY_SIZE(host_options); j++)
			if (str_starts(m->options[i], host_options[j]))
				return false;
	return str_ends(m->type, "/overlay") || str_ends(m->type, "/bind");
}

/* True if M names a file or folder of the host's beside its source. */
static bool needs_share(const struct rootfs_mount *m)
{
	for (size_t i = 0; i < m->n_options; i++) {
		const char *path = strchr(m->options[i], '=');

		if (str_starts(m->options[i], DEVICE) || (path && path[1] == '/'))
			return true;
	}
	return false;
}

static int match(const struct arrival *a, struct error *e)
{
	const struct rootfs_mount *m = a->root_mounts;
	size_t n = a->n_root_mounts;

	(void)e;
	if (!layers_are(m, n) || sandbox_config(a->sandbox)->hypervisor.disable_block_device_use)
		return 0;
	for (size_t i = 0; i < n && !sandbox_share(a->sandbox); i++)
		if (needs_share(&m[i]))
			return 0;
	for (size_t i = 0; i + 1 < n; i++)
		if (!guest_can_have(&m[i]))
			return 0;
	return n == 1 ? is_layer_file(m) : guest_can_make(&m[n - 1]);
}

/* Everything that is known of the root while it is given. */
struct work {
	const struct arrival *a;
	struct gifts *g;
	struct layers_place *places;
	unsigned n_shares; /* tickets */
};

/* *ret_guest is the caller's to free. */
static int share(struct work *w, const char *source, const char *within, bool writes,
		 char **ret_guest, struct error *e)
{
	_free_ char *ticket = xasprintf("%s layer %u", w->a->container, w->n_shares++);
	const struct share_use use = { .ticket = ticket,
				       .source = source,
				       .within = within,
				       .hint = writes ? "upper" : "layer",
				       .kind = SHARE_PRIVATE,
				       .writes = writes };

	gifts_note(w->g, &way_root_folder, ticket);
	return share_get(sandbox_share(w->a->sandbox), &use, ret_guest, &w->g->nested, e);
}

static Agent__Storage *add_storage(struct work *w, const char *driver, const char *fstype,
				   const char *source, const char *point)
{
	Agent__Storage *s = gifts_add_storage(w->g);

	s->driver = xstrdup(driver);
	s->fstype = xstrdup(fstype);
	s->source = xstrdup(source);
	s->mount_point = xstrdup(point);
	return s;
}

static int give_file(struct work *w, const struct layers_mount *m, const char *point,
		     struct error *e)
{
	_free_ char *guest = NULL;
	_strv_ strv options = NULL;
	Agent__Storage *s;
	int r = share(w, m->source, NULL, false, &guest, e);

	for (char *const *option = m->options; r >= 0 && option && *option; option++) {
		_free_ char *device = NULL;

		if (str_starts(*option, DEVICE))
			r = share(w, *option + strlen(DEVICE), NULL, false, &device, e);
		if (r >= 0 && device)
			strv_addf(&options, DEVICE "%s", device);
		else if (!str_equal(*option, "loop"))
			strv_add(&options, *option);
	}
	if (r < 0)
		return r;
	s = add_storage(w, "image-file", m->type, guest, point);
	s->options = TAKE_PTR(options);
	s->n_options = strv_len(s->options);
	return 0;
}

static int give_layer(struct work *w, size_t number, const char *point, struct error *e)
{
	const struct rootfs_mount *raw = &w->a->root_mounts[number];
	_layers_mount_ struct layers_mount m = { 0 };
	int r = layers_fill(raw, w->places, number, &m, e);

	if (r < 0)
		return r;
	w->places[number] = (struct layers_place){ xstrdup(m.source), xstrdup(point) };
	if (is_layer_file(raw) && sandbox_share(w->a->sandbox))
		return give_file(w, &m, point, e);
	const struct disk disk = {
		.source = m.source, .fstype = m.type, .options = m.options, .point = point
	};
	return disk_give(w->a, w->g, &way_block_root, &disk, NULL, e);
}

/* The folder of the host's that has both, upper and work; they must meet in one share. */
static char *common_parent(const struct layers_mount *m)
{
	char *parent = NULL;

	for (char *const *option = m->options; option && *option; option++)
		for (size_t i = 0; !parent && i < ARRAY_SIZE(upper_options); i++)
			if (str_starts(*option, upper_options[i]))
				parent = path_parent(*option + strlen(upper_options[i]));
	return parent;
}

/* OPTION with the guest's path of what it names on the host. */
static int bring_upper(struct work *w, const char *option, const char *parent, strv *options,
		       struct error *e)
{
	const char *path = strchr(option, '=');
	_free_ char *guest = NULL;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(upper_options); i++) {
		if (!str_starts(option, upper_options[i]) || str_starts(path + 1, GUEST_RUN "/"))
			continue;
		r = share(w, path + 1, parent, true, &guest, e);
		if (r >= 0)
			strv_addf(options, "%s%s", upper_options[i], guest);
		return r;
	}
	strv_add(options, option);
	return 0;
}

static int make_folders(const struct layers_mount *m, Agent__Storage *s, struct error *e)
{
	strv made = NULL;
	int r = 0;

	for (char *const *folder = m->folders; r >= 0 && folder && *folder; folder++) {
		_free_ char *path = NULL;
		mode_t mode;

		r = layers_folder(*folder, &path, &mode, e);
		if (r >= 0)
			strv_addf(&made, MAKE_FOLDER "%s", path);
	}
	s->driver_options = made;
	s->n_driver_options = strv_len(made);
	return r;
}

static int give_overlay(struct work *w, const struct layers_mount *m, const char *point,
			struct error *e)
{
	_free_ char *parent = common_parent(m);
	_strv_ strv options = NULL;
	Agent__Storage *s;
	int r = 0;

	for (char *const *option = m->options; r >= 0 && option && *option; option++)
		r = bring_upper(w, *option, parent, &options, e);
	if (r < 0)
		return r;
	s = add_storage(w, "overlayfs", m->type, m->source, point);
	s->options = TAKE_PTR(options);
	s->n_options = strv_len(s->options);
	return make_folders(m, s, e);
}

static int give_top(struct work *w, const char *point, struct error *e)
{
	size_t last = w->a->n_root_mounts - 1;
	_layers_mount_ struct layers_mount m = { 0 };
	int r = layers_fill(&w->a->root_mounts[last], w->places, last, &m, e);

	if (r >= 0 && str_equal(m.type, "overlay")) {
		r = give_overlay(w, &m, point, e);
		spec_set(&w->a->spec->root->path, point);
	} else if (r >= 0) {
		spec_set(&w->a->spec->root->path, m.source);
	}
	return r;
}

static int give_all(struct work *w, const char *point, struct error *e)
{
	size_t n = w->a->n_root_mounts;
	int r = 0;

	if (n == 1) {
		r = give_layer(w, 0, point, e);
		spec_set(&w->a->spec->root->path, point);
		return r;
	}
	for (size_t i = 0; r >= 0 && i + 1 < n; i++) {
		_free_ char *layer = xasprintf(GUEST_RUN "/%s/layers/%zu", w->a->container, i);

		r = give_layer(w, i, layer, e);
	}
	return r < 0 ? r : give_top(w, point, e);
}

static int give(const struct arrival *a, struct gifts *g, struct error *e)
{
	_free_ char *point = xasprintf(GUEST_RUN "/%s/rootfs", a->container);
	struct work w = { .a = a, .g = g };
	int r;

	w.places = xcalloc(a->n_root_mounts, sizeof(*w.places));
	r = give_all(&w, point, e);
	for (size_t i = 0; i < a->n_root_mounts; i++) {
		free(w.places[i].source);
		free(w.places[i].point);
	}
	free(w.places);
	return r;
}

const struct way way_layered_root = {
	.name = "layers that the guest puts together",
	.kind = WAY_ROOT,
	.match = match,
	.give = give,
};
