/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs - the parts of a report that logs have: the last lines that tell of a problem.
 *
 * The journal where there is one, else the ends of the files that syslog and containerd write.
 * Secrets go before lines are chosen, as one may have several.  The words are those that upstream's
 * kata-collect-data.sh looks for.
 */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/redact.h"
#include "manager/report/report.h"

#define TAIL_MAX (1 * MIB)
#define LINE_MAX 2048
#define LINES    "--lines=2000" /* of the journal, of each program */

/* ---- what is a problem ---- */

static const char problem_words[] =
	"(^|[^a-z])(abort|bug[^a-z]|cannot|catastrophic|could "
	"not|couldn.?t|critical|die[^a-z]|died|"
	"dies|does.*not.*exist|dying|empty|erroneous|error|expected|fail|fatal|impossible|"
	"impossibly|incorrect|invalid|missing|need|no.*such.*file|not.*found|not.*supported|"
	"too many|unable|unavailable|unexpected|unknown|urgent|warn|wrong|panic|oops|killed|"
	"denied|refused)";

/* A shim that starts a VMM writes its whole command line, in which any word may stand. */
static const char no_problem[] = "launching .* with:";

struct patterns {
	regex_t problem, none;
};

static void patterns_init(struct patterns *f)
{
	if (regcomp(&f->problem, problem_words, REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0 ||
	    regcomp(&f->none, no_problem, REG_EXTENDED | REG_NOSUB) != 0)
		abort();
}

static void patterns_done(struct patterns *f)
{
	regfree(&f->problem);
	regfree(&f->none);
}

static bool is_problem(const struct patterns *f, const char *line)
{
	return regexec(&f->problem, line, 0, NULL, 0) == 0 &&
	       regexec(&f->none, line, 0, NULL, 0) != 0;
}

static bool is_of(const char *line, char *const *names)
{
	for (; names && *names; names++)
		if (strcasestr(line, *names))
			return true;
	return !names;
}

/* The last MAX lines of TEXT, which is changed, that tell of a problem and, unless NAMES is NULL,
 * name one of them. */
static char *problems_in(char *text, char *const *names, unsigned max)
{
	struct patterns f;
	_strv_ strv lines = NULL;
	_strv_ strv last = NULL;
	size_t n, left = max;

	utf8_repair(text);
	redact_text(text);
	lines = strv_split(text, "\n");
	n = strv_len(lines);
	patterns_init(&f);
	while (n > 0 && left > 0) {
		char *line = lines[--n];

		if (strlen(line) > LINE_MAX)
			line[LINE_MAX] = '\0';
		if (is_of(line, names) && is_problem(&f, line))
			left--;
		else
			line[0] = '\0';
	}
	patterns_done(&f);
	for (char **line = lines ? lines + n : NULL; line && *line; line++)
		if (**line)
			strv_add(&last, *line);
	return strv_join(last, "\n");
}

/* ---- where ---- */

static void add(struct report *r, struct json_object *logs, const char *source, char *text,
		char *const *names)
{
	_free_ char *problems = problems_in(text, names, r->problems_max);

	utf8_repair(problems);
	if (*problems)
		json_set_str(logs, source, problems);
}

/* Asks the journal in two ways, since what a program is called there depends on who started it. */
static bool read_journal(struct report *r, char *const *names, struct json_object *logs)
{
	_free_ char *program = report_find(r, "journalctl");
	_strv_ strv argv = NULL;
	_free_ char *output = NULL;
	_free_ char *command = NULL;
	bool is_kernel = str_equal(names[0], "kernel");
	int status = 0;

	if (!program || (!file_exists("/run/systemd/journal") && !file_exists("/var/log/journal")))
		return false;
	for (const char *const *word =
		     (const char *const[]){ program, "--no-pager", "--quiet", "--boot",
					    "--output=short-iso", LINES, NULL };
	     *word; word++)
		strv_add(&argv, *word);
	if (is_kernel)
		strv_add(&argv, "--dmesg");
	for (; !is_kernel && *names; names++) {
		if (strv_len(argv) > 6)
			strv_add(&argv, "+");
		strv_addf(&argv, "SYSLOG_IDENTIFIER=%s", *names);
		strv_add(&argv, "+");
		strv_addf(&argv, "_SYSTEMD_UNIT=%s.service", *names);
	}
	output = report_run(r, argv, 4 * TAIL_MAX, &status);
	if (!output)
		return false;
	command = strv_join(argv, " ");
	if (status != 0)
		strv_addf(&r->errors, "%s: status %d: %.200s", command, status, output);
	else
		add(r, logs, command, output, NULL);
	return status == 0;
}

static void read_files(struct report *r, char *const *names, struct json_object *logs)
{
	static const struct {
		const char *path;
		const char *only; /* that program writes there; NULL: all do */
	} files[] = {
		{ "/var/log/syslog", NULL },
		{ "/var/log/messages", NULL },
		{ "/var/log/daemon.log", NULL },
		{ "/var/log/kern.log", "kernel" },
		{ "/var/log/dmesg", "kernel" },
		{ "/var/log/containerd.log", "containerd" },
		{ "/var/log/containerd/containerd.log", "containerd" },
		{ "/var/lib/rancher/k3s/agent/containerd/containerd.log", "containerd" },
		{ "/var/lib/rancher/rke2/agent/containerd/containerd.log", "containerd" },
		{ "/var/log/crio/crio.log", "crio" },
		{ "/var/log/docker.log", "docker" },
		{ "/var/log/kubelet.log", "kubelet" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_free_ char *text = NULL;

		if (files[i].only && !strv_contains(names, files[i].only))
			continue;
		text = report_slurp(r, files[i].path, REPORT_TAIL, TAIL_MAX);
		if (text)
			add(r, logs, files[i].path, text, files[i].only ? NULL : names);
	}
}

struct json_object *report_log(struct report *r, const struct part *part)
{
	struct json_object *logs = json_object_new_object();
	_strv_ strv names = strv_split(part->what, " ");

	if (!read_journal(r, names, logs))
		read_files(r, names, logs);
	if (json_object_object_length(logs) > 0)
		return logs;
	json_putp(&logs);
	return NULL;
}
