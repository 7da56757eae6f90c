/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MANAGER_KNOWN_H
#define MANAGER_KNOWN_H

#include "manager/machine.h"

/* The newest index of a mirror that was followed, as ROOT has it: what it says of versions holds
 * where nobody is asked, too, or an older one is shown. */

/* It, or one without anything. */
void known_read(const struct machine *k, struct catalog *ret_catalog);
/* Keeps the one that K was read from, if it was, unless it is older and of the same key. */
void known_keep(const struct machine *k);
void known_forget(const char *root);

#endif
