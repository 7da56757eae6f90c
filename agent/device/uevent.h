/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DEVICE_UEVENT_H
#define AGENT_DEVICE_UEVENT_H

#include "lib/wait.h"
#include "lib/work.h"

#define UEVENT_MAX 8192 /* bytes of one message */

/* One message of the kernel, split; the strings point into the message. */
struct uevent {
	const char *action;
	const char *devpath;
	const char *subsystem;
	const char *devname;
	const char *interface;
};

/* Splits "header\0KEY=value\0...".  EPROTO if it is not one.  BYTES must end with a NUL. */
int uevent_parse(const char *bytes, size_t len, struct uevent *ret_event, struct error *e);

/* Listens to the kernel and counts what arrives.  The io thread reads, any work thread waits. */
struct uevents;
/* MEMORY_CAME (NULL: nobody cares) runs on a thread of POOL after memory was added, once for all
 * that came meanwhile. */
struct uevents *uevents_new(struct loop *loop, struct work_pool *pool, void (*memory_came)(void),
			    struct error *e);
/* When no job of POOL is under way. */
void uevents_free(struct uevents *u);
DEFINE_CLEANUP(uevents_freep, struct uevents *, uevents_free)

/* Calls LOOK(ARG) at once and after every uevent until it returns other than 0, the deadline or the
 * cancel.  LOOK returns 1 when what it looks for is there and -errno with *e filled to give up.
 * Asking the tree again, rather than matching messages, cannot miss a device that came before the
 * wait began.  ETIMEDOUT names WHAT.  Work thread. */
int uevents_wait(struct uevents *u, const char *what, int (*look)(void *arg, struct error *e),
		 void *arg, uint64_t deadline_ms, const struct cancel *cancel, struct error *e);

#endif
