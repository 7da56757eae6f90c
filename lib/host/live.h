/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_LIVE_H
#define LIB_HOST_LIVE_H

#include "lib/str.h"
#include "lib/wait.h"

/* Where shims keep the record of each sandbox, ID/state.json, from before its VM until after its
 * last trace is gone. */
#define LIVE_RECORDS "/run/vc/sbs"

/* How many containers with a runtime of ours ("io.containerd.kata...", or a shim's path) containerd
 * knows, in all its namespaces.  While there are any, their handler cannot go. */
int live_containers(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		    unsigned *ret_count, struct error *e);

/* The version directory that each record below DIR names.  EBADMSG for a record that names none:
 * then nothing can be said to be unused. */
int live_versions(const char *dir, strv *ret_version_dirs, struct error *e);

#endif
