/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_EXPORTED_H
#define RUNTIME_SANDBOX_EXPORTED_H

#include <sys/types.h>

#include "lib/str.h"

/*
 * exported - the folder of a sandbox that virtiofsd serves, and the mounts in it.
 *
 * It lies in a mount namespace that the shim and virtiofsd have for themselves: what is mounted
 * there is in no list of the node's, and is gone with them however they end.  Names in it are ours;
 * no path below a name is ever walked.  Work thread; one call at a time.
 */

struct exported {
	char *dir;        /* ROOT/ID: the host's mount point, where nothing is seen by the host */
	char *served;     /* the folder, as virtiofsd finds it when it starts */
	int ns_fd;        /* -1: a kernel that cannot do it; then it is all on the host */
	int server_ns_fd; /* virtiofsd's own namespace; -1 as long as it has none */
	int top_fd;       /* the folder, with what is mounted in it */
	int under_fd;     /* the same, where names can be made */
};

#define EXPORTED_INIT                                                         \
	{                                                                     \
		.ns_fd = -1, .server_ns_fd = -1, .top_fd = -1, .under_fd = -1 \
	}

enum exported_write { EXPORTED_READ_ONLY, EXPORTED_READ_WRITE };
/* Whether what the host mounts below a source later appears as well. */
enum exported_follow { EXPORTED_CUT_OFF, EXPORTED_FOLLOWING };

/* EEXIST if a sandbox of that id has left something: it is not ours to use. */
int exported_open(struct exported *x, const char *root, const char *id, struct error *e);

/* Mounts what SOURCEFD is, with all mounts below it, on the new NAME (one or two components).
 * EXPORTED_READ_ONLY holds against the guest's root, too: the host refuses the write.  A failure
 * leaves NAME for exported_unbind(). */
int exported_bind(struct exported *x, int sourcefd, const char *name, enum exported_write write,
		  enum exported_follow follow, struct error *e);
/* The same with a detached tree, which gets the flags of a share. */
int exported_attach(struct exported *x, int treefd, const char *name, struct error *e);
/* Changes what NAME may be used for, in place.  ENOTSUP on an old kernel; EBUSY if it is to become
 * read-only while files are open for writing. */
int exported_allow(struct exported *x, const char *name, enum exported_write write,
		   struct error *e);
/* The root of what is mounted on NAME: a descriptor for looking only. */
int exported_look(const struct exported *x, const char *name, struct error *e);
/* Takes NAME away.  Never fails; a missing one is success. */
void exported_unbind(struct exported *x, const char *name);

/* Tells that virtiofsd, process PID, has set itself up: from now on its namespace is known, and the
 * host's mounts are dropped from ours. */
void exported_is_served(struct exported *x, pid_t pid);

/* Removes everything, whatever the guest holds open.  Idempotent. */
void exported_close(struct exported *x);
/* The same after a crash. */
void exported_forget(const char *root, const char *id);
/* Frees the description only. */
void exported_done(struct exported *x);

#endif
