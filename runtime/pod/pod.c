/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pod - what all files of this folder need of a pod.  Io thread.
 */

#include "runtime/pod/pod.h"

void pod_tell(struct pod *pod, enum pod_news news, const struct process *p)
{
	if (pod->listener.told)
		pod->listener.told(pod->listener.arg, news, p);
}

void pod_must_end(struct pod *pod, uint32_t status)
{
	pod->calls->must_end(pod, status);
}

void pod_cancel(struct pod *pod)
{
	cancel_raise(&pod->cancel);
	if (pod->sandbox && sandbox_rpc(pod->sandbox))
		rpc_client_close(sandbox_rpc(pod->sandbox));
}
