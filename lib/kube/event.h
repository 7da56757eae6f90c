/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_KUBE_EVENT_H
#define LIB_KUBE_EVENT_H

#include "lib/kube/client.h"

enum kube_event_type { KUBE_EVENT_NORMAL, KUBE_EVENT_WARNING };

/* Something that happened to a node, as `kubectl describe node` and `kubectl events` show it. */
struct kube_event {
	const char *node; /* name of the node it is about */
	const char *node_uid;
	enum kube_event_type type;
	const char *reason; /* CamelCase */
	const char *action; /* CamelCase: what was being done */
	const char *note;   /* for a person; cut at 1 KiB */
};

/* The name of the object: the same for the same reason and note about the same node; of a warning
 * also where its note differs in numbers and names with digits.  Caller frees. */
char *kube_event_name(const struct owner *owner, const struct kube_event *event);

/* Tells, once: an event that is there already is counted up instead of adding one. */
int kube_event(struct kube_client *client, const struct kube_event *event, uint64_t deadline_ms,
	       const struct cancel *cancel, struct error *e);

#endif
