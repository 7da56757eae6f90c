/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_SHARE_H
#define RUNTIME_SANDBOX_SHARE_H

#include "lib/str.h"

/*
 * share - the folder of a sandbox that its guest sees through virtio-fs.
 *
 *   /run/kata-containers/shared/sandboxes/ID/mounts   binds are made here
 *   /run/kata-containers/shared/sandboxes/ID/shared   the same, read-only at the top; exported
 *
 * All functions: work thread; different names of one share may be used at once.
 */

#define SHARE_ROOT       "/run/kata-containers/shared/sandboxes"
#define SHARE_GUEST_ROOT "/run/kata-containers/shared/containers"
#define SHARE_TAG        "kataShared"

struct share {
	char *dir;      /* SHARE_ROOT/ID */
	char *mounts;   /* dir/mounts */
	char *exported; /* dir/shared: what virtiofsd serves */
};

enum share_access {
	SHARE_READ_WRITE,
	SHARE_READ_ONLY,
	SHARE_FOLLOWING, /* to read and write, with what the host mounts below it later */
};

/* Makes the folders and mounts under ROOT (NULL: SHARE_ROOT).  EEXIST if a sandbox of that id has
 * left something: it is not ours to use. */
int share_open(struct share *s, const char *root, const char *id, struct error *e);

/* Lets the guest see SOURCE, a file or a folder with all mounts below it, as NAME (one or two path
 * components).  SHARE_READ_ONLY holds against the guest's root too: the host refuses the write. */
int share_bind(struct share *s, const char *source, const char *name, enum share_access access,
	       struct error *e);
/* Takes NAME away.  Never fails; a missing one is success. */
void share_unbind(struct share *s, const char *name);

/* Removes everything, whatever the guest holds open.  Idempotent. */
void share_close(struct share *s);
/* The same after a crash. */
void share_forget(const char *root, const char *id);
void share_done(struct share *s);

/* The guest's path of NAME.  Caller frees. */
char *share_guest_path(const char *name);

/* Detaches every mount at or below DIR in the caller's mount namespace, the deepest first. */
void share_detach_below(const char *dir);

#endif
