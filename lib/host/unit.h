/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_UNIT_H
#define LIB_HOST_UNIT_H

#include "lib/wait.h"

#define UNIT_SOCKET "/run/systemd/private"

/* Does JOB ("RestartUnit", "ReloadUnit") to the first of UNITS that runs, or if none does that
 * exists, through the systemd that listens on SOCKET, and waits until it is done.  UNITS ends with
 * NULL.  ENOENT: there is no systemd. */
int unit_do(const char *socket, const char *job, const char *const *units, uint64_t deadline_ms,
	    const struct cancel *cancel, struct error *e);

#endif
