/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-completion - scripts for shells, which ask this program what fits.
 *
 * "__complete WORD..." prints what the last word can become, one a line, then ":4", as kubectl asks
 * its plugins (kubectl_complete-kata in the PATH, one line that calls this).  Names of nodes are
 * asked of the cluster, for two seconds at most; without it there are none.
 */
#include <string.h>

#include "deploy/kubectl/kubectl.h"
#include "lib/kube/list.h"

#define NODES_MS 2000

static const char bash_script[] =
	"_kubectl_kata() {\n"
	"\tlocal IFS=$'\\n'\n"
	"\tCOMPREPLY=($(kubectl-kata __complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null |"
	" grep -v '^:'))\n"
	"}\n"
	"complete -F _kubectl_kata kubectl-kata\n";

static const char zsh_script[] =
	"#compdef kubectl-kata\n"
	"_kubectl_kata() {\n"
	"\tlocal -a found\n"
	"\tfound=(${(f)\"$(kubectl-kata __complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null |"
	" grep -v '^:')\"})\n"
	"\tcompadd -a found\n"
	"}\n"
	"compdef _kubectl_kata kubectl-kata\n";

static const char fish_script[] =
	"function __kubectl_kata\n"
	"\tset -l words (commandline -opc) (commandline -ct)\n"
	"\tkubectl-kata __complete -- $words[2..-1] 2>/dev/null | string match -v ':*'\n"
	"end\n"
	"complete -c kubectl-kata -f -a '(__kubectl_kata)'\n";

static const struct {
	const char *shell;
	const char *script;
} scripts[] = { { "bash", bash_script }, { "zsh", zsh_script }, { "fish", fish_script } };

int cmd_completion(struct kata *k, struct error *e)
{
	const char *shell = k->options->arguments[1];

	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++)
		if (strcmp(scripts[i].shell, shell) == 0) {
			(void)fputs(scripts[i].script, k->out);
			return 0;
		}
	return fail(e, EINVAL, "'%s' is none of bash, zsh and fish", shell);
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

static void add_values(const char *option, const char *prefix, strv *found)
{
	_free_ char *all = view_formats(" ");
	_strv_ strv formats = strv_split(all, " ");

	for (char **f = formats; f && *f; f++)
		if ((strcmp(option, "-o") == 0 || strcmp(option, "--output") == 0) &&
		    str_starts(*f, prefix))
			strv_add(found, *f);
}

static void add_shells(const char *prefix, strv *found)
{
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++)
		if (str_starts(scripts[i].shell, prefix))
			strv_add(found, scripts[i].shell);
}

int cmd_complete(struct kata *k, struct error *e)
{
	strv words = k->options->arguments + 1;
	size_t n = strv_len(words);
	const char *prefix = n > 0 ? words[n - 1] : "";
	const char *before = n > 1 ? words[n - 2] : "";
	_strv_ strv found = NULL;

	(void)e;
	add_values(before, prefix, &found);
	if (!found && prefix[0] == '-')
		options_complete(prefix, &found);
	else if (!found && n <= 1)
		add_commands(prefix, &found);
	else if (!found && str_equal(words[0], "completion"))
		add_shells(prefix, &found);
	else if (!found && takes_node(words[0]))
		add_nodes(k, prefix, &found);
	for (char **word = found; word && *word; word++)
		(void)fprintf(k->out, "%s\n", *word);
	(void)fputs(":4\n", k->out);
	return 0;
}
