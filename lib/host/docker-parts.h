/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_DOCKER_PARTS_H
#define LIB_HOST_DOCKER_PARTS_H

#include "lib/json.h"

/* What the files of the Docker driver share: runtimes in the text of daemon.json (docker-json.c).
 * A text is a JSON object, perhaps behind a byte order mark, or nothing but white space. */

/* EINVAL if it is no such text, or has "runtimes" that are no object.  *ret_root (NULL for white
 * space) is what it means, with the last of two keys that are the same. */
int daemon_json_parse(const char *text, const char *name, struct json_object **ret_root,
		      struct error *e);
/* Names of the runtimes, in order; one that is there twice is so here. */
strv daemon_json_names(const char *text);
/* What the last runtime of that name is, as text; NULL: there is none.  Caller frees. */
char *daemon_json_runtime(const char *text, const char *runtime);
/* TEXT (NULL: there is no file) with one runtime more, behind the others.  Caller frees. */
char *daemon_json_add(const char *text, const char *runtime, struct json_object *value);
/* TEXT without all runtimes of that name, the exact inverse of adding it; NULL where the file was
 * made for it.  Caller frees. */
char *daemon_json_remove(const char *text, const char *runtime);

#endif
