/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_ATTEMPT_H
#define DEPLOY_ATTEMPT_H

#include "lib/error.h"
#include "lib/sha256.h"

struct edit;
struct facts;
struct install;

/* A configuration that the container engine took up and that did not serve, remembered below the
 * installation's root. */

/* EALREADY, with what went wrong, if EDIT was tried and nothing has changed since. */
int attempt_must_be_new(const struct facts *f, const struct edit *edit, struct error *e);
/* Names what EDIT, not made yet, is about to make of the engine in in->results. */
void attempt_begin(struct install *in, const struct edit *edit);
/* Remembers that the attempt begun last failed with *E; a cancel is no failure. */
void attempt_failed(const struct install *in, const struct error *e);
void attempt_forget(const struct facts *f);
/* Names the engine with the files that configure it. */
void attempt_name_engine(const struct facts *f, char ret_name[SHA256_HEX + 1]);

#endif
