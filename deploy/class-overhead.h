/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_CLASS_OVERHEAD_H
#define DEPLOY_CLASS_OVERHEAD_H

#include "lib/json.h"

struct install;

/* WANTED says what a sandbox of this node takes.  Makes it what the class shall say, as ACTUAL
 * (NULL: there is none) says it for the other nodes of this installation as well.  *ret_news, for
 * people, stays NULL unless this node makes the others book more; caller frees. */
int class_share_overhead(const struct install *in, struct json_object *wanted,
			 struct json_object *actual, char **ret_news, struct error *e);

#endif
