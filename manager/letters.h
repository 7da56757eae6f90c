/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MANAGER_LETTERS_H
#define MANAGER_LETTERS_H

#include "lib/error.h"
#include "lib/str.h"

/*
 * The option letters of upstream's script kata-manager.sh, for a command line that has no verb:
 * each stands for a verb, or for what one does anyway.
 */

#define LETTERS_LINES_MAX 8

/* Command lines with a verb each, to be run in this order until one fails. */
struct letters {
	strv lines[LETTERS_LINES_MAX];
	size_t n;
	strv notes; /* what each letter stands for, for a person */
};

void letters_done(struct letters *l);
#define _letters_ _cleanup_(letters_done)

/* Whether these words are such letters and no verb. */
bool letters_are(int argc, char *const *argv);
/* What they stand for.  EINVAL: that is no verb's work, or no letter. */
int letters_translate(int argc, char *const *argv, struct letters *ret_letters, struct error *e);

#endif
