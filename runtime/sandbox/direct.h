/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_DIRECT_H
#define RUNTIME_SANDBOX_DIRECT_H

#include <sys/types.h>

#include "lib/str.h"

/*
 * direct - what a storage driver says of a volume that the guest shall mount from its disk.
 *
 * The driver (CSI) does not mount the volume on the node, but leaves a record: DIRECT_ROOT, then
 * the path at which the volume would be as base64 (RFC 4648, section 5), then mountInfo.json.
 * Names and form are those of Kata Containers' "direct volumes".  Work thread.
 */

#define DIRECT_ROOT "/run/kata-containers/shared/direct-volumes"

/* Of the pod's group: whom the files are given to. */
enum direct_group { DIRECT_GROUP_KEEP, DIRECT_GROUP_ALWAYS, DIRECT_GROUP_ON_MISMATCH };

struct direct {
	char *device; /* block device or file of the host */
	char *fstype;
	strv options;
	enum direct_group group_policy;
	gid_t group;
};

/* The name below DIRECT_ROOT of the record of PATH, which is tidy (path_tidy()); the others take it
 * as a driver writes it.  Caller frees. */
char *direct_name(const char *path);

/* Whether there is a record for PATH below ROOT. */
bool direct_exists(const char *root, const char *path);
/* Reads it.  ENOTSUP names what it asks for and is not done here; EPERM if it is not ours alone. */
int direct_read(const char *root, const char *path, struct direct *ret, struct error *e);
/* The same from TEXT. */
int direct_parse(const char *text, struct direct *ret, struct error *e);
void direct_done(struct direct *d);
#define _direct_ _cleanup_(direct_done)

/* Makes the record INFO of PATH, or replaces it.  EINVAL if PATH does not begin with a slash. */
int direct_add(const char *root, const char *path, const char *info, struct error *e);
/* Removes it; one that is not there is success.  EINVAL likewise. */
int direct_remove(const char *root, const char *path, struct error *e);

/* Leaves word beside the record of PATH that SANDBOX has the volume. */
int direct_note_sandbox(const char *root, const char *path, const char *sandbox, struct error *e);
/* Those of which such word was left and not taken back: that have it or had it.  ENOENT without a
 * record or any. */
int direct_sandboxes(const char *root, const char *path, strv *ret_ids, struct error *e);

#endif
