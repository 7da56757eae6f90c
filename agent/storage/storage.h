/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_STORAGE_STORAGE_H
#define AGENT_STORAGE_STORAGE_H

#include "lib/rpc/server.h"
#include "lib/str.h"

struct Agent__Storage;
struct points;
struct sandbox;
struct storages;

#define STORAGE_MAX_PER_CALL 128

/*
 * Everything mounted for the sandbox or a container, one entry per mount point.  A mount point used
 * twice is mounted once and counted.  One lock inside; mounts of different mount points run beside
 * each other.  Every function may be called from any work thread.
 */
struct storages *storages_new(struct sandbox *sb, struct error *e);
/* Unmounts everything that is left. */
void storages_free(struct storages *st);

/* Mounts the N storages of LIST in order for container CID (NULL: the sandbox).  *ret_mounts holds
 * the mount points, to be given to storages_release() by the owner.  On failure everything this
 * call mounted is gone again. */
int storages_add(struct storages *st, const char *cid, struct Agent__Storage *const *list, size_t n,
		 uint64_t deadline_ms, const struct cancel *cancel, strv *ret_mounts,
		 struct error *e);

/* Gives up one use of each mount point; the last use unmounts and removes what was made for it.
 * Goes through the whole list whatever fails; reports the first failure. */
int storages_release(struct storages *st, char *const *mounts, struct error *e);

/* The mount points themselves, which shares (shares.h) are counted among. */
struct points *storages_points(struct storages *st);

/* Name of driver I of the table, NULL behind the last. */
const char *storage_driver_name(size_t i);

rpc_handler storage_rpc_update_ephemeral;

#endif
