/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_EXPORTED_H
#define RUNTIME_SANDBOX_EXPORTED_H

#include <sys/types.h>

#include "lib/mount.h"
#include "lib/str.h"

/*
 * exported - the folders of a sandbox that are served by a virtiofsd each, and the mounts in them.
 *
 * They lie in a mount namespace that the shim and its daemons have for themselves: what is mounted
 * there is in no list of the node's, and is gone with them however they end.  Names in a folder are
 * ours; no path below a name is ever walked.  Work thread; one call at a time.
 */

#define EXPORTED_FOLDERS_MAX 2

struct exported_folder {
	char *served;     /* as its virtiofsd finds it when it starts */
	int ns_fd;        /* the namespace it is in, borrowed; -1: the host's */
	int server_ns_fd; /* virtiofsd's own namespace; -1 as long as it has none */
	int top_fd;       /* the folder, with what is mounted in it */
	int under_fd;     /* the same, where names can be made */
};

struct exported {
	char *dir; /* ROOT/ID: the host's mount point, where nothing is seen by the host */
	int ns_fd; /* -1: a kernel that cannot do it; then it is all on the host */
	struct exported_folder folders[EXPORTED_FOLDERS_MAX];
	size_t n_folders;
};

enum exported_write { EXPORTED_READ_ONLY, EXPORTED_READ_WRITE };
/* Whether what the host mounts below a source later appears as well. */
enum exported_follow { EXPORTED_CUT_OFF, EXPORTED_FOLLOWING };

/* How NAME shows what it is. */
struct exported_view {
	enum exported_write write;
	enum exported_follow follow;
	enum mount_idmap idmap; /* owners as the user namespace USERNS maps them */
	int userns;
};

/* EEXIST if a sandbox of that id has left something: it is not ours to use. */
int exported_open(struct exported *x, const char *root, const char *id, size_t n_folders,
		  struct error *e);

/* Mounts what SOURCEFD is, with all mounts below it, on the new NAME (one or two components).
 * EXPORTED_READ_ONLY holds against the guest's root, too: the host refuses the write.  A failure
 * leaves NAME for exported_unbind(). */
int exported_bind(struct exported_folder *f, int sourcefd, const char *name,
		  const struct exported_view *view, struct error *e);
/* The same with a detached tree, which gets the flags of a share. */
int exported_attach(struct exported_folder *f, int treefd, const char *name, struct error *e);
/* Changes what NAME may be used for, in place.  ENOTSUP on an old kernel; EBUSY if it is to become
 * read-only while files are open for writing. */
int exported_allow(struct exported_folder *f, const char *name, enum exported_write write,
		   struct error *e);
/* The root of what is mounted on NAME: a descriptor for looking only. */
int exported_look(const struct exported_folder *f, const char *name, struct error *e);
/* Takes NAME away.  Never fails; a missing one is success. */
void exported_unbind(struct exported_folder *f, const char *name);

/* Tells that the daemons, process PIDS[i] for folder i, have set themselves up: from now on their
 * namespaces are known, and the host's mounts are dropped from ours. */
void exported_is_served(struct exported *x, const pid_t *pids);

/* Removes everything, whatever the guest holds open.  Idempotent. */
void exported_close(struct exported *x);
/* The same after a crash. */
void exported_forget(const char *root, const char *id);
/* Frees the description only. */
void exported_done(struct exported *x);

#endif
