/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MANAGER_REPORT_REPORT_H
#define MANAGER_REPORT_REPORT_H

#include "manager/machine.h"

/*
 * What somebody needs to see who is to help: parts, each of one source, in sections as upstream's
 * kata-collect-data.sh has them.
 */

enum report_section {
	SECTION_META,
	SECTION_RUNTIME,
	SECTION_SHIM,
	SECTION_KSM,
	SECTION_IMAGE,
	SECTION_INITRD,
	SECTION_ASSETS,
	SECTION_HOST,
	SECTION_SANDBOXES,
	SECTION_LOGS,
	SECTION_ENGINES,
	SECTION_PACKAGES,
	SECTION_MONITOR,
	N_REPORT_SECTION
};

extern const char *const report_titles[N_REPORT_SECTION];

/* The last lines of a log that tell of problems. */
#define REPORT_PROBLEMS 50

struct report {
	struct manager *m;
	unsigned problems_max;
	uint64_t deadline_ms;
	strv env;                  /* of programs */
	strv errors;               /* what could not be had, and why */
	struct json_object *parts; /* "kind", ..., every part by its name, "errors" */
	size_t size;               /* of all parts as text */
};

struct part;

/* The value, owned by the caller; NULL: there is none, which is no error by itself.  Runs in a
 * process of its own that may be killed. */
typedef struct json_object *report_collect(struct report *r, const struct part *part);

struct part {
	const char *name; /* member of the whole */
	enum report_section section;
	const char *title; /* for people */
	report_collect *collect;
	const char *what; /* for it: words, patterns of paths, ... */
};

extern const struct part report_parts[];
extern const size_t n_report_parts;

report_collect report_meta, report_verb, report_files, report_program, report_log, report_packages,
	report_assets, report_sandboxes;

/* Reads all parts into r->parts, an object.  Never fails: r->errors says what is not there.
 * Bounded in size and time; nothing in it is secret. */
void report_read(struct report *r);
void report_done(struct report *r);
#define _report_ _cleanup_(report_done)

/* A program by its name, below the root of the installation or where programs are; NULL: it is not
 * here.  Caller frees. */
char *report_find(const struct report *r, const char *program);
/* Output of ARGV, at most MAX bytes, whatever its status; NULL: an error is noted.  Caller frees.
 */
char *report_run(struct report *r, char *const *argv, size_t max, int *ret_status);
/* Bytes of the file PATH, of which the last MAX or the first MAX are taken; what is no file, and
 * what may not be read, is noted.  NULL: none.  Caller frees. */
enum report_end { REPORT_HEAD, REPORT_TAIL };
char *report_slurp(struct report *r, const char *path, enum report_end end, size_t max);

/* ---- showing ---- */

/* A form of the document.  TEXT of nobody that is trusted: each escapes it. */
struct report_form {
	void (*begin)(FILE *out, const char *title);
	void (*begin_section)(FILE *out, const char *title);
	void (*heading)(FILE *out, const char *text); /* of a part */
	void (*name)(FILE *out, const char *text);    /* of a thing in it */
	void (*block)(FILE *out, const char *text);   /* lines as they are */
	void (*table)(FILE *out, char *const *titles, struct json_object *rows);
	void (*end_section)(FILE *out);
	void (*end)(FILE *out);
};

extern const struct report_form report_markdown, report_html;

void report_show(struct json_object *parts, const struct report_form *form, FILE *out);

#endif
