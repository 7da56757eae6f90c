/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live - are there sandboxes on this node, and of which versions?
 *
 * Two witnesses.  containerd knows every container it may still be asked about; the question is
 * asked per namespace with a filter on the runtime's name, so only ours are sent.  The shims'
 * records know every sandbox that still has something to clean up, which can be longer: containerd
 * starts the shim of that very version for it, when it has already forgotten the container.  May
 * block, with a deadline.
 */
#include "lib/host/live.h"

#include <dirent.h>
#include <string.h>

#include "lib/file.h"
#include "lib/http/grpc.h"
#include "lib/json.h"
#include "lib/rpc/proto/client.pb-c.h"
#include "lib/rpc/proto/pb.pb-c.h"

/* "io.containerd.kata-qemu.v2", or the path of the shim. */
#define RECORD_MAX (1 * MIB)
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

static int count_in(struct http_client *client, const char *namespace, uint64_t deadline_ms,
		    const struct cancel *cancel, unsigned *count, struct error *e)
{
	Client__ListContainersRequest in = CLIENT__LIST_CONTAINERS_REQUEST__INIT;
	Client__ListContainersResponse *out = NULL;
	_strv_ strv headers = NULL;
	static char filter[] = FILTER;
	char *filters[] = { filter };
	int r;

	in.filters = filters;
	in.n_filters = ARRAY_SIZE(filters);
	strv_addf(&headers, "containerd-namespace: %s", namespace);
	r = grpc_call(client, &list_containers, &in, &out, headers, deadline_ms, cancel, e);
	if (r < 0)
		return r;
	*count += (unsigned)out->n_containers;
	protobuf_c_message_free_unpacked(&out->base, NULL);
	return 0;
}

int live_containers(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		    unsigned *ret_count, struct error *e)
{
	_cleanup_(http_client_freep) struct http_client *client = NULL;
	const Pb__Empty in = PB__EMPTY__INIT;
	Client__ListNamespacesResponse *out = NULL;
	unsigned count = 0;
	int r = grpc_open(socket, &client, e);

	if (r >= 0)
		r = grpc_call(client, &list_namespaces, &in, &out, NULL, deadline_ms, cancel, e);
	if (r < 0)
		return fail_wrap(e, "looking for running sandboxes");
	for (size_t i = 0; r >= 0 && i < out->n_namespaces; i++)
		r = count_in(client, out->namespaces[i]->name, deadline_ms, cancel, &count, e);
	protobuf_c_message_free_unpacked(&out->base, NULL);
	if (r < 0)
		return fail_wrap(e, "looking for running sandboxes");
	*ret_count = count;
	return 0;
}

static int read_record(const char *dir, const char *id, strv *version_dirs, struct error *e)
{
	_free_ char *path = xasprintf("%s/%s/state.json", dir, id);
	_json_ struct json_object *record = NULL;
	const char *version_dir;
	int r = json_read_file(path, RECORD_MAX, &record, e);

	/* The sandbox has just gone, or its shim has not begun. */
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return r;
	version_dir = json_get_str(record, "version_dir");
	if (!version_dir)
		return fail(e, EBADMSG, "record '%s' names no version", path);
	strv_add(version_dirs, version_dir);
	return 0;
}

int live_versions(const char *dir, strv *ret_version_dirs, struct error *e)
{
	_strv_ strv found = NULL;
	DIR *stream = opendir(dir);
	struct dirent *d;
	int r = 0;

	if (!stream)
		return errno == ENOENT ? 0 : fail(e, errno, "cannot list '%s': %m", dir);
	while (r >= 0 && (d = readdir(stream)) != NULL)
		if (d->d_name[0] != '.')
			r = read_record(dir, d->d_name, &found, e);
	(void)closedir(stream);
	if (r >= 0)
		*ret_version_dirs = TAKE_PTR(found);
	return r;
}
