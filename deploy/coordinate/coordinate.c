/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coordinate - widen a roll-out over the nodes of one installation.
 *
 * The DaemonSet's updateStrategy is OnDelete, so a new template changes no node until its pod is
 * deleted: that is all this does to nodes, and it writes the DaemonSet only to take a template back
 * where the policy allows it.  Withdrawn versions it writes into an annotation of those pods, which
 * they see as a file, so that nodes need no right to ask.  What it knows it reads from the API each
 * time, and what it decides is a function of that (decide.c): it can be killed at any point.  Each
 * write is preceded by a look at the lease.  Without the resource, or with an invalid one, nothing
 * that runs is stopped.  While nothing is under way it asks for three small objects every few
 * seconds, and for nodes when one of them changes, when a soak or the wait for a window is over, or
 * once a minute.  One thread.
 */
#include "deploy/coordinate/coordinate.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "deploy/coordinate/evict.h"
#include "deploy/coordinate/policy.h"
#include "deploy/coordinate/report.h"
#include "deploy/kubectl/recycle.h"
#include "deploy/kubectl/revision.h"
#include "deploy/kubectl/stale.h"
#include "lib/kube/apply.h"
#include "lib/kube/event.h"
#include "lib/kube/list.h"
#include "lib/log.h"
#include "lib/timestamp.h"

#define API_VERSION "katacontainers.io/v1alpha1"
#define KIND        "KataInstallation"
#define RESOURCES   "/apis/" API_VERSION "/katainstallations"
#define ASK_MS      (30 * UINT64_C(1000))
#define STEP_MS     (5 * 60 * UINT64_C(1000))
#define LOOK_MS     5000
#define PER_SECOND  20
#define BURST       100
#define REST_MS     60000 /* while nothing is under way nodes are looked at no more often */
#define EVICTING_MS 15000 /* the same, while pods with stale sandboxes go */
#define EVICT_MS    2000  /* that a budget may think about one */
#define REFUSED_MS  (5 * 60 * UINT64_C(1000)) /* until who was refused is asked for again */
#define REFUSALS    8                         /* of one look */

/* ---- what is there ---- */

static char *resource_path(const struct coordinator *c)
{
	return xasprintf(RESOURCES "/%s", c->installation);
}

/* 0 without one. */
static int read_resource(const struct coordinator *c, struct json_object **ret_resource,
			 struct error *e)
{
	_free_ char *path = resource_path(c);
	int r = kube_get(c->kube, path, deadline_in(ASK_MS), c->cancel, ret_resource, e);

	return r < 0 && r != -ENOENT ? r : 0;
}

/* What commands are given that a person calls. */
static struct kata kata_with(const struct coordinator *c, const struct options *options)
{
	return (struct kata){
		.options = options,
		.kube = c->kube,
		.cancel = c->cancel,
		.deadline_ms = deadline_in(STEP_MS),
	};
}

static int read_cluster(const struct coordinator *c, struct cluster *ret_cluster, struct error *e)
{
	const struct options options = {
		.installation = c->installation,
		.choice = { .namespace = c->namespace },
	};
	struct kata k = kata_with(c, &options);

	return cluster_read(&k, ret_cluster, e);
}

static struct rollout_node target_of(struct json_object *node, const struct policy *p,
				     int64_t now_s)
{
	struct json_object *labels = json_at(node, "labels");
	const char *state = json_get_str(node, "state");
	const char *zone = json_member_str(labels, p->zone_label);
	bool is_unsuitable = str_equal(state, "unsuitable");
	bool is_ready = json_get_bool(node, "podReady", false);
	int64_t ending_s = json_get_int(node, "endingSince", 0);
	int64_t since_s = ending_s ? ending_s : json_get_int(node, "podReadySince", 0);
	/* A pod that nobody started yet has no time. */
	bool is_late = !is_ready && since_s > 0 && now_s - since_s > p->progress_s;

	return (struct rollout_node){
		.name = json_get_str(node, "node"),
		.pod = json_get_str(node, "pod"),
		.zone = zone && *p->zone_label ? zone : "",
		.is_canary = json_member(labels, p->canary_label) != NULL,
		/* The end of a pod is the beginning of its node. */
		.is_updated = ending_s || json_get_bool(node, "updated", false),
		.is_ready = is_ready,
		.is_failed = !is_unsuitable && !is_ready &&
			     ((!ending_s && json_get_bool(node, "held", false)) || is_late),
		.is_unsuitable = is_unsuitable,
		.ready_since_s = since_s,
	};
}

/* Without a pod, or the end of one, the DaemonSet does not want it, or is about to make one. */
static bool is_target(struct json_object *node)
{
	return json_get_str(node, "pod") || json_get_int(node, "endingSince", 0);
}

/* Who is away cannot be updated, and has not failed.  One that went away with the release may. */
static bool is_away(struct json_object *node)
{
	return json_get_bool(node, "away", false) && !json_get_bool(node, "updated", false) &&
	       !json_get_int(node, "endingSince", 0);
}

size_t coordinate_targets(const struct cluster *c, const struct policy *policy, int64_t now_s,
			  struct rollout_node **ret_targets, size_t *ret_away)
{
	size_t n = 0, wanted = 0;

	*ret_away = 0;
	for (size_t i = 0; i < json_len(c->installations); i++)
		wanted += (size_t)json_get_int(json_item(c->installations, i), "nodes", 0);
	*ret_targets = xcalloc(max_size(json_len(c->nodes), wanted) + 1, sizeof(**ret_targets));
	for (size_t i = 0; i < json_len(c->nodes); i++) {
		struct json_object *node = json_item(c->nodes, i);

		if (!is_target(node))
			continue;
		if (is_away(node))
			++*ret_away;
		else
			(*ret_targets)[n++] = target_of(node, policy, now_s);
	}
	/* Between the end of a pod and the next one nothing says which node it was. */
	while (n + *ret_away < wanted)
		(*ret_targets)[n++] =
			(struct rollout_node){ .name = "", .zone = "", .is_updated = true };
	return n;
}

/* ---- what is done ---- */

/* Two never act at once: who is late does nothing.  Reading many nodes takes a while, so the lease
 * is renewed on the way. */
static int must_hold(const struct coordinator *c, struct error *e)
{
	int r = 1;

	if (c->lease && now_ms() - c->lease->renewed_ms > LEASE_RENEW_MS)
		r = lease_try(c->lease, c->kube, c->cancel, e);
	if (r < 0)
		return r;
	return !c->lease || (r > 0 && lease_is_held(c->lease, now_ms()))
		       ? 0
		       : fail(e, EAGAIN, "the lease is another's");
}

static int delete_pods(const struct coordinator *c, const struct decision *d, struct error *e)
{
	for (char **pod = d->pods; pod && *pod; pod++) {
		_free_ char *path = xasprintf("/api/v1/namespaces/%s/pods/%s", c->namespace, *pod);

		if (must_hold(c, e) < 0 ||
		    kube_delete(c->kube, path, deadline_in(ASK_MS), c->cancel, e) < 0)
			return -e->code;
		log_info("pod '%s' goes, so that its node is updated", *pod);
	}
	return 0;
}

/* As "kubectl rollout undo" does.  That it was done is noted by the same write, so that whoever
 * ends before the status says it has forgotten nothing. */
static int take_back(const struct coordinator *c, const struct situation *s, struct error *e)
{
	_json_ struct json_object *patch = NULL;
	_free_ char *what = report_template(&s->template);
	struct json_object *notes;

	if (revision_before(c->kube, c->namespace, c->daemonset, deadline_in(ASK_MS), c->cancel,
			    &patch, e) < 0)
		return -e->code;
	notes = json_set_object(json_set_object(patch, "metadata"), "annotations");
	json_set_str(notes, CLUSTER_UNDONE, what);
	if (must_hold(c, e) < 0 || revision_apply(c->kube, c->namespace, c->daemonset, patch,
						  deadline_in(ASK_MS), c->cancel, e) < 0)
		return -e->code;
	log_warn("the template of DaemonSet '%s' is the one before", c->daemonset);
	return 0;
}

/* ---- what is told ---- */

static void put_event(const struct coordinator *c, const struct situation *s,
		      enum kube_event_type type, const char *reason, const char *action,
		      const char *note)
{
	const struct kube_event event = {
		.node = c->installation,
		.node_uid = json_get_str(s->installation, "metadata.uid"),
		.api_version = API_VERSION,
		.kind = KIND,
		.type = type,
		.reason = reason,
		.action = action,
		.note = note,
	};
	struct error e;

	log_info("%s: %s", reason, note);
	if (kube_event(c->kube, &event, deadline_in(ASK_MS), c->cancel, &e) < 0)
		log_warn("%s", e.msg);
}

static void tell_event(const struct coordinator *c, const struct situation *s,
		       struct json_object *status)
{
	const char *type = NULL;
	_free_ char *note = NULL;
	const char *reason = report_event(s, status, &type, &note);

	/* The status says it as well. */
	if (reason)
		put_event(c, s,
			  strcmp(type, "Warning") == 0 ? KUBE_EVENT_WARNING : KUBE_EVENT_NORMAL,
			  reason, "RollOut", note);
}

/* That a template was taken back is written whatever somebody wishes meanwhile: it may not be done
 * twice. */
static int put_status(const struct coordinator *c, const struct situation *s,
		      const struct decision *d, struct json_object *status, struct error *e)
{
	_free_ char *path = xasprintf(RESOURCES "/%s/status", c->installation);
	_json_ struct json_object *object = json_object_new_object();
	struct json_object *metadata;

	if (!report_is_news(s, status))
		return 0;
	json_set_str(object, "apiVersion", API_VERSION);
	json_set_str(object, "kind", KIND);
	metadata = json_set_object(object, "metadata");
	json_set_str(metadata, "name", c->installation);
	json_set_str(metadata, "resourceVersion",
		     d->undoes ? NULL : json_get_str(s->installation, "metadata.resourceVersion"));
	(void)json_object_object_add(object, "status", json_object_get(status));
	return must_hold(c, e) < 0 ? -e->code
				   : kube_apply(c->kube, path, object, KUBE_TAKE_OVER,
						deadline_in(ASK_MS), c->cancel, NULL, e);
}

static const char *reason_on(const struct cluster *c, const char *name)
{
	struct json_object *node = name ? json_find(c->nodes, "node", name) : NULL;

	return json_get_str(node, "reason");
}

/* ---- withdrawn versions ---- */

static int tell_pod(const struct coordinator *c, struct json_object *pod, const char *list,
		    struct error *e)
{
	_free_ char *path =
		xasprintf("/api/v1/namespaces/%s/pods/%s", c->namespace, json_get_str(pod, "pod"));
	_json_ struct json_object *patch = json_object_new_object();
	struct json_object *notes =
		json_set_object(json_set_object(patch, "metadata"), "annotations");
	int r = must_hold(c, e);

	(void)json_object_object_add(notes, CLUSTER_WITHDRAWN,
				     *list ? json_object_new_string(list) : NULL);
	if (r >= 0)
		r = kube_merge(c->kube, path, patch, deadline_in(ASK_MS), c->cancel, e);
	return r == -ENOENT ? 0 : r;
}

/* Those that do not say so yet, as a new one does not. */
static int tell_withdrawn(const struct coordinator *c, const struct policy *p,
			  const struct cluster *cluster, struct error *e)
{
	json_object_object_foreach(cluster->pods, key, pod)
	{
		const char *said = json_get_str(pod, "withdrawn");

		(void)key;
		if (str_equal(json_get_str(pod, "installation"), c->installation) &&
		    strcmp(said ? said : "", p->withdrawn) != 0 &&
		    tell_pod(c, pod, p->withdrawn, e) < 0)
			return -e->code;
	}
	return 0;
}

/* ---- stale sandboxes ---- */

struct notes {
	struct json_object *items;
	struct json_object *workloads;
};

static int each_pod(void *arg, struct json_object *pod, struct error *e)
{
	const struct notes *notes = arg;

	(void)e;
	evict_note_pod(notes->items, notes->workloads, pod);
	return 0;
}

/* Each namespace that has some is listed once. */
static int note_pods(const struct coordinator *c, struct notes *notes, struct error *e)
{
	_strv_ strv seen = NULL;

	for (size_t i = 0; i < json_len(notes->items); i++) {
		const char *namespace = json_get_str(json_item(notes->items, i), "namespace");
		_free_ char *escaped = namespace ? http_escape(namespace) : NULL;
		_free_ char *path = NULL;

		if (!namespace || strv_contains(seen, namespace))
			continue;
		strv_add(&seen, namespace);
		path = xasprintf("/api/v1/namespaces/%s/pods", escaped);
		if (kube_list(c->kube, path, each_pod, notes, deadline_in(STEP_MS), c->cancel, e) <
		    0)
			return -e->code;
	}
	return 0;
}

/* A budget that refuses one keeps nobody else. */
static int evict_all(struct coordinator *c, const struct situation *s, struct json_object *chosen,
		     struct error *e)
{
	for (size_t i = 0, refusals = 0; i < json_len(chosen) && refusals < REFUSALS; i++) {
		struct json_object *item = json_item(chosen, i);
		_free_ char *note =
			xasprintf("%s/%s: %s", json_get_str(item, "namespace"),
				  json_get_str(item, "pod"), json_get_str(item, "reason"));
		int r;

		if (must_hold(c, e) < 0)
			return -e->code;
		r = recycle_evict(c->kube, item, deadline_in(EVICT_MS), c->cancel, e);
		if (r == -EAGAIN || r == -ETIMEDOUT) {
			json_set_bool(c->refused, json_get_str(item, "uid"), true);
			log_info("%s stays for now: %s", note, e->msg);
			refusals++;
		} else if (r >= 0) {
			put_event(c, s, KUBE_EVENT_NORMAL, "KataPodEvicted", "Evict", note);
		} else if (r != -ENOENT && r != -EBUSY) {
			return r;
		}
	}
	return 0;
}

static void forget_refused(struct coordinator *c)
{
	if (c->refused && now_ms() - c->refused_ms < REFUSED_MS)
		return;
	json_putp(&c->refused);
	c->refused = json_object_new_object();
	c->refused_ms = now_ms();
}

static int evict_stale(struct coordinator *c, const struct situation *s, const struct policy *p,
		       const struct cluster *cluster, struct error *e)
{
	const struct options options = { .installation = c->installation };
	struct kata k = kata_with(c, &options);
	_json_ struct json_object *items = json_object_new_array();
	_json_ struct json_object *workloads = json_object_new_object();
	_json_ struct json_object *chosen = NULL;
	struct notes notes = { items, workloads };

	forget_refused(c);
	if (stale_read(&k, cluster, NULL, items, e) < 0 || note_pods(c, &notes, e) < 0)
		return -e->code;
	chosen = evict_choose(p, items, workloads, c->refused);
	/* What may not go is stale for as long as it lives. */
	if (evict_goes_on(p, items, c->refused))
		c->rest_ms = EVICTING_MS;
	return evict_all(c, s, chosen, e);
}

/* While nodes get a release their sandboxes become stale, and new ones might soon be. */
static bool shall_evict(const struct situation *s, const struct policy *p, const struct decision *d,
			int64_t now_s)
{
	int64_t opens_s;

	return p->stale != STALE_REPORT && !p->is_paused && d->phase == PHASE_COMPLETE &&
	       json_get_int(s->summary, "stale", 0) > 0 && window_is_open(p, now_s, &opens_s);
}

/* ---- a look ---- */

static int act(struct coordinator *c, struct situation *s, const struct policy *p,
	       const struct cluster *cluster, struct decision *d, struct error *e)
{
	_json_ struct json_object *status = NULL;
	struct error why;

	if (!report_may_undo(s))
		d->undoes = false;
	if (delete_pods(c, d, e) < 0)
		return -e->code;
	/* That it stopped has to be told all the same: there may be no template before. */
	if (d->undoes && take_back(c, s, &why) < 0) {
		log_warn("%s", why.msg);
		d->undoes = false;
	}
	if (must_hold(c, e) < 0)
		return -e->code;
	s->first_reason = reason_on(cluster, d->first_failed);
	status = report_status(s, p, d);
	if (s->recalls)
		put_event(c, s, KUBE_EVENT_WARNING, "KataRolloutStopped", "RollOut",
			  "the template was taken back by who ended before this was told");
	tell_event(c, s, status);
	return put_status(c, s, d, status, e);
}

/* While nodes are begun or under way each look may be the one that counts. */
static uint64_t rest_of(const struct decision *d, int64_t now_s)
{
	if (d->phase == PHASE_ROLLING || (d->again_s && d->again_s <= now_s))
		return 0;
	return d->again_s ? min_u64(REST_MS, (uint64_t)(d->again_s - now_s) * 1000) : REST_MS;
}

static int look(struct coordinator *c, struct json_object *resource, int64_t now_s, struct error *e)
{
	_cluster_ struct cluster cluster = { 0 };
	_policy_ struct policy p = { 0 };
	_decision_ struct decision d = { 0 };
	_free_ struct rollout_node *targets = NULL;
	_free_ char *now = timestamp_now(TIMESTAMP_SECONDS);
	struct situation s = { .installation = resource, .now = now };
	size_t n;
	int r, told;

	if (policy_read(resource, &p, e) < 0)
		return fail_wrap(e, "KataInstallation '%s'", c->installation);
	if (read_cluster(c, &cluster, e) < 0)
		return -e->code;
	s.summary = cluster_installation(&cluster, c->installation);
	s.template.image = json_get_str(s.summary, "image");
	s.template.revision = json_get_str(s.summary, "revision");
	/* Which pods are of it, its controller says when it has seen it. */
	if (!s.template.image || !json_get_bool(s.summary, "observed", false))
		return 0;
	s.recalls = report_recall(&s);
	/* It keeps no roll-out: a role of before may not write pods. */
	told = tell_withdrawn(c, &p, &cluster, e);
	if (told < 0)
		log_warn("withdrawn versions are not told: %s", e->msg);
	n = coordinate_targets(&cluster, &p, now_s, &targets, &s.n_away);
	decide(&p, &s.template, targets, n, now_s, &d);
	r = act(c, &s, &p, &cluster, &d, e);
	/* What did not come there is tried again soon; what may not be, would be for ever. */
	c->rest_ms = told < 0 && told != -EACCES ? 0 : rest_of(&d, now_s);
	if (r >= 0 && shall_evict(&s, &p, &d, now_s))
		r = evict_stale(c, &s, &p, &cluster, e);
	return r;
}

/* What a rest ends with: another template or wish, or a pod that is not ready any more, which the
 * DaemonSet counts.  Caller frees. */
static int read_signs(const struct coordinator *c, struct json_object *resource, char **ret_signs,
		      struct error *e)
{
	_free_ char *path =
		xasprintf("/apis/apps/v1/namespaces/%s/daemonsets/%s", c->namespace, c->daemonset);
	_json_ struct json_object *daemonset = NULL;
	const char *version;

	if (kube_get(c->kube, path, deadline_in(ASK_MS), c->cancel, &daemonset, e) < 0)
		return -e->code;
	version = json_get_str(daemonset, "metadata.resourceVersion");
	*ret_signs = xasprintf("%s %lld", version ? version : "",
			       (long long)json_get_int(resource, "metadata.generation", 0));
	return 0;
}

void coordinator_done(struct coordinator *c)
{
	str_set(&c->rest, NULL);
	json_putp(&c->refused);
}

int coordinate_once(struct coordinator *c, int64_t now_s, struct error *e)
{
	_json_ struct json_object *resource = NULL;
	_free_ char *signs = NULL;

	if (read_resource(c, &resource, e) < 0)
		return -e->code;
	if (!resource)
		return 0;
	if (read_signs(c, resource, &signs, e) < 0)
		return -e->code;
	if (str_equal(signs, c->rest) && now_ms() - c->looked_ms < c->rest_ms)
		return 0;
	str_set(&c->rest, NULL);
	c->rest_ms = 0;
	c->looked_ms = now_ms();
	if (look(c, resource, now_s, e) < 0)
		return -e->code;
	if (c->rest_ms > 0)
		c->rest = TAKE_PTR(signs);
	return 0;
}

int coordinate_run(struct coordinator *c, struct error *e)
{
	uint64_t look_ms = 0;

	kube_set_rate(c->kube, PER_SECOND, BURST);
	do {
		int r = lease_try(c->lease, c->kube, c->cancel, e);

		if (r > 0 && now_ms() >= look_ms) {
			r = coordinate_once(c, time(NULL), e);
			look_ms = deadline_in(LOOK_MS);
		}
		if (r < 0 && r != -ECANCELED)
			log_warn("%s", e->msg);
	} while (wait_pause(LEASE_RENEW_MS, "the next look", NO_DEADLINE, c->cancel, e) >= 0);
	lease_release(c->lease, c->kube);
	coordinator_done(c);
	return 0;
}
