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
		.names_version = json_get_str(object, "metadata.resourceVersion") != NULL,
		.deadline_ms = deadline_ms,
		.cancel = cancel,
	};

	return kube_do(client, &call, ret_object, e);
}

int kube_create(struct kube_client *client, const char *path, struct json_object *object,
		uint64_t deadline_ms, const struct cancel *cancel, struct error *e)
{
	_free_ char *full = xasprintf("%s?fieldManager=%s", path, kube_owner(client)->name);
	const struct kube_call call = {
		.method = "POST",
		.path = full,
		.content_type = "application/json",
		.body = object,
		.deadline_ms = deadline_ms,
		.cancel = cancel,
	};

	return kube_do(client, &call, NULL, e);
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
		.names_version = json_get_str(patch, "metadata.resourceVersion") != NULL,
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

int kube_delete_exact(struct kube_client *client, const char *path, struct json_object *object,
		      uint64_t deadline_ms, const struct cancel *cancel, struct error *e)
{
	_json_ struct json_object *options = json_object_new_object();
	struct json_object *preconditions = json_set_object(options, "preconditions");
	const struct kube_call call = {
		.method = "DELETE",
		.path = path,
		.content_type = "application/json",
		.body = options,
		.deadline_ms = deadline_ms,
		.cancel = cancel,
		.names_version = true,
	};
	int r;

	json_set_str(preconditions, "uid", json_get_str(object, "metadata.uid"));
	json_set_str(preconditions, "resourceVersion",
		     json_get_str(object, "metadata.resourceVersion"));
	r = kube_do(client, &call, NULL, e);
	return r == -ENOENT ? 0 : r;
}
