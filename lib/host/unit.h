/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_UNIT_H
#define LIB_HOST_UNIT_H

#include "lib/wait.h"

#define UNIT_SOCKET "/run/systemd/private"

/* Restarts UNIT ("containerd.service") through the systemd that listens on SOCKET and waits until
 * the job is done.  ENOENT: there is no systemd. */
int unit_restart(const char *socket, const char *unit, uint64_t deadline_ms,
		 const struct cancel *cancel, struct error *e);

#endif
