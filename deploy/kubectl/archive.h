/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_KUBECTL_ARCHIVE_H
#define DEPLOY_KUBECTL_ARCHIVE_H

#include <stdio.h>

#include "lib/json.h"

/* A tar archive of texts, of limited size, without what is secret. */
struct archive {
	FILE *out;
	const char *folder; /* that every name is below */
	size_t size;        /* bytes written */
	size_t max;         /* texts beyond that are left out ... */
	strv left_out;      /* ... and named here */
};

void archive_done(struct archive *a);

/* Adds TEXT, redacted in place, as NAME, a path whose last part has at most 100 bytes. */
void archive_add_text(struct archive *a, const char *name, char *text);
/* Adds OBJECT, redacted in place. */
void archive_add(struct archive *a, const char *name, struct json_object *object);
/* The list of what was left out, and the end. */
void archive_end(struct archive *a);

#endif
