/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MANAGER_MANAGER_H
#define MANAGER_MANAGER_H

#include <stdio.h>

#include "lib/view.h"
#include "lib/wait.h"

/* How a command ends, beside 0: the numbers stay what they are. */
enum {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_REFUSED = 4, /* before anything was changed: the machine, the archive or what runs */
	EXIT_FOUND = 6,   /* what was asked for was found: changes, damage */
	EXIT_INTERRUPTED = 130,
};

#define MANAGER_API "kata-manager.katacontainers.io/v1"

/* What the command line says.  Texts are borrowed from it. */
struct options {
	const char *output;
	const char *from;
	const char *mirror;
	const char *ca_file;
	const char *cache;
	const char *root;
	const char *link_dir;
	const char *usual_link_dir; /* of the command; NULL: that of all */
	const char *etc;
	const char *key;
	const char *rotation;
	const char *engines;
	bool takes_unsigned;
	bool takes_withdrawn;
	bool purges;
	bool wants_available;
	bool has_no_headers;
	bool is_dry;
	bool is_sure;
	bool wants_help;
	bool wants_version;
	strv arguments; /* owned: the command, then its own */
};

/* A run of a command. */
struct manager {
	const struct options *options;
	const struct cancel *cancel;
	enum view_format format;
	FILE *out;
	bool is_refused;    /* an error came before anything was changed */
	bool is_understood; /* an EINVAL is no longer about what was asked for */
};

/* Returns the exit status, or -errno with *e filled. */
typedef int manager_run(struct manager *m, struct error *e);

/* What a command can be given.  A row of options.c has a bit for each of these. */
enum takes {
	TAKES_FROM = 1 << 0,
	TAKES_DRY_RUN = 1 << 1,
	TAKES_YES = 1 << 2,
	TAKES_KEY = 1 << 3,
	TAKES_WITHDRAWN = 1 << 4,
	TAKES_PURGE = 1 << 5,
	TAKES_ENGINES = 1 << 6,
	TAKES_AVAILABLE = 1 << 7,
};

struct command {
	const char *name;
	unsigned min, max; /* arguments */
	const char *usage; /* of them */
	unsigned takes;    /* enum takes */
	bool needs_root;
	bool has_names; /* of what it shows, for -o name */
	/* Adds the forms of its output that begin with PREFIX; NULL: they are those of lib/view.h.
	 */
	void (*add_formats)(const char *prefix, strv *found);
	manager_run *run;
	const char *help; /* NULL: for other programs alone */
};

/* Ends with a NULL name. */
extern const struct command commands[];

manager_run cmd_assemble, cmd_audit, cmd_dismantle, cmd_test, cmd_check, cmd_complete,
	cmd_completion, cmd_config, cmd_diagnose, cmd_install, cmd_list, cmd_plan, cmd_recover,
	cmd_remove, cmd_rollback, cmd_status, cmd_verify;

/* The whole program.  Returns the exit status. */
int manager_main(int argc, char **argv);
/* One command and its options, without the program, whose name goes before errors.  Returns the
 * exit status. */
int manager_words(const char *program, int argc, char **argv);

/* Options: parse them, name them for help and completion. */
int options_parse(int argc, char **argv, struct options *ret_options, struct error *e);
void options_done(struct options *o);
#define _options_ _cleanup_(options_done)
int options_check(const struct options *o, const struct command *c, struct error *e);
void options_help(FILE *out);
/* The row (lib/argument.h) of WORD, "--from" or "--from=..."; NULL: there is none. */
struct argument;
const struct argument *options_find(const char *word);
/* Adds all that begin with PREFIX. */
void options_complete(const char *prefix, strv *names);

/* Adds the words of 'config' that begin with PREFIX. */
void config_add_words(const char *prefix, strv *found);

/* Whether QUESTION was answered with yes; ECANCELED if not, EINVAL where nobody can be asked. */
int ask(const struct manager *m, const char *question, struct error *e);

#endif
