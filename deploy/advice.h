/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_ADVICE_H
#define DEPLOY_ADVICE_H

#include "lib/error.h"

/* Adds to *e what to do about it, where its code says that a disk is the reason. */
void advice_add(struct error *e);
/* Adds TEXT as such a remedy. */
void advice_add_text(struct error *e, const char *text);

#endif
