/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_ATTEMPT_H
#define DEPLOY_ATTEMPT_H

#include "lib/error.h"

struct edit;
struct install;

/* A configuration that the container runtime took up and that did not serve, remembered below the
 * installation's root. */

/* Names what EDIT would make of the runtime in in->attempt.  EALREADY, with what went wrong, if
 * that was tried and nothing has changed since. */
int attempt_begin(struct install *in, const struct edit *edit, struct error *e);
/* Remembers that the attempt begun last failed with *E; a cancel is no failure. */
void attempt_failed(const struct install *in, const struct error *e);
void attempt_forget(const struct install *in);

#endif
