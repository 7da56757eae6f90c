/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_INTACT_H
#define LIB_HOST_INTACT_H

#include <time.h>

#include "lib/host/manifest.h"

/* Adds to *ret_changes, for people, each file of the version in DIR that is not what its manifest
 * says: "share/x has other bytes (sha256 ... -> ...)".  A version that is gone or has no manifest
 * is one change. */
void intact_check(const char *dir, strv *ret_changes);

/* Whether nothing has touched one file of the version at DIRFD since that was complete, at SEAL. */
bool intact_is_untouched(int dirfd, const struct manifest_entry *entry,
			 const struct timespec *seal);
/* Whether it is what it was; where something has touched it, it is read. */
bool intact_entry(int dirfd, const struct manifest_entry *entry, const struct timespec *seal);

#endif
