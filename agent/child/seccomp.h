/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CHILD_SECCOMP_H
#define AGENT_CHILD_SECCOMP_H

#include "lib/error.h"

struct Oci__LinuxSeccomp;

#define SECCOMP_SYSCALLS_MAX 4096 /* names in one profile, each as often as it has conditions */

/* Whether the kernel has filters at all. */
bool seccomp_is_supported(void);

/* Filters the system calls of this thread and its children as PROFILE says.  The caller has either
 * no_new_privs or CAP_SYS_ADMIN. */
int seccomp_apply(const struct Oci__LinuxSeccomp *profile, struct error *e);

/* Writes the filter program to FD instead, as struct sock_filter[]. */
int seccomp_export(const struct Oci__LinuxSeccomp *profile, int fd, struct error *e);

#endif
