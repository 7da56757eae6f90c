/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_EDIT_H
#define LIB_HOST_EDIT_H

#include <sys/types.h>

#include "lib/json.h"

/*
 * A change of a few small files, planned before it is made: the old and the new text of each, so
 * that it can be compared, validated, journalled, applied and taken back.
 */
struct edit_file {
	char *path;
	char *old_text;  /* NULL: there is no such file */
	char *new_text;  /* NULL: there shall be none */
	mode_t mode;     /* it shall have; as it is, unless somebody says otherwise */
	mode_t old_mode; /* 0: there is no such file */
	uid_t uid;       /* as it is, and stays */
	gid_t gid;
	bool is_link;      /* a symbolic one; its text is where it leads */
	bool has_folder;   /* it was there before */
	bool takes_folder; /* a removed file takes its folder along if nothing else is in it */
};

#define EDIT_TEXT_MAX (4 * MIB)

struct edit {
	struct edit_file *files;
	size_t n_files;
};

/* Adds PATH with its text as it is, to be given a new one.  What it returns is valid until the next
 * file is added.  NULL with *e filled on failure; ENOTSUP for a link that leads to nothing, EINVAL
 * for a text with NUL, whose rest would be lost. */
struct edit_file *edit_add(struct edit *edit, const char *path, struct error *e);
/* The same for a symbolic link; EEXIST if there is something else. */
struct edit_file *edit_add_link(struct edit *edit, const char *path, struct error *e);
/* Whether the folder of F was made for it, or for a file beside it that has MARK and with it the
 * duty to take the folder along: the last one to go does. */
bool edit_owns_folder(const struct edit_file *f, const char *mark);
/* Whether its text changes, or its mode. */
bool edit_changes_file(const struct edit_file *f);
/* How many of the files change. */
unsigned edit_changes(const struct edit *edit);
bool edit_is_needed(const struct edit *edit);
/* Writes the new texts, each by rename, and then removes what shall go.  A file may import those
 * added after it: at no time, a power cut included, does one import a file that is not there.
 * EAGAIN, before anything is written, if a file has neither its old text nor its new one: somebody
 * else changed it since it was added; EPERM, likewise, if it cannot keep its owner. */
int edit_apply(const struct edit *edit, struct error *e);
/* Whether a killed edit of these files left anything that edit_apply() removes, though none of them
 * is there nor shall be. */
bool edit_has_rest(const struct edit *edit);
/* Puts the old texts into DATA, for edit_restore() of a later run. */
void edit_save(const struct edit *edit, struct json_object *data);
/* What the file at PATH shall be instead of OLD if somebody else changed it since it was edited and
 * it is NOW.  Each text may be NULL: no file.  Caller frees. */
typedef int edit_merge(const void *context, const char *path, const char *now, const char *old,
		       char **ret_text, struct error *e);
/* Brings the old texts back, as edit_apply() does; without MERGE over the changes of others.
 * Returns 1 if anything was different. */
int edit_restore(struct json_object *data, edit_merge *merge, const void *context, struct error *e);
void edit_done(struct edit *edit);
#define _edit_ _cleanup_(edit_done)

#endif
