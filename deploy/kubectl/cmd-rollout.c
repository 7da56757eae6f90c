/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-rollout - wait for the end of a roll-out, hold it, let it go on or take it back.
 *
 * "kubectl rollout status" waits for pods and does not see that a node has refused a release: this
 * one ends at once with that node's reason, as the roll-out does not go on by itself.  A line for
 * each change.  Pause and resume are words to the coordinator, by its custom resource; undo needs
 * none.
 */
#include <string.h>

#include "deploy/kubectl/cluster.h"
#include "deploy/kubectl/revision.h"
#include "lib/kube/apply.h"

#define AGAIN_MS  2000
#define RESOURCES "/apis/katacontainers.io/v1alpha1/katainstallations"

enum progress { GOES_ON, COMPLETE, STOPPED };

/* Of all installations together: one that stopped counts before one that goes on. */
static enum progress look(const struct cluster *c)
{
	enum progress all = json_len(c->installations) > 0 ? COMPLETE : GOES_ON;

	for (size_t i = 0; i < json_len(c->installations); i++) {
		struct json_object *in = json_item(c->installations, i);

		if (json_get_int(in, "failed", 0) > 0 || !json_get_str(in, "daemonset"))
			return STOPPED;
		if (!str_equal(json_get_str(in, "rollout"), "complete"))
			all = GOES_ON;
	}
	return all;
}

static char *words_of(const struct cluster *c)
{
	_strv_ strv lines = NULL;

	for (size_t i = 0; i < json_len(c->installations); i++) {
		struct json_object *in = json_item(c->installations, i);

		strv_addf(&lines, "%s: %s: %s", json_get_str(in, "installation"),
			  json_get_str(in, "desired"), json_get_str(in, "rollout"));
	}
	return strv_join(lines, "\n");
}

static int look_once(struct kata *k, char **shown, struct error *e)
{
	_cluster_ struct cluster c = { 0 };
	_free_ char *words = NULL;

	if (cluster_read(k, &c, e) < 0)
		return -e->code;
	words = words_of(&c);
	if (!str_equal(words, *shown)) {
		view_text(words, k->out);
		(void)fputc('\n', k->out);
		(void)fflush(k->out);
		str_set(shown, words);
	}
	return (int)look(&c);
}

static int wait_for_end(struct kata *k, struct error *e)
{
	_free_ char *shown = NULL;
	int r;

	do {
		r = look_once(k, &shown, e);
		if (r == COMPLETE || r == STOPPED)
			return r == STOPPED ? EXIT_FOUND : 0;
	} while (r >= 0 && wait_pause(AGAIN_MS, "the roll-out", k->deadline_ms, k->cancel, e) >= 0);
	return -e->code;
}

/* ---- what a coordinator is told ---- */

/* Changes the spec of the custom resource of IN. */
static int set_spec(struct kata *k, struct json_object *in, struct json_object *patch,
		    struct error *e)
{
	_free_ char *path = xasprintf(RESOURCES "/%s", json_get_str(in, "installation"));
	int r = kube_merge(k->kube, path, patch, kata_ask_ms(k), k->cancel, e);

	return r == -ENOENT ? fail_wrap(e, "it has no coordinator (docs/operations.md)") : r;
}

static int pause_it(struct kata *k, struct json_object *in, struct error *e)
{
	_json_ struct json_object *patch = json_object_new_object();

	json_set_bool(json_set_object(patch, "spec"), "paused", true);
	return set_spec(k, in, patch, e);
}

/* What failed of this very template is accepted; null: nobody says yet which it is. */
static int resume_it(struct kata *k, struct json_object *in, struct error *e)
{
	_json_ struct json_object *patch = json_object_new_object();
	struct json_object *spec = json_set_object(patch, "spec");

	json_set_bool(spec, "paused", false);
	json_set_str(spec, "resumed", json_get_str(in, "image"));
	(void)json_object_object_add(spec, "resumedRevision",
				     json_object_get(json_at(in, "revision")));
	return set_spec(k, in, patch, e);
}

static int undo_it(struct kata *k, struct json_object *in, struct error *e)
{
	const char *namespace = json_get_str(in, "namespace");
	const char *daemonset = json_get_str(in, "daemonset");
	_json_ struct json_object *patch = NULL;

	if (revision_before(k->kube, namespace, daemonset, kata_ask_ms(k), k->cancel, &patch, e) <
	    0)
		return -e->code;
	return revision_apply(k->kube, namespace, daemonset, patch, kata_ask_ms(k), k->cancel, e);
}

static const struct {
	const char *name;
	int (*run)(struct kata *k, struct json_object *in, struct error *e);
	const char *done;
} verbs[] = {
	{ "pause", pause_it, "paused" },
	{ "resume", resume_it, "resumed" },
	{ "undo", undo_it, "its DaemonSet has the template before" },
};

static int tell(struct kata *k, size_t verb, struct error *e)
{
	_cluster_ struct cluster c = { 0 };
	struct json_object *in;

	if (cluster_read(k, &c, e) < 0 || cluster_one(k, &c, &in, e) < 0 ||
	    verbs[verb].run(k, in, e) < 0)
		return -e->code;
	(void)fprintf(k->out, "%s: %s\n", json_get_str(in, "installation"), verbs[verb].done);
	return 0;
}

int cmd_rollout(struct kata *k, struct error *e)
{
	const char *verb = k->options->arguments[1];

	if (strcmp(verb, "status") == 0)
		return wait_for_end(k, e);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(verb, verbs[i].name) == 0)
			return tell(k, i, e);
	return fail(e, EINVAL, "it is 'rollout status', 'pause', 'resume' or 'undo'");
}
