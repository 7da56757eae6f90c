/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply - read, apply, patch and delete single objects.
 *
 * Applies are server-side: the API server merges, remembers which fields are ours and tells when
 * somebody else owns one, so two managers never fight silently.
 *
 * A change of one version of an object is refused when the object has another one by now.  That may
 * be our own doing, when an answer was lost and the client asked again: an object that has all that
 * was sent is what was asked for then.  Thread: that of the client.
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

static bool has_all(struct json_object *is, struct json_object *sent);

/* A member that is sent as null is to be missing. */
static bool has_members(struct json_object *is, struct json_object *sent)
{
	json_object_object_foreach(sent, name, value)
	{
		if (strcmp(name, "resourceVersion") != 0 && !has_all(json_member(is, name), value))
			return false;
	}
	return true;
}

static bool has_items(struct json_object *is, struct json_object *sent)
{
	size_t n = json_len(sent);

	if (json_len(is) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!has_all(json_item(is, i), json_item(sent, i)))
			return false;
	return true;
}

/* Recursive; the parser bounds the depth, and what is sent is ours. */
static bool has_all(struct json_object *is, struct json_object *sent)
{
	if (json_object_is_type(sent, json_type_object))
		return json_object_is_type(is, json_type_object) && has_members(is, sent);
	if (json_object_is_type(sent, json_type_array))
		return has_items(is, sent);
	return json_object_equal(is, sent);
}

/* Whether what CALL, refused as *e says, sent is there already. */
static int settle(struct kube_client *client, const struct kube_call *call,
		  struct json_object **ret_object, struct error *e)
{
	_free_ char *path = xstrndup(call->path, strcspn(call->path, "?"));
	_json_ struct json_object *is = NULL;
	struct error ignored;

	if (kube_get(client, path, call->deadline_ms, call->cancel, &is, &ignored) < 0 ||
	    !has_all(is, call->body))
		return -e->code;
	if (ret_object)
		*ret_object = TAKE_PTR(is);
	return 0;
}

static int change(struct kube_client *client, const struct kube_call *call,
		  struct json_object **ret_object, struct error *e)
{
	struct kube_call mine = *call;
	bool was_lost = false;
	int r;

	mine.ret_lost = &was_lost;
	r = kube_do(client, &mine, ret_object, e);
	return r == -EBUSY && was_lost ? settle(client, call, ret_object, e) : r;
}

int kube_apply(struct kube_client *client, const char *path, struct json_object *object,
	       enum kube_conflict conflict, uint64_t deadline_ms, const struct cancel *cancel,
	       struct json_object **ret_object, struct error *e)
{
	_free_ char *full =
		xasprintf("%s%cfieldManager=%s&force=%s", path, strchr(path, '?') ? '&' : '?',
			  kube_owner(client)->name, conflict == KUBE_TAKE_OVER ? "true" : "false");
	struct kube_call call = {
		.method = "PATCH",
		.path = full,
		.content_type = "application/apply-patch+yaml",
		.body = object,
		.names_version = json_get_str(object, "metadata.resourceVersion") != NULL,
		.deadline_ms = deadline_ms,
		.cancel = cancel,
	};

	return change(client, &call, ret_object, e);
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
	struct kube_call call = {
		.method = "PATCH",
		.path = full,
		.content_type = "application/merge-patch+json",
		.body = patch,
		.names_version = json_get_str(patch, "metadata.resourceVersion") != NULL,
		.deadline_ms = deadline_ms,
		.cancel = cancel,
	};

	return change(client, &call, NULL, e);
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
