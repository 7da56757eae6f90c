/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open - the beginning and the end of a pod.  Io thread, or without a loop that runs.
 */

#include "runtime/pod/open.h"

#include "runtime/pod/abandon.h"
#include "runtime/pod/forward.h"
#include "runtime/pod/names.h"
#include "runtime/pod/stop.h"
#include "runtime/pod/watch.h"

#define STACK_SIZE (256 * KIB)

int pod_open(struct pod *pod, const struct pod_params *params, struct error *e)
{
	int r;

	*pod = (struct pod){ .loop = params->loop,
			     .id = params->id,
			     .namespace_ = params->namespace_,
			     .bundle = params->bundle,
			     .held = params->held,
			     .config_path = params->config_path,
			     .kill_wait_ms = params->kill_wait_ms,
			     .look_ms = params->look_ms,
			     .listener = params->listener,
			     .calls = &pod_calls,
			     .cancel = { -1 },
			     .look = { .fd = -1 } };
	pod->pool = work_pool_new(pod->loop, params->max_threads, STACK_SIZE);
	r = cancel_init(&pod->cancel, e);
	return r < 0 || pod->look_ms == 0 ? r : pod_look_open(pod, e);
}

void pod_halt(struct pod *pod)
{
	if (pod->pool)
		work_pool_stop(pod->pool);
	watch_free(TAKE_PTR(pod->watch));
	forward_free(TAKE_PTR(pod->forward));
	names_free(TAKE_PTR(pod->names));
	pod_look_close(pod);
}

void pod_close(struct pod *pod)
{
	pod_halt(pod);
	sandbox_free(TAKE_PTR(pod->sandbox));
	work_pool_free(TAKE_PTR(pod->pool));
	cancel_done(&pod->cancel);
}
