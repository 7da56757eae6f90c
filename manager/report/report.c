/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report - read what somebody needs to see who is to help.
 *
 * Each part is read in a process of its own, which is killed when its time is over: a file may be a
 * fifo or lie on a server that is gone, a program may hang, a service may not answer.  There
 * secrets are left out, too, before anything reaches the report.  What does not fit is left out
 * whole.  What could not be had is named and does not stop the rest.  One thread.
 */
#include "manager/report/report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/proc.h"
#include "lib/redact-json.h"
#include "lib/redact.h"

#define REPORT_MAX  (4 * MIB)
#define REPORT_MS   (180 * UINT64_C(1000))
#define PART_MAX    (8 * MIB) /* before it is cut */
#define PART_MS     (20 * UINT64_C(1000))
#define TEXT_MAX    (64 * KIB) /* of one in a part */
#define CUT         "\n(cut here)"
#define NOT_BY_ROOT "not as root: what only root may see is not here"

struct reading {
	struct report *report;
	const struct part *part;
};

/* ---- in the process of a part ---- */

static void cut(struct json_object *value);

static void cut_string(struct json_object *value)
{
	const char *text = json_object_get_string(value);
	_free_ char *shorter = NULL;

	if (strlen(text) <= TEXT_MAX)
		return;
	shorter = xasprintf("%.*s" CUT, (int)TEXT_MAX, text);
	utf8_repair(shorter);
	(void)json_object_set_string(value, shorter);
}

static void cut_members(struct json_object *object)
{
	json_object_object_foreach(object, name, value)
	{
		(void)name;
		cut(value);
	}
}

static void cut(struct json_object *value)
{
	if (json_object_is_type(value, json_type_string))
		cut_string(value);
	if (json_object_is_type(value, json_type_object))
		cut_members(value);
	for (size_t i = 0; i < json_len(value); i++)
		cut(json_item(value, i));
}

static int read_here(void *arg, int out_fd)
{
	struct reading *reading = arg;
	struct report *r = reading->report;
	_json_ struct json_object *said = json_object_new_object();
	struct json_object *value;
	const char *text;
	struct error e;

	/* No other machine is asked for a report. */
	(void)unsetenv("KATA_MANAGER_MIRROR");
	strv_free(r->errors);
	r->errors = NULL;
	value = reading->part->collect(r, reading->part);
	if (value) {
		redact_json(value);
		cut(value);
		(void)json_object_object_add(said, "value", value);
	}
	for (char **error = r->errors; error && *error; error++) {
		utf8_repair(*error);
		redact_text(*error);
	}
	json_set_strv(said, "errors", r->errors);
	text = json_text(said);
	return write_all(out_fd, text, strlen(text), "the report", &e) < 0 ? 1 : 0;
}

/* ---- here ---- */

static void add_value(struct report *r, const struct part *part, struct json_object *value)
{
	size_t size = strlen(json_text(value));

	if (size > REPORT_MAX - r->size) {
		strv_addf(&r->errors, "%s: left out, %zu bytes are too many for this report",
			  part->name, size);
		return;
	}
	r->size += size;
	(void)json_object_object_add(r->parts, part->name, json_object_get(value));
}

static void add_said(struct report *r, const struct part *part, struct json_object *said)
{
	struct json_object *errors = json_member(said, "errors");
	struct json_object *value = json_member(said, "value");

	for (size_t i = 0; i < json_len(errors); i++)
		strv_addf(&r->errors, "%s: %s", part->name,
			  json_object_get_string(json_item(errors, i)));
	if (value)
		add_value(r, part, value);
}

static void read_part(struct report *r, const struct part *part)
{
	struct reading reading = { r, part };
	_json_ struct json_object *said = NULL;
	_free_ char *text = NULL;
	int status = 0;
	struct error e;

	if (now_ms() >= r->deadline_ms)
		(void)fail(&e, ETIMEDOUT, "left out, there is no time left");
	else if (proc_call(read_here, &reading, min_u64(deadline_in(PART_MS), r->deadline_ms),
			   r->m->cancel, PART_MAX, &status, &text, &e) >= 0 &&
		 json_parse(text, strlen(text), part->name, &said, &e) >= 0) {
		add_said(r, part, said);
		return;
	}
	strv_addf(&r->errors, "%s: %s", part->name, e.msg);
}

/* What programs need to find what is the caller's, and no more. */
static strv environment(void)
{
	static const char *const kept[] = { "HOME", "KUBECONFIG" };
	strv env = NULL;

	strv_add(&env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	strv_add(&env, "LC_ALL=C");
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (getenv(kept[i]))
			strv_addf(&env, "%s=%s", kept[i], getenv(kept[i]));
	return env;
}

void report_read(struct report *r)
{
	r->deadline_ms = deadline_in(REPORT_MS);
	r->env = environment();
	r->parts = json_object_new_object();
	json_set_str(r->parts, "apiVersion", MANAGER_API);
	json_set_str(r->parts, "kind", "Diagnosis");
	for (size_t i = 0; i < n_report_parts; i++)
		read_part(r, &report_parts[i]);
	if (geteuid() != 0)
		strv_add(&r->errors, NOT_BY_ROOT);
	json_set_strv(r->parts, "errors", r->errors);
}

void report_done(struct report *r)
{
	strv_free(r->env);
	strv_free(r->errors);
	json_putp(&r->parts);
}
