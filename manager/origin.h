/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MANAGER_ORIGIN_H
#define MANAGER_ORIGIN_H

#include "manager/machine.h"

/*
 * Where a release comes from: a file, a folder with one, or a mirror (lib/host/mirror.h), which is
 * a folder with an index here or behind a web server.  Nobody is asked whom the command line or the
 * environment does not name.
 */

/* Whether O or the environment names one. */
bool origin_is_named(const struct options *o);
/* Reads what shall be: the release that O names, of a mirror the newest if it names none.  Of what
 * a mirror has, its index and what K needs to be planned; whose the index is was asked then.
 * CANCEL is borrowed for good. */
int origin_want(struct machine *k, const struct options *o, const struct cancel *cancel,
		struct error *e);
/* Fills k->catalog from the mirror that O or the environment names. */
int origin_look(struct machine *k, const struct options *o, const struct cancel *cancel,
		struct error *e);

/* Removes what a download that was never installed left in the usual cache. */
void origin_clear(void);

#endif
