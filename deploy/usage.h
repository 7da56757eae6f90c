/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_USAGE_H
#define DEPLOY_USAGE_H

#include "lib/host/live.h"

struct install;

/* What uses an installation. */

#define USAGE_REMEDY "install and remove once more, or run 'kata-deploy cleanup'"

/* Adds what uses a sandbox on this node now, for struct unused; ARG is the install. */
int usage_look(const void *arg, struct live *l, struct error *e);
/* EBUSY, with what it is, while something does: then neither its handler nor its files may go. */
int usage_must_be_none(struct install *in, struct error *e);

#endif
