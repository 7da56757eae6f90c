/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_CONFINE_H
#define LIB_HOST_CONFINE_H

#include "lib/proc.h"

/*
 * A process of this program that reads what strangers wrote.
 */

/* Forks.  1 in the parent, with the child; 0 in the child, whose descriptors are the N of FDS, from
 * 0 on, and no others, whose signals are the default ones, and whom no terminal reaches. */
int confine_fork(const int *fds, int n, struct proc *ret_child, struct error *e);

/*
 * Takes from this process, which has one thread, all that reading some bytes and writing others
 * does not need, for ever: root, capabilities, privileges of programs, files and sockets by name
 * (Landlock, where the kernel has it), and system calls but for read, write, memory and the end.
 * Any other kills it, and so does the end of the thread of PARENT that forked it; ESRCH if that has
 * come.  Open descriptors stay: close what it shall not have before.
 */
int confine_self(pid_t parent, struct error *e);

/* Likewise, but for what asking a server takes: sockets of the internet, threads, and reading files
 * by name, which are those that say how names are found, if who calls is root, and no others.  Any
 * other call fails. */
int confine_to_network(pid_t parent, struct error *e);

#endif
