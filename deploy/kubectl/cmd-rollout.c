/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-rollout - wait for the end of a roll-out, for people and pipelines.
 *
 * "kubectl rollout status" waits for pods and does not see that a node has refused a release: this
 * one ends at once with that node's reason, as the roll-out does not go on by itself.  A line for
 * each change.
 */
#include <string.h>

#include "deploy/kubectl/cluster.h"

#define AGAIN_MS 2000

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

int cmd_rollout(struct kata *k, struct error *e)
{
	_free_ char *shown = NULL;
	int r;

	if (strcmp(k->options->arguments[1], "status") != 0)
		return fail(e, EINVAL, "it is 'rollout status'");
	do {
		r = look_once(k, &shown, e);
		if (r == COMPLETE || r == STOPPED)
			return r == STOPPED ? EXIT_FOUND : 0;
	} while (r >= 0 && wait_pause(AGAIN_MS, "the roll-out", k->deadline_ms, k->cancel, e) >= 0);
	return -e->code;
}
