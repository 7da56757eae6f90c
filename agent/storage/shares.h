/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_STORAGE_SHARES_H
#define AGENT_STORAGE_SHARES_H

#include "lib/error.h"
#include "lib/rpc/server.h"
#include "lib/str.h"

struct mount_options;
struct points;

/* The annotation by which our runtime names the mounts below the shares of a container: guest
 * paths, one a line, parents first. */
#define SHARES_NESTED "io.katacontainers.share.nested"

/* What statfs() says of a share. */
#define FUSE_FILESYSTEM 0x65735546

/*
 * What the host shares with the guest, entered by the agent once for all containers.  Any work
 * thread.
 */

/* Adds a use of the share that PATH lies in and appends it to *MOUNTS, which are given up by
 * points_release(); without MOUNTS it is never given up.  A PATH that lies in none is success. */
int share_hold(struct points *ps, const char *path, uint64_t deadline_ms, strv *mounts,
	       struct error *e);

/* Enters the mounts below the shares in MOUNTS that TEXT (SHARES_NESTED) names, a path on each line
 * behind what the host's mount forbids ("nosuid,noexec/a/b"), which then holds here.  One that is
 * gone by now is success. */
int share_enter_nested(const char *text, char *const *mounts, struct error *e);

/* Lets go of the names of shares that the host has taken away since their last user was removed:
 * as long as they are remembered, the host's server keeps them open. */
void shares_forget_gone(struct points *ps);

/* Unmounts the shares that no container uses, and forgets those that are gone. */
int shares_drop_stale(struct points *ps, struct error *e);
rpc_handler share_rpc_remove_stale;

/* Opens PATH, which lies below SANDBOX_RUN_DIR, and enters whatever is on the way to it and at it.
 * Returns an O_PATH descriptor. */
int share_open_entered(const char *path, struct error *e);

/* A detached copy of what is at PATH with O applied.  What lies below SANDBOX_RUN_DIR is found
 * without following a link. */
int share_tree(const char *path, const struct mount_options *o, struct error *e);

#endif
