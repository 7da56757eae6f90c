/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_KUBE_APPLY_H
#define LIB_KUBE_APPLY_H

#include "lib/kube/client.h"

/* The verbs of an installer, each until DEADLINE_MS.  Fields are the client's owner's.  *ret_object
 * may be NULL everywhere. */

enum kube_conflict { KUBE_KEEP_OTHERS, KUBE_TAKE_OVER };

int kube_get(struct kube_client *client, const char *path, uint64_t deadline_ms,
	     const struct cancel *cancel, struct json_object **ret_object, struct error *e);

/* Server-side apply: the object has what OBJECT says, and what it no longer says goes.  With
 * KUBE_KEEP_OTHERS, EBUSY names the manager that owns a field we want. */
int kube_apply(struct kube_client *client, const char *path, struct json_object *object,
	       enum kube_conflict conflict, uint64_t deadline_ms, const struct cancel *cancel,
	       struct json_object **ret_object, struct error *e);

/* JSON merge patch (RFC 7386). */
int kube_merge(struct kube_client *client, const char *path, struct json_object *patch,
	       uint64_t deadline_ms, const struct cancel *cancel, struct error *e);

/* A missing object is success. */
int kube_delete(struct kube_client *client, const char *path, uint64_t deadline_ms,
		const struct cancel *cancel, struct error *e);

#endif
