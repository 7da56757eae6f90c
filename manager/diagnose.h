/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MANAGER_DIAGNOSE_H
#define MANAGER_DIAGNOSE_H

#include "lib/str.h"

/* What the command 'diagnose' has of its own. */

/* Adds the forms of its output that begin with PREFIX. */
void diagnose_add_formats(const char *prefix, strv *found);

/* Whether ARGV0 is what kata-collect-data is called by, and that program. */
bool collect_is(const char *argv0);
int collect_main(int argc, char **argv);

#endif
