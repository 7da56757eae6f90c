/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_MOUNT_H
#define LIB_MOUNT_H

#include "lib/error.h"

/*
 * Mounts by descriptor.  A mount is made detached, gets all its attributes, and only then appears
 * at its place: nobody ever sees it writable before it is read-only, and no path is resolved twice.
 */

#define MOUNT_OPTIONS_MAX 128 /* options of one mount */

/* The attributes of a mount that callers name themselves, as the kernel numbers them. */
enum mount_attribute {
	MOUNT_RDONLY = 0x1,
	MOUNT_NOSUID = 0x2,
	MOUNT_NODEV = 0x4,
	MOUNT_NOEXEC = 0x8,
};

enum mount_idmap { MOUNT_IDMAP_NONE, MOUNT_IDMAP_ONE, MOUNT_IDMAP_TREE };

/* The options of one mount, sorted by who understands them. */
struct mount_options {
	bool is_bind;           /* "bind", "rbind" */
	bool is_bind_tree;      /* "rbind": with what is mounted below it */
	uint64_t set;           /* enum mount_attribute and its like, of the mount */
	uint64_t clear;         /* taken away first */
	uint64_t set_tree;      /* "rro" and its like: of the mount and all below it */
	uint64_t clear_tree;    /* the same, taken away */
	uint64_t propagation;   /* MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE; 0: as it comes */
	bool propagates_tree;   /* "rshared" and its like */
	bool copies_up;         /* "tmpcopyup": the caller fills it with what it covers */
	enum mount_idmap idmap; /* "idmap", "ridmap": the caller's, mount_map_ids() */
	unsigned super_flags;   /* which of the file system's own flags (ro, sync, ...) */
	char **data;            /* the rest, "key" or "key=value", owned strv */
};

/* Sorts OPTIONS.  An unknown word is the file system's affair. */
int mount_options_parse(char *const *options, size_t n, struct mount_options *ret, struct error *e);
/* EINVAL names an option that the caller would have to see to. */
int mount_options_check_plain(const struct mount_options *o, struct error *e);
void mount_options_done(struct mount_options *o);
#define _mount_options_ _cleanup_(mount_options_done)

/* A new, detached mount of FSTYPE with everything O says.  Returns its descriptor. */
int mount_new(const char *fstype, const char *source, const struct mount_options *o,
	      struct error *e);
/* A detached copy of what is at PATH (below DIRFD, or DIRFD itself for ""), with O applied; links
 * in PATH are followed.  Returns its descriptor. */
int mount_clone(int dirfd, const char *path, const struct mount_options *o, struct error *e);
/* Makes the detached mount appear on the file or directory TARGETFD.  NAME is for messages. */
int mount_attach(int mountfd, int targetfd, const char *name, struct error *e);

/* Where a descriptor is among the mounts. */
struct mount_place {
	uint64_t id;       /* of its mount, as in mountinfo */
	bool is_root;      /* it is the root of its mount */
	bool is_automount; /* whoever walks into it gets a mount there */
};

/* Looks at FD without entering anything or asking a server. */
int mount_look(int fd, struct mount_place *ret_place, struct error *e);

/* Has the server of a shared file system say anew what the file FD is, which the kernel may have
 * remembered for some time (FUSE: fuse_entry_out, attr_valid).  Where that fails, it stays so. */
void mount_ask_again(int fd);

/* Changes the mount whose root MOUNTFD is. */
int mount_change(int mountfd, const struct mount_options *o, const char *name, struct error *e);
/* Shows the owners of the files as the maps of the user namespace USERNS say, of the detached mount
 * MOUNTFD (MOUNT_IDMAP_TREE: and of all below it).  EINVAL: a file system that cannot. */
int mount_map_ids(int mountfd, enum mount_idmap idmap, int userns, const char *name,
		  struct error *e);
/* Changes the file system itself, as a remount does; the attributes of the mount stay. */
int mount_reconfigure(int mountfd, const struct mount_options *o, const char *name,
		      struct error *e);

#endif
