/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_KUBECTL_KUBECTL_H
#define DEPLOY_KUBECTL_KUBECTL_H

#include <stdio.h>

#include "lib/kube/client.h"
#include "lib/kube/config.h"
#include "lib/view.h"

/* How a command ends, beside 0. */
enum {
	EXIT_FOUND = 1,  /* it found what was asked for: changes, a fault, something left */
	EXIT_FAILED = 2, /* an error, or wrong usage */
	EXIT_PARTLY = 3, /* some nodes or pods did not take part; standard error names them */
};

/* What the command line says.  Strings are borrowed from it. */
struct options {
	struct kube_choice choice;
	strv groups, extra; /* owned: those of the choice */
	const char *output;
	const char *selector;
	const char *installation; /* NULL: all */
	const char *image;
	const char *file;
	const char *timeout;
	bool has_no_headers;
	bool is_everywhere;
	bool is_watching;
	bool is_dry;
	bool is_all;
	bool wants_help;
	strv arguments; /* owned: the command's own */
};

/* A run of a command. */
struct kata {
	const struct options *options;
	struct kube_client *kube;
	const struct cancel *cancel;
	struct kube_config config;
	enum view_format format;
	uint64_t deadline_ms;
	FILE *out;
};

/* Returns the exit status, or -errno with *e filled. */
typedef int kata_run(struct kata *k, struct error *e);

/* What a command can be given.  A row of options.c has a bit for each of these. */
enum takes {
	TAKES_OUTPUT = 1 << 0,
	TAKES_WATCH = 1 << 1,
	TAKES_SELECTOR = 1 << 2,
	TAKES_IMAGE = 1 << 3,
	TAKES_DRY_RUN = 1 << 4,
	TAKES_ALL = 1 << 5,
	TAKES_FILE = 1 << 6,
};

struct kata_command {
	const char *name;
	unsigned min, max; /* arguments */
	const char *usage; /* of them */
	unsigned takes;    /* enum takes */
	bool needs_cluster;
	kata_run *run;
	const char *help; /* NULL: for other programs alone */
};

/* Ends with a NULL name. */
extern const struct kata_command kata_commands[];

/* Opens what `needs_cluster` opens before a command. */
int kata_open(struct kata *k, struct error *e);

/* The collection of the pods that the options mean.  Caller frees. */
char *kata_pods_path(const struct kata *k);

kata_run cmd_check, cmd_cleanup, cmd_complete, cmd_completion, cmd_diagnose, cmd_nodes, cmd_plan,
	cmd_recycle, cmd_rollback, cmd_rollout, cmd_sandboxes, cmd_stale, cmd_status, cmd_version;

/* The whole program; ARGV[0] is not looked at.  Returns the exit status. */
int kubectl_main(int argc, char **argv);
void kubectl_usage(FILE *out);

/* Options: parse them, name them for help and completion. */
int options_parse(int argc, char **argv, struct options *ret_options, struct error *e);
void options_done(struct options *o);
#define _options_ _cleanup_(options_done)
void options_help(FILE *out);
/* Adds all that begin with PREFIX. */
void options_complete(const char *prefix, strv *names);
/* EINVAL if O has what C does not take. */
int options_check(const struct options *o, const struct kata_command *c, struct error *e);

/* The time that one request may take. */
uint64_t kata_ask_ms(const struct kata *k);

#endif
