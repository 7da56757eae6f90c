/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_SHIM_H
#define DEPLOY_SHIM_H

#include "deploy/settings.h"
#include "lib/host/engine.h"

/* The kinds of sandboxes a release can offer (SHIMS), and what each means on this node. */
struct shim {
	const char *name;          /* "qemu" */
	const char *configuration; /* file in share/defaults/kata-containers */
	const char *section;       /* of its VMM in that file */
};

/* Names of all (shim-table.c); caller frees. */
strv shim_names(void);
/* NULL with *e filled, which names the known ones (shim-table.c). */
const struct shim *shim_find(const char *name, struct error *e);

/* The handler of the shim NAME: "kata-qemu", with the suffix.  Caller frees. */
char *shim_handler(const struct settings *s, const char *name);

/* One shim of this installation. */
struct offer {
	const struct shim *shim;
	char *handler;      /* "kata-qemu", with the suffix */
	char *runtime_path; /* through the current version */
	char *delivered;    /* its configuration in the release, through the current version */
	char *config_path;  /* what sandboxes read: that, or a copy of the node's own; NULL: unread
			     */
	char *launcher;     /* what runs the shim with it, for containerd 2 */
	char *snapshotter;  /* of containerd, for its pods; NULL: the one of all pods */
	char *custom;       /* text of the drop-in for this node; NULL if there is none */
	char *text;         /* of the delivered configuration; NULL: not read */
};

int offer_init(struct offer *o, const struct settings *s, const char *root, const char *name,
	       struct error *e);
/* Adds what this node wants to be different: custom and config_path. */
int offer_read(struct offer *o, const struct settings *s, struct error *e);
/* The name of the delivered configuration in the release.  Caller frees. */
char *offer_delivered(const struct offer *o);
void offer_done(struct offer *o);

/* Adds the names and the files of handlers on the node that lead to other installations than that
 * in ROOT. */
void launchers_of_others(const struct settings *s, const char *root, strv *names);

/* The handlers on the node that lead to the installation in ROOT: the paths of their launchers, and
 * for each the configuration that it names. */
void launchers_of_root(const struct settings *s, const char *root, strv *ret_launchers,
		       strv *ret_configs);

/* Of one that was read, and of one that is only named. */
struct handler offer_handler(const struct offer *o);
struct known_handler offer_known(const struct offer *o);

/* The same handler from VERSION_DIR, which need not be current: for a canary. */
struct preview {
	char *runtime_path;
	char *config_path;
	struct handler handler;
};

/* Consumes the path of the configuration; NULL: it is the version's. */
void preview_init(struct preview *p, const struct offer *o, const char *version_dir,
		  char *own_config_path);
void preview_done(struct preview *p);

/* Plans the node's own configuration: a copy of the delivered one, whose text must be read, with
 * the allowed annotations, and its drop-ins; or that there is none.  A copy that is not wanted any
 * more goes. */
int offer_plan(const struct offer *o, const struct settings *s, struct edit *edit, struct error *e);

/* Removes what offer_plan() made; files of others in the handler's folder stay. */
int offer_remove(const struct offer *o, const struct settings *s, struct error *e);

/* Values that decide on the node: read from the drop-in, else from the delivered configuration,
 * else OTHERWISE. */
bool offer_bool(const struct offer *o, const char *key, bool otherwise);
int64_t offer_int(const struct offer *o, const char *key, int64_t otherwise);

#endif
