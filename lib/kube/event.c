/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event - Events about a node.
 *
 * The name of the object is a hash of what is said by whom, so a repeated message meets its own
 * earlier event (409) and becomes a series with a count; nothing has to be remembered here, and a
 * program that restarts every minute still makes one object.  Of a warning, words with digits in
 * them do not count: a failure that comes again brings other times, process ids and random names,
 * and the note of an Event cannot change.  Events about nodes live in the namespace default, those
 * about pods in the pod's.  Thread: that of the client.
 */
#include "lib/kube/event.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "lib/file.h"
#include "lib/kube/apply.h"
#include "lib/timestamp.h"

#define NOTE_MAX 1024

/* FNV-1a, 64 bits. */
static uint64_t hash(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '.' || c == '_';
}

/* NOTE with '#' for each word that has a digit.  Caller frees. */
static char *without_numbers(const char *note)
{
	char *text = xcalloc(strlen(note) + 1, 1);
	char *to = text;

	while (*note) {
		size_t len = 0, digits = 0;

		for (; is_word(note[len]); len++)
			digits += isdigit((unsigned char)note[len]) != 0;
		if (digits == 0)
			to = mempcpy(to, note, max_u64(len, 1));
		else
			*to++ = '#';
		note += max_u64(len, 1);
	}
	return text;
}

/* What makes it the same event. */
static char *kind_of(const struct kube_event *event)
{
	if (event->once)
		return xstrdup(event->once);
	return event->type == KUBE_EVENT_WARNING ? without_numbers(event->note)
						 : xstrdup(event->note);
}

static const char *uid_of(const struct kube_event *event)
{
	const char *uid = event->pod_namespace ? event->pod_uid : event->node_uid;

	return uid ? uid : "";
}

static const char *namespace_of(const struct kube_event *event)
{
	return event->pod_namespace ? event->pod_namespace : "default";
}

char *kube_event_name(const struct owner *owner, const struct kube_event *event)
{
	_free_ char *kind = kind_of(event);
	/* What is said once is not said again by the next version. */
	const char *version = event->once ? "" : KATA_VERSION;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	h = hash(hash(h, owner->name), uid_of(event));
	h = hash(hash(hash(h, version), event->reason), kind);
	return xasprintf("%.200s.%016" PRIx64, event->pod_namespace ? event->pod_name : event->node,
			 h);
}

static void set_regarding(struct json_object *regarding, const struct kube_event *event)
{
	bool is_pod = event->pod_namespace;

	json_set_str(regarding, "apiVersion", event->kind ? event->api_version : "v1");
	json_set_str(regarding, "kind", is_pod ? "Pod" : event->kind ? event->kind : "Node");
	json_set_str(regarding, "namespace", event->pod_namespace);
	json_set_str(regarding, "name", is_pod ? event->pod_name : event->node);
	json_set_str(regarding, "uid", is_pod ? event->pod_uid : event->node_uid);
}

static struct json_object *build(const struct owner *owner, const struct kube_event *event,
				 const char *name, const char *time)
{
	struct json_object *o = json_object_new_object();
	struct json_object *metadata = json_set_object(o, "metadata");
	struct json_object *regarding = json_set_object(o, "regarding");
	_free_ char *note = xstrndup(event->note, NOTE_MAX);
	_free_ char *reporter = xasprintf("katacontainers.io/%s", owner->name);

	/* A character that was cut is three bytes to the API server, which are too many. */
	utf8_repair(note);
	json_set_str(o, "apiVersion", "events.k8s.io/v1");
	json_set_str(o, "kind", "Event");
	json_set_str(metadata, "name", name);
	json_set_str(metadata, "namespace", namespace_of(event));
	set_regarding(regarding, event);
	json_set_str(o, "type", event->type == KUBE_EVENT_WARNING ? "Warning" : "Normal");
	json_set_str(o, "reason", event->reason);
	json_set_str(o, "action", event->action);
	json_set_str(o, "note", note);
	json_set_str(o, "eventTime", time);
	json_set_str(o, "reportingController", reporter);
	json_set_str(o, "reportingInstance", event->node);
	return o;
}

static int count_up(struct kube_client *client, const char *events, const char *name,
		    const char *time, uint64_t deadline_ms, const struct cancel *cancel,
		    struct error *e)
{
	_free_ char *path = path_join(events, name);
	_json_ struct json_object *event = NULL;
	_json_ struct json_object *patch = json_object_new_object();
	struct json_object *series = json_set_object(patch, "series");
	int r = kube_get(client, path, deadline_ms, cancel, &event, e);

	if (r < 0)
		return r;
	json_set_int(series, "count", json_get_int(event, "series.count", 1) + 1);
	json_set_str(series, "lastObservedTime", time);
	return kube_merge(client, path, patch, deadline_ms, cancel, e);
}

int kube_event(struct kube_client *client, const struct kube_event *event, uint64_t deadline_ms,
	       const struct cancel *cancel, struct error *e)
{
	const struct owner *owner = kube_owner(client);
	_free_ char *name = kube_event_name(owner, event);
	_free_ char *events =
		xasprintf("/apis/events.k8s.io/v1/namespaces/%s/events", namespace_of(event));
	_free_ char *path = xasprintf("%s?fieldManager=%s", events, owner->name);
	_free_ char *time = timestamp_now(TIMESTAMP_MICROS);
	_json_ struct json_object *body = build(owner, event, name, time);
	const struct kube_call call = {
		.method = "POST",
		.path = path,
		.content_type = "application/json",
		.body = body,
		.deadline_ms = deadline_ms,
		.cancel = cancel,
	};
	int r = kube_do(client, &call, NULL, e);

	if (r != -EEXIST)
		return r;
	return event->once ? 0 : count_up(client, events, name, time, deadline_ms, cancel, e);
}
