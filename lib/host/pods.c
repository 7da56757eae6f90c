/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pods - ask an engine whose its sandboxes are.
 *
 * Only for what no record of ours names.  May block, with a deadline.
 */
#include "lib/host/pods.h"

#include <string.h>

#include "lib/http/grpc.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/cri.pb-c.h"
#include "lib/timestamp.h"

#define NANO 1000000000

static const struct grpc_method list_method = {
	.path = "/runtime.v1.RuntimeService/ListPodSandbox",
	.in = &cri__list_pod_sandbox_request__descriptor,
	.out = &cri__list_pod_sandbox_response__descriptor,
};

void pods_take(const struct Cri__ListPodSandboxResponse *answer, struct pods *ret_pods)
{
	struct pods p = { .list = xcalloc(answer->n_items + 1, sizeof(*p.list)) };

	for (size_t i = 0; i < answer->n_items; i++) {
		const Cri__PodSandbox *s = answer->items[i];
		const struct timespec created = { .tv_sec = s->created_at / NANO };
		char started[TIMESTAMP_SIZE];

		if (!s->metadata)
			continue;
		timestamp_format(&created, TIMESTAMP_SECONDS, started);
		p.list[p.n++] = (struct pod){
			.sandbox = xstrdup(s->id),
			.namespace_ = xstrdup(s->metadata->namespace_),
			.name = xstrdup(s->metadata->name),
			.uid = xstrdup(s->metadata->uid),
			.started = xstrdup(started),
		};
	}
	*ret_pods = p;
}

int pods_list(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
	      struct pods *ret_pods, struct error *e)
{
	const Cri__ListPodSandboxRequest in = CRI__LIST_POD_SANDBOX_REQUEST__INIT;
	_cleanup_(http_client_freep) struct http_client *client = NULL;
	_message_ Cri__ListPodSandboxResponse *out = NULL;
	int r = grpc_open(socket, &client, e);

	if (r >= 0)
		r = grpc_call(client, &list_method, &in, &out, NULL, deadline_ms, cancel, e);
	if (r < 0)
		return fail_wrap(e, "asking whose sandboxes there are");
	pods_take(out, ret_pods);
	return 0;
}

const struct pod *pods_find(const struct pods *p, const char *id)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->list[i].sandbox, id) == 0)
			return &p->list[i];
	return NULL;
}

void pods_done(struct pods *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->list[i].sandbox);
		free(p->list[i].namespace_);
		free(p->list[i].name);
		free(p->list[i].uid);
		free(p->list[i].started);
	}
	free(p->list);
	*p = (struct pods){ 0 };
}
