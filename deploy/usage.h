/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_USAGE_H
#define DEPLOY_USAGE_H

#include "lib/host/live.h"

struct change;
struct facts;
struct install;

/* What uses an installation, and which versions nobody does. */

#define USAGE_REMEDY "install and remove once more, or run 'kata-deploy cleanup'"

/* Adds what uses a sandbox on this node now, for struct unused; ARG is the install. */
int usage_look(const void *arg, struct live *l, struct error *e);
/* EBUSY, with what it is, while something does: then neither its handler nor its files may go. */
int usage_must_be_none(struct install *in, struct error *e);

/* Versions but those in KEEP that no sandbox uses. */
int usage_unused_versions(const struct facts *f, char *const *keep, strv *ret_folders,
			  struct error *e);
/* Removes them, and of them no more than ONLY has, unless it is NULL. */
int usage_remove_unused(const struct facts *f, char *const *keep, const struct change *only,
			struct error *e);
/* Whether versions of ours are on the node. */
bool usage_is_installed(const struct facts *f);

#endif
