/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SHIM_EVENTS_H
#define RUNTIME_SHIM_EVENTS_H

#include <protobuf-c/protobuf-c.h>

#include "lib/loop.h"
#include "lib/rpc/proto/pb.pb-c.h"

/* events - tell containerd what happened, in order.  All functions: io thread. */

struct events;

/* ADDRESS is the path of containerd's ttRPC socket; NULL or "": there is nobody to tell. */
struct events *events_new(struct loop *loop, const char *address, const char *namespace_,
			  struct error *e);
/* What is still queued is lost. */
void events_free(struct events *ev);
DEFINE_CLEANUP(events_freep, struct events *, events_free)

/* Queues MESSAGE, one of lib/rpc/proto/events.proto; it is serialised at once. */
void events_publish(struct events *ev, const char *topic, const void *message);

/* WHEN, a time of CLOCK_REALTIME, as containerd's messages have it. */
Pb__Timestamp events_time(const struct timespec *when);

/* Calls IDLE(ARG) as soon as all is delivered, or WAIT_MS has passed; perhaps before it returns. */
void events_drain(struct events *ev, uint64_t wait_ms, void (*idle)(void *arg), void *arg);

#endif
