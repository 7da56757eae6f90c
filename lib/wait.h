/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_WAIT_H
#define LIB_WAIT_H

#include <poll.h>

#include "lib/error.h"

/* Milliseconds of CLOCK_MONOTONIC; deadlines are points on this clock. */
uint64_t now_ms(void);
#define NO_DEADLINE UINT64_MAX

/* A deadline WAIT_MS from now; saturates. */
uint64_t deadline_in(uint64_t wait_ms);

/* A request to give up, raised once by any thread and seen by every wait that was given it. */
struct cancel {
	int fd;
};

int cancel_init(struct cancel *c, struct error *e);
void cancel_done(struct cancel *c);
void cancel_raise(struct cancel *c);
bool cancel_is_raised(const struct cancel *c);

/* Waits until FD has one of EVENTS (poll(2)), the deadline or the cancel (may be NULL).  Returns
 * the events; ETIMEDOUT or ECANCELED name WHAT, and the first how long the calling thread has
 * waited for this deadline, here and before.  Not for the io thread. */
int wait_fd(int fd, short events, const char *what, uint64_t deadline_ms, const struct cancel *c,
	    struct error *e);

/* Lets PAUSE_MS pass between two tries of something that cannot be waited for.  ECANCELED when
 * cancelled, ETIMEDOUT when the deadline is reached.  Not for the io thread. */
int wait_pause(uint64_t pause_ms, const char *what, uint64_t deadline_ms, const struct cancel *c,
	       struct error *e);

#endif
