/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply - read, apply, patch and delete single objects.
 *
 * Applies are server-side: the API server merges, remembers which fields are ours and tells when
 * somebody else owns one, so two managers never fight silently.  Thread: that of the client.
 */
#include "lib/kube/apply.h"

#include <string.h>

int kube_get(struct kube_client *client, const char *path, uint64_t deadline_ms,
	     const struct cancel *cancel, struct json_object **ret_object, struct error *e)
{
	const struct kube_call call = {
		.path = path,
		.deadline_ms = deadline_ms,
		.cancel = cancel,
	};

	return kube_do(client, &call, ret_object, e);
}

int kube_apply(struct kube_client *client, const char *path, struct json_object *object,
	       enum kube_conflict conflict, uint64_t deadline_ms, const struct cancel *cancel,
	       struct json_object **ret_object, struct error *e)
{
	_free_ char *full =
		xasprintf("%s%cfieldManager=%s&force=%s", path, strchr(path, '?') ? '&' : '?',
			  kube_owner(client)->name, conflict == KUBE_TAKE_OVER ? "true" : "false");
	const struct kube_call call = {
		.method = "PATCH",
		.path = full,
		.content_type = "application/apply-patch+yaml",
		.body = object,
		.deadline_ms = deadline_ms,
		.cancel = cancel,
	};

	return kube_do(client, &call, ret_object, e);
}

int kube_merge(struct kube_client *client, const char *path, struct json_object *patch,
	       uint64_t deadline_ms, const struct cancel *cancel, struct error *e)
{
	_free_ char *full = xasprintf("%s%cfieldManager=%s", path, strchr(path, '?') ? '&' : '?',
				      kube_owner(client)->name);
	const struct kube_call call = {
		.method = "PATCH",
		.path = full,
		.content_type = "application/merge-patch+json",
		.body = patch,
		.deadline_ms = deadline_ms,
		.cancel = cancel,
	};

	return kube_do(client, &call, NULL, e);
}

int kube_delete(struct kube_client *client, const char *path, uint64_t deadline_ms,
		const struct cancel *cancel, struct error *e)
{
	const struct kube_call call = {
		.method = "DELETE",
		.path = path,
		.deadline_ms = deadline_ms,
		.cancel = cancel,
	};
	int r = kube_do(client, &call, NULL, e);

	return r == -ENOENT ? 0 : r;
}
