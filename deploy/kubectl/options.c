/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options - the options of all commands, named as kubectl names them (lib/argument.h).
 */
#include <stddef.h>

#include "deploy/kubectl/kubectl.h"
#include "lib/argument.h"

#define AT(member) offsetof(struct options, member)

static const struct argument rows[] = {
	{ "--output", "-o", AT(output), ARGUMENT_TEXT, "FORMAT", TAKES_OUTPUT,
	  "table, wide, json, yaml or name" },
	{ "--no-headers", NULL, AT(has_no_headers), ARGUMENT_FLAG, NULL, TAKES_OUTPUT,
	  "a table without its first line" },
	{ "--watch", "-w", AT(is_watching), ARGUMENT_FLAG, NULL, TAKES_WATCH,
	  "go on, and show what changes" },
	{ "--installation", NULL, AT(installation), ARGUMENT_TEXT, "NAME", 0,
	  "of several in the cluster this one" },
	{ "--selector", "-l", AT(selector), ARGUMENT_TEXT, "LABELS", TAKES_SELECTOR,
	  "pods with these labels" },
	{ "--image", NULL, AT(image), ARGUMENT_TEXT, "IMAGE", TAKES_IMAGE,
	  "what that image would do, not the one of the DaemonSet" },
	{ "--dry-run", NULL, AT(is_dry), ARGUMENT_FLAG, NULL, TAKES_DRY_RUN,
	  "say what would be done, and do nothing" },
	{ "--all", NULL, AT(is_all), ARGUMENT_FLAG, NULL, TAKES_ALL, "every node" },
	{ "--file", "-f", AT(file), ARGUMENT_TEXT, "FILE", TAKES_FILE, "where to write" },
	{ "--namespace", "-n", AT(choice.namespace), ARGUMENT_TEXT, "NAME", 0,
	  "look into this one alone" },
	{ "--all-namespaces", "-A", AT(is_everywhere), ARGUMENT_FLAG, NULL, 0,
	  "look into all, as without --namespace" },
	{ "--kubeconfig", NULL, AT(choice.file), ARGUMENT_TEXT, "FILE", 0,
	  "instead of $KUBECONFIG" },
	{ "--context", NULL, AT(choice.context), ARGUMENT_TEXT, "NAME", 0, "of the kubeconfig" },
	{ "--cluster", NULL, AT(choice.cluster), ARGUMENT_TEXT, "NAME", 0, "of the kubeconfig" },
	{ "--user", NULL, AT(choice.user), ARGUMENT_TEXT, "NAME", 0, "of the kubeconfig" },
	{ "--server", "-s", AT(choice.server), ARGUMENT_TEXT, "URL", 0, "of the API server" },
	{ "--tls-server-name", NULL, AT(choice.server_name), ARGUMENT_TEXT, "NAME", 0,
	  "that the server's certificate has" },
	{ "--certificate-authority", NULL, AT(choice.ca_file), ARGUMENT_TEXT, "FILE", 0,
	  "whom to trust, in PEM" },
	{ "--client-certificate", NULL, AT(choice.cert_file), ARGUMENT_TEXT, "FILE", 0,
	  "to log in with, in PEM" },
	{ "--client-key", NULL, AT(choice.key_file), ARGUMENT_TEXT, "FILE", 0,
	  "of that certificate" },
	{ "--token", NULL, AT(choice.token), ARGUMENT_TEXT, "TOKEN", 0, "to log in with" },
	{ "--as", NULL, AT(choice.as), ARGUMENT_TEXT, "USER", 0, "act as this user" },
	{ "--as-uid", NULL, AT(choice.as_uid), ARGUMENT_TEXT, "UID", 0, "with this UID" },
	{ "--as-group", NULL, AT(groups), ARGUMENT_WORDS, "GROUP", 0,
	  "and in this group; may be repeated" },
	{ "--as-user-extra", NULL, AT(extra), ARGUMENT_WORDS, "KEY=VALUE", 0,
	  "and with this; may be repeated" },
	{ "--insecure-skip-tls-verify", NULL, AT(choice.is_insecure), ARGUMENT_FLAG, NULL, 0,
	  "take whatever certificate the server has" },
	{ "--request-timeout", NULL, AT(timeout), ARGUMENT_TEXT, "TIME", 0,
	  "for all that a command asks: 30, 30s, 5m, 1h, 0 for ever (600)" },
	{ "--help", "-h", AT(wants_help), ARGUMENT_FLAG, NULL, 0, "show this text" },
	{ .name = NULL },
};

int options_parse(int argc, char **argv, struct options *ret_options, struct error *e)
{
	_options_ struct options o = { 0 };

	if (argument_parse(rows, argc, argv, &o, &o.arguments, e) < 0)
		return -e->code;
	o.choice.as_groups = o.groups;
	o.choice.as_extra = o.extra;
	if (o.is_everywhere)
		o.choice.namespace = NULL;
	*ret_options = o;
	o = (struct options){ 0 };
	return 0;
}

void options_done(struct options *o)
{
	strv_free(o->groups);
	strv_free(o->extra);
	strv_free(o->arguments);
	*o = (struct options){ 0 };
}

int options_check(const struct options *o, const struct kata_command *c, struct error *e)
{
	return argument_check(rows, o, c->name, c->takes, e);
}

void options_complete(const char *prefix, strv *names)
{
	argument_complete(rows, prefix, names);
}

void options_help(FILE *out)
{
	argument_help(rows, ARGUMENT_ALL, out);
}
