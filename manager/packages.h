/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MANAGER_PACKAGES_H
#define MANAGER_PACKAGES_H

#include "manager/machine.h"

/* What a machine needs to run containers at all, from its distribution's packages. */

/* Brings what K lacks, once that was allowed: by an answer on a terminal, or by --yes.  Where
 * nobody can be asked or somebody says no, that is told and it is done without.  Engines are looked
 * for anew afterwards.  A dry run tells what it would ask. */
int packages_bring(const struct manager *m, struct machine *k, struct error *e);

/* The package managers and what is asked of them. */
void packages_help(FILE *out);

/* The first package manager that has its program below PREFIX ("" but in tests), as a number for
 * the next; -1: there is none. */
int packages_manager(const char *prefix);
/* The names of what is missing of PARTS there.  Caller frees. */
enum packages_part { PART_ENGINE = 1 << 0, PART_NETWORKS = 1 << 1 };
strv packages_names(int manager, unsigned parts);
/* Which of these parts K lacks; folders of plugins are looked for below PREFIX. */
unsigned packages_missing(const struct machine *k, const char *prefix);

#endif
