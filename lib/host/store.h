/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_STORE_H
#define LIB_HOST_STORE_H

#include "lib/host/manifest.h"
#include "lib/wait.h"

/*
 * The versions on a machine, below one folder (/opt/kata):
 *
 *   versions/VERSION-DIGEST12/   complete and synced, never written again
 *   versions/.new-*              being unpacked, or the rest of a crash
 *   current                      link to the version in use, moved by rename
 *   previous                     likewise, to the one that was in use before it
 *   held                         to the one that was gone back from: it is not to come by itself
 *   bin libexec share            links through current, so that known paths keep working
 *
 * ROOT is borrowed by every call.
 */

/* Whether there is any, be it half a one: something is installed. */
bool store_exists(const char *root);

/* Whether a version may have files in common with others that are there. */
enum store_sharing { STORE_ALONE, STORE_SHARES };

/* Brings what SOURCE (source.h) has, whose manifest is M, as a version; one of this name that is
 * damaged is replaced by it and may be current.  All or nothing: on failure, a full disk included,
 * nothing new is left and the damaged one is still there.  With STORE_SHARES what other versions
 * have (donor.h) is taken from there and need not be in an archive. */
int store_add(const char *root, const char *source, const struct manifest *m,
	      enum store_sharing sharing, const struct cancel *cancel, struct error *e);
/* That the version FOLDER is there with every file in the size and mode of its manifest. */
bool store_has(const char *root, const char *folder);
/* Reads every file again and compares its SHA-256. */
int store_verify(const char *root, const char *folder, struct error *e);
/* Removes what a crash left of unpacking and of files of ROOT; store_has_rest: whether there is
 * any. */
bool store_has_rest(const char *root);
int store_sweep(const char *root, struct error *e);

/* Folder of the current version, NULL if there is none. */
int store_current(const char *root, char **ret_folder, struct error *e);
/* The same for the other two, which may lead to a version that has gone; store_mark(): FOLDER NULL
 * removes the link. */
enum store_mark { STORE_PREVIOUS, STORE_HELD, N_STORE_MARK };
int store_marked(const char *root, enum store_mark mark, char **ret_folder, struct error *e);
int store_mark(const char *root, enum store_mark mark, const char *folder, struct error *e);
/* The manifest of a version that is there. */
int store_manifest(const char *root, const char *folder, struct manifest *ret_manifest,
		   struct error *e);
/* Makes FOLDER current.  Atomic: readers see the old tree or the new one, never a mixture. ENOENT
 * if it is not there; NULL: there is no current version any more. */
int store_switch(const char *root, const char *folder, struct error *e);

/* Whether those three are ours to make: EEXIST if something else has one of these names, an
 * installation that is not ours. */
int store_may_link(const char *root, struct error *e);
/* The version that upstream's releases name in a file; "" if there is none.  Caller frees. */
char *store_foreign_version(const char *root);
/* Makes the links bin, libexec, share; 1 if any was made, 0 if all were there. */
int store_link(const char *root, struct error *e);
/* The paths of those that are not there; caller frees. */
strv store_missing_links(const char *root);
int store_unlink(const char *root, struct error *e);

/* Removes a version that is not current. */
int store_remove(const char *root, const char *folder, struct error *e);
/* Names of all complete versions of ours; what was adopted (adopt.h) is none. */
int store_list(const char *root, strv *ret_folders, struct error *e);

#endif
