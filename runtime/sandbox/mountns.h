/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_MOUNTNS_H
#define RUNTIME_SANDBOX_MOUNTNS_H

#include "lib/error.h"

/*
 * mountns - work in another mount namespace than the program's.
 *
 * WORK runs on a thread of its own, to the end; its result is the call's.  It must not log, and
 * descriptors that it opens are the program's.
 */

typedef int mountns_work(void *arg, struct error *e);

/* Runs WORK in a new copy of the program's namespace: it sees what is mounted here and what will
 * be; what it mounts is seen by nobody here.  Returns a descriptor of the namespace; without one
 * left, it is gone with all that WORK mounted. */
int mountns_new(mountns_work *work, void *arg, struct error *e);

/* Runs WORK in the namespace NSFD, its root and working directory that of the namespace. */
int mountns_run(int nsfd, mountns_work *work, void *arg, struct error *e);

#endif
