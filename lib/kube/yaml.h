/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_KUBE_YAML_H
#define LIB_KUBE_YAML_H

#include "lib/json.h"

/* The one document of TEXT as a value of JSON, in which every scalar is a string: "true" and "1"
 * are what they look like.  But what is in a member "extension" is handed on to other programs and
 * keeps its types.  NAME is for messages.  E2BIG for one that becomes larger than a
 * configuration can be, by its aliases too; EINVAL for what is not YAML, or nothing. */
int kube_yaml_parse(const char *text, size_t len, const char *name, struct json_object **ret_object,
		    struct error *e);

#endif
