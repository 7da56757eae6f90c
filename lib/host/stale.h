/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_STALE_H
#define LIB_HOST_STALE_H

#include "lib/host/record.h"

/*
 * Why a sandbox is stale: what its record says compared with what the node has now.  The one place
 * that decides it (docs/architecture.md, law 10); reads nothing by itself.
 */

enum stale_kind {
	STALE_VERSION,
	STALE_CONFIGURATION,
	STALE_ASSETS,
	STALE_FOREIGN,
	STALE_LEFTOVER,
	STALE_ADVISORY,
	N_STALE_KIND
};

/* "version": as lists, Events and metrics call it. */
extern const char *const stale_names[N_STALE_KIND];

struct stale_cause {
	enum stale_kind kind;
	char *detail; /* one sentence without its end */
};

struct stale {
	struct stale_cause list[N_STALE_KIND]; /* each kind once at most, in their order */
	size_t n;
};

/* What the node has for a sandbox like this one.  Every text may be NULL: not known. */
struct stale_now {
	const char *current;       /* folder of the current version; "": there is none */
	const char *config_path;   /* that it would read */
	const char *config_digest; /* of it, with its drop-ins */
	const char *configuration; /* what they set, in the form of the record's */
	const char *no_config;     /* why it could not be read */
	char *const *changes;      /* of files of its version, or of those that it names */
	char *const *withdrawn;    /* "VERSION", "VERSION-DIGEST12", either with "=REASON" */
};

/* Whether LIST, of that form, has the version FOLDER; *ret_reason is a part of LIST, or NULL. */
bool stale_is_withdrawn(char *const *list, const char *folder, const char **ret_reason);
/* Sets *ret_stale to the causes that R has. */
void stale_find(const struct record *r, const struct stale_now *now, struct stale *ret_stale);
/* Adds a cause unless S has one of that kind. */
void stale_add(struct stale *s, enum stale_kind kind, char *own_detail);
void stale_done(struct stale *s);
#define _stale_ _cleanup_(stale_done)

#endif
