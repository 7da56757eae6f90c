/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_PROOF_H
#define DEPLOY_PROOF_H

#include "deploy/install.h"

/* What was proven on this machine since it was started, remembered below the installation's root:
 * a version with its configuration that has booted need not boot again to be believed. */
enum proof_kind {
	PROOF_CANARY, /* of a version directory and a configuration */
	PROOF_TRIAL,  /* and of the engine as it is configured */
	N_PROOF_KIND
};

/* Whether it was proven; *ret_kernel, which may be NULL, is the guest's, "" if nobody said. */
bool proof_counts(const struct facts *f, enum proof_kind kind, char **ret_kernel);
/* Remembers that it was, with the guest's KERNEL (NULL: nobody said). */
void proof_note(const struct facts *f, enum proof_kind kind, const char *kernel);
void proof_forget(const struct facts *f);

/* Names the version and all that its sandboxes will read.  Caller frees. */
int proof_name(const struct facts *f, char **ret_name, struct error *e);

#endif
