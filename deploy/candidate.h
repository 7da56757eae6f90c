/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_CANDIDATE_H
#define DEPLOY_CANDIDATE_H

#include "deploy/shim.h"
#include "lib/host/candidate.h"

/* Empty where sandboxes read what is delivered.  PLANNED is that of offer_plan(). */
int candidate_read(const struct offer *o, const struct settings *s, const struct edit *planned,
		   struct candidate *ret_candidate, struct error *e);

/* Writes it to a folder that only a canary reads, and returns its configuration there. */
int candidate_write(const struct candidate *c, const struct offer *o, const struct settings *s,
		    char **ret_path, struct error *e);
#endif
