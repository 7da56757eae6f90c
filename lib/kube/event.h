/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_KUBE_EVENT_H
#define LIB_KUBE_EVENT_H

#include "lib/kube/client.h"

enum kube_event_type { KUBE_EVENT_NORMAL, KUBE_EVENT_WARNING };

/* Something that happened to a node, to a pod on it, or to another object without a namespace, as
 * `kubectl describe` and `kubectl events` show it. */
struct kube_event {
	const char *node; /* name of the node it is about, or that the pod runs on */
	const char *node_uid;
	const char *api_version;   /* of what the two above name, and ... */
	const char *kind;          /* ... its kind; NULL: a Node */
	const char *pod_namespace; /* NULL: it is about the node */
	const char *pod_name;
	const char *pod_uid;
	enum kube_event_type type;
	const char *reason; /* CamelCase */
	const char *action; /* CamelCase: what was being done */
	const char *note;   /* for a person; cut at 1 KiB */
	/* Instead of the note: what is told once, however often it is said.  NULL: the note. */
	const char *once;
};

/* The name of the object: the same for the same reason and note about the same node or pod; of a
 * warning also where its note differs in numbers and names with digits.  Caller frees. */
char *kube_event_name(const struct owner *owner, const struct kube_event *event);

/* Tells, once: an event that is there already is counted up instead of adding one, and left alone
 * if it is for once. */
int kube_event(struct kube_client *client, const struct kube_event *event, uint64_t deadline_ms,
	       const struct cancel *cancel, struct error *e);

#endif
