/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_WISH_H
#define DEPLOY_WISH_H

#include "deploy/install.h"

/* What the cluster wants of a node when a pod of ours on it ends. */

/* Reads it into F, and with it the Node object.  A DaemonSet that is not there may be about to be
 * made anew, so it is looked for again after a pause. */
int wish_read(struct facts *f, const struct install *in, struct error *e);

/* Whether a DaemonSet's controller would have a pod on NODE: nodeName, nodeSelector, the required
 * node affinity, and taints but for those of Kubernetes itself, which come and go. */
bool wish_selects(struct json_object *daemonset, struct json_object *node);

/* 1 if another node says that it has this installation. */
int wish_is_elsewhere(const struct install *in, struct error *e);

#endif
