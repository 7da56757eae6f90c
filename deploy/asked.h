/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_ASKED_H
#define DEPLOY_ASKED_H

#include "deploy/install.h"

/* The object at PATH of the API server, as this run first read it, so that what several steps look
 * at costs one request.  ENOENT counts as an answer; other failures are none.  For what nobody else
 * changes meanwhile, or whose change is refused where it is another by now.  *ret_object is owned
 * by the caller and not changed. */
int asked_get(const struct install *in, const char *path, struct json_object **ret_object,
	      struct error *e);
/* What is remembered of it, borrowed; NULL: nothing, or that there is none. */
struct json_object *asked_known(const struct install *in, const char *path);
/* The next one to ask is told how it is then. */
void asked_forget(const struct install *in, const char *path);

#endif
