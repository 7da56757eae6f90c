/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent - wait until the agent of a new guest can be called, and call it.
 *
 * An agent of ours calls first.  A foreign one does not, so between two looks for a call the guest
 * is dialled.  A request that comes too early costs a guest that boots some of its time, and harms
 * nothing: where the VMM knows whether the guest's driver is up, nobody dials before, nor in the
 * moment in which an agent of ours would call.  Which of both it was is asked later, when it has
 * answered something: then a call of ours has come.  Everything here also ends when a process of
 * the VM does: an epoll descriptor that holds the pidfds and the caller's cancel serves as the
 * cancel of the waits below.  Work threads.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "lib/log.h"
#include "runtime/vmm/driver.h"

#define DIAL_PAUSE_MS 50
#define DIAL_MS       2000
#define LOOK_MS       100 /* for a call, between two tries */
#define TRY_MS        500 /* a try, in which no call is seen */
#define SETTLE_MS     300 /* from the driver until an agent of ours calls */
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

/* Whether a request is of use now.  *up_ms is when the driver was first seen up, or could not be
 * asked about; 0: never yet. */
static bool may_dial(struct vmm *vmm, uint64_t *up_ms)
{
	if (vmm->vsock.kind != VSOCK_HYBRID || !vmm->driver->hears)
		return true;
	if (!*up_ms && vmm->driver->hears(vmm) != 0)
		*up_ms = now_ms();
	return *up_ms && now_ms() >= *up_ms + SETTLE_MS;
}

/* Whichever comes first: a call of the agent, which is dialled then, or a try that succeeds. */
static int wait_and_dial(struct vmm *vmm, uint64_t deadline_ms, const struct cancel *c,
			 struct error *e)
{
	uint64_t up_ms = 0;
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
		if (!may_dial(vmm, &up_ms))
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
	return fd < 0 ? fail_waiting(vmm, c, e) : fd;
}
