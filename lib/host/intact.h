/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_INTACT_H
#define LIB_HOST_INTACT_H

#include "lib/str.h"

/* Adds to *ret_changes, for people, each file of the version in DIR that is not what its manifest
 * says: "share/x has other bytes (sha256 ... -> ...)".  A version that is gone or has no manifest
 * is one change. */
void intact_check(const char *dir, strv *ret_changes);

#endif
