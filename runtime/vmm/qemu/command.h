/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_VMM_QEMU_COMMAND_H
#define RUNTIME_VMM_QEMU_COMMAND_H

#include "runtime/vmm/driver.h"

#define QEMU_FDS_MAX 28

/* A command line of QEMU and the descriptors that its numbers stand for. */
struct qemu_command {
	strv argv;
	struct proc_fd fds[QEMU_FDS_MAX]; /* borrowed descriptors */
	size_t n_fds;
};

/* Our ends stay with the caller: QMP_FD and CONSOLE_FD are the ends for QEMU. */
int qemu_command_make(const struct vmm *vmm, int qmp_fd, int console_fd, struct qemu_command *ret,
		      struct error *e);
void qemu_command_done(struct qemu_command *cmd);

/* Root port NUMBER's id, and where a device behind it is found. */
#define QEMU_PORT_SLOT 0x10
#define QEMU_PORTS_MAX 16
/* How many there are: one at least, for a controller for disks.  Upstream's files have none, since
 * its devices are behind bridges. */
unsigned qemu_count_ports(const struct config_hypervisor *h);

/* Ids of the vsock, and of the balloon, if the VM has one. */
#define QEMU_VSOCK   "vsock0"
#define QEMU_BALLOON "balloon0"

#endif
