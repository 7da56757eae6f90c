/* SPDX-License-Identifier: Apache-2.0 */
/*
 * says - the parts of a report that this program knows by itself: what it is, and what its other
 * commands say to programs.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/timestamp.h"
#include "manager/report/report.h"

struct json_object *report_meta(struct report *r, const struct part *part)
{
	struct json_object *meta = json_object_new_object();
	_free_ char *now = timestamp_now(TIMESTAMP_SECONDS);
	_free_ char *command = strv_join(r->m->options->arguments, " ");
	struct utsname u;

	(void)part;
	json_set_str(meta, "program", "kata-collect-data " KATA_VERSION);
	json_set_str(meta, "compatible", "Kata Containers " KATA_COMPATIBLE);
	json_set_str(meta, "command", command);
	json_set_str(meta, "date", now);
	json_set_bool(meta, "isRoot", geteuid() == 0);
	json_set_int(meta, "problemLimit", r->problems_max);
	if (uname(&u) < 0)
		return meta;
	json_set_str(meta, "kernel", u.release);
	json_set_str(meta, "kernelBuild", u.version);
	json_set_str(meta, "arch", u.machine);
	return meta;
}

static const struct {
	const char *words;
	manager_run *run;
} verbs[] = {
	{ "check", cmd_check },        { "status", cmd_status }, { "list", cmd_list },
	{ "config show", cmd_config }, { "audit", cmd_audit },
};

static manager_run *verb_called(const char *words)
{
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(verbs) && strcmp(verbs[i].words, words) != 0)
		i++;
	return verbs[i].run;
}

struct json_object *report_verb(struct report *r, const struct part *part)
{
	struct options o = *r->m->options;
	struct manager m = { .options = &o, .cancel = r->m->cancel, .format = VIEW_JSON };
	struct json_object *said = NULL;
	_strv_ strv words = strv_split(part->what, " ");
	_free_ char *text = NULL;
	size_t size = 0;
	struct error e;
	int status;

	o.arguments = words;
	m.out = open_memstream(&text, &size);
	if (!m.out)
		abort();
	status = verb_called(part->what)(&m, &e);
	(void)fclose(m.out);
	if (status >= 0)
		status = json_parse(text, size, part->name, &said, &e);
	if (status < 0)
		strv_add(&r->errors, e.msg);
	if (said) {
		json_object_object_del(said, "apiVersion");
		json_object_object_del(said, "kind");
	}
	return said;
}
