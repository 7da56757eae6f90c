/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_LAYERS_H
#define RUNTIME_SANDBOX_LAYERS_H

#include <sys/types.h>

#include "runtime/sandbox/rootfs.h"

/*
 * layers - a root file system of several mounts, of which a later one names the earlier ones.
 *
 * containerd's mount manager (2.2 and later) leaves such mounts to a runtime that says it does them
 * itself: layers of an image, each a file with a file system, and at the end an overlay or a bind
 * whose options are templates, "lowerdir={{ overlay 0 2 }}".  Only the last one is the root.
 */

/* What this runtime does itself, as containerd's annotation has it.  Making file systems ("mkfs/")
 * is containerd's. */
#define LAYERS_ALLOWED "erofs,format/*,mkdir/*"

/* True if MOUNTS are layers, not mounts that lie in one another. */
bool layers_are(const struct rootfs_mount *mounts, size_t n);

/* Where an earlier mount is. */
struct layers_place {
	char *source; /* what is mounted */
	char *point;  /* on what */
};

/* One mount with everything filled in. */
struct layers_mount {
	char *type; /* without prefixes */
	char *source;
	strv options;
	strv folders; /* to be made before: "path", "path:mode" */
};

/* Fills the places of the N mounts before it in M.  EINVAL: a template that is not understood;
 * ENOTSUP: something else that a runtime would have to do first (dm-verity). */
int layers_fill(const struct rootfs_mount *m, const struct layers_place *places, size_t n,
		struct layers_mount *ret, struct error *e);
void layers_mount_done(struct layers_mount *m);
#define _layers_mount_ _cleanup_(layers_mount_done)

/* Reads a member of folders.  *ret_path is the caller's to free. */
int layers_folder(const char *folder, char **ret_path, mode_t *ret_mode, struct error *e);

#endif
