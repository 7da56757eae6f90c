/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait - every wait has a deadline and a way to be cancelled.
 *
 * A cancel is an eventfd that is written once and never read, so it stays readable for all who poll
 * it, however late.  For work threads: the io thread never waits here.  A thread remembers the
 * deadline it waits for, to say how long it did.
 */

#include "lib/wait.h"

#include <inttypes.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <time.h>

uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t deadline_in(uint64_t wait_ms)
{
	uint64_t now = now_ms();

	return wait_ms > NO_DEADLINE - now ? NO_DEADLINE : now + wait_ms;
}

int cancel_init(struct cancel *c, struct error *e)
{
	c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->fd < 0)
		return fail(e, errno, "cannot make an eventfd: %m");
	return 0;
}

void cancel_done(struct cancel *c)
{
	c->fd = close_fd(c->fd);
}

void cancel_raise(struct cancel *c)
{
	uint64_t one = 1;

	(void)!write(c->fd, &one, sizeof(one));
}

bool cancel_is_raised(const struct cancel *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

static int poll_timeout(uint64_t deadline_ms)
{
	uint64_t now = now_ms();

	if (deadline_ms == NO_DEADLINE)
		return -1;
	return deadline_ms <= now ? 0 : (int)min_u64(deadline_ms - now, INT_MAX);
}

/* Since when this thread has waited for DEADLINE_MS.  Most waits are one of many for the same
 * deadline, each for a few bytes, and a message that named the last would say 2 ms. */
static uint64_t waiting_since_ms(uint64_t deadline_ms)
{
	static _Thread_local uint64_t last_deadline_ms, began_ms;

	if (deadline_ms != last_deadline_ms || deadline_ms == NO_DEADLINE) {
		last_deadline_ms = deadline_ms;
		began_ms = now_ms();
	}
	return began_ms;
}

static int wait_since(uint64_t began_ms, int fd, short events, const char *what,
		      uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = events },
		{ .fd = c ? c->fd : -1, .events = POLLIN },
	};
	int r;

	for (;;) {
		r = poll(fds, ARRAY_SIZE(fds), poll_timeout(deadline_ms));
		if (r < 0 && errno != EINTR)
			return fail(e, errno, "%s: cannot poll: %m", what);
		if (r > 0 && fds[1].revents)
			return fail(e, ECANCELED, "%s: cancelled", what);
		if (r > 0)
			return fds[0].revents;
		if (now_ms() >= deadline_ms)
			return fail(e, ETIMEDOUT, "%s: timed out after %" PRIu64 " ms", what,
				    now_ms() - began_ms);
	}
}

int wait_fd(int fd, short events, const char *what, uint64_t deadline_ms, const struct cancel *c,
	    struct error *e)
{
	return wait_since(waiting_since_ms(deadline_ms), fd, events, what, deadline_ms, c, e);
}

int wait_pause(uint64_t pause_ms, const char *what, uint64_t deadline_ms, const struct cancel *c,
	       struct error *e)
{
	uint64_t until_ms = deadline_in(pause_ms);
	/* A pause between two waits for a deadline is a part of them, and begins none. */
	uint64_t since_ms = until_ms <= deadline_ms ? now_ms() : waiting_since_ms(deadline_ms);
	int r = wait_since(since_ms, -1, 0, what, min_u64(until_ms, deadline_ms), c, e);

	if (r == -ETIMEDOUT && until_ms <= deadline_ms)
		return 0;
	return r;
}
