/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SHIM_STATS_H
#define RUNTIME_SHIM_STATS_H

#include <stddef.h>
#include <stdint.h>

/* stats - what a container uses, as engines take it. */

enum stats_kind { STATS_CGROUP1, STATS_CGROUP2 };
/* FROM, an Agent__StatsContainerResponse or NULL (nothing is used), as engines take it on a host of
 * KIND: *ret_bytes is the packed message (caller frees), *ret_type its name. */
void stats_convert(const void *from, enum stats_kind kind, const char **ret_type,
		   uint8_t **ret_bytes, size_t *ret_len);
/* What the host's cgroups are. */
enum stats_kind stats_host_kind(void);

#endif
