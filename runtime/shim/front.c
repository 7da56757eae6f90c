/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front - put a pod and its front ends together.  Io thread, or without a loop that runs.
 */

#include "runtime/shim/front.h"

#include "runtime/shim/manage.h"
#include "runtime/shim/news.h"
#include "runtime/shim/task.h"

#define DRAIN_MS UINT64_C(2000)

static void told(void *arg, enum pod_news news, const struct process *p)
{
	const struct shim *shim = arg;

	news_publish(shim->events, news, p);
}

static void agent_took(void *arg, const struct rpc_call *call, uint64_t ms)
{
	const struct shim *shim = arg;

	metrics_agent_took(shim->metrics, call, ms);
}

static void leave(void *arg)
{
	const struct shim *shim = arg;

	loop_stop(shim->pod.loop, 0);
}

static void left(void *arg)
{
	const struct shim *shim = arg;

	events_drain(shim->events, DRAIN_MS, leave, arg);
}

int shim_open(struct shim *shim, const struct pod_params *params, const char *address,
	      struct error *e)
{
	struct pod_params mine = *params;
	struct rpc_service service;
	int r;

	*shim = (struct shim){ 0 };
	mine.listener = (struct pod_listener){ told, agent_took, left, shim };
	r = pod_open(&shim->pod, &mine, e);
	if (r < 0)
		return r;
	shim->metrics = metrics_new();
	shim->events = events_new(params->loop, address, params->namespace_, e);
	if (!shim->events)
		return -e->code;
	task_service(shim, &service);
	shim->server = rpc_server_new(params->loop, shim->pod.pool, &service, e);
	return shim->server ? 0 : -e->code;
}

void shim_close(struct shim *shim)
{
	pod_halt(&shim->pod);
	manage_free(TAKE_PTR(shim->manage));
	rpc_server_free(TAKE_PTR(shim->server));
	pod_close(&shim->pod);
	events_free(TAKE_PTR(shim->events));
	metrics_free(TAKE_PTR(shim->metrics));
}
