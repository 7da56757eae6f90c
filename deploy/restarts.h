/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_RESTARTS_H
#define DEPLOY_RESTARTS_H

#include "lib/error.h"

struct facts;

/* How often the container engine was restarted for this installation lately, noted below its root.
 */

/* In an hour, for as long as nothing succeeds. */
#define RESTARTS_MAX 8

/* EBUSY, with the remedy, unless that many RESTARTS are still left. */
int restarts_must_be_left(const struct facts *f, unsigned restarts, struct error *e);
/* Another one is about to begin. */
void restarts_note(const struct facts *f);
/* It is well again, or somebody took it in hand. */
void restarts_forget(const char *root);

#endif
