/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_VMM_VSOCK_DAEMON_H
#define RUNTIME_VMM_VSOCK_DAEMON_H

#include "lib/filter.h"
#include "lib/wait.h"

struct vmm;

/*
 * vsock-daemon - vhost-device-vsock, for a host without a vsock of its own.
 */

/* Makes the folder of the sockets in VMM's run_dir, which is there.  Caller frees *ret_folder. */
int vsock_daemon_prepare(const struct vmm *vmm, char **ret_folder, struct error *e);

/* Starts the daemon for VMM's vsock, whose path lies in FOLDER; fills vsock_fd, which is connected
 * to it, for the VMM. */
int vsock_daemon_start(struct vmm *vmm, const char *folder, uint64_t deadline_ms,
		       const struct cancel *c, struct error *e);

/* The system calls that it may make. */
extern const struct filter vsock_daemon_calls;

#endif
