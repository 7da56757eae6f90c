/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uninstall - the action that ends the whole installation before its rights go.
 *
 * Whoever deletes the objects of an installation all at once takes the pods' role away while they
 * still clean their nodes.  This deletes the DaemonSet first, in the foreground: Kubernetes keeps
 * the object until its last pod has ended, so its absence says that every node is done.  The chart
 * runs it in a Job of its own before it deletes the rest.  One thread; waits for minutes.
 */
#include "deploy/uninstall.h"

#include "lib/kube/apply.h"
#include "lib/log.h"

#define LEAVE_MS   (20 * 60 * UINT64_C(1000))
#define ASK_MS     (60 * UINT64_C(1000))
#define PAUSE_MS   UINT64_C(1000)
#define TELL_TIMES 30 /* pauses between two lines in the log */

static void tell(struct json_object *daemonset, unsigned tries)
{
	if (tries % TELL_TIMES == 0)
		log_info("waiting for %lld nodes to be cleaned up",
			 (long long)json_get_int(daemonset, "status.currentNumberScheduled", 0));
}

static int wait_gone(struct kube_client *kube, const char *path, const struct cancel *cancel,
		     struct error *e)
{
	const uint64_t deadline_ms = deadline_in(LEAVE_MS);

	for (unsigned tries = 0;; tries++) {
		_json_ struct json_object *daemonset = NULL;
		int r = kube_get(kube, path, deadline_in(ASK_MS), cancel, &daemonset, e);

		if (r == -ENOENT)
			return 0;
		if (r < 0)
			return r;
		tell(daemonset, tries);
		r = wait_pause(PAUSE_MS, "the last node to be cleaned up", deadline_ms, cancel, e);
		if (r < 0)
			return r;
	}
}

int run_uninstall(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	_free_ char *path = xasprintf("/apis/apps/v1/namespaces/%s/daemonsets/%s", s->namespace,
				      s->daemonset_name);
	_free_ char *foreground = xasprintf("%s?propagationPolicy=Foreground", path);
	_kube_config_ struct kube_config config = { 0 };
	_cleanup_(kube_closep) struct kube_client *kube = NULL;

	if (kube_config_load(&config, e) < 0 || kube_open(&config, &s->owner, &kube, e) < 0)
		return -e->code;
	kube_set_refusal(kube, s->refused_wait_s * UINT64_C(1000));
	if (kube_delete(kube, foreground, deadline_in(ASK_MS), cancel, e) < 0 ||
	    wait_gone(kube, path, cancel, e) < 0)
		return fail_wrap(e, "removing DaemonSet '%s'", s->daemonset_name);
	log_info("DaemonSet '%s' is gone from every node", s->daemonset_name);
	return 0;
}
