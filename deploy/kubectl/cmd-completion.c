/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-completion - scripts for shells, and what they ask (lib/completion.h).
 *
 * kubectl asks its plugins the same: kubectl_complete-kata in the PATH, one line that calls this.
 * Names of nodes are asked of the cluster, for two seconds at most; without it there are none.
 */
#include <string.h>

#include "deploy/kubectl/kubectl.h"
#include "lib/completion.h"
#include "lib/kube/list.h"

#define NODES_MS 2000

int cmd_completion(struct kata *k, struct error *e)
{
	return completion_script("kubectl-kata", k->options->arguments[1], k->out, e);
}

static void add_commands(const char *prefix, strv *found)
{
	for (const struct kata_command *c = kata_commands; c->name; c++)
		if (c->help && str_starts(c->name, prefix))
			strv_add(found, c->name);
}

struct nodes {
	const char *prefix;
	strv *found;
};

static int each_node(void *arg, struct json_object *node, struct error *e)
{
	struct nodes *n = arg;
	const char *name = json_get_str(node, "metadata.name");

	(void)e;
	if (name && str_starts(name, n->prefix))
		strv_add(n->found, name);
	return 0;
}

static void add_nodes(struct kata *k, const char *prefix, strv *found)
{
	struct nodes n = { prefix, found };
	struct error ignored;

	if (kata_open(k, &ignored) >= 0)
		(void)kube_list(k->kube, "/api/v1/nodes", each_node, &n, deadline_in(NODES_MS),
				k->cancel, &ignored);
}

static bool takes_node(const char *name)
{
	for (const struct kata_command *c = kata_commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return strstr(c->usage, "NODE") != NULL;
	return false;
}

int cmd_complete(struct kata *k, struct error *e)
{
	strv words = k->options->arguments + 1;
	size_t n = strv_len(words);
	const char *prefix = n > 0 ? words[n - 1] : "";
	const char *before = n > 1 ? words[n - 2] : "";
	_strv_ strv found = NULL;

	(void)e;
	completion_add_formats(before, prefix, &found);
	if (!found && prefix[0] == '-')
		options_complete(prefix, &found);
	else if (!found && n <= 1)
		add_commands(prefix, &found);
	else if (!found && str_equal(words[0], "completion"))
		completion_add_shells(prefix, &found);
	else if (!found && takes_node(words[0]))
		add_nodes(k, prefix, &found);
	completion_answer(found, k->out);
	return 0;
}
