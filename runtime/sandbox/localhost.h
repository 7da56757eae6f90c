/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_LOCALHOST_H
#define RUNTIME_SANDBOX_LOCALHOST_H

#include "lib/error.h"

/* localhost - take every TCP connection to the localhost of a network namespace. */

#define N_LOCALHOST 2 /* 127.0.0.1 and ::1 */

/* Embedded in its owner. */
struct localhost {
	int fds[N_LOCALHOST]; /* listening, not blocking; -1: there is no IPv6 */
	int link;             /* -1: nothing is taken; else for as long as it is open */
};

#define LOCALHOST_NONE ((struct localhost){ { -1, -1 }, -1 })

/* From now on connections to any port of either address in NETNS_FD come to the sockets; which
 * port, each connection's own address says.  Only what is local to the namespace gets there.  Fails
 * where the kernel cannot (it is older than 5.9, or has no BPF).  Work thread. */
int localhost_open(int netns_fd, struct localhost *ret_localhost, struct error *e);
/* LOCALHOST_NONE is allowed.  Any thread. */
void localhost_close(struct localhost *l);

#endif
