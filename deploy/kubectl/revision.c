/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revision - give a DaemonSet the template that it had before.
 *
 * Its controller keeps each template as a ControllerRevision with a number; one that comes back
 * gets the highest number anew.  So the one before is the second highest, as "kubectl rollout undo"
 * has it.  One thread.
 */
#include "deploy/kubectl/revision.h"

#include "lib/kube/list.h"

/* The two newest. */
struct newest {
	const char *daemonset;
	struct json_object *first; /* owned, as the next */
	struct json_object *second;
};

static void newest_done(struct newest *n)
{
	json_putp(&n->first);
	json_putp(&n->second);
}

static bool is_of(struct json_object *revision, const char *daemonset)
{
	struct json_object *owners = json_at(revision, "metadata.ownerReferences");
	struct json_object *owner = json_find(owners, "kind", "DaemonSet");

	return str_equal(json_get_str(owner, "name"), daemonset);
}

static int each_revision(void *arg, struct json_object *revision, struct error *e)
{
	struct newest *n = arg;
	int64_t number = json_get_int(revision, "revision", 0);

	(void)e;
	if (!is_of(revision, n->daemonset))
		return 0;
	if (!n->first || number > json_get_int(n->first, "revision", 0)) {
		json_putp(&n->second);
		n->second = n->first;
		n->first = json_object_get(revision);
	} else if (!n->second || number > json_get_int(n->second, "revision", 0)) {
		json_putp(&n->second);
		n->second = json_object_get(revision);
	}
	return 0;
}

static int read_newest(struct kube_client *kube, const char *namespace, uint64_t deadline_ms,
		       const struct cancel *cancel, struct newest *n, struct error *e)
{
	_free_ char *path = xasprintf("/apis/apps/v1/namespaces/%s/controllerrevisions", namespace);

	return kube_list(kube, path, each_revision, n, deadline_ms, cancel, e);
}

int revision_current(struct kube_client *kube, const char *namespace, const char *daemonset,
		     uint64_t deadline_ms, const struct cancel *cancel, char **ret_revision,
		     struct error *e)
{
	_cleanup_(newest_done) struct newest n = { .daemonset = daemonset };
	const char *hash;

	if (read_newest(kube, namespace, deadline_ms, cancel, &n, e) < 0)
		return -e->code;
	hash = json_member_str(json_at(n.first, "metadata.labels"), "controller-revision-hash");
	if (!hash)
		return fail(e, ENOENT, "DaemonSet '%s' has no revision yet", daemonset);
	*ret_revision = xstrdup(hash);
	return 0;
}

int revision_before(struct kube_client *kube, const char *namespace, const char *daemonset,
		    uint64_t deadline_ms, const struct cancel *cancel,
		    struct json_object **ret_patch, struct error *e)
{
	_cleanup_(newest_done) struct newest n = { .daemonset = daemonset };

	if (read_newest(kube, namespace, deadline_ms, cancel, &n, e) < 0)
		return -e->code;
	if (!n.second || !json_at(n.second, "data"))
		return fail(e, ENOENT, "DaemonSet '%s' had no other template before", daemonset);
	*ret_patch = json_object_get(json_at(n.second, "data"));
	return 0;
}

int revision_apply(struct kube_client *kube, const char *namespace, const char *daemonset,
		   struct json_object *patch, uint64_t deadline_ms, const struct cancel *cancel,
		   struct error *e)
{
	_free_ char *path =
		xasprintf("/apis/apps/v1/namespaces/%s/daemonsets/%s", namespace, daemonset);
	const struct kube_call call = {
		.method = "PATCH",
		.path = path,
		.content_type = "application/strategic-merge-patch+json",
		.body = patch,
		.deadline_ms = deadline_ms,
		.cancel = cancel,
	};

	return kube_do(kube, &call, NULL, e);
}
