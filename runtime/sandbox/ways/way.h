/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_WAYS_WAY_H
#define RUNTIME_SANDBOX_WAYS_WAY_H

#include "lib/rpc/proto/agent.pb-c.h"
#include "runtime/sandbox/rootfs.h"
#include "runtime/sandbox/sandbox.h"

/*
 * way - how a root file system, a volume or a device enters the guest.
 *
 * Each thing that a container's specification names is an arrival.  The rows of WAYS are asked in
 * order; the first that matches gives it: it brings the thing to the guest, adds to the gifts what
 * the agent must make, and changes the specification to what the guest shall see.  What it leaves
 * on the host or in the VM it notes before it happens; notes are undone last first when the
 * container goes or cannot be made.
 *
 * A new way is one row of WAYS and one file of this folder with that struct in it.
 */

/* clang-format off */
#define WAYS(row)                                                         \
	row(way_layered_root)  /* layers: erofs */                        \
	row(way_block_root)    /* a disk: devmapper, blockfile */         \
	row(way_root_mounts)   /* containerd's mounts, shared */          \
	row(way_root_folder)   /* a folder of the host, shared */         \
	row(way_unshared_root) /* one that only sharing could give: refused */ \
	row(way_block_node)    /* a block device on a path */             \
	row(way_direct_volume) /* a disk that a storage driver leaves to the guest */ \
	row(way_pod_shm)       /* the guest's /dev/shm */                 \
	row(way_memory_volume) /* emptyDir in memory, huge pages: the guest's */ \
	row(way_disk_volume)   /* emptyDir on disk as a disk, where that is asked for */ \
	row(way_guest_folder)  /* emptyDir on disk where nothing is shared: in the guest */ \
	row(way_copied_volume) /* small volumes where nothing is shared */ \
	row(way_watchable_volume) /* configMap and its like, copied by the agent */ \
	row(way_shared_volume) /* any other folder or file, shared */     \
	row(way_guest_mount)   /* the agent's own: proc, tmpfs, ... */    \
	row(way_host_disks)    /* all of a privileged one: none */        \
	row(way_block_device)  /* one asked for by name: plugged in */    \
	row(way_host_device)   /* the host's, given along with all */    \
	row(way_guest_device)  /* the agent's own: character devices */
/* clang-format on */

enum way_kind { WAY_ROOT, WAY_MOUNT, WAY_DEVICE, N_WAY_KIND };

/* One thing that is to enter, and what is known of it.  Borrowed, but for SPEC, which the way
 * changes where it concerns the arrival. */
struct arrival {
	enum way_kind kind;
	struct sandbox *sandbox;
	const char *container; /* id */
	Oci__Spec *spec;
	size_t number; /* of the mount or device in SPEC */

	/* WAY_ROOT: */
	const char *root; /* the folder on the host that is the root, or on which to mount it */
	const struct rootfs_mount *root_mounts;
	size_t n_root_mounts;

	Oci__Mount *mount;        /* WAY_MOUNT */
	Oci__LinuxDevice *device; /* WAY_DEVICE */
};

struct gifts;

struct way {
	const char *name; /* for messages and logs */
	enum way_kind kind;
	/* 1 if this is A's way, 0 if not.  Changes nothing. */
	int (*match)(const struct arrival *a, struct error *e);
	/* Brings A in.  May leave notes when it fails: they are undone. */
	int (*give)(const struct arrival *a, struct gifts *g, struct error *e);
	/* Takes back what a note of this way says.  Never fails, ends within seconds, does not need
	 * the guest.  NULL if it leaves no notes. */
	void (*undo)(struct sandbox *s, const char *what);
};

struct way_note {
	const struct way *way;
	char *what;
};

/* What one container brought: all zero at first. */
struct gifts {
	Agent__Storage **storages; /* what the agent makes before it */
	size_t n_storages;
	Agent__Device **devices; /* what the agent finds for it */
	size_t n_devices;
	strv nested; /* host mounts in what is shared, as share_get() tells them */
	struct way_note *notes;
	size_t n_notes;
};

/* For a way that gives the guest what the host has at the source of A's mount, before that is
 * changed: what the node's mount does not allow (set-id programs, devices, programs) the guest's
 * does not either, as a bind mount on the node would not, unless the container asks for it. */
void arrival_keep_flags(const struct arrival *a);

/* Says that WAY is about to leave WHAT behind. */
void gifts_note(struct gifts *g, const struct way *way, const char *what);
/* Adds an empty one and returns it, borrowed. */
Agent__Storage *gifts_add_storage(struct gifts *g);
Agent__Device *gifts_add_device(struct gifts *g);
void gifts_done(struct gifts *g);

struct ways_params {
	struct sandbox *sandbox;
	const char *container; /* id */
	const char *bundle;
	const struct rootfs_mount *mounts; /* of the root file system */
	size_t n_mounts;
};

/* Brings in everything that SPEC names and makes it what the guest gets.  ENOTSUP names a thing
 * that has no way in.  The notes of *g are to be undone also after a failure. */
int ways_bring_in(const struct ways_params *params, Oci__Spec *spec, struct gifts *g,
		  struct error *e);
/* Takes back everything that is noted.  Never fails; idempotent. */
void ways_take_back(struct sandbox *s, struct gifts *g);

#define WAY_DECLARE(name) extern const struct way name;
WAYS(WAY_DECLARE)

#endif
