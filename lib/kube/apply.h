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
 * KUBE_KEEP_OTHERS, EBUSY names the manager that owns a field we want; with a
 * metadata.resourceVersion that the object no longer has it is EBUSY as well, unless that is our
 * own doing, by a try whose answer was lost. */
int kube_apply(struct kube_client *client, const char *path, struct json_object *object,
	       enum kube_conflict conflict, uint64_t deadline_ms, const struct cancel *cancel,
	       struct json_object **ret_object, struct error *e);

/* A new object below PATH.  EEXIST if there is one of its name. */
int kube_create(struct kube_client *client, const char *path, struct json_object *object,
		uint64_t deadline_ms, const struct cancel *cancel, struct error *e);

/* JSON merge patch (RFC 7386).  One with metadata.resourceVersion is EBUSY once the object has
 * another, unless that is our own doing, likewise. */
int kube_merge(struct kube_client *client, const char *path, struct json_object *patch,
	       uint64_t deadline_ms, const struct cancel *cancel, struct error *e);

/* A missing object is success. */
int kube_delete(struct kube_client *client, const char *path, uint64_t deadline_ms,
		const struct cancel *cancel, struct error *e);
/* The same, but only while it is as OBJECT was read: EBUSY otherwise. */
int kube_delete_exact(struct kube_client *client, const char *path, struct json_object *object,
		      uint64_t deadline_ms, const struct cancel *cancel, struct error *e);

#endif
