/* SPDX-License-Identifier: Apache-2.0 */
/*
 * look - when to look whether anybody still wants a pod.
 *
 * Only the time is set here; who looks is abandon.c.  Io thread.
 */

#include "runtime/pod/look.h"

#include "runtime/pod/task.h"

static bool has_never_started(const struct pod *pod)
{
	for (const struct task *task = pod->tasks; task; task = task->next)
		if (task->init.state > PROCESS_CREATED)
			return false;
	return pod->tasks != NULL;
}

bool pod_may_be_abandoned(const struct pod *pod)
{
	return pod->stage == POD_EMPTY || pod->stage == POD_STOPPED ||
	       (pod->stage == POD_RUNNING && has_never_started(pod));
}

void pod_look_again(struct pod *pod)
{
	if (pod->look_ms > 0 && pod_may_be_abandoned(pod))
		timer_arm(pod->look.fd, pod->look_ms, 0);
}
