/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errand - have a node do something once, by a pod like the DaemonSet's.
 *
 * A pod of the same template has the same mounts, settings and account, so that what it says is
 * what the next pod of the DaemonSet would do, also on a node that has none yet, and of another
 * image.  It needs no more of the API than to make a pod, read its log and delete it.  It has none
 * of the DaemonSet's labels, or its controller would take it for one of its own.  One thread.
 */
#include "deploy/kubectl/errand.h"

#include <string.h>
#include <sys/random.h>

#include "lib/kube/apply.h"

#define CONTAINER  "kata-deploy"
#define POLL_MS    300
#define LIFE_S     900
#define LOG_MAX    (8 * MIB)
#define CLEANUP_MS (30 * UINT64_C(1000))

/* ---- the pod ---- */

static void keep_ours(struct json_object *spec)
{
	struct json_object *ours =
		json_object_get(json_find(json_at(spec, "containers"), "name", CONTAINER));

	(void)json_object_array_add(json_set_array(spec, "containers"), ours);
	json_object_object_del(spec, "initContainers");
}

static void make_read_only(struct json_object *container)
{
	struct json_object *mounts = json_at(container, "volumeMounts");

	for (size_t i = 0; i < json_len(mounts); i++)
		json_set_bool(json_item(mounts, i), "readOnly", true);
}

/* Without what is for a pod that stays. */
static void set_container(struct json_object *container, const struct errand *errand)
{
	static const char *const staying[] = { "ports", "lifecycle", "startupProbe",
					       "livenessProbe", "readinessProbe" };

	for (size_t i = 0; i < ARRAY_SIZE(staying); i++)
		json_object_object_del(container, staying[i]);
	json_set_strv(container, "args", errand->args);
	json_set_str(container, "image", errand->image);
	if (errand->access == ERRAND_READS)
		make_read_only(container);
}

struct json_object *errand_pod(const struct errand *errand, const char *name)
{
	struct json_object *template = json_at(errand->installation, "template");
	struct json_object *pod = json_object_new_object();
	struct json_object *metadata, *spec = NULL;

	json_set_str(pod, "apiVersion", "v1");
	json_set_str(pod, "kind", "Pod");
	metadata = json_set_object(pod, "metadata");
	json_set_str(metadata, "name", name);
	json_set_str(metadata, "namespace", json_get_str(errand->installation, "namespace"));
	json_set_str(json_set_object(metadata, "labels"), "app.kubernetes.io/managed-by",
		     "kubectl-kata");
	if (json_object_deep_copy(json_at(template, "spec"), &spec, NULL) < 0)
		abort();
	(void)json_object_object_add(pod, "spec", spec);
	keep_ours(spec);
	set_container(json_item(json_at(spec, "containers"), 0), errand);
	json_set_str(spec, "nodeName", errand->node);
	json_set_str(spec, "restartPolicy", "Never");
	json_set_int(spec, "activeDeadlineSeconds", LIFE_S);
	json_set_int(spec, "terminationGracePeriodSeconds", CLEANUP_MS / 1000);
	return pod;
}

/* ---- its life ---- */

static char *random_name(void)
{
	uint8_t bytes[5] = { 0 };
	_free_ char *hex = NULL;

	(void)!getrandom(bytes, sizeof(bytes), 0);
	hex = hex_encode(bytes, sizeof(bytes));
	return xasprintf("kubectl-kata-%s", hex);
}

static struct json_object *status_of(struct json_object *pod)
{
	return json_at(json_item(json_at(pod, "status.containerStatuses"), 0), "state");
}

/* What waiting does not mend. */
static int must_go_on(struct json_object *pod, struct error *e)
{
	static const char *const hopeless[] = { "ErrImagePull", "ImagePullBackOff",
						"InvalidImageName", "ErrImageNeverPull",
						"CreateContainerConfigError" };
	const char *reason = json_get_str(status_of(pod), "waiting.reason");
	const char *message = json_get_str(status_of(pod), "waiting.message");

	for (size_t i = 0; i < ARRAY_SIZE(hopeless); i++)
		if (str_equal(reason, hopeless[i]))
			return fail(e, ECHILD, "the pod does not start: %s: %s", reason,
				    message ? message : "");
	return 0;
}

/* Returns the exit status. */
static int wait_for(struct kata *k, const char *path, struct error *e)
{
	for (;;) {
		_json_ struct json_object *pod = NULL;
		const char *phase;

		if (kube_get(k->kube, path, kata_ask_ms(k), k->cancel, &pod, e) < 0 ||
		    must_go_on(pod, e) < 0)
			return -e->code;
		phase = json_get_str(pod, "status.phase");
		if (str_equal(phase, "Succeeded") || str_equal(phase, "Failed")) {
			int64_t code = json_get_int(status_of(pod), "terminated.exitCode", -1);
			const char *why = json_get_str(pod, "status.message");

			return code >= 0 && code < 256 ? (int)code
						       : fail(e, ECHILD, "the pod failed: %s",
							      why ? why : "nobody says why");
		}
		if (wait_pause(POLL_MS, path, k->deadline_ms, k->cancel, e) < 0)
			return -e->code;
	}
}

static int read_log(struct kata *k, const char *path, char **ret_log, struct error *e)
{
	_free_ char *log = xasprintf("%s/log", path);
	_http_response_ struct http_response response = { 0 };
	const struct http_request request = {
		.path = log,
		.max_response = LOG_MAX,
		.deadline_ms = kata_ask_ms(k),
		.cancel = k->cancel,
	};

	if (http_do(kube_http(k->kube), &request, &response, e) < 0)
		return -e->code;
	if (response.status != 200)
		return fail(e, EACCES, "the log of the pod: status %u", response.status);
	*ret_log = TAKE_PTR(response.body);
	return 0;
}

static void delete_pod(struct kata *k, const char *path)
{
	_free_ char *at_once = xasprintf("%s?gracePeriodSeconds=1", path);
	struct error e;

	if (kube_delete(k->kube, at_once, deadline_in(CLEANUP_MS), NULL, &e) < 0)
		view_say("the pod stays: %s", e.msg);
}

static int make_pod(struct kata *k, const char *pods, const char *path, struct json_object *pod,
		    struct error *e)
{
	int r = kube_create(k->kube, pods, pod, kata_ask_ms(k), k->cancel, e);

	/* Nobody else has the name: it was made by a try whose answer was lost. */
	if (r == -EEXIST)
		return 0;
	/* So it may have been in what was given up. */
	if (r < 0 && r != -EACCES && r != -ECONNREFUSED)
		delete_pod(k, path);
	return r;
}

int errand_run(struct kata *k, const struct errand *errand, char **ret_log, struct error *e)
{
	const char *namespace = json_get_str(errand->installation, "namespace");
	_free_ char *name = random_name();
	_free_ char *pods = xasprintf("/api/v1/namespaces/%s/pods", namespace);
	_free_ char *path = xasprintf("%s/%s", pods, name);
	_json_ struct json_object *pod = errand_pod(errand, name);
	int status = make_pod(k, pods, path, pod, e);

	if (status < 0)
		return fail_wrap(e, "making a pod on node '%s'", errand->node);
	status = wait_for(k, path, e);
	if (status >= 0 && read_log(k, path, ret_log, e) < 0)
		status = -e->code;
	delete_pod(k, path);
	return status < 0 ? fail_wrap(e, "node '%s'", errand->node) : status;
}
