/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_VOLUME_H
#define RUNTIME_SANDBOX_VOLUME_H

#include "runtime/sandbox/sandbox.h"

/*
 * volume - what a storage driver asks of a volume that the guest has mounted from its disk: how
 * full it is, and to be larger.
 *
 * PATH is the disk as the volume's record names it, or the volume's own path on the node.  ENOENT
 * if the guest has no such file system.  Work thread.
 */

/* *ret_json is a VolumeStatsResponse as Kata Containers' shim writes it.  Caller frees. */
int volume_stats(struct sandbox *s, const char *path, char **ret_json, struct error *e);

/* Tells the guest how large the disk is now and has its file system take BYTES of it, while it is
 * used.  ENOSPC if the disk on the node is smaller: whoever owns it makes it larger first. */
int volume_resize(struct sandbox *s, const char *path, uint64_t bytes, struct error *e);

#endif
