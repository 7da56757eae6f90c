/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live - are there sandboxes on this node, and of which versions?
 *
 * Two witnesses.  containerd knows every container it may still be asked about; the question is
 * asked per namespace with a filter on the runtime's name, so only Kata's are sent.  A container
 * stays known after its task has ended, until somebody removes it: for a deleted pod the kubelet,
 * once a minute.  The shims' records know every sandbox that still has something to clean up, which
 * can be longer: containerd starts the shim of that very version for it, when it has already
 * forgotten the container.  Sandboxes that a shim of upstream's made can have handlers of our names
 * (foreign.h): neither they nor what their pods get later are ours to wait for; nor are those of
 * another installation that the engine found by the shim's type.  May block, with a deadline.
 */
#include "lib/host/live.h"

#include <dirent.h>
#include <string.h>

#include "lib/file.h"
#include "lib/http/grpc.h"
#include "lib/json.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/client.pb-c.h"
#include "lib/rpc/proto/pb.pb-c.h"

/* "io.containerd.kata-qemu.v2", or the path of the shim. */
#define RECORD_MAX (1 * MIB)
#define USERS_MAX  8 /* that a message names */
#define FILTER     "runtime.name~=\"kata\""

static const struct grpc_method list_namespaces = {
	.path = "/containerd.services.namespaces.v1.Namespaces/List",
	.in = &pb__empty__descriptor,
	.out = &client__list_namespaces_response__descriptor,
};

static const struct grpc_method list_containers = {
	.path = "/containerd.services.containers.v1.Containers/List",
	.in = &client__list_containers_request__descriptor,
	.out = &client__list_containers_response__descriptor,
};

static const struct grpc_method list_tasks = {
	.path = "/containerd.services.tasks.v1.Tasks/List",
	.in = &pb__empty__descriptor,
	.out = &client__list_tasks_response__descriptor,
};

void live_done(struct live *l)
{
	strv_free(l->users);
	strv_free(l->foreign);
	strv_free(l->elsewhere);
	*l = (struct live){ 0 };
}

bool live_is_used(const struct live *l)
{
	return l->containers > 0 || l->sandboxes > 0;
}

char *live_text(const struct live *l)
{
	_free_ char *users = strv_join(l->users, ", ");

	if (l->containers == 0)
		return xasprintf("%u sandboxes with a record in " LIVE_RECORDS, l->sandboxes);
	return xasprintf("%u containers (%u running) of %s", l->containers, l->running, users);
}

static const char *label_of(const Client__Container *c, const char *key)
{
	for (size_t i = 0; i < c->n_labels; i++)
		if (strcmp(c->labels[i]->key, key) == 0)
			return c->labels[i]->value;
	return NULL;
}

void live_add_user(struct live *l, char *own_text)
{
	_free_ char *text = own_text;

	if (strv_len(l->users) < USERS_MAX && !strv_contains(l->users, text))
		strv_take(&l->users, TAKE_PTR(text));
}

static void add_user(struct live *l, const char *namespace, const Client__Container *c)
{
	const char *pod_namespace = label_of(c, "io.kubernetes.pod.namespace");
	const char *pod = label_of(c, "io.kubernetes.pod.name");

	if (pod_namespace && pod)
		live_add_user(l, xasprintf("pod '%s/%s'", pod_namespace, pod));
	else
		live_add_user(l, xasprintf("container '%s' in containerd's namespace '%s'", c->id,
					   namespace));
}

/* A state that containerd cannot tell is one that may still run. */
static bool is_running(const Client__ListTasksResponse *tasks, const char *id)
{
	for (size_t i = 0; i < tasks->n_tasks; i++)
		if (strcmp(tasks->tasks[i]->id, id) == 0)
			return tasks->tasks[i]->status != CLIENT__TASK_STATUS__STOPPED;
	return false;
}

/* What the containers of one pod have in common. */
static const char *pod_of(const Client__Container *c)
{
	return label_of(c, "io.kubernetes.pod.uid");
}

/* The pods of the sandboxes IDS. */
static strv pods_of(char *const *ids, const struct Client__ListContainersResponse *containers)
{
	strv pods = NULL;

	for (size_t i = 0; i < containers->n_containers; i++) {
		const Client__Container *c = containers->containers[i];

		if (strv_contains(ids, c->id) && pod_of(c))
			strv_add(&pods, pod_of(c));
	}
	return pods;
}

/* Whether C is one of the sandboxes IDS, or in one of their PODS. */
static bool is_of(const Client__Container *c, char *const *ids, char *const *pods)
{
	const char *pod = pod_of(c);

	return strv_contains(ids, c->id) || (pod && strv_contains(pods, pod));
}

void live_add(struct live *l, const char *namespace,
	      const struct Client__ListContainersResponse *containers,
	      const struct Client__ListTasksResponse *tasks)
{
	_strv_ strv foreign = pods_of(l->foreign, containers);
	_strv_ strv elsewhere = pods_of(l->elsewhere, containers);

	for (size_t i = 0; i < containers->n_containers; i++) {
		const Client__Container *c = containers->containers[i];
		const char *runtime = c->runtime && c->runtime->name ? c->runtime->name : "";

		if (!scope_has_runtime(l->scope, namespace, runtime) ||
		    is_of(c, l->foreign, foreign) ||
		    (scope_is_vague(runtime) && is_of(c, l->elsewhere, elsewhere)))
			continue;
		l->containers++;
		l->running += is_running(tasks, c->id);
		add_user(l, namespace, c);
	}
}

static int add_namespace(struct http_client *client, const char *namespace, uint64_t deadline_ms,
			 const struct cancel *cancel, struct live *l, struct error *e)
{
	Client__ListContainersRequest in = CLIENT__LIST_CONTAINERS_REQUEST__INIT;
	const Pb__Empty every = PB__EMPTY__INIT;
	_message_ Client__ListContainersResponse *containers = NULL;
	_message_ Client__ListTasksResponse *tasks = NULL;
	_strv_ strv headers = NULL;
	static char filter[] = FILTER;
	char *filters[] = { filter };
	int r;

	in.filters = filters;
	in.n_filters = ARRAY_SIZE(filters);
	strv_addf(&headers, "containerd-namespace: %s", namespace);
	r = grpc_call(client, &list_containers, &in, &containers, headers, deadline_ms, cancel, e);
	/* A namespace without ours costs one question. */
	if (r < 0 || containers->n_containers == 0)
		return r;
	r = grpc_call(client, &list_tasks, &every, &tasks, headers, deadline_ms, cancel, e);
	if (r >= 0)
		live_add(l, namespace, containers, tasks);
	return r;
}

int live_containers(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		    struct live *l, struct error *e)
{
	_cleanup_(http_client_freep) struct http_client *client = NULL;
	_message_ Client__ListNamespacesResponse *out = NULL;
	const Pb__Empty in = PB__EMPTY__INIT;
	int r = grpc_open(socket, &client, e);

	if (r >= 0)
		r = grpc_call(client, &list_namespaces, &in, &out, NULL, deadline_ms, cancel, e);
	for (size_t i = 0; r >= 0 && i < out->n_namespaces; i++)
		r = add_namespace(client, out->namespaces[i]->name, deadline_ms, cancel, l, e);
	return r < 0 ? fail_wrap(e, "looking for running sandboxes") : 0;
}

int live_version_of(const char *dir, const char *id, char **ret_version_dir, struct error *e)
{
	_free_ char *path = xasprintf("%s/%s/state.json", dir, id);
	_json_ struct json_object *record = NULL;
	const char *version_dir;
	int r = json_read_file(path, RECORD_MAX, &record, e);

	if (r < 0)
		return r == -ENOTDIR ? fail(e, ENOENT, "'%s' is no record", path) : r;
	version_dir = json_get_str(record, "version_dir");
	if (!version_dir)
		return fail(e, EBADMSG, "record '%s' names no version", path);
	*ret_version_dir = xstrdup(version_dir);
	return 0;
}

/* Which records are listed, and by what. */
enum whose { VERSIONS_OF_OURS, IDS_OF_OTHERS };

static int add_record(const char *dir, const char *id, const struct scope *scope, enum whose whose,
		      strv *found, struct error *e)
{
	_free_ char *version_dir = NULL;
	int r = live_version_of(dir, id, &version_dir, e);
	bool is_ours;

	/* The sandbox has just gone, or its shim has not begun. */
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	is_ours = scope_has_version(scope, version_dir);
	if (whose == VERSIONS_OF_OURS && is_ours)
		strv_take(found, TAKE_PTR(version_dir));
	if (whose == IDS_OF_OTHERS && !is_ours)
		strv_add(found, id);
	return 0;
}

static int list_records(const char *dir, const struct scope *scope, enum whose whose,
			strv *ret_found, struct error *e)
{
	_strv_ strv found = NULL;
	DIR *stream = opendir(dir);
	struct dirent *d;
	int r = 0;

	if (!stream)
		return errno == ENOENT ? 0 : fail(e, errno, "cannot list '%s': %m", dir);
	while (r >= 0 && (d = readdir(stream)) != NULL)
		if (d->d_name[0] != '.')
			r = add_record(dir, d->d_name, scope, whose, &found, e);
	(void)closedir(stream);
	if (r >= 0)
		*ret_found = TAKE_PTR(found);
	return r;
}

int live_versions(const char *dir, const struct scope *scope, strv *ret_version_dirs,
		  struct error *e)
{
	return list_records(dir, scope, VERSIONS_OF_OURS, ret_version_dirs, e);
}

int live_elsewhere(const char *dir, const struct scope *scope, strv *ret_ids, struct error *e)
{
	return list_records(dir, scope, IDS_OF_OTHERS, ret_ids, e);
}
