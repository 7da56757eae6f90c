/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options - the options of all commands, named as kubectl names them.
 *
 * One table, of which help, completion and the check whether a command takes an option are made.
 * They may stand before or after the command, as "--name value", "--name=value" or "-n value".
 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "deploy/kubectl/kubectl.h"

enum kind { TEXT, FLAG, WORDS };

struct row {
	const char *name;
	const char *letter; /* NULL: none */
	size_t offset;
	enum kind kind;
	const char *value; /* for help; NULL: a flag */
	unsigned takes;    /* enum takes; 0: every command does */
	const char *help;
};

#define AT(member) offsetof(struct options, member)

static const struct row rows[] = {
	{ "--output", "-o", AT(output), TEXT, "FORMAT", TAKES_OUTPUT,
	  "table, wide, json, yaml or name" },
	{ "--no-headers", NULL, AT(has_no_headers), FLAG, NULL, TAKES_OUTPUT,
	  "a table without its first line" },
	{ "--watch", "-w", AT(is_watching), FLAG, NULL, TAKES_WATCH,
	  "go on, and show what changes" },
	{ "--installation", NULL, AT(installation), TEXT, "NAME", 0,
	  "of several in the cluster this one" },
	{ "--selector", "-l", AT(selector), TEXT, "LABELS", TAKES_SELECTOR,
	  "pods with these labels" },
	{ "--image", NULL, AT(image), TEXT, "IMAGE", TAKES_IMAGE,
	  "what that image would do, not the one of the DaemonSet" },
	{ "--dry-run", NULL, AT(is_dry), FLAG, NULL, TAKES_DRY_RUN,
	  "say what would be done, and do nothing" },
	{ "--all", NULL, AT(is_all), FLAG, NULL, TAKES_ALL, "every node" },
	{ "--file", "-f", AT(file), TEXT, "FILE", TAKES_FILE, "where to write" },
	{ "--namespace", "-n", AT(choice.namespace), TEXT, "NAME", 0, "look into this one alone" },
	{ "--all-namespaces", "-A", AT(is_everywhere), FLAG, NULL, 0,
	  "look into all, as without --namespace" },
	{ "--kubeconfig", NULL, AT(choice.file), TEXT, "FILE", 0, "instead of $KUBECONFIG" },
	{ "--context", NULL, AT(choice.context), TEXT, "NAME", 0, "of the kubeconfig" },
	{ "--cluster", NULL, AT(choice.cluster), TEXT, "NAME", 0, "of the kubeconfig" },
	{ "--user", NULL, AT(choice.user), TEXT, "NAME", 0, "of the kubeconfig" },
	{ "--server", "-s", AT(choice.server), TEXT, "URL", 0, "of the API server" },
	{ "--tls-server-name", NULL, AT(choice.server_name), TEXT, "NAME", 0,
	  "that the server's certificate has" },
	{ "--certificate-authority", NULL, AT(choice.ca_file), TEXT, "FILE", 0,
	  "whom to trust, in PEM" },
	{ "--client-certificate", NULL, AT(choice.cert_file), TEXT, "FILE", 0,
	  "to log in with, in PEM" },
	{ "--client-key", NULL, AT(choice.key_file), TEXT, "FILE", 0, "of that certificate" },
	{ "--token", NULL, AT(choice.token), TEXT, "TOKEN", 0, "to log in with" },
	{ "--as", NULL, AT(choice.as), TEXT, "USER", 0, "act as this user" },
	{ "--as-uid", NULL, AT(choice.as_uid), TEXT, "UID", 0, "with this UID" },
	{ "--as-group", NULL, AT(groups), WORDS, "GROUP", 0, "and in this group; may be repeated" },
	{ "--as-user-extra", NULL, AT(extra), WORDS, "KEY=VALUE", 0,
	  "and with this; may be repeated" },
	{ "--insecure-skip-tls-verify", NULL, AT(choice.is_insecure), FLAG, NULL, 0,
	  "take whatever certificate the server has" },
	{ "--request-timeout", NULL, AT(timeout), TEXT, "TIME", 0,
	  "for all that a command asks: 30, 30s, 5m, 1h, 0 for ever (600)" },
	{ "--help", "-h", AT(wants_help), FLAG, NULL, 0, "show this text" },
};

static const struct row *find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if ((strlen(rows[i].name) == len && strncmp(rows[i].name, name, len) == 0) ||
		    (rows[i].letter && len == 2 && strncmp(rows[i].letter, name, 2) == 0))
			return &rows[i];
	return NULL;
}

/* Nothing is said with an empty value, as scripts have it: --context "$CONTEXT". */
static void set(struct options *o, const struct row *row, const char *value)
{
	void *to = (char *)o + row->offset;

	if (row->kind == FLAG)
		*(bool *)to = true;
	else if (row->kind == WORDS)
		strv_add(to, value);
	else
		*(const char **)to = *value ? value : NULL;
}

/* "-ojson" is "-o json". */
static const char *attached(const char *word, size_t len)
{
	if (word[len] == '=')
		return word + len + 1;
	return word[1] != '-' && word[len] ? word + len : NULL;
}

/* Returns how many more words it took. */
static int take_option(struct options *o, int left, char **words, struct error *e)
{
	const char *word = words[0];
	size_t len = word[1] == '-' ? strcspn(word, "=") : 2;
	const struct row *row = find(word, len);
	const char *value = attached(word, len);

	if (!row)
		return fail(e, EINVAL, "there is no option '%s'; --help shows what there is", word);
	if (row->kind == FLAG && value && strcmp(value, "true") != 0)
		return fail(e, EINVAL, "the option '%s' takes no value", row->name);
	if (row->kind != FLAG && !value && left < 2)
		return fail(e, EINVAL, "the option '%s' needs a value", row->name);
	set(o, row, value || row->kind == FLAG ? value : words[1]);
	return row->kind != FLAG && !value;
}

int options_parse(int argc, char **argv, struct options *ret_options, struct error *e)
{
	_options_ struct options o = { 0 };
	bool is_over = false;

	for (int i = 0; i < argc; i++) {
		int r = 0;

		if (!is_over && strcmp(argv[i], "--") == 0)
			is_over = true;
		else if (is_over || argv[i][0] != '-' || argv[i][1] == '\0')
			strv_add(&o.arguments, argv[i]);
		else
			r = take_option(&o, argc - i, argv + i, e);
		if (r < 0)
			return r;
		i += r;
	}
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
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const void *at = (const char *)o + rows[i].offset;
		bool is_given =
			rows[i].kind == FLAG ? *(const bool *)at : *(const void *const *)at != NULL;

		if (is_given && rows[i].takes && !(rows[i].takes & c->takes))
			return fail(e, EINVAL, "'%s' takes no option '%s'", c->name, rows[i].name);
	}
	return 0;
}

void options_complete(const char *prefix, strv *names)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (str_starts(rows[i].name, prefix))
			strv_add(names, rows[i].name);
}

void options_help(FILE *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		_free_ char *term =
			xasprintf("%s%s%s%s%s", r->letter ? r->letter : "", r->letter ? ", " : "",
				  r->name, r->value ? " " : "", r->value ? r->value : "");

		(void)fprintf(out, "  %-30s  %s\n", term, r->help);
	}
}
