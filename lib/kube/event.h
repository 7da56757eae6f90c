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

/* Tells, once: the same reason and note about the same node again counts up the event there is
 * instead of adding one. */
int kube_event(struct kube_client *client, const struct kube_event *event, uint64_t deadline_ms,
	       const struct cancel *cancel, struct error *e);

#endif
