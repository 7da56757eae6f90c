/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_KUBECTL_CLEANUP_H
#define DEPLOY_KUBECTL_CLEANUP_H

#include "deploy/kubectl/cluster.h"

/* The merge patch that takes from NODE the labels and annotations of installations that C has no
 * DaemonSet of; NULL if it has none.  Caller owns. */
struct json_object *cleanup_patch(const struct cluster *c, struct json_object *node);
/* The types of NODE's conditions that are of such installations.  Caller frees. */
strv cleanup_conditions(const struct cluster *c, struct json_object *node);
/* Why CLASS is not to be deleted though such an installation made it, *ret_why, which may be NULL:
 * it is to be.  False if no such installation did. */
bool cleanup_class(const struct cluster *c, struct json_object *class, const char **ret_why);

#endif
