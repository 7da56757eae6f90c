/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_KUBECTL_REVISION_H
#define DEPLOY_KUBECTL_REVISION_H

#include "lib/kube/client.h"

/* The templates that a DaemonSet had, as its controller keeps them. */

/* The patch that gives DAEMONSET the template before its present one.  ENOENT if there is none.
 * Caller owns. */
int revision_before(struct kube_client *kube, const char *namespace, const char *daemonset,
		    uint64_t deadline_ms, const struct cancel *cancel,
		    struct json_object **ret_patch, struct error *e);
/* What its controller calls the present one in the label controller-revision-hash of pods.  ENOENT
 * if it has not seen it yet.  Caller frees. */
int revision_current(struct kube_client *kube, const char *namespace, const char *daemonset,
		     uint64_t deadline_ms, const struct cancel *cancel, char **ret_revision,
		     struct error *e);
/* Gives the patch to DAEMONSET. */
int revision_apply(struct kube_client *kube, const char *namespace, const char *daemonset,
		   struct json_object *patch, uint64_t deadline_ms, const struct cancel *cancel,
		   struct error *e);

#endif
