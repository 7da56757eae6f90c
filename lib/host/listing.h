/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_LISTING_H
#define LIB_HOST_LISTING_H

#include "lib/sha256.h"
#include "lib/str.h"

/*
 * The form that MANIFEST and the lists of a mirror have in common: text, one fact per line, fields
 * separated by one space; the first line is "NAME 1", the last "digest SHA256", of all bytes before
 * it.
 */

#define LISTING_FIELDS_MAX 8

struct listing_line {
	unsigned number;
	char *fields[LISTING_FIELDS_MAX]; /* the first is the kind */
	size_t n;
};

struct listing_kind {
	const char *name;
	size_t n_fields;
	bool has_text; /* the last field is the rest of the line, spaces included */
	int (*handle)(void *to, const struct listing_line *line, struct error *e);
};

enum listing_others { OTHERS_REFUSED, OTHERS_PASSED_OVER };

struct listing_form {
	const char *header; /* the first line */
	size_t max;         /* bytes */
	const struct listing_kind *kinds;
	size_t n_kinds;
	enum listing_others others; /* lines of a kind that is not there */
};

/* Gives each line to its kind, with TO. */
int listing_parse(const struct listing_form *form, const char *text, size_t len, void *to,
		  char ret_digest[SHA256_HEX + 1], struct error *e);

/* Whether S is a SHA-256 in lower-case hexadecimal digits. */
bool listing_is_sha256(const char *s);

#endif
