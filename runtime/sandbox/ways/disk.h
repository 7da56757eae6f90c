/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_WAYS_DISK_H
#define RUNTIME_SANDBOX_WAYS_DISK_H

#include "runtime/sandbox/ways/way.h"

/* disk - what the ways have in common that give a file system as a disk. */

/* A file system to be mounted in the guest. */
struct disk {
	const char *source; /* block device or file of the host */
	const char *fstype;
	strv options;      /* as for the host; borrowed */
	const char *point; /* in the guest */
	bool is_pods;      /* stays until the VM ends, whatever containers come and go */
};

/* True if the guest can mount FSTYPE from a disk. */
bool disk_can_have(const char *fstype);

/* Claims D's source, plugs it in, and has the agent mount it.  Notes it as WAY's, whose undo is
 * disk_undo(), unless it is the pod's.  *ret_storage may be NULL. */
int disk_give(const struct arrival *a, struct gifts *g, const struct way *way, const struct disk *d,
	      Agent__Storage **ret_storage, struct error *e);
void disk_undo(struct sandbox *s, const char *what);

#endif
