/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_SHARE_H
#define RUNTIME_SANDBOX_SHARE_H

#include <sys/types.h>

#include "lib/idmap.h"
#include "lib/mount.h"
#include "lib/str.h"

/*
 * share - what of the host a sandbox's guest sees through virtio-fs, and who uses it.
 *
 * One folder or file of the host is one share, however many mounts and containers use it, so that
 * it is one file system in the guest: sockets, locks, events and mappings meet in it.  A part of
 * what is shared is that part of it.  Work threads; several may call at once.
 */

#define SHARE_ROOT       "/run/kata-containers/shared/sandboxes"
#define SHARE_GUEST_ROOT "/run/kata-containers/shared/containers" /* of SHARE_WITH_HOST */

/* Who may change what the guest sees, beside the guest: it decides what the guest may remember. */
enum share_kind {
	SHARE_WITH_HOST, /* the host or another guest: look again, write through */
	SHARE_PRIVATE,   /* nobody: the guest remembers, and writes when it likes */
	N_SHARE_KIND
};

/* What the guest mounts, and where. */
struct share_point {
	const char *tag;
	const char *path;
};

extern const struct share_point share_points[N_SHARE_KIND];

struct share;

/* Makes the folders of sandbox ID under ROOT (NULL: SHARE_ROOT), of the first N_KINDS; without its
 * own, SHARE_PRIVATE is as SHARE_WITH_HOST.  EEXIST if a sandbox of that id has left something: it
 * is not ours to use. */
int share_open(const char *root, const char *id, size_t n_kinds, struct share **ret_share,
	       struct error *e);
size_t share_kinds(const struct share *s);

/* Where the virtiofsd of KIND finds its folder, borrowed, and the mount namespace to start all of
 * them in; -1: the program's own. */
const char *share_folder(const struct share *s, enum share_kind kind);
int share_namespace(const struct share *s);
/* Tells that they, PIDS[kind], have set themselves up. */
void share_is_served(struct share *s, const pid_t *pids);

/* How a mount uses what is shared. */
struct share_use {
	const char *ticket;   /* names the use for share_put(); unique in the sandbox */
	const char *source;   /* a folder or file of the host */
	const char *within;   /* if SOURCE lies in this folder, all of that is shared; or NULL */
	const char *hint;     /* for people: part of the name it gets */
	enum share_kind kind; /* if it is not shared already */
	bool writes;  /* while nobody does, the host refuses it to the guest's root as well */
	bool follows; /* wants to see what the host mounts in it later */
	bool stays;   /* remains when its last user has gone: the guest has mounts below it */
	enum mount_idmap idmap; /* wants to see the owners that MAP says: a share of its own */
	struct idmap map;
};

/* Lets the guest see what USE says.  *ret_path is the guest's path of it, the caller's to free; the
 * guest's paths of mounts below it, parents first, each behind what its mount forbids
 * ("nosuid,noexec/a/b"), are added to *nested.  On failure the ticket is not valid, which
 * share_put() does not mind. */
int share_get(struct share *s, const struct share_use *use, char **ret_path, strv *nested,
	      struct error *e);
/* The same with the detached tree TREEFD, which nobody else has: SHARE_PRIVATE.  Its guest's path
 * is that of NAME, "a" or "a/b". */
int share_get_tree(struct share *s, const char *ticket, int treefd, const char *name,
		   char **ret_path, struct error *e);
/* Ends a use; what has no user goes.  Never fails; a ticket that is not valid is success. */
void share_put(struct share *s, const char *ticket);

/* Takes everything from the guest, whatever it holds open, and frees.  NULL is allowed. */
void share_close(struct share *s);
/* What a crash has left. */
void share_forget(const char *root, const char *id);

#endif
