/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mountns - work in another mount namespace than the program's.
 *
 * A mount namespace belongs to a thread once the thread has a working directory of its own, and a
 * thread cannot come back to sharing it.  So each piece of work has a thread that ends with it; the
 * caller waits, which makes it a call like any other.  Work thread.
 */

#include "runtime/sandbox/mountns.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

struct call {
	int nsfd; /* -1: a new one, which is put here */
	mountns_work *work;
	void *arg;
	int result;
	struct error *e;
};

static int make(struct call *c)
{
	if (unshare(CLONE_FS | CLONE_NEWNS) < 0)
		return fail(c->e, errno, "cannot make a mount namespace: %m");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return fail(c->e, errno, "cannot separate a mount namespace: %m");
	c->nsfd = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (c->nsfd < 0)
		return fail(c->e, errno, "cannot open a mount namespace: %m");
	return 0;
}

static int enter(struct call *c)
{
	if (unshare(CLONE_FS) < 0 || setns(c->nsfd, CLONE_NEWNS) < 0)
		return fail(c->e, errno, "cannot enter a mount namespace: %m");
	return 0;
}

static void *run(void *arg)
{
	struct call *c = arg;

	c->result = c->nsfd < 0 ? make(c) : enter(c);
	if (c->result >= 0)
		c->result = c->work(c->arg, c->e);
	return NULL;
}

static int wait_for(struct call *c)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, run, c);

	if (r != 0)
		return fail(c->e, r, "cannot make a thread for a mount namespace: %m");
	(void)pthread_join(thread, NULL);
	return c->result;
}

int mountns_new(mountns_work *work, void *arg, struct error *e)
{
	struct call c = { .nsfd = -1, .work = work, .arg = arg, .e = e };
	int r = wait_for(&c);

	if (r < 0) {
		(void)close_fd(c.nsfd);
		return r;
	}
	return c.nsfd;
}

int mountns_run(int nsfd, mountns_work *work, void *arg, struct error *e)
{
	struct call c = { .nsfd = nsfd, .work = work, .arg = arg, .e = e };

	return wait_for(&c);
}
