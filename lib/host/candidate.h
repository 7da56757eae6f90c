/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_CANDIDATE_H
#define LIB_HOST_CANDIDATE_H

#include "lib/host/edit.h"

/* The configuration that sandboxes of a handler shall have, before they have it: the node's own
 * files as they are planned, and the drop-ins that others have put beside them. */
struct candidate {
	strv names; /* relative to the handler's folder */
	strv texts; /* of each */
};

#define CANDIDATE_DROP_INS "config.d/"

/* Adds what of PLANNED lies in FOLDER, "/etc/kata-containers/kata-qemu/", but for the file BUT, and
 * the drop-ins of others there. */
int candidate_add(struct candidate *c, const char *folder, const struct edit *planned,
		  const char *but, struct error *e);
bool candidate_is_empty(const struct candidate *c);
void candidate_done(struct candidate *c);
#define _candidate_ _cleanup_(candidate_done)

/* Writes it into FOLDER, which holds nothing else afterwards. */
int candidate_put(const struct candidate *c, const char *folder, struct error *e);

/* Where those of OWNER's installation lie below ETC, which only canaries read.  Caller frees. */
struct owner;
char *candidate_folder(const char *etc, const struct owner *owner);
/* Removes that; whether a killed run left any. */
int candidate_clear(const char *etc, const struct owner *owner, struct error *e);
bool candidate_has_rest(const char *etc, const struct owner *owner);

/* Adds all names and texts to a digest. */
struct sha256;
void candidate_sum(const struct candidate *c, struct sha256 *sum);

#endif
