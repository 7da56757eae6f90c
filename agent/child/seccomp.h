/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CHILD_SECCOMP_H
#define AGENT_CHILD_SECCOMP_H

#include "lib/error.h"

struct Oci__LinuxSeccomp;

#define SECCOMP_SYSCALLS_MAX 4096 /* names in one profile, each as often as it has conditions */

/* Whether the kernel has filters at all. */
bool seccomp_is_supported(void);

/* Writes the filter program that PROFILE describes to FD, as struct sock_filter[].  For the usual
 * profile this takes as long as ten starts of a program, so it is done once for a container. */
int seccomp_export(const struct Oci__LinuxSeccomp *profile, int fd, struct error *e);
/* The same to a memory file, which nobody can change afterwards. */
int seccomp_assemble(const struct Oci__LinuxSeccomp *profile, int fd, struct error *e);

/* Filters the system calls of this thread and its children by the program in FD, with the flags of
 * PROFILE.  The caller has either no_new_privs or CAP_SYS_ADMIN. */
int seccomp_load_from(int fd, const struct Oci__LinuxSeccomp *profile, struct error *e);

#endif
