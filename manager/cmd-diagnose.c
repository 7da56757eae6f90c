/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-diagnose - one report of this machine for somebody who is to help.
 *
 * Its parts are what the other commands say to programs, configuration of the container engines,
 * what logs have of problems, and packages.  A part that cannot be had is named in "errors" and
 * does not stop the rest.  Each is bounded in size, each program in time; secrets are left out of
 * every part before it is written.  Markdown for people, as an issue takes it; one object for
 * programs.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/proc.h"
#include "lib/redact-json.h"
#include "lib/timestamp.h"
#include "manager/machine.h"

#define PART_MAX   (64 * KIB)
#define FILE_MAX   (4 * MIB)
#define PROGRAM_MS (15 * UINT64_C(1000))

struct report {
	struct manager *m;
	struct json_object *parts;
	strv errors;
};

/* ---- what commands say ---- */

static const struct {
	const char *part;
	const char *words;
	manager_run *run;
} verbs[] = {
	{ "check", "check", cmd_check },  { "status", "status", cmd_status },
	{ "versions", "list", cmd_list }, { "configuration", "config show", cmd_config },
	{ "audit", "audit", cmd_audit },
};

static void add_verb(struct report *r, size_t i)
{
	struct options o = *r->m->options;
	struct manager m = { .options = &o, .cancel = r->m->cancel, .format = VIEW_JSON };
	struct json_object *said = NULL;
	_strv_ strv words = strv_split(verbs[i].words, " ");
	_free_ char *text = NULL;
	size_t size = 0;
	struct error e;
	int status;

	o.arguments = words;
	m.out = open_memstream(&text, &size);
	if (!m.out)
		abort();
	status = verbs[i].run(&m, &e);
	(void)fclose(m.out);
	if (status >= 0)
		status = json_parse(text, size, verbs[i].part, &said, &e);
	if (status < 0)
		strv_addf(&r->errors, "%s: %s", verbs[i].part, e.msg);
	else
		(void)json_object_object_add(r->parts, verbs[i].part, said);
}

/* ---- files ---- */

static void add_text(struct json_object *to, const char *name, char *text)
{
	if (strlen(text) > PART_MAX)
		text[PART_MAX] = '\0';
	utf8_repair(text);
	json_set_str(to, name, text);
}

static void add_file(struct report *r, struct json_object *files, const char *path)
{
	_free_ char *text = NULL;
	struct error e;

	if (file_read(path, FILE_MAX, &text, NULL, &e) >= 0)
		add_text(files, path, text);
	else if (e.code != ENOENT && e.code != ENOTDIR)
		strv_addf(&r->errors, "%s", e.msg);
}

static void add_files(struct report *r)
{
	struct json_object *files = json_set_object(r->parts, "engineConfiguration");
	const struct flavour *flavour;

	for (size_t i = 0; (flavour = flavour_at(i)) != NULL; i++) {
		_free_ char *path = path_join(flavour->dir, flavour->main_file);

		/* What is a program there is no configuration. */
		if (strchr(flavour->main_file, '.') && !json_member(files, path))
			add_file(r, files, path);
	}
}

/* ---- programs ---- */

static const struct {
	const char *part;
	const char *command;
} programs[] = {
	{ "log",
	  "/usr/bin/journalctl --no-pager --boot --priority=warning --lines=200 "
	  "--unit=containerd --unit=docker --unit=crio" },
	{ "packagesDebian",
	  "/usr/bin/dpkg-query --show containerd* docker* kata* qemu* runc* cri-*" },
	{ "packagesRpm", "/usr/bin/rpm --query --all" },
};

static void add_program(struct report *r, size_t i)
{
	_strv_ strv argv = strv_split(programs[i].command, " ");
	const struct proc_spec spec = { .argv = argv };
	_free_ char *output = NULL;
	struct error e;
	int status;

	if (access(argv[0], X_OK) < 0)
		return;
	if (proc_run(&spec, deadline_in(PROGRAM_MS), r->m->cancel, PART_MAX, &status, &output, &e) <
	    0)
		strv_addf(&r->errors, "%s: %s", programs[i].part, e.msg);
	else
		add_text(r->parts, programs[i].part, output);
}

/* ---- the report ---- */

static void add_meta(struct report *r)
{
	struct json_object *meta = json_set_object(r->parts, "meta");
	_free_ char *now = timestamp_now(TIMESTAMP_SECONDS);
	struct utsname u;

	json_set_str(meta, "program", "kata-manager " KATA_VERSION);
	json_set_str(meta, "date", now);
	json_set_bool(meta, "isRoot", geteuid() == 0);
	if (uname(&u) < 0)
		return;
	json_set_str(meta, "kernel", u.release);
	json_set_str(meta, "arch", u.machine);
}

static void add_all(struct report *r)
{
	add_meta(r);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		add_verb(r, i);
	add_files(r);
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		add_program(r, i);
	if (geteuid() != 0)
		strv_add(&r->errors, "not as root: what only root may see is not here");
	json_set_strv(r->parts, "errors", r->errors);
	redact_json(r->parts);
}

/* Longer than any row of them in TEXT, which so cannot end its block. */
static size_t fence_for(const char *text)
{
	size_t longest = 2, n = 0;

	for (const char *c = text; *c; c++) {
		n = *c == '`' ? n + 1 : 0;
		longest = n > longest ? n : longest;
	}
	return longest + 1;
}

static void put_block(const char *title, const char *text, FILE *out)
{
	size_t fence = fence_for(text);

	(void)fprintf(out, "<details><summary>%s</summary>\n\n", title);
	for (size_t i = 0; i < fence; i++)
		(void)fputc('`', out);
	(void)fputc('\n', out);
	view_text(text, out);
	(void)fputc('\n', out);
	for (size_t i = 0; i < fence; i++)
		(void)fputc('`', out);
	(void)fputs("\n\n</details>\n\n", out);
}

static void put_markdown(struct json_object *parts, FILE *out)
{
	(void)fputs("# Kata Containers on this machine\n\n", out);
	json_object_object_foreach(parts, name, part)
	{
		if (json_object_is_type(part, json_type_string))
			put_block(name, json_object_get_string(part), out);
		else
			put_block(name,
				  json_object_to_json_string_ext(
					  part, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
							JSON_C_TO_STRING_NOSLASHESCAPE),
				  out);
	}
}

int cmd_diagnose(struct manager *m, struct error *e)
{
	_json_ struct json_object *parts = json_object_new_object();
	struct report r = { .m = m, .parts = parts };

	(void)e;
	json_set_str(parts, "apiVersion", MANAGER_API);
	json_set_str(parts, "kind", "Diagnosis");
	add_all(&r);
	if (m->format == VIEW_TABLE || m->format == VIEW_WIDE)
		put_markdown(parts, m->out);
	else
		view_object(parts, m->format, m->out);
	strv_free(r.errors);
	return 0;
}
