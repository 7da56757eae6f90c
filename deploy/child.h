/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_CHILD_H
#define DEPLOY_CHILD_H

#include "lib/loop.h"
#include "lib/proc.h"

#define CHILD_REPORT_MAX 1024

/* This program again, with another action, so that what the work takes is given back when it is
 * done.  Embedded in its owner; one process at a time.  Io thread. */
struct child {
	struct loop *loop;
	/* It has ended; REPORT is the reason that it gave, empty when it had none.  May start it
	 * again. */
	void (*ended)(struct child *child, int status, const char *report);
	struct io io; /* its pidfd; -1: none runs */
	struct proc proc;
	int report_fd;
};

void child_init(struct child *c, struct loop *loop,
		void (*ended)(struct child *child, int status, const char *report));
/* Its standard error is ours, and FDS are, besides. */
int child_start(struct child *c, const char *action, const struct proc_fd *fds, size_t n_fds,
		struct error *e);
bool child_runs(const struct child *c);
void child_signal(const struct child *c, int signal);
/* Ends it, without telling. */
void child_done(struct child *c);

#endif
