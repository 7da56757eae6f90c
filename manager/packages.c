/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packages - bring containerd and the plugins of its networks from the distribution.
 *
 * What a distribution brings it also keeps current and takes away again, so none of it is ours: it
 * stays when Kata goes.  Nothing is brought where any container engine is there, and no plugins
 * beside Docker, which has networks of its own.  A new distribution is a row; one that nobody could
 * try says so.  One thread; may block for minutes.
 */
#include "manager/packages.h"

#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/host/here.h"
#include "lib/host/hostcheck.h"
#include "lib/host/unit.h"
#include "lib/proc.h"

#define BRING_MS   (15 * 60 * UINT64_C(1000))
#define OUTPUT_MAX (256 * KIB)
#define SAID_MAX   500

static const struct manager_row {
	const char *program; /* in /usr/bin or /sbin */
	const char *refresh; /* NULL: it does so by itself */
	const char *install; /* ... and the names of packages behind it */
	const char *engine, *networks;
	bool is_tried;
} rows[] = {
	{
		.program = "apt-get",
		.refresh = "update",
		.install = "install -y --no-install-recommends",
		.engine = "containerd",
		.networks = "containernetworking-plugins",
		.is_tried = true,
	},
	{
		.program = "dnf",
		.install = "install -y",
		.engine = "containerd",
		.networks = "containernetworking-plugins",
	},
	{
		.program = "zypper",
		.install = "--non-interactive install",
		.engine = "containerd",
		.networks = "cni-plugins",
	},
	{
		.program = "pacman",
		.install = "-S --needed --noconfirm",
		.engine = "containerd",
		.networks = "cni-plugins",
	},
	{
		.program = "apk",
		.install = "add --update-cache",
		.engine = "containerd",
		.networks = "cni-plugins",
	},
};

int packages_manager(const char *prefix)
{
	static const char *const folders[] = { "/usr/bin", "/sbin" };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t f = 0; f < ARRAY_SIZE(folders); f++) {
			_free_ char *path =
				xasprintf("%s%s/%s", prefix, folders[f], rows[i].program);

			if (file_exists(path))
				return (int)i;
		}
	return -1;
}

strv packages_names(int manager, unsigned parts)
{
	strv names = NULL;

	if (parts & PART_ENGINE)
		strv_add(&names, rows[manager].engine);
	if (parts & PART_NETWORKS)
		strv_add(&names, rows[manager].networks);
	return names;
}

void packages_help(FILE *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		(void)fprintf(out, "  %-8s  %s, %s%s\n", rows[i].program, rows[i].engine,
			      rows[i].networks, rows[i].is_tried ? "" : " (untested)");
}

/* ---- what is missing ---- */

static bool has_plugins(const char *prefix)
{
	static const char *const folders[] = { "/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		_free_ char *path = xasprintf("%s%s/bridge", prefix, folders[i]);

		if (file_exists(path))
			return true;
	}
	return false;
}

unsigned packages_missing(const struct machine *k, const char *prefix)
{
	bool has_engine = false;
	bool wants_plugins = true;
	bool is_chosen = true;

	for (size_t i = 0; i < PRESENT_MAX; i++) {
		const struct present *p = &k->engines[i];

		has_engine |= p->is_there;
		if (str_equal(p->name, "docker"))
			wants_plugins = !p->is_there;
		if (str_equal(p->name, "containerd"))
			is_chosen = p->is_chosen;
	}
	if (!is_chosen)
		return 0;
	return (has_engine ? 0 : PART_ENGINE) |
	       (wants_plugins && !has_plugins(prefix) ? PART_NETWORKS : 0);
}

/* ---- bringing it ---- */

/* A package manager asks nothing, and may need a proxy.  Caller frees. */
static strv make_environment(void)
{
	static const char *const kept[] = { "http_proxy", "https_proxy", "ftp_proxy", "no_proxy",
					    "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY",
					    "HOME",       "TMPDIR",      "all_proxy", "ALL_PROXY" };
	strv env = NULL;

	strv_add(&env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	strv_add(&env, "LC_ALL=C");
	strv_add(&env, "DEBIAN_FRONTEND=noninteractive");
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (getenv(kept[i]))
			strv_addf(&env, "%s=%s", kept[i], getenv(kept[i]));
	return env;
}

/* Runs PROGRAM with the words of LINE and MORE. */
static int run(const char *program, const char *line, char *const *more,
	       const struct cancel *cancel, struct error *e)
{
	_strv_ strv argv = NULL;
	_strv_ strv words = strv_split(line, " ");
	_strv_ strv env = make_environment();
	struct proc_spec spec = { .env = env };
	_free_ char *path = here_find(program);
	_free_ char *output = NULL;
	size_t len;
	int status;

	if (!path)
		return fail(e, ENOENT, "this machine has no program '%s'", program);
	strv_add(&argv, path);
	strv_add_all(&argv, words);
	strv_add_all(&argv, more);
	spec.argv = argv;
	if (proc_run(&spec, deadline_in(BRING_MS), cancel, OUTPUT_MAX, &status, &output, e) < 0)
		return -e->code;
	len = strlen(str_trim(output));
	return status == 0 ? 0
			   : fail(e, EREMOTEIO, "'%s %s' ended with status %d: %s", program, line,
				  status, output + (len > SAID_MAX ? len - SAID_MAX : 0));
}

/* Some distributions start what they bring, others leave that to whoever asked for it. */
static int start(const struct cancel *cancel, struct error *e)
{
	_free_ char *openrc = here_find("rc-update");

	if (file_exists(UNIT_SOCKET))
		return run("systemctl", "enable --now containerd.service", NULL, cancel, e);
	if (openrc)
		return run("rc-update", "add containerd default", NULL, cancel, e) < 0
			       ? -e->code
			       : run("rc-service", "containerd start", NULL, cancel, e);
	view_say("warning: nothing is known that starts containerd here: do it yourself");
	return 0;
}

static int bring(int manager, unsigned parts, const struct cancel *cancel, struct error *e)
{
	const struct manager_row *row = &rows[manager];
	_strv_ strv names = packages_names(manager, parts);
	_free_ char *list = strv_join(names, " ");

	view_say("%s brings %s, which stays when Kata goes", row->program, list);
	if (row->refresh && run(row->program, row->refresh, NULL, cancel, e) < 0)
		return -e->code;
	if (run(row->program, row->install, names, cancel, e) < 0)
		return -e->code;
	return parts & PART_ENGINE ? start(cancel, e) : 0;
}

/* Whether it may be brought. */
static bool is_allowed(const struct manager *m, int manager, unsigned parts)
{
	_strv_ strv names = packages_names(manager, parts);
	_free_ char *list = strv_join(names, " and ");
	_free_ char *question = NULL;
	const char *what = parts & PART_ENGINE ? "This machine has no container engine"
					       : "containerd has no plugins for networks here";
	struct error why;

	question = xasprintf("%s.  Have %s install %s%s?", what, rows[manager].program, list,
			     rows[manager].is_tried ? "" : " (untested)");
	if (m->options->is_dry) {
		view_say("an installation asks: %s", question);
		return false;
	}
	if (ask(m, question, &why) >= 0)
		return true;
	view_say("warning: it is done without: %s",
		 why.code == ECANCELED ? "the answer was no" : why.msg);
	return false;
}

/* Nothing is brought to a machine on which the installation then is refused. */
static bool is_suitable(const struct machine *k)
{
	const struct host_facts host = machine_host(k);
	_strv_ strv warnings = NULL;
	struct error ignored;

	return hostcheck_run(&host, &warnings, &ignored) >= 0;
}

int packages_bring(const struct manager *m, struct machine *k, struct error *e)
{
	unsigned parts = packages_missing(k, "");
	int manager = packages_manager("");

	if (!parts || !is_suitable(k))
		return 0;
	if (manager < 0) {
		view_say("warning: %s is missing, and there is no package manager that we know",
			 parts & PART_ENGINE ? "a container engine" : "the set of CNI plugins");
		return 0;
	}
	if (!is_allowed(m, manager, parts))
		return 0;
	if (bring(manager, parts, m->cancel, e) < 0)
		return fail_wrap(e, "bringing packages");
	present_find(k, m->cancel);
	return 0;
}
