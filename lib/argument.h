/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_ARGUMENT_H
#define LIB_ARGUMENT_H

#include <stdio.h>

#include "lib/str.h"

/*
 * The command line of a program: a table of options, of which parsing, help, completion and the
 * check whether a command takes an option are made.
 *
 * They may stand before or after the command, as "--name value", "--name=value" or "-n value";
 * behind "--" there are none.
 */
enum argument_kind { ARGUMENT_TEXT, ARGUMENT_FLAG, ARGUMENT_WORDS };

struct argument {
	const char *name;
	const char *letter; /* NULL: none */
	size_t offset;      /* of const char *, bool or strv in what is filled */
	enum argument_kind kind;
	const char *value; /* for help; NULL: a flag */
	unsigned takes;    /* bits of those commands that take it; 0: every one does */
	const char *help;
};

/* A table of options ends with a NULL name. */

/* Fills TO from ARGV; what is no option goes to *arguments.  Texts are borrowed from ARGV.  On
 * failure both hold a part, for the caller to release. */
int argument_parse(const struct argument *table, int argc, char **argv, void *to, strv *arguments,
		   struct error *e);
/* EINVAL if FROM has an option that COMMAND, which takes those with a bit in TAKES, does not. */
int argument_check(const struct argument *table, const void *from, const char *command,
		   unsigned takes, struct error *e);
/* Adds all that begin with PREFIX. */
void argument_complete(const struct argument *table, const char *prefix, strv *names);
/* Those with a bit in TAKES, and those without any; a line each. */
void argument_help(const struct argument *table, unsigned takes, FILE *out);
#define ARGUMENT_ALL (~0U)

/* The one of KNOWN, ended by NULL, that somebody who wrote WORD most likely meant; NULL if none is
 * near. */
const char *argument_nearest(const char *word, char *const *known);
/* EINVAL: there is no WHAT ("command") called WORD; names the nearest of KNOWN. */
int argument_unknown(const char *what, const char *word, char *const *known, struct error *e);

#endif
