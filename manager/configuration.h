/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MANAGER_CONFIGURATION_H
#define MANAGER_CONFIGURATION_H

#include "lib/host/candidate.h"
#include "manager/machine.h"

/*
 * This machine's own configuration of sandboxes: ETC/configuration.toml, which the shim reads in
 * place of the delivered one, and in ETC/config.d a drop-in of ours beside those of others.
 *
 * The copy is there as long as there is a drop-in, is made anew at every upgrade and never edited;
 * a file of that name that somebody else wrote stays as it is.
 */

/* Adds to k->configuration what both shall be. */
int configuration_plan(struct machine *k, enum presence presence, struct error *e);
/* The text of our drop-in as it is; "" if there is none.  Caller frees. */
int configuration_drop_in(const struct machine *k, char **ret_text, struct error *e);
/* Whether what FILE says is the release's own: a file of it, or our copy of one. */
bool configuration_is_delivered(const struct machine *k, const char *file);
bool configuration_allows_emulation(const struct machine *k);
/* What sandboxes will read; empty where it is what is delivered. */
int configuration_candidate(const struct machine *k, struct candidate *ret_candidate,
			    struct error *e);
/* Writes it where a canary reads it (candidate_folder()).  Caller frees the path of the main file.
 */
int configuration_write(const struct machine *k, const struct candidate *c, char **ret_path,
			struct error *e);
/* Names the version and all that its sandboxes will read.  Caller frees. */
int configuration_name(const struct machine *k, char **ret_name, struct error *e);

#endif
