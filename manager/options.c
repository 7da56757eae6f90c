/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options - the options of all commands (lib/argument.h).
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/argument.h"
#include "manager/manager.h"

#define AT(member) offsetof(struct options, member)

static const struct argument rows[] = {
	{ "--from", NULL, AT(from), ARGUMENT_TEXT, "FILE|DIR|URL", TAKES_FROM,
	  "the packed release, a folder with one, or a mirror" },
	{ "--mirror", NULL, AT(mirror), ARGUMENT_TEXT, "URL|DIR", TAKES_FROM,
	  "where releases are, if --from names none ($KATA_MANAGER_MIRROR); nobody is asked "
	  "otherwise" },
	{ "--available", NULL, AT(wants_available), ARGUMENT_FLAG, NULL, TAKES_AVAILABLE,
	  "what the mirror has, too" },
	{ "--ca-file", NULL, AT(ca_file), ARGUMENT_TEXT, "FILE", TAKES_FROM,
	  "certificates that a mirror's is signed by ($KATA_MANAGER_CA_FILE; this machine's)" },
	{ "--cache-dir", NULL, AT(cache), ARGUMENT_TEXT, "DIR", TAKES_FROM,
	  "where a download is until it is installed (/var/cache/kata-manager)" },
	{ "--key", NULL, AT(key), ARGUMENT_TEXT, "FILE|TEXT", TAKES_KEY,
	  "minisign's public key of who makes the releases ($KATA_MANAGER_KEY); the first one is "
	  "kept" },
	{ "--key-rotation", NULL, AT(rotation), ARGUMENT_TEXT, "FILE|TEXT", TAKES_KEY,
	  "signature of that key by the one that was kept ($KATA_MANAGER_KEY_ROTATION)" },
	{ "--insecure-unsigned", NULL, AT(takes_unsigned), ARGUMENT_FLAG, NULL, TAKES_KEY,
	  "take whatever the archive has, whoever signed it or not" },
	{ "--allow-withdrawn", NULL, AT(takes_withdrawn), ARGUMENT_FLAG, NULL, TAKES_WITHDRAWN,
	  "take a version that $KATA_WITHDRAWN names all the same" },
	{ "--purge", NULL, AT(purges), ARGUMENT_FLAG, NULL, TAKES_PURGE,
	  "settings go as well, and it is an error if something has to stay" },
	{ "--engines", NULL, AT(engines), ARGUMENT_TEXT, "LIST", TAKES_ENGINES,
	  "container engines to configure, of containerd, cri-o and docker, or all or none; the "
	  "choice is kept (all that are there)" },
	{ "--dry-run", NULL, AT(is_dry), ARGUMENT_FLAG, NULL, TAKES_DRY_RUN,
	  "say what would be changed and why, and change nothing" },
	{ "--yes", "-y", AT(is_sure), ARGUMENT_FLAG, NULL, TAKES_YES, "ask no question" },
	{ "--output", "-o", AT(output), ARGUMENT_TEXT, "FORMAT", 0, "table, json or yaml" },
	{ "--no-headers", NULL, AT(has_no_headers), ARGUMENT_FLAG, NULL, 0,
	  "a table without its first line" },
	{ "--root", NULL, AT(root), ARGUMENT_TEXT, "DIR", 0,
	  "where versions are (/opt/kata, or $kata_install_dir)" },
	{ "--link-dir", NULL, AT(link_dir), ARGUMENT_TEXT, "DIR", 0,
	  "folder of the PATH that has a link to the shim ($link_dir, else where it is already, "
	  "else /usr/local/bin)" },
	{ "--config-dir", NULL, AT(etc), ARGUMENT_TEXT, "DIR", 0,
	  "where this machine's own configuration is (/etc/kata-containers)" },
	{ "--help", "-h", AT(wants_help), ARGUMENT_FLAG, NULL, 0, "show this text" },
	{ "--version", NULL, AT(wants_version), ARGUMENT_FLAG, NULL, 0, "show the version" },
	{ .name = NULL },
};

int options_parse(int argc, char **argv, struct options *ret_options, struct error *e)
{
	_options_ struct options o = { 0 };

	if (argument_parse(rows, argc, argv, &o, &o.arguments, e) < 0)
		return -e->code;
	*ret_options = o;
	o = (struct options){ 0 };
	return 0;
}

void options_done(struct options *o)
{
	strv_free(o->arguments);
	*o = (struct options){ 0 };
}

int options_check(const struct options *o, const struct command *c, struct error *e)
{
	return argument_check(rows, o, c->name, c->takes, e);
}

const struct argument *options_find(const char *word)
{
	size_t len = strcspn(word, "=");

	for (const struct argument *row = rows; row->name; row++)
		if (strlen(row->name) == len && strncmp(row->name, word, len) == 0)
			return row;
	return NULL;
}

void options_complete(const char *prefix, strv *names)
{
	argument_complete(rows, prefix, names);
}

void options_help(FILE *out)
{
	argument_help(rows, ARGUMENT_ALL, out);
}
