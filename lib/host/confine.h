/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_CONFINE_H
#define LIB_HOST_CONFINE_H

#include <sys/types.h>

#include "lib/error.h"

/*
 * Takes from this process, which has one thread, all that reading some bytes and writing others
 * does not need, for ever: root, capabilities, privileges of programs, files and sockets by name
 * (Landlock, where the kernel has it), and system calls but for read, write, memory and the end.
 * Any other kills it, and so does the end of the thread of PARENT that forked it; ESRCH if that has
 * come.  Open descriptors stay: close what it shall not have before.
 */
int confine_self(pid_t parent, struct error *e);

#endif
