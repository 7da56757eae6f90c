/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main - kata-deploy: install, keep and remove Kata on one node of a cluster.
 *
 *   kata-deploy [--log-level LEVEL] [--dry-run] [-o FORMAT] ACTION
 *
 * The settings come from the environment (--help lists them).  The same program runs in four
 * places: as the pod's first process, as its child that does the work, on the node and in the
 * canary sandbox (lib/host/envoy.h).  SIGTERM reaches the work as a cancel: a signal descriptor
 * that is never read.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "deploy/coordinate/coordinate.h"
#include "deploy/drift.h"
#include "deploy/dry.h"
#include "deploy/kubectl/kubectl.h"
#include "deploy/run.h"
#include "deploy/stale.h"
#include "deploy/supervise.h"
#include "deploy/uninstall.h"
#include "lib/argument.h"
#include "lib/completion.h"
#include "lib/file.h"
#include "lib/host/envoy.h"
#include "lib/host/flavour.h"
#include "lib/log.h"
#include "lib/loop.h"

#define PLAN_STATUS_FAILED 2

struct arguments {
	const char *action;
	enum log_level level;
	bool has_level;
	bool is_dry;
	bool has_format;
	enum plan_format format; /* of what is told and not done */
	int report_fd;           /* where a parent wants to read why we failed; -1: nowhere */
};

/* Not a node's business: the roll-out over all of them. */
static int run_coordinate(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	const char *pod = getenv("POD_NAME");
	_free_ char *name = xasprintf("%s-coordinator", s->daemonset_name);
	_free_ char *path = xasprintf("/apis/coordination.k8s.io/v1/namespaces/%s/leases/%s",
				      s->namespace, name);
	_kube_config_ struct kube_config config = { 0 };
	_lease_ struct lease lease = { .path = path, .name = name, .holder = pod };
	struct coordinator c = {
		.installation = settings_instance(s),
		.namespace = s->namespace,
		.daemonset = s->daemonset_name,
		.cancel = cancel,
		.lease = &lease,
	};
	int r;

	if (str_empty(pod))
		return fail(e, EINVAL, "POD_NAME is not set: of several coordinators one acts");
	if (kube_config_load(&config, e) < 0 || kube_open(&config, &s->owner, &c.kube, e) < 0)
		return -e->code;
	r = coordinate_run(&c, e);
	kube_close(c.kube);
	return r;
}

static const struct action {
	const char *name;
	int (*run)(const struct settings *s, const struct cancel *cancel, struct error *e);
	int (*dry_run)(const struct settings *s, const struct cancel *cancel,
		       enum plan_format format, FILE *out, struct error *e);
	const char *help; /* NULL: for ourselves alone */
} actions[] = {
	{ "install", NULL, NULL,
	  "install, then stay and keep it so until SIGTERM (the DaemonSet's action)" },
	{ "apply", run_apply, dry_apply, "install and end" },
	{ "plan", NULL, dry_apply,
	  "say what apply would change and why; ends with 0: nothing, 1: something, 2: an error" },
	{ "rollback", run_rollback, dry_rollback,
	  "go back to the version that was current before, until another image comes" },
	{ "recover", run_recover, NULL,
	  "take back what an interrupted run left, and end (for other versions)" },
	{ "cleanup", run_cleanup, dry_cleanup,
	  "remove, unless the DaemonSet still wants this node" },
	{ "uninstall", run_uninstall, NULL,
	  "delete the DaemonSet and wait until every node has cleaned up (before its rights go)" },
	{ "reset", run_reset, dry_reset,
	  "take this node's labels away and restart its container runtime" },
	{ "stale", NULL, tell_stale,
	  "list this node's stale sandboxes and why each is; ends with 0: none, 1: some, 2: an "
	  "error" },
	{ "check", run_check, NULL, NULL },
	{ "keep", run_keep, NULL, NULL },
	{ "keep-engine", run_keep_engine, NULL, NULL },
	{ "follow", run_follow, NULL, NULL },
	{ "coordinate", run_coordinate, NULL,
	  "widen roll-outs in waves, as KataInstallation says; one in the cluster, until SIGTERM" },
	{ "publish", run_publish, NULL, NULL },
};

static void distributions(FILE *out)
{
	const struct flavour *f;

	for (size_t i = 0; (f = flavour_at(i)) != NULL; i++) {
		_strv_ strv units = NULL;
		_free_ char *list = NULL;

		for (size_t k = 0; f->units[k]; k++)
			strv_add(&units, f->units[k]);
		list = strv_join(units, " or ");
		if (!f->is_bare)
			fprintf(out, "  %-9s  %s/%s, socket %s, %s\n", f->name, f->dir,
				f->main_file, f->socket, list);
	}
}

static const char options_usage[] =
	"[--log-level error|warn|info|debug] [--dry-run] [-o text|json] [--output text|json] "
	"[--help] [--version]";

static void usage(FILE *out)
{
	fputs("usage: kata-deploy [--log-level error|warn|info|debug] [--dry-run] [-o "
	      "text|json] ACTION\n\n"
	      "Options:\n"
	      "  --dry-run  say what apply, rollback, cleanup or reset would change and why; "
	      "change nothing\n"
	      "  -o FORMAT  in which form that is said: text, with a unified diff of each file, or "
	      "json\n"
	      "\nActions:\n",
	      out);
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (actions[i].help)
			fprintf(out, "  %-9s  %s\n", actions[i].name, actions[i].help);
	fputs("\nCommands:\n"
	      "  kubectl     what kubectl-kata does\n"
	      "  completion  bash, zsh or fish: a script that lets the shell complete words\n"
	      "\nEnvironment:\n",
	      out);
	settings_help(out);
	fputs("\nDistributions:\n", out);
	distributions(out);
}

static int parse_option(struct arguments *a, const char *name, const char *value, struct error *e)
{
	uint32_t fd;

	if (strcmp(name, "--log-level") == 0) {
		if (!log_parse_level(value, &a->level))
			return fail(e, EINVAL, "'%s' is not a log level", value);
		a->has_level = true;
		return 0;
	}
	if (strcmp(name, "--report") == 0) {
		if (parse_u32(value, "--report", 1024, &fd, e) < 0)
			return -e->code;
		a->report_fd = (int)fd;
		return 0;
	}
	if (strcmp(name, "-o") == 0 || strcmp(name, "--output") == 0) {
		if (!plan_parse_format(value, &a->format))
			return fail(e, EINVAL, "'%s' is neither text nor json", value);
		a->has_format = true;
		return 0;
	}
	return fail(e, EINVAL, "unknown option '%s'; --help shows what there is", name);
}

/* "--name=value", "--name value" and one word. */
static int parse_arguments(int argc, char **argv, struct arguments *a, struct error *e)
{
	for (int i = 1; i < argc; i++) {
		_free_ char *name = xstrdup(argv[i]);
		char *equals = strchr(name, '=');
		const char *value = equals ? equals + 1 : i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(argv[i], "--dry-run") == 0) {
			a->is_dry = true;
			continue;
		}
		if (argv[i][0] != '-') {
			if (a->action)
				return fail(e, EINVAL, "more than one action: '%s' and '%s'",
					    a->action, argv[i]);
			a->action = argv[i];
			continue;
		}
		if (equals)
			*equals = '\0';
		else
			i++;
		if (parse_option(a, name, value, e) < 0)
			return -e->code;
	}
	return a->action ? 0 : fail(e, EINVAL, "no action given; --help shows what there is");
}

static void report(const struct arguments *a, const struct error *e)
{
	if (e->code == RUN_UNSUITABLE)
		log_info("this node is not suitable: %s", e->msg);
	else if (e->code == RUN_HELD)
		log_info("%s", e->msg);
	else
		log_error("%s", e->msg);
	if (a->report_fd >= 0)
		(void)!write(a->report_fd, e->msg, strlen(e->msg));
}

/* Nothing is done. */
static bool is_told(const struct action *action, const struct arguments *a)
{
	return a->is_dry || (!action->run && action->dry_run);
}

static int call(const struct action *action, const struct arguments *a, const struct settings *s,
		const struct cancel *cancel, struct error *e)
{
	return is_told(action, a) ? action->dry_run(s, cancel, a->format, stdout, e)
				  : action->run(s, cancel, e);
}

/* Of an action that does something. */
static int status_of(int r)
{
	switch (r) {
	case -RUN_UNSUITABLE:
		return RUN_STATUS_UNSUITABLE;
	case -RUN_DRIFT:
		return RUN_STATUS_DRIFT;
	case -RUN_CONTESTED:
		return RUN_STATUS_CONTESTED;
	case -RUN_HELD:
		return RUN_STATUS_HELD;
	case RUN_REPAIRED:
		return RUN_STATUS_REPAIRED;
	default:
		return r >= 0 ? 0 : 1;
	}
}

static int run_once(const struct action *action, const struct arguments *a,
		    const struct settings *s)
{
	struct cancel cancel = { .fd = -1 };
	struct error e;
	sigset_t set;
	int r;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	cancel.fd = signal_open(&set, &e);
	r = cancel.fd < 0 ? cancel.fd : call(action, a, s, &cancel, &e);
	closep(&cancel.fd);
	if (r < 0)
		report(a, &e);
	/* As diff(1) ends. */
	if (is_told(action, a))
		return r < 0 ? PLAN_STATUS_FAILED : r;
	return status_of(r);
}

static void add_actions(const char *prefix, strv *found)
{
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (actions[i].help && str_starts(actions[i].name, prefix))
			strv_add(found, actions[i].name);
}

static void add_words(const char *prefix, strv *found)
{
	static const char *const others[] = { "kubectl", "completion" };

	add_actions(prefix, found);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (str_starts(others[i], prefix))
			strv_add(found, others[i]);
}

/* "completion SHELL", and what its script asks.  Returns the exit status. */
static int complete(int argc, char **argv)
{
	const char *prefix = argc > 2 ? argv[argc - 1] : "";
	_strv_ strv found = NULL;
	struct error e;

	if (strcmp(argv[1], "completion") == 0) {
		if (argc == 3 && completion_script("kata-deploy", argv[2], stdout, &e) >= 0)
			return 0;
		fputs("kata-deploy: it is 'completion bash|zsh|fish'\n", stderr);
		return 2;
	}
	if (*prefix == '-')
		completion_add_usage(options_usage, prefix, &found);
	else if (argc > 3 && strcmp(argv[argc - 2], "completion") == 0)
		completion_add_shells(prefix, &found);
	else
		add_words(prefix, &found);
	completion_answer(found, stdout);
	return 0;
}

static const struct action *find_action(const struct arguments *a, struct error *e)
{
	_strv_ strv known = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcmp(actions[i].name, a->action) != 0)
			continue;
		if (actions[i].dry_run ? !a->has_format || is_told(&actions[i], a)
				       : !a->is_dry && !a->has_format)
			return &actions[i];
		(void)fail(e, EINVAL,
			   "--dry-run is for apply, rollback, cleanup and reset, and -o for it, "
			   "plan and "
			   "stale");
		return NULL;
	}
	add_actions("", &known);
	(void)argument_unknown("action", a->action, known, e);
	return NULL;
}

/* By hand, on the node, no pod says which it is, and this asks no cluster. */
static void name_node(const struct arguments *a)
{
	struct utsname machine;

	if (strcmp(a->action, "stale") == 0 && uname(&machine) == 0)
		(void)setenv("NODE_NAME", machine.nodename, 0);
}

static int run_action(const struct arguments *a)
{
	_settings_ struct settings s = { 0 };
	const struct action *action;
	struct error e;

	name_node(a);
	action = find_action(a, &e);
	if (!action || settings_read(&s, &e) < 0) {
		report(a, &e);
		return 2;
	}
	if (s.debug && !a->has_level)
		log_set_level(LOG_LEVEL_DEBUG);
	log_set_field("node", s.node_name);
	return action->run || action->dry_run ? run_once(action, a, &s) : supervise(&s);
}

static bool wants(int argc, char **argv, const char *option)
{
	return argc == 2 && strcmp(argv[1], option) == 0;
}

int main(int argc, char **argv)
{
	struct arguments a = { .level = LOG_LEVEL_INFO, .report_fd = -1 };
	struct error e;
	int status = envoy_main(argc, argv);

	if (status >= 0)
		return status;
	/* The image has one program under both names. */
	if (argc > 0 && strcmp(path_base(argv[0]), "kubectl-kata") == 0)
		return kubectl_main(argc, argv);
	if (argc > 1 && strcmp(argv[1], "kubectl") == 0)
		return kubectl_main(argc - 1, argv + 1);
	if (argc > 1 && (strcmp(argv[1], "completion") == 0 || strcmp(argv[1], "__complete") == 0))
		return complete(argc, argv);
	if (wants(argc, argv, "--help")) {
		usage(stdout);
		return 0;
	}
	if (wants(argc, argv, "--version")) {
		puts("kata-deploy " KATA_VERSION
		     " (compatible with Kata Containers " KATA_COMPATIBLE ")");
		return 0;
	}
	log_open("kata-deploy", STDERR_FILENO, LOG_TEXT, a.level);
	if (parse_arguments(argc, argv, &a, &e) < 0) {
		log_error("%s", e.msg);
		return 2;
	}
	log_set_level(a.level);
	return run_action(&a);
}
