/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_LOOP_H
#define LIB_LOOP_H

#include <signal.h>
#include <sys/epoll.h>

#include "lib/error.h"

struct loop;

/* A descriptor that the loop watches.  Embedded in its owner; the loop never frees it. */
struct io {
	int fd;
	void (*ready)(struct io *io, uint32_t events);
};

/* A function to be run on the io thread.  Embedded in its owner. */
struct loop_task {
	void (*run)(struct loop_task *task);
	struct loop_task *next; /* the loop's own */
};

struct loop *loop_new(struct error *e);
void loop_free(struct loop *loop);
DEFINE_CLEANUP(loop_freep, struct loop *, loop_free)

/* Serves descriptors and tasks until loop_stop(); returns the status given there. */
int loop_run(struct loop *loop);
/* From the io thread. */
void loop_stop(struct loop *loop, int status);

/* From the io thread, or from any thread before loop_run().  EVENTS are those of epoll(7). */
int loop_add(struct loop *loop, struct io *io, uint32_t events, struct error *e);
void loop_mod(struct loop *loop, struct io *io, uint32_t events);
/* Afterwards IO is never called again, not even in the round under way.  fd < 0 is a no-op. */
void loop_del(struct loop *loop, struct io *io);

/* Runs TASK once on the io thread, in the order of posting.  Any thread, never blocks.  TASK must
 * stay until it ran, and may be posted again from its own run(). */
void loop_post(struct loop *loop, struct loop_task *task);

/* Each returns a descriptor for loop_add(). */
int timer_open(struct error *e);
/* First after FIRST_MS (0 disarms), then every EVERY_MS (0: once). */
void timer_arm(int fd, uint64_t first_ms, uint64_t every_ms);
/* Acknowledges an expiry. */
void timer_read(int fd);
/* Blocks the signals of SET for the calling thread and those it makes, and delivers them here. */
int signal_open(const sigset_t *set, struct error *e);
/* The next signal number, or -EAGAIN. */
int signal_read(int fd);
/* A pidfd: readable when PID has ended. */
int child_open(pid_t pid, struct error *e);

#endif
