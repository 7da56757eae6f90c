/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_STORAGE_HUGEPAGES_H
#define AGENT_STORAGE_HUGEPAGES_H

#include "lib/str.h"

/* Makes the kernel keep as many huge pages as a hugetlbfs mount with these options
 * ("pagesize=BYTES", "size=BYTES") holds.  ENOMEM if it cannot.  SYSFS is "/sys" except in tests.
 */
int hugepages_reserve(const char *sysfs, char *const *options, struct error *e);

#endif
