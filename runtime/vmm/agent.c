/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent - wait until the agent of a new guest can be called, and call it.
 *
 * An agent of ours calls first.  A foreign one does not, so between two looks for a call the guest
 * is dialled, as soon as that is known to do no harm: the kernel's vsock and those of VMMs forgive
 * a request that nobody takes, but the thread of vhost-device-vsock that serves the guest ends by
 * one that comes before the rings of the guest's driver.  The VMM says when the driver is up; that
 * daemon, which it does not wait for, has heard of it when it has read all that the VMM told it,
 * which the kernel says, and a moment has passed.  Which of both it was is asked later, when it has
 * answered something: then a call of ours has come.  Everything here also ends when a process of
 * the VM does: an epoll descriptor that holds the pidfds and the caller's cancel serves as the
 * cancel of the waits below.  Work threads.
 */

#include <fcntl.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "lib/log.h"
#include "runtime/vmm/driver.h"

#define DIAL_PAUSE_MS 50
#define DIAL_MS       2000
#define LOOK_MS       100 /* for a call, between two tries */
#define TRY_MS        500 /* a try, in which no call is seen */
#define SETTLE_MS     300 /* for the daemon to do what it has read, on a busy host */
#define SIGNAL_MS     200 /* for the line of a call that has come */
#define CONSOLE_KEPT  16384
#define CONSOLE_CHUNK 4096
#define CONSOLE_TAIL  250

static int watch(int epoll_fd, int fd, struct error *e)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return fail(e, errno, "cannot watch the vm: %m");
	return 0;
}

static int open_watch(const struct vmm *vmm, const struct cancel *c, struct error *e)
{
	_close_ int fd = epoll_create1(EPOLL_CLOEXEC);
	int r;

	if (fd < 0)
		return fail(e, errno, "cannot make an epoll descriptor: %m");
	r = watch(fd, c ? c->fd : -1, e);
	for (int i = 0; i < N_VMM_PROCESS && r >= 0; i++)
		r = watch(fd, vmm->processes[i].proc.pidfd, e);
	return r < 0 ? r : TAKE_FD(fd);
}

/* What the console has said and nobody read, at most CONSOLE_KEPT bytes of it.  Caller frees. */
static char *read_console(const struct vmm *vmm)
{
	char *text = xcalloc(1, CONSOLE_KEPT + CONSOLE_CHUNK + 1);
	size_t used = 0, drop;
	ssize_t got;

	while (vmm->console_fd >= 0 &&
	       (got = read(vmm->console_fd, text + used, CONSOLE_CHUNK)) > 0) {
		used += (size_t)got;
		drop = used > CONSOLE_KEPT ? used - CONSOLE_KEPT : 0;
		memmove(text, text + drop, used - drop);
		used -= drop;
	}
	text[used] = '\0';
	for (char *p = text; p < text + used; p++)
		if ((*p < ' ' || *p > '~') && *p != '\n')
			*p = ' ';
	return text;
}

/* Puts what the guest's console said last behind the message of *e; a panic is what matters, not
 * the registers after it. */
static int add_console(const struct vmm *vmm, struct error *e)
{
	_free_ char *text = read_console(vmm);
	const char *panic = strstr(text, "Kernel panic");
	size_t len = strlen(text);
	struct error cause = *e;

	if (panic)
		return fail(e, cause.code, "%.200s; the guest's console says: %.*s", cause.msg,
			    (int)strcspn(panic, "\n"), panic);
	if (len == 0)
		return -e->code;
	return fail(e, cause.code, "%.200s; the guest's console ends with: %s", cause.msg,
		    text + len - min_size(len, CONSOLE_TAIL));
}

static int fail_waiting(const struct vmm *vmm, const struct cancel *c, struct error *e)
{
	struct error ended;

	if (c && cancel_is_raised(c))
		return fail(e, ECANCELED, "waiting for the agent: cancelled");
	if (vmm_find_end(vmm, &ended) < 0)
		*e = ended;
	return add_console(vmm, e);
}

static bool is_not_there_yet(int r)
{
	return r == -ECONNREFUSED || r == -ECONNRESET || r == -ENOENT || r == -ENODEV ||
	       r == -ETIMEDOUT;
}

/* Tries again and again: each try has a deadline of its own, since a request that the guest lost
 * is never answered. */
static int dial(const struct vmm *vmm, uint64_t deadline_ms, const struct cancel *c,
		struct error *e)
{
	uint64_t try_ms;
	int fd, r;

	for (;;) {
		try_ms = min_u64(deadline_ms, deadline_in(DIAL_MS));
		fd = vsock_dial(&vmm->vsock, VSOCK_PORT_AGENT, try_ms, c, e);
		if (fd >= 0 || !is_not_there_yet(fd) || now_ms() >= deadline_ms)
			return fd;
		r = wait_pause(DIAL_PAUSE_MS, "dialling the agent", deadline_ms, c, e);
		if (r < 0)
			return r;
	}
}

/* Whether vhost-device-vsock has read what the VMM has told it: nothing of it waits in the socket.
 */
static bool is_told(const struct vmm *vmm)
{
	int waiting = 0;

	return vmm->vsock_fd < 0 || ioctl(vmm->vsock_fd, SIOCOUTQ, &waiting) < 0 || waiting == 0;
}

/* Whether a request harms nothing now.  Where the VMM cannot tell, half of the time is waited.
 * *heard_ms is when the driver was first known to be up; 0: never yet. */
static bool may_dial(struct vmm *vmm, uint64_t doubt_ms, uint64_t *heard_ms)
{
	int hears;

	if (vmm->vsock.kind != VSOCK_HYBRID || !vmm->driver->hears)
		return true;
	hears = *heard_ms ? 1 : vmm->driver->hears(vmm);
	if (hears == 0 || !is_told(vmm))
		return false;
	if (hears < 0)
		return now_ms() >= doubt_ms;
	if (!*heard_ms)
		*heard_ms = now_ms();
	return now_ms() >= *heard_ms + SETTLE_MS;
}

/* Whichever comes first: a call of the agent, which is dialled then, or a try that succeeds. */
static int wait_and_dial(struct vmm *vmm, uint64_t deadline_ms, const struct cancel *c,
			 struct error *e)
{
	uint64_t doubt_ms = now_ms() + (deadline_ms - min_u64(now_ms(), deadline_ms)) / 2;
	uint64_t heard_ms = 0;
	int fd, r;

	for (;;) {
		_free_ char *version = NULL;

		r = vsock_ready_wait(&vmm->ready, LOOK_MS, deadline_ms, c, &version, e);
		if (r < 0)
			return r;
		if (version) {
			log_debug("agent %s is ready",
				  *version ? version : "(its signal was lost)");
			vmm->has_own_agent = true;
			return dial(vmm, deadline_ms, c, e);
		}
		if (!may_dial(vmm, doubt_ms, &heard_ms))
			continue;
		fd = vsock_dial(&vmm->vsock, VSOCK_PORT_AGENT,
				min_u64(deadline_ms, deadline_in(TRY_MS)), c, e);
		if (fd >= 0 || !is_not_there_yet(fd) || now_ms() >= deadline_ms)
			return fd;
	}
}

bool vmm_has_own_agent(struct vmm *vmm)
{
	_free_ char *version = NULL;
	struct error ignored;

	if (vmm->ready.fd >= 0 && !vmm->has_own_agent)
		vmm->has_own_agent = vsock_ready_wait(&vmm->ready, 0, deadline_in(SIGNAL_MS), NULL,
						      &version, &ignored) > 0;
	vsock_ready_done(&vmm->ready);
	return vmm->has_own_agent;
}

int vmm_wait_agent(struct vmm *vmm, uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	_close_ int watch_fd = open_watch(vmm, c, e);
	struct cancel any = { .fd = watch_fd };
	int fd;

	if (watch_fd < 0)
		return watch_fd;
	fd = wait_and_dial(vmm, deadline_ms, &any, e);
	vmm->vsock_fd = close_fd(vmm->vsock_fd);
	return fd < 0 ? fail_waiting(vmm, c, e) : fd;
}
