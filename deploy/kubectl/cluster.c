/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cluster - the installations of a cluster and how far each node is.
 *
 * An installation is a DaemonSet with a container of our name, or what nodes say of one whose
 * DaemonSet is gone.  A node belongs to it if it has its label or a pod of it.  The version of a
 * node is that of the proof it carries (deploy/node.c); the version that shall be is the one of a
 * node whose pod has the image that the DaemonSet has now and is ready, else that image's tag:
 * nobody but a node has looked into it.  What a node says of a failure counts for the pod that said
 * it: the next one has not failed yet.  One thread.
 */
#include "deploy/kubectl/cluster.h"

#include <string.h>

#include "deploy/kubectl/revision.h"
#include "lib/kube/list.h"
#include "lib/timestamp.h"

#define CONTAINER      "kata-deploy"
#define STALE_NOTE     "katacontainers.io/stale-sandboxes"
#define READY          "KataReady"
#define UPGRADED       "KataUpgraded"
#define PORT           8090
#define GENERATION     "deprecated.daemonset.template.generation"
#define POD_GENERATION "pod-template-generation"
#define POD_REVISION   "controller-revision-hash"
#define NAMESPACE      "kata-system"

void cluster_init(struct cluster *c)
{
	c->installations = json_object_new_array();
	c->pods = json_object_new_object();
	c->ending = json_object_new_object();
	c->nodes = json_object_new_array();
}

void cluster_done(struct cluster *c)
{
	json_putp(&c->installations);
	json_putp(&c->pods);
	json_putp(&c->ending);
	json_putp(&c->nodes);
	*c = (struct cluster){ 0 };
}

struct json_object *cluster_installation(const struct cluster *c, const char *name)
{
	return json_find(c->installations, "installation", name);
}

/* ---- DaemonSets ---- */

/* 0: nobody says. */
static int64_t time_at(struct json_object *object, const char *path)
{
	const char *time = json_get_str(object, path);
	int64_t seconds;

	return time && timestamp_parse(time, &seconds) ? seconds : 0;
}

/* When the condition TYPE became what it is. */
static int64_t changed_s(struct json_object *object, const char *type)
{
	return time_at(json_find(json_at(object, "status.conditions"), "type", type),
		       "lastTransitionTime");
}

static struct json_object *our_container(struct json_object *pod_spec)
{
	return json_find(json_at(pod_spec, "containers"), "name", CONTAINER);
}

static const char *env_of(struct json_object *container, const char *name)
{
	return json_get_str(json_find(json_at(container, "env"), "name", name), "value");
}

/* The same as deploy/settings.c makes of the two. */
static const char *instance_of(struct json_object *container)
{
	const char *suffix = env_of(container, "MULTI_INSTALL_SUFFIX");
	const char *pool = env_of(container, "KATA_POOL");

	if (!str_empty(suffix))
		return suffix;
	return str_empty(pool) ? "default" : pool;
}

/* "5.0.0" of "registry:1/kata-deploy:5.0.0@sha256:..."; the whole of one without a tag. */
static char *tag_of(const char *image)
{
	_free_ char *name = xstrndup(image, strcspn(image, "@"));
	const char *slash = strrchr(name, '/');
	const char *colon = strrchr(slash ? slash : name, ':');

	return xstrdup(colon ? colon + 1 : image);
}

static struct json_object *new_installation(struct cluster *c, const char *name)
{
	struct json_object *i = json_object_new_object();

	json_set_str(i, "installation", name);
	(void)json_object_array_add(c->installations, i);
	return i;
}

void cluster_add_daemonset(struct cluster *c, struct json_object *daemonset)
{
	struct json_object *container = our_container(json_at(daemonset, "spec.template.spec"));
	struct json_object *port = json_find(json_at(container, "ports"), "name", "health");
	const char *image = json_get_str(container, "image");
	struct json_object *i;
	_free_ char *tag = NULL;

	if (!container || !image)
		return;
	i = new_installation(c, instance_of(container));
	tag = tag_of(image);
	json_set_str(i, "namespace", json_get_str(daemonset, "metadata.namespace"));
	json_set_str(i, "daemonset", json_get_str(daemonset, "metadata.name"));
	json_set_str(i, "suffix", env_of(container, "MULTI_INSTALL_SUFFIX"));
	json_set_str(i, "image", image);
	json_set_str(i, "desired", tag);
	json_set_str(i, "generation",
		     json_member_str(json_at(daemonset, "metadata.annotations"), GENERATION));
	json_set_str(i, "undone",
		     json_member_str(json_at(daemonset, "metadata.annotations"), CLUSTER_UNDONE));
	json_set_str(i, "strategy", json_get_str(daemonset, "spec.updateStrategy.type"));
	json_set_int(i, "port", json_get_int(port, "containerPort", PORT));
	json_set_int(i, "nodes", json_get_int(daemonset, "status.desiredNumberScheduled", 0));
	json_set_int(i, "ready", json_get_int(daemonset, "status.numberReady", 0));
	json_set_int(i, "updated", json_get_int(daemonset, "status.updatedNumberScheduled", 0));
	json_set_bool(i, "observed",
		      json_get_int(daemonset, "status.observedGeneration", 0) >=
			      json_get_int(daemonset, "metadata.generation", 0));
	(void)json_object_object_add(i, "template",
				     json_object_get(json_at(daemonset, "spec.template")));
	(void)json_object_object_add(
		i, "selector", json_object_get(json_at(daemonset, "spec.selector.matchLabels")));
}

/* ---- pods ---- */

static bool condition_is_true(struct json_object *object, const char *type)
{
	struct json_object *condition =
		json_find(json_at(object, "status.conditions"), "type", type);

	return str_equal(json_get_str(condition, "status"), "True");
}

/* Caller frees. */
static char *pod_key(const char *installation, const char *node)
{
	return xasprintf("%s %s", installation, node ? node : "");
}

/* Whether POD was made of the template that the DaemonSet has now.  Its controller counts templates
 * and notes the number in both; where it does not any more, the image has to do. */
static bool is_of_template(struct json_object *installation, struct json_object *pod,
			   struct json_object *container)
{
	const char *wanted = json_get_str(installation, "generation");
	const char *is = json_member_str(json_at(pod, "metadata.labels"), POD_GENERATION);

	if (wanted && is)
		return strcmp(wanted, is) == 0;
	return str_equal(json_get_str(container, "image"), json_get_str(installation, "image"));
}

void cluster_add_pod(struct cluster *c, struct json_object *installation, struct json_object *pod)
{
	struct json_object *container = our_container(json_at(pod, "spec"));
	const char *node = json_get_str(pod, "spec.nodeName");
	_free_ char *key = pod_key(json_get_str(installation, "installation"), node);
	struct json_object *p;

	if (!container || !node)
		return;
	if (json_get_str(pod, "metadata.deletionTimestamp")) {
		json_set_int(c->ending, key, time_at(pod, "metadata.deletionTimestamp"));
		return;
	}
	p = json_set_object(c->pods, key);
	json_set_str(p, "installation", json_get_str(installation, "installation"));
	json_set_str(p, "namespace", json_get_str(pod, "metadata.namespace"));
	json_set_str(p, "pod", json_get_str(pod, "metadata.name"));
	json_set_str(p, "node", node);
	json_set_str(p, "revision", json_member_str(json_at(pod, "metadata.labels"), POD_REVISION));
	json_set_str(p, "withdrawn",
		     json_member_str(json_at(pod, "metadata.annotations"), CLUSTER_WITHDRAWN));
	json_set_int(p, "started", time_at(pod, "status.startTime"));
	json_set_bool(p, "ready", condition_is_true(pod, "Ready"));
	json_set_int(p, "readySince", changed_s(pod, "Ready"));
	json_set_bool(p, "updated", is_of_template(installation, pod, container));
}

static struct json_object *pod_on(const struct cluster *c, const char *installation,
				  const char *node)
{
	_free_ char *key = pod_key(installation, node);

	return json_member(c->pods, key);
}

/* Since when the pod there ends that no other one follows yet; 0: none does. */
static int64_t ending_on(const struct cluster *c, const char *installation, const char *node)
{
	_free_ char *key = pod_key(installation, node);

	return json_member(c->pods, key) ? 0 : json_object_get_int64(json_member(c->ending, key));
}

/* Its controller gives a template that comes back another number, and its pods stay of it: what it
 * goes by is its revision. */
void cluster_set_revision(struct cluster *c, struct json_object *installation, const char *revision)
{
	const char *name = json_get_str(installation, "installation");

	json_object_object_foreach(c->pods, key, pod)
	{
		(void)key;
		if (str_equal(json_get_str(pod, "installation"), name) &&
		    str_equal(json_get_str(pod, "revision"), revision))
			json_set_bool(pod, "updated", true);
	}
}

static bool needs_revision(const struct cluster *c, struct json_object *installation)
{
	const char *name = json_get_str(installation, "installation");

	/* Before its controller has seen the template there is none of it. */
	if (!json_get_bool(installation, "observed", false))
		return false;
	json_object_object_foreach(c->pods, key, pod)
	{
		(void)key;
		if (str_equal(json_get_str(pod, "installation"), name) &&
		    json_get_str(pod, "revision") && !json_get_bool(pod, "updated", false))
			return true;
	}
	return false;
}

/* ---- nodes ---- */

/* "5.0.0-0123456789ab" of "5.0.0-0123456789ab.0123456789ab".  Caller frees; NULL for none. */
static char *version_of(const char *proof)
{
	const char *dot = proof ? strrchr(proof, '.') : NULL;

	return dot ? xstrndup(proof, (size_t)(dot - proof)) : NULL;
}

/* Conditions and notes of an installation with a suffix end in it; those of a pool do not, and of
 * one whose DaemonSet is gone nobody says which it was. */
static char *named(const struct cluster *c, const char *base, const char *installation,
		   struct json_object *among)
{
	struct json_object *i = cluster_installation(c, installation);
	const char *suffix = json_get_str(i, "suffix");
	char *name = xasprintf("%s-%s", base, suffix ? suffix : installation);

	if (!str_empty(suffix) ||
	    (!i && (json_member(among, name) || json_find(among, "type", name))))
		return name;
	free(name);
	return xstrdup(base);
}

static struct json_object *condition_of(const struct cluster *c, struct json_object *node,
					const char *base, const char *installation)
{
	struct json_object *conditions = json_at(node, "status.conditions");
	_free_ char *type = named(c, base, installation, conditions);

	return json_find(conditions, "type", type);
}

static const char *state_of(const char *label, struct json_object *ready)
{
	const char *reason = json_get_str(ready, "reason");

	if (str_equal(label, "true"))
		return "ready";
	if (str_equal(label, "unsuitable"))
		return "unsuitable";
	if (str_equal(reason, "Removed"))
		return "removed";
	if (reason && str_equal(json_get_str(ready, "status"), "False"))
		return "failed";
	return "installing";
}

/* Why it is not as it shall be; a node that is ready may have failed to get a newer version. */
static struct json_object *reason_of(const struct cluster *c, struct json_object *node,
				     const char *installation, const char *state)
{
	struct json_object *upgraded = condition_of(c, node, UPGRADED, installation);

	if (str_equal(json_get_str(upgraded, "status"), "False"))
		return upgraded;
	return strcmp(state, "ready") == 0 || strcmp(state, "installing") == 0
		       ? NULL
		       : condition_of(c, node, READY, installation);
}

/* Whether REASON, a condition, is what POD said, or one before it. */
static bool is_of_pod(struct json_object *reason, struct json_object *pod)
{
	int64_t said_s = time_at(reason, "lastHeartbeatTime");

	/* A pod that was not started yet has said nothing. */
	return reason &&
	       (!pod || !said_s ||
		(json_get_int(pod, "started", 0) > 0 && said_s > json_get_int(pod, "started", 0)));
}

/* A node that nobody has heard of for a while; a new one has said nothing yet. */
static bool is_away(struct json_object *node)
{
	const char *ready = json_get_str(
		json_find(json_at(node, "status.conditions"), "type", "Ready"), "status");

	return ready && strcmp(ready, "True") != 0;
}

static void set_stale(const struct cluster *c, struct json_object *item, struct json_object *node,
		      const char *installation)
{
	struct json_object *notes = json_at(node, "metadata.annotations");
	_free_ char *key = named(c, STALE_NOTE, installation, notes);
	const char *count = json_member_str(notes, key);
	struct error ignored;
	uint32_t n;

	if (count && parse_u32(count, key, UINT32_MAX, &n, &ignored) >= 0)
		json_set_int(item, "stale", n);
}

static void add_item(struct cluster *c, struct json_object *node, const char *installation,
		     const char *label)
{
	const char *name = json_get_str(node, "metadata.name");
	_free_ char *key = xasprintf(CLUSTER_LABEL "%s", installation);
	const char *proof = json_member_str(json_at(node, "metadata.annotations"), key);
	struct json_object *pod = pod_on(c, installation, name);
	const char *state = state_of(label, condition_of(c, node, READY, installation));
	struct json_object *reason = reason_of(c, node, installation, state);
	struct json_object *item = json_object_new_object();
	_free_ char *version = version_of(proof);

	json_set_str(item, "node", name);
	json_set_str(item, "installation", installation);
	json_set_str(item, "state", state);
	json_set_str(item, "version", version);
	json_set_str(item, "proof", proof);
	json_set_bool(item, "updated", json_get_bool(pod, "updated", false));
	json_set_bool(item, "podReady", json_get_bool(pod, "ready", false));
	json_set_int(item, "podReadySince", json_get_int(pod, "readySince", 0));
	json_set_str(item, "pod", json_get_str(pod, "pod"));
	json_set_str(item, "namespace", json_get_str(pod, "namespace"));
	json_set_str(item, "label", label);
	json_set_int(item, "endingSince", ending_on(c, installation, name));
	json_set_bool(item, "away", is_away(node));
	json_set_bool(item, "held", is_of_pod(reason, pod));
	json_set_str(item, "reason", json_get_str(reason, "reason"));
	json_set_str(item, "message", json_get_str(reason, "message"));
	json_set_str(item, "containerRuntime",
		     json_get_str(node, "status.nodeInfo.containerRuntimeVersion"));
	(void)json_object_object_add(item, "handlers",
				     json_object_get(json_at(node, "status.runtimeHandlers")));
	(void)json_object_object_add(item, "labels",
				     json_object_get(json_at(node, "metadata.labels")));
	set_stale(c, item, node, installation);
	(void)json_object_array_add(c->nodes, item);
}

/* The installations that its labels name. */
static void add_labelled(struct cluster *c, struct json_object *node)
{
	struct json_object *labels = json_at(node, "metadata.labels");

	if (!json_object_is_type(labels, json_type_object))
		return;
	json_object_object_foreach(labels, key, value)
	{
		const char *name = key + strlen(CLUSTER_LABEL);

		if (!str_starts(key, CLUSTER_LABEL))
			continue;
		if (!cluster_installation(c, name))
			(void)new_installation(c, name);
		add_item(c, node, name, json_object_get_string(value));
	}
}

static bool has_label(struct json_object *node, const char *installation)
{
	_free_ char *key = xasprintf(CLUSTER_LABEL "%s", installation);

	return json_member(json_at(node, "metadata.labels"), key) != NULL;
}

void cluster_add_node(struct cluster *c, struct json_object *node)
{
	const char *name = json_get_str(node, "metadata.name");

	add_labelled(c, node);
	/* Those on which the first installation has not ended yet. */
	for (size_t i = 0; i < json_len(c->installations); i++) {
		const char *installation =
			json_get_str(json_item(c->installations, i), "installation");

		if (!has_label(node, installation) && pod_on(c, installation, name))
			add_item(c, node, installation, NULL);
	}
}

/* ---- what they make together ---- */

/* What has been counted of one installation. */
struct tally {
	unsigned nodes, ready, stale, failed;
	const char *desired;    /* version of an updated node */
	const char *current;    /* of most nodes */
	const char *first_node; /* that failed */
	const char *first_reason;
};

static unsigned count_version(const struct cluster *c, const char *installation,
			      const char *version)
{
	unsigned n = 0;

	for (size_t i = 0; i < json_len(c->nodes); i++) {
		struct json_object *node = json_item(c->nodes, i);

		n += str_equal(json_get_str(node, "installation"), installation) &&
		     str_equal(json_get_str(node, "version"), version);
	}
	return n;
}

/* The version of most nodes; of few versions each is counted once. */
static const char *most_common(const struct cluster *c, const char *installation)
{
	_strv_ strv seen = NULL;
	const char *best = NULL;
	unsigned most = 0;

	for (size_t i = 0; i < json_len(c->nodes); i++) {
		struct json_object *node = json_item(c->nodes, i);
		const char *version = json_get_str(node, "version");
		unsigned n;

		if (!version || !str_equal(json_get_str(node, "installation"), installation) ||
		    strv_contains(seen, version))
			continue;
		strv_add(&seen, version);
		n = count_version(c, installation, version);
		if (n > most) {
			most = n;
			best = version;
		}
	}
	return best;
}

/* What its controller calls the present template, by a pod that has it; NULL: there is none yet. */
static const char *revision_of(const struct cluster *c, const char *installation)
{
	json_object_object_foreach(c->pods, key, pod)
	{
		(void)key;
		if (str_equal(json_get_str(pod, "installation"), installation) &&
		    json_get_bool(pod, "updated", false) && json_get_str(pod, "revision"))
			return json_get_str(pod, "revision");
	}
	return NULL;
}

/* What stops the roll-out: until the node has a pod of the present template, that one's failure is
 * what an undo or a mended release comes to end. */
static bool stops(struct json_object *node, const char *state)
{
	return json_get_bool(node, "held", false) && json_get_bool(node, "updated", false) &&
	       strcmp(state, "unsuitable") != 0 && strcmp(state, "removed") != 0;
}

static void count_node(struct json_object *node, struct tally *t)
{
	const char *state = json_get_str(node, "state");
	bool is_held = stops(node, state);

	t->nodes++;
	t->ready += strcmp(state, "ready") == 0;
	t->stale += (unsigned)json_get_int(node, "stale", 0);
	t->failed += is_held;
	if (is_held && !t->first_node) {
		t->first_node = json_get_str(node, "node");
		t->first_reason = json_get_str(node, "reason");
	}
	if (json_get_bool(node, "updated", false) && json_get_bool(node, "podReady", false) &&
	    !is_held && json_get_str(node, "version"))
		t->desired = json_get_str(node, "version");
}

/* How far the roll-out is, in a few words.  Caller frees. */
static char *rollout(struct json_object *i, const struct tally *t)
{
	long long nodes = json_get_int(i, "nodes", 0), updated = json_get_int(i, "updated", 0);

	if (!json_get_str(i, "daemonset"))
		return xstrdup("its DaemonSet is gone");
	if (t->failed)
		return xasprintf("stopped at %u nodes: %s: %s", t->failed, t->first_node,
				 t->first_reason);
	if (!json_get_bool(i, "observed", true))
		return xstrdup("begins");
	if (updated < nodes)
		return xasprintf("%lld of %lld nodes", updated, nodes);
	if (json_get_int(i, "ready", 0) < nodes)
		return xasprintf("waits for %lld nodes",
				 nodes - (long long)json_get_int(i, "ready", 0));
	return xstrdup("complete");
}

static void sum_one(const struct cluster *c, struct json_object *i)
{
	const char *name = json_get_str(i, "installation");
	struct tally t = { .current = most_common(c, name) };
	_free_ char *words = NULL;

	for (size_t n = 0; n < json_len(c->nodes); n++)
		if (str_equal(json_get_str(json_item(c->nodes, n), "installation"), name))
			count_node(json_item(c->nodes, n), &t);
	if (!json_get_str(i, "daemonset"))
		json_set_int(i, "nodes", t.nodes);
	words = rollout(i, &t);
	json_set_int(i, "ready", t.ready);
	json_set_int(i, "failed", t.failed);
	json_set_int(i, "stale", t.stale);
	json_set_str(i, "current", t.current);
	json_set_str(i, "desired", t.desired);
	json_set_str(i, "rollout", words);
	json_set_str(i, "revision", revision_of(c, name));
}

void cluster_sum(struct cluster *c)
{
	for (size_t i = 0; i < json_len(c->installations); i++)
		sum_one(c, json_item(c->installations, i));
}

/* ---- from the API server ---- */

struct reading {
	struct kata *k;
	struct cluster *cluster;
	struct json_object *installation; /* whose pods come */
};

static int each_daemonset(void *arg, struct json_object *item, struct error *e)
{
	struct reading *r = arg;

	(void)e;
	cluster_add_daemonset(r->cluster, item);
	return 0;
}

static int each_pod(void *arg, struct json_object *item, struct error *e)
{
	struct reading *r = arg;

	(void)e;
	cluster_add_pod(r->cluster, r->installation, item);
	return 0;
}

static int each_node(void *arg, struct json_object *item, struct error *e)
{
	struct reading *r = arg;

	(void)e;
	cluster_add_node(r->cluster, item);
	return 0;
}

static int list(struct reading *r, const char *path, kube_each *each, struct error *e)
{
	return kube_list(r->k->kube, path, each, r, r->k->deadline_ms, r->k->cancel, e);
}

/* Who may not look everywhere looks where they use to be. */
static int list_daemonsets(struct reading *r, struct error *e)
{
	const char *chosen = r->k->options->choice.namespace;
	_free_ char *path =
		xasprintf("/apis/apps/v1/namespaces/%s/daemonsets", chosen ? chosen : NAMESPACE);
	int result = list(r, "/apis/apps/v1/daemonsets", each_daemonset, e);

	if (result != -EACCES)
		return result;
	r->cluster->is_partial = true;
	return list(r, path, each_daemonset, e);
}

/* "app=kata-deploy,...", escaped.  Caller frees. */
static char *selector_of(struct json_object *labels)
{
	_strv_ strv parts = NULL;
	_free_ char *joined = NULL;

	if (json_object_is_type(labels, json_type_object)) {
		json_object_object_foreach(labels, key, value)
		{
			strv_addf(&parts, "%s=%s", key, json_object_get_string(value));
		}
	}
	joined = strv_join(parts, ",");
	return http_escape(joined);
}

static int set_revision(struct reading *r, struct error *e)
{
	struct json_object *in = r->installation;
	_free_ char *revision = NULL;
	int result;

	if (!needs_revision(r->cluster, in))
		return 0;
	result = revision_current(r->k->kube, json_get_str(in, "namespace"),
				  json_get_str(in, "daemonset"), r->k->deadline_ms, r->k->cancel,
				  &revision, e);
	if (result >= 0)
		cluster_set_revision(r->cluster, in, revision);
	/* Who may not see it has the numbers. */
	return result == -EACCES || result == -ENOENT ? 0 : result;
}

static int list_pods(struct reading *r, struct error *e)
{
	for (size_t i = 0; i < json_len(r->cluster->installations); i++) {
		struct json_object *in = json_item(r->cluster->installations, i);
		_free_ char *selector = selector_of(json_at(in, "selector"));
		_free_ char *path = xasprintf("/api/v1/namespaces/%s/pods?labelSelector=%s",
					      json_get_str(in, "namespace"), selector);

		r->installation = in;
		if (list(r, path, each_pod, e) < 0 || set_revision(r, e) < 0)
			return -e->code;
	}
	return 0;
}

/* Takes the items of others out of ARRAY. */
static void keep_one(struct json_object **array, const char *installation)
{
	struct json_object *kept = json_object_new_array();

	for (size_t i = 0; i < json_len(*array); i++)
		if (str_equal(json_get_str(json_item(*array, i), "installation"), installation))
			(void)json_object_array_add(kept, json_object_get(json_item(*array, i)));
	json_putp(array);
	*array = kept;
}

static int choose(const struct kata *k, struct cluster *c, struct error *e)
{
	const char *name = k->options->installation;

	if (!name)
		return 0;
	if (!cluster_installation(c, name))
		return fail(e, ENOENT, "there is no installation '%s'", name);
	keep_one(&c->installations, name);
	keep_one(&c->nodes, name);
	return 0;
}

int cluster_read(struct kata *k, struct cluster *ret_cluster, struct error *e)
{
	_cluster_ struct cluster c = { 0 };
	struct reading r = { .k = k, .cluster = &c };

	cluster_init(&c);
	if (list_daemonsets(&r, e) < 0 || list_pods(&r, e) < 0 ||
	    list(&r, "/api/v1/nodes", each_node, e) < 0)
		return -e->code;
	cluster_sum(&c);
	if (choose(k, &c, e) < 0)
		return -e->code;
	*ret_cluster = c;
	c = (struct cluster){ 0 };
	return 0;
}

int cluster_one(const struct kata *k, const struct cluster *c,
		struct json_object **ret_installation, struct error *e)
{
	struct json_object *found = NULL;

	for (size_t i = 0; i < json_len(c->installations); i++) {
		struct json_object *in = json_item(c->installations, i);

		if (!json_get_str(in, "daemonset"))
			continue;
		if (found)
			return fail(e, EINVAL,
				    "there are several installations; choose one with "
				    "--installation");
		found = in;
	}
	if (!found)
		return fail(e, ENOENT, "there is no installation%s%s whose DaemonSet is there",
			    k->options->installation ? " " : "",
			    k->options->installation ? k->options->installation : "");
	*ret_installation = found;
	return 0;
}

int cluster_node(const struct kata *k, const struct cluster *c, const char *name,
		 struct json_object **ret_node, struct error *e)
{
	struct json_object *found = NULL;

	for (size_t i = 0; i < json_len(c->nodes); i++) {
		struct json_object *node = json_item(c->nodes, i);

		if (!str_equal(json_get_str(node, "node"), name))
			continue;
		if (found)
			return fail(e, EINVAL,
				    "node '%s' has several installations; choose one with "
				    "--installation",
				    name);
		found = node;
	}
	if (!found)
		return fail(e, ENOENT, "node '%s' has no installation%s%s", name,
			    k->options->installation ? " " : "",
			    k->options->installation ? k->options->installation : "");
	*ret_node = found;
	return 0;
}
