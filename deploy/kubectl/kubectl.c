/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubectl - the commands of kubectl-kata, which is a plugin of kubectl: "kubectl kata status".
 *
 * One table; of it help, the manual page and completion are made.  What is found goes to standard
 * output, all else to standard error.  SIGINT and SIGTERM reach the work as a cancel, so that what
 * a command has made in the cluster for itself goes with it.  One thread.
 */
#include "deploy/kubectl/kubectl.h"

#include <limits.h>
#include <signal.h>
#include <string.h>

#include "lib/argument.h"
#include "lib/log.h"
#include "lib/loop.h"

#define PROGRAM     "kubectl-kata"
#define TIMEOUT_S   600
#define TIMEOUT_MAX 86400
#define ASK_MS      (60 * UINT64_C(1000))
#define REFUSED_MS  0
#define PER_SECOND  50
#define BURST       200

static kata_run cmd_help;

const struct kata_command kata_commands[] = {
	{
		.name = "status",
		.usage = "",
		.takes = TAKES_OUTPUT | TAKES_WATCH,
		.needs_cluster = true,
		.run = cmd_status,
		.help = "the installations of the cluster, their versions and how far a roll-out "
			"is",
	},
	{
		.name = "nodes",
		.max = 1,
		.usage = "[NODE]",
		.takes = TAKES_OUTPUT | TAKES_WATCH,
		.needs_cluster = true,
		.run = cmd_nodes,
		.help = "each node's state, version and, where it is not ready, why",
	},
	{
		.name = "stale",
		.max = 1,
		.usage = "[NODE]",
		.takes = TAKES_OUTPUT | TAKES_WATCH,
		.needs_cluster = true,
		.run = cmd_stale,
		.help = "pods whose sandboxes run something else than their node would start now",
	},
	{
		.name = "sandboxes",
		.max = 1,
		.usage = "[NODE]",
		.takes = TAKES_OUTPUT | TAKES_WATCH | TAKES_SELECTOR,
		.needs_cluster = true,
		.run = cmd_sandboxes,
		.help = "all pods that run in sandboxes, and the version each runs",
	},
	{
		.name = "plan",
		.min = 1,
		.max = 1,
		.usage = "NODE",
		.takes = TAKES_OUTPUT | TAKES_IMAGE,
		.needs_cluster = true,
		.run = cmd_plan,
		.help = "what an installation would change on NODE and why; ends with 0: nothing, "
			"1: "
			"something",
	},
	{
		.name = "rollout",
		.min = 1,
		.max = 1,
		.usage = "status|pause|resume|undo",
		.needs_cluster = true,
		.run = cmd_rollout,
		.help = "wait for the end of a roll-out (status ends with 0: complete, 1: a node "
			"stopped it), hold it, let it go on past its failures, take its image back",
	},
	{
		.name = "rollback",
		.max = 1,
		.usage = "NODE|--all",
		.takes = TAKES_OUTPUT | TAKES_ALL | TAKES_DRY_RUN,
		.needs_cluster = true,
		.run = cmd_rollback,
		.help = "take a node, or all, back to the version that was current before",
	},
	{
		.name = "recycle",
		.max = 1,
		.usage = "[NODE]",
		.takes = TAKES_OUTPUT | TAKES_SELECTOR | TAKES_DRY_RUN,
		.needs_cluster = true,
		.run = cmd_recycle,
		.help = "evict stale pods, one after the other, with respect for their budgets",
	},
	{
		.name = "cleanup",
		.usage = "",
		.takes = TAKES_OUTPUT | TAKES_DRY_RUN,
		.needs_cluster = true,
		.run = cmd_cleanup,
		.help = "remove what the cluster still has of installations whose DaemonSet is "
			"gone",
	},
	{
		.name = "diagnose",
		.usage = "",
		.takes = TAKES_FILE,
		.needs_cluster = true,
		.run = cmd_diagnose,
		.help = "write one archive of the cluster's Kata state, bounded and without "
			"secrets",
	},
	{
		.name = "check",
		.usage = "",
		.takes = TAKES_OUTPUT,
		.needs_cluster = true,
		.run = cmd_check,
		.help = "what is wrong with the installations; ends with 0: nothing, 1: something",
	},
	{
		.name = "version",
		.usage = "",
		.takes = TAKES_OUTPUT,
		.run = cmd_version,
		.help = "of this program, the installations and the API server",
	},
	{
		.name = "completion",
		.min = 1,
		.max = 1,
		.usage = "bash|zsh|fish",
		.run = cmd_completion,
		.help = "a script that lets the shell complete words",
	},
	{ .name = "__complete", .max = UINT_MAX, .usage = "", .run = cmd_complete },
	{ .name = "help", .usage = "", .run = cmd_help, .help = "show this text" },
	{ .name = NULL },
};

static void put_commands(FILE *out)
{
	for (const struct kata_command *c = kata_commands; c->name; c++) {
		_free_ char *term = xasprintf("%s %s", c->name, c->usage);

		if (c->help)
			(void)fprintf(out, "  %-32s  %s\n", str_trim(term), c->help);
	}
}

void kubectl_usage(FILE *out)
{
	(void)fputs("usage: " PROGRAM
		    " COMMAND [OPTION]...\n\n"
		    "Installed in the PATH it is 'kubectl kata'; kata-deploy has the same as "
		    "'kata-deploy kubectl'.\n\n"
		    "Commands:\n",
		    out);
	put_commands(out);
	(void)fputs("\nOptions:\n", out);
	options_help(out);
	(void)fputs(
		"\nStatus:\n"
		"  0  done\n"
		"  1  found: changes (plan), a fault (check), a node that stopped it (rollout)\n"
		"  2  an error or wrong usage\n"
		"  3  done in part; standard error names what was left out\n",
		out);
}

static int cmd_help(struct kata *k, struct error *e)
{
	(void)e;
	kubectl_usage(k->out);
	return 0;
}

uint64_t kata_ask_ms(const struct kata *k)
{
	return min_u64(k->deadline_ms, deadline_in(ASK_MS));
}

char *kata_pods_path(const struct kata *k)
{
	const char *namespace = k->options->choice.namespace;
	const char *selector = k->options->selector;
	_free_ char *escaped = selector ? http_escape(selector) : NULL;
	_free_ char *base = namespace ? xasprintf("/api/v1/namespaces/%s/pods", namespace)
				      : xstrdup("/api/v1/pods");

	return xasprintf("%s%s%s", base, selector ? "?labelSelector=" : "",
			 selector ? escaped : "");
}

static const struct kata_command *find_command(const char *name)
{
	for (const struct kata_command *c = kata_commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* ---- a run ---- */

int kata_open(struct kata *k, struct error *e)
{
	static const struct owner owner = { .program = PROGRAM, .name = PROGRAM };

	if (kube_config_choose(&k->options->choice, &k->config, e) < 0 ||
	    kube_open(&k->config, &owner, &k->kube, e) < 0)
		return -e->code;
	/* A person waits, and is told at once what the server refuses. */
	kube_set_rate(k->kube, PER_SECOND, BURST);
	kube_set_refusal(k->kube, REFUSED_MS);
	return 0;
}

/* kubectl writes "30s", "5m" and "1h". */
static int parse_timeout(const char *s, uint32_t *ret_seconds, struct error *e)
{
	static const struct {
		char letter;
		uint32_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 } };
	_free_ char *text = xstrdup(s);
	size_t len = strlen(text);
	uint32_t unit = 1;

	for (size_t i = 0; len > 1 && i < ARRAY_SIZE(units); i++)
		if (s[len - 1] == units[i].letter) {
			unit = units[i].seconds;
			text[len - 1] = '\0';
		}
	if (parse_u32(text, "--request-timeout", TIMEOUT_MAX / unit, ret_seconds, e) < 0)
		return -e->code;
	*ret_seconds *= unit;
	return 0;
}

static int read_timeout(struct kata *k, struct error *e)
{
	const char *text = k->options->timeout;
	uint32_t seconds = TIMEOUT_S;

	if (text && parse_timeout(text, &seconds, e) < 0)
		return -e->code;
	k->deadline_ms = k->options->is_watching || seconds == 0
				 ? NO_DEADLINE
				 : deadline_in(seconds * UINT64_C(1000));
	return 0;
}

static int run_command(const struct kata_command *c, struct kata *k, struct error *e)
{
	int r = read_timeout(k, e);

	if (r >= 0)
		r = view_parse_format(k->options->output, &k->format, e);
	if (r >= 0 && c->needs_cluster)
		r = kata_open(k, e);
	if (r >= 0)
		r = c->run(k, e);
	kube_close(TAKE_PTR(k->kube));
	kube_config_done(&k->config);
	return r;
}

static int fail_unknown(const char *name, struct error *e)
{
	_strv_ strv known = NULL;

	for (const struct kata_command *c = kata_commands; c->name; c++)
		if (c->help)
			strv_add(&known, c->name);
	return argument_unknown("command", name, known, e);
}

static const struct kata_command *choose_command(struct options *o, struct error *e)
{
	const char *name = o->wants_help || !o->arguments ? "help" : o->arguments[0];
	const struct kata_command *c = find_command(name);
	size_t n = strv_len(o->arguments);

	if (!c) {
		(void)fail_unknown(name, e);
		return NULL;
	}
	if (c->run == cmd_help)
		return c;
	if (n - 1 < c->min || n - 1 > c->max) {
		(void)fail(e, EINVAL, "it is '%s %s'", c->name, c->usage);
		return NULL;
	}
	return options_check(o, c, e) < 0 ? NULL : c;
}

static int run_cancelled(const struct kata_command *c, const struct options *o, struct error *e)
{
	struct cancel cancel = { .fd = -1 };
	struct kata k = { .options = o, .cancel = &cancel, .out = stdout };
	sigset_t set;
	int r;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	cancel.fd = signal_open(&set, e);
	r = cancel.fd < 0 ? cancel.fd : run_command(c, &k, e);
	closep(&cancel.fd);
	/* What somebody ended has not failed. */
	return r == -ECANCELED ? 128 + SIGINT : r;
}

int kubectl_main(int argc, char **argv)
{
	_options_ struct options o = { 0 };
	const struct kata_command *c;
	struct error e;
	int r;

	log_open(PROGRAM, STDERR_FILENO, LOG_TEXT, LOG_LEVEL_WARN);
	r = options_parse(argc - 1, argv + 1, &o, &e);
	c = r < 0 ? NULL : choose_command(&o, &e);
	r = c ? run_cancelled(c, &o, &e) : -EINVAL;
	if (r < 0)
		view_say(PROGRAM ": %s", e.msg);
	if (fflush(stdout) != 0 || ferror(stdout))
		return EXIT_FAILED;
	return r < 0 ? EXIT_FAILED : r;
}
