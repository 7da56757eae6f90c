/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-check - say whether this host can run Kata Containers, what is missing, and how to get it.
 *
 * What the machine must have is the installer's own table (lib/host/hostcheck.h).  Added is what
 * only an installation has: its configuration and the files that names.  The configuration is the
 * one the node's handlers use; where several are in use, each is checked.  All checks are made, so
 * that one run names everything.  Nothing is changed on the host.
 */

#include <getopt.h>
#include <stdio.h>

#include "lib/host/handlers.h"
#include "lib/host/hostcheck.h"
#include "runtime/cli/cli.h"

/* What the checks of an installation look at. */
struct subject {
	const struct config *config; /* NULL: it could not be read */
	struct error config_error;
};

static int check_config(const struct subject *s, struct error *e)
{
	if (s->config)
		return 0;
	*e = s->config_error;
	return -e->code;
}

static int check_files(const struct subject *s, struct error *e)
{
	return s->config ? config_check_paths(s->config, e) : 0;
}

static const struct {
	const char *name;
	int (*run)(const struct subject *s, struct error *e);
	const char *remedy;
} checks[] = {
	{ "configuration", check_config, "correct the file, or reinstall" },
	{ "files", check_files, "reinstall this version, or correct the path" },
};

/* The result so far. */
struct report {
	bool is_verbose;
	unsigned n_missing;
};

static void tell(struct report *report, const char *name, enum check_verdict verdict,
		 const char *why, const char *remedy)
{
	static const char *const words[] = {
		[VERDICT_OK] = "ok",
		[VERDICT_WARNING] = "warning",
		[VERDICT_MISSING] = "missing",
	};

	report->n_missing += verdict == VERDICT_MISSING;
	if (verdict != VERDICT_OK)
		printf("%-8s %s: %s\n         -> %s\n", words[verdict], name, why, remedy);
	else if (report->is_verbose)
		printf("%-8s %s\n", words[verdict], name);
}

static void check_installation(struct report *report, const struct subject *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		struct error e = { 0 };
		int r = checks[i].run(s, &e);

		tell(report, checks[i].name, r < 0 ? VERDICT_MISSING : VERDICT_OK, e.msg,
		     checks[i].remedy);
	}
}

/* With what the configurations want of a machine in *facts. */
static void add_wishes(struct host_facts *facts, const struct config *config)
{
	facts->allow_emulation &= config->hypervisor.allow_emulation;
	facts->guest_mib = max_u64(facts->guest_mib, config->hypervisor.default_memory);
}

/* Checks the configuration at PATH (NULL: what the search finds), which USED_BY use. */
static void check_one(const struct cli *cli, const char *path, char *const *used_by,
		      struct report *report, struct host_facts *facts)
{
	const struct cli asked = { .config_path = path, .version_dir = cli->version_dir };
	_free_ char *users = used_by ? strv_join(used_by, ", ") : NULL;
	_config_ struct config config = { 0 };
	struct subject s = { 0 };

	if (cli_load_config(&asked, &config, &s.config_error) >= 0) {
		s.config = &config;
		add_wishes(facts, &config);
	} else {
		facts->allow_emulation = false;
	}
	printf("configuration %s, %s%s\n",
	       s.config ? config.path
	       : path   ? path
			: "of the search",
	       users ? "used by " : "found by the search", users ? users : "");
	check_installation(report, &s);
}

static void check_configurations(const struct cli *cli, struct report *report,
				 struct host_facts *facts)
{
	_handlers_found_ struct handlers_found found = { 0 };

	if (cli->config_path || getenv("KATA_CONF_FILE")) {
		check_one(cli, cli->config_path, NULL, report, facts);
		return;
	}
	handlers_find("", &found);
	for (char **p = found.problems; p && *p; p++)
		tell(report, "handlers", VERDICT_WARNING, *p, "correct the file");
	for (size_t i = 0; i < found.n; i++)
		check_one(cli, found.list[i].path, found.list[i].used_by, report, facts);
	if (found.n == 0)
		check_one(cli, NULL, NULL, report, facts);
}

static void check_machine(struct report *report, const struct host_facts *facts)
{
	struct check_result r;

	if (!facts->dev)
		tell(report, "root", VERDICT_WARNING, "not run as root, so devices were not opened",
		     "run: sudo kata-runtime check");
	for (size_t i = 0; hostcheck_at(i, facts, &r); i++)
		tell(report, r.check->name, r.verdict, r.why.msg, r.check->remedy);
}

static int parse_options(int argc, char **argv, bool *ret_verbose, struct error *e)
{
	static const struct option options[] = {
		{ "verbose", no_argument, NULL, 'v' },
		{ "no-network-checks", no_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	/* No check here uses the network: -n is taken so that scripts written for it go on. */
	optind = 1;
	while ((option = getopt_long(argc, argv, "vn", options, NULL)) >= 0) {
		if (option == '?')
			return fail(e, EINVAL, "see 'kata-runtime help'");
		*ret_verbose |= option == 'v';
	}
	return optind == argc ? 0 : fail(e, EINVAL, "takes no arguments");
}

int cmd_check(const struct cli *cli, int argc, char **argv, struct error *e)
{
	struct host_facts facts = {
		.root = cli->version_dir,
		.allow_emulation = true,
		.sys = "/sys",
		.proc = "/proc",
		.dev = geteuid() == 0 ? "/dev" : NULL,
	};
	struct report report = { 0 };
	int r = parse_options(argc, argv, &report.is_verbose, e);

	if (r < 0)
		return r;
	check_configurations(cli, &report, &facts);
	check_machine(&report, &facts);
	if (report.n_missing > 0)
		return fail(e, ENODEV, "System is not capable of running Kata Containers");
	printf("System is capable of running Kata Containers\n");
	if (geteuid() == 0)
		printf("System can currently create Kata Containers\n");
	return 0;
}
