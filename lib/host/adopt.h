/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_ADOPT_H
#define LIB_HOST_ADOPT_H

#include "lib/foreign.h"
#include "lib/json.h"

/*
 * An installation of upstream's that stood in ROOT, kept aside among the versions:
 *
 *   versions/VERSION-foreign/   what stood in ROOT, every entry under its name
 *   versions/VERSION-foreign/.adopted.json   the record of it
 *   adopted                     link to that folder
 *   NAME                        link to each of its entries that has no other meaning now
 *
 * Every path below ROOT that was valid before leads to the same file afterwards, until a version
 * of ours takes over bin, libexec and share.
 */

#define ADOPT_RECORD ".adopted.json"

enum adopt_kind {
	ADOPT_NOTHING,  /* nobody else's is where ours shall be; one may be adopted */
	ADOPT_UPSTREAM, /* may be taken over */
	ADOPT_OTHER,    /* somebody's, and not known to be upstream's */
};

struct adoptable {
	char *folder; /* that it gets among the versions */
	strv names;   /* of what has to be moved */
};

void adoptable_done(struct adoptable *a);
#define _adoptable_ _cleanup_(adoptable_done)

/* What stands in ROOT beside what is ours; *ret_found is filled for ADOPT_UPSTREAM.  Read only. */
int adopt_look(const char *root, enum adopt_kind *ret_kind, struct adoptable *ret_found,
	       struct error *e);
/* Whether one is adopted, or was and the end of it was not reached. */
bool adopt_stands(const char *root);
/* Moves it aside and keeps RECORD, a borrowed object, with it.  Each entry is exchanged for a link
 * to it in one step.  May be repeated after a crash. */
int adopt_take(const char *root, const struct adoptable *a, struct json_object *record,
	       struct error *e);
/* The record; ENOENT if none is adopted.  Caller owns. */
int adopt_record(const char *root, struct json_object **ret_record, struct error *e);
/* Every path that a version of ours took over, or that is missing, is a link to the adopted entry
 * again.  Nothing if none is adopted. */
int adopt_relink(const char *root, struct error *e);
/* Puts every entry back under its old path, in one step each.  The record and the link `adopted`
 * stay: whatever follows can be repeated until adopt_forget(). */
int adopt_return(const char *root, struct error *e);
/* The end of an adoption, or of one that was never complete, in FOLDER. */
int adopt_forget(const char *root, const char *folder, struct error *e);

#endif
