/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_CANDIDATE_H
#define DEPLOY_CANDIDATE_H

#include "deploy/shim.h"

/* The configuration that sandboxes of a handler shall have, before they have it: the node's own
 * files as they are planned, and the drop-ins that others have put beside them. */
struct candidate {
	strv names; /* relative to the handler's folder */
	strv texts; /* of each */
};

/* Empty where sandboxes read what is delivered.  PLANNED is that of offer_plan(). */
int candidate_read(const struct offer *o, const struct settings *s, const struct edit *planned,
		   struct candidate *ret_candidate, struct error *e);
bool candidate_is_empty(const struct candidate *c);
void candidate_done(struct candidate *c);
#define _candidate_ _cleanup_(candidate_done)

/* Writes it to a folder that only a canary reads, and returns its configuration there. */
int candidate_write(const struct candidate *c, const struct offer *o, const struct settings *s,
		    char **ret_path, struct error *e);
/* Removes those of this installation; candidate_has_rest: whether a killed run left any. */
int candidate_clear(const struct settings *s, struct error *e);
bool candidate_has_rest(const struct settings *s);

#endif
