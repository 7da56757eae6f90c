/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-diagnose - one archive of what the cluster knows of its installations.
 *
 * The picture that the other commands show, the objects it is made of, Events of ours and the ends
 * of the pods' logs.  What may not be read is named in "errors" and does not stop the rest.  The
 * whole is bounded, and secrets are left out before anything is written.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "deploy/kubectl/archive.h"
#include "deploy/kubectl/stale.h"
#include "lib/kube/apply.h"
#include "lib/kube/list.h"
#include "lib/timestamp.h"

#define SIZE_MAX_ALL (32 * MIB)
#define LOG_BYTES    (256 * KIB)
#define LOG_LINES    2000
#define EVENTS_MAX   2000

struct diagnosis {
	struct kata *k;
	struct archive archive;
	struct cluster cluster;
	strv errors;
};

/* What is collected of a list. */
struct collecting {
	struct json_object *items;
	bool (*is_wanted)(struct json_object *item);
};

static int collect(void *arg, struct json_object *item, struct error *e)
{
	struct collecting *c = arg;

	(void)e;
	if ((!c->is_wanted || c->is_wanted(item)) && json_len(c->items) < EVENTS_MAX)
		(void)json_object_array_add(c->items, json_object_get(item));
	return 0;
}

static bool is_our_event(struct json_object *event)
{
	const char *reason = json_get_str(event, "reason");

	return reason && str_starts(reason, "Kata");
}

static bool is_our_class(struct json_object *class)
{
	const char *handler = json_get_str(class, "handler");

	return handler && str_starts(handler, "kata");
}

static void note_error(struct diagnosis *d, const char *what, const struct error *e)
{
	strv_addf(&d->errors, "%s: %s", what, e->msg);
}

static void add_list(struct diagnosis *d, const char *name, const char *path,
		     bool (*is_wanted)(struct json_object *item))
{
	_json_ struct json_object *items = json_object_new_array();
	struct collecting c = { items, is_wanted };
	struct error e;

	if (kube_list(d->k->kube, path, collect, &c, d->k->deadline_ms, d->k->cancel, &e) < 0)
		note_error(d, name, &e);
	archive_add(&d->archive, name, items);
}

static void add_object(struct diagnosis *d, const char *name, const char *path)
{
	_json_ struct json_object *object = NULL;
	struct error e;

	if (kube_get(d->k->kube, path, kata_ask_ms(d->k), d->k->cancel, &object, &e) < 0)
		note_error(d, name, &e);
	else
		archive_add(&d->archive, name, object);
}

static void add_log(struct diagnosis *d, struct json_object *pod)
{
	const char *namespace = json_get_str(pod, "namespace");
	const char *pod_name = json_get_str(pod, "pod");
	/* Several installations may have one on a node. */
	_free_ char *name = xasprintf("logs/%s/%s.log", json_get_str(pod, "node"), pod_name);
	_free_ char *path = xasprintf(
		"/api/v1/namespaces/%s/pods/%s/log?container=kata-deploy"
		"&tailLines=%d&limitBytes=%llu",
		namespace, pod_name, LOG_LINES, (unsigned long long)LOG_BYTES);
	_http_response_ struct http_response response = { 0 };
	const struct http_request request = { .path = path,
					      .deadline_ms = kata_ask_ms(d->k),
					      .cancel = d->k->cancel };
	struct error e;

	if (http_do(kube_http(d->k->kube), &request, &response, &e) < 0) {
		note_error(d, name, &e);
	} else if (response.status != 200) {
		strv_addf(&d->errors, "%s: status %u", name, response.status);
	} else {
		utf8_repair(response.body);
		archive_add_text(&d->archive, name, response.body);
	}
}

static void add_stale(struct diagnosis *d)
{
	_json_ struct json_object *items = json_object_new_array();
	struct error e;

	if (stale_read(d->k, &d->cluster, NULL, items, &e) < 0)
		note_error(d, "stale.json", &e);
	archive_add(&d->archive, "stale.json", items);
}

static void add_all(struct diagnosis *d)
{
	struct archive *a = &d->archive;
	_free_ char *errors = NULL;

	archive_add(a, "installations.json", d->cluster.installations);
	archive_add(a, "nodes.json", d->cluster.nodes);
	add_stale(d);
	add_object(d, "version.json", "/version");
	add_list(d, "runtimeclasses.json", "/apis/node.k8s.io/v1/runtimeclasses", is_our_class);
	add_list(d, "events.json", "/apis/events.k8s.io/v1/events", is_our_event);
	json_object_object_foreach(d->cluster.pods, key, pod)
	{
		(void)key;
		add_log(d, pod);
	}
	errors = strv_join(d->errors, "\n");
	archive_add_text(a, "errors", errors);
	archive_end(a);
}

/* Nobody's but the one's who asked. */
static FILE *create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? NULL : fdopen(fd, "w");
}

static int write_file(struct kata *k, const char *path, const char *folder, struct error *e)
{
	bool is_stream = strcmp(path, "-") == 0;
	struct diagnosis d = {
		.k = k,
		.archive = { .folder = folder, .max = SIZE_MAX_ALL },
	};
	int r = 0;

	if (cluster_read(k, &d.cluster, e) < 0)
		return -e->code;
	d.archive.out = is_stream ? k->out : create(path);
	if (!d.archive.out)
		r = fail(e, errno, "cannot make '%s': %m", path);
	else
		add_all(&d);
	if (r >= 0 && (ferror(d.archive.out) || (!is_stream && fclose(d.archive.out) != 0)))
		r = fail(e, errno, "cannot write '%s': %m", path);
	if (r >= 0 && !is_stream)
		view_say("%s", path);
	r = r < 0 ? r : d.errors ? EXIT_PARTLY : 0;
	cluster_done(&d.cluster);
	archive_done(&d.archive);
	strv_free(d.errors);
	return r;
}

int cmd_diagnose(struct kata *k, struct error *e)
{
	_free_ char *now = timestamp_now(TIMESTAMP_SECONDS);
	_free_ char *folder = NULL;
	_free_ char *path = NULL;

	for (char *c = now; *c; c++)
		if (*c == ':')
			*c = '-';
	folder = xasprintf("kata-diagnose-%s", now);
	path = k->options->file ? xstrdup(k->options->file) : xasprintf("%s.tar", folder);
	if (strcmp(path, "-") == 0 && isatty(STDOUT_FILENO))
		return fail(e, EINVAL, "an archive is nothing for a terminal");
	return write_file(k, path, folder, e);
}
