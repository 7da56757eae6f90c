/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease - one of several acts, and never two at once.
 *
 * A coordination.k8s.io Lease as client-go's leader election uses it.  Whether another's has run
 * out is judged by when it was seen to change, on our own clock.  Our own counts for less than
 * others grant it: who hangs, or is cut off from the API server, has stopped to act before anybody
 * else begins.  Writes name the version they replace.  One thread.
 */
#include "deploy/coordinate/lease.h"

#include <string.h>

#include "lib/kube/apply.h"
#include "lib/timestamp.h"

#define ASK_MS 5000

void lease_done(struct lease *l)
{
	str_set(&l->seen, NULL);
}

static bool is_ours(const struct lease *l, struct json_object *object)
{
	return str_equal(json_get_str(object, "spec.holderIdentity"), l->holder);
}

enum lease_state lease_judge(struct lease *l, struct json_object *object, uint64_t now_ms)
{
	const char *version = json_get_str(object, "metadata.resourceVersion");
	int64_t granted_s = json_get_int(object, "spec.leaseDurationSeconds", LEASE_S);

	if (!str_equal(version, l->seen)) {
		str_set(&l->seen, version);
		l->seen_ms = now_ms;
	}
	if (!object || str_empty(json_get_str(object, "spec.holderIdentity")))
		return LEASE_FREE;
	if (is_ours(l, object))
		return LEASE_MINE;
	return now_ms - l->seen_ms > (uint64_t)granted_s * 1000 ? LEASE_FREE : LEASE_OTHERS;
}

struct json_object *lease_claim(const struct lease *l, struct json_object *object, const char *now)
{
	struct json_object *claim = json_object_new_object();
	struct json_object *metadata, *spec;
	bool is_new = !is_ours(l, object);
	int64_t transitions = json_get_int(object, "spec.leaseTransitions", 0);
	const char *since = json_get_str(object, "spec.acquireTime");

	json_set_str(claim, "apiVersion", "coordination.k8s.io/v1");
	json_set_str(claim, "kind", "Lease");
	metadata = json_set_object(claim, "metadata");
	json_set_str(metadata, "name", l->name);
	json_set_str(metadata, "resourceVersion", json_get_str(object, "metadata.resourceVersion"));
	spec = json_set_object(claim, "spec");
	json_set_str(spec, "holderIdentity", l->holder);
	json_set_int(spec, "leaseDurationSeconds", LEASE_S);
	json_set_str(spec, "acquireTime", is_new || !since ? now : since);
	json_set_str(spec, "renewTime", now);
	json_set_int(spec, "leaseTransitions", transitions + (is_new && object));
	return claim;
}

/* Without a version in it an apply makes an object that nobody has; of two who do that at once the
 * second must not win. */
static int write_claim(struct lease *l, struct kube_client *kube, struct json_object *claim,
		       bool is_there, const struct cancel *cancel, struct error *e)
{
	_free_ char *folder = xstrndup(l->path, (size_t)(strrchr(l->path, '/') - l->path));

	return is_there ? kube_apply(kube, l->path, claim, KUBE_TAKE_OVER, deadline_in(ASK_MS),
				     cancel, NULL, e)
			: kube_create(kube, folder, claim, deadline_in(ASK_MS), cancel, e);
}

int lease_try(struct lease *l, struct kube_client *kube, const struct cancel *cancel,
	      struct error *e)
{
	_json_ struct json_object *object = NULL;
	_json_ struct json_object *claim = NULL;
	_free_ char *now = timestamp_now(TIMESTAMP_MICROS);
	uint64_t asked_ms = now_ms();
	int r = kube_get(kube, l->path, deadline_in(ASK_MS), cancel, &object, e);

	if (r < 0 && r != -ENOENT)
		return r;
	if (lease_judge(l, object, asked_ms) == LEASE_OTHERS)
		return 0;
	claim = lease_claim(l, object, now);
	r = write_claim(l, kube, claim, object != NULL, cancel, e);
	/* Somebody was faster. */
	if (r == -EBUSY || r == -EEXIST)
		return 0;
	if (r < 0)
		return r;
	/* From before the request on: what was on the way has used up some of it. */
	l->renewed_ms = asked_ms;
	return 1;
}

bool lease_is_held(const struct lease *l, uint64_t now_ms)
{
	return l->renewed_ms && now_ms - l->renewed_ms < LEASE_ACT_MS;
}

void lease_release(struct lease *l, struct kube_client *kube)
{
	_json_ struct json_object *patch = json_object_new_object();
	struct error ignored;

	if (!lease_is_held(l, now_ms()))
		return;
	json_set_str(json_set_object(patch, "spec"), "holderIdentity", "");
	(void)kube_merge(kube, l->path, patch, deadline_in(ASK_MS), NULL, &ignored);
	l->renewed_ms = 0;
}
