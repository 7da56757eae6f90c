/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CHILD_ATTRIBUTES_H
#define AGENT_CHILD_ATTRIBUTES_H

#include "lib/error.h"

struct Oci__CPUAffinity;
struct Oci__IOPriority;
struct Oci__Linux;
struct Oci__Scheduler;

/* attributes - what a specification says of how a process runs.  Each is for the calling process
 * and what it executes; NULL is what it is already.  EINVAL names what nobody knows. */

int attributes_schedule(const struct Oci__Scheduler *wanted, struct error *e);
int attributes_prioritise_io(const struct Oci__IOPriority *wanted, struct error *e);
/* Of an exec: the processors it runs on. */
int attributes_pin(const struct Oci__CPUAffinity *wanted, struct error *e);
int attributes_personality(const struct Oci__Linux *linux_, struct error *e);
bool attributes_has_own_time(const struct Oci__Linux *l);
/* What the process executes runs in a time namespace of its own, if L names one.  PROCFD is the
 * guest's /proc. */
int attributes_shift_time(const struct Oci__Linux *l, int procfd, struct error *e);

/* "0-2,5" as a mask of ROOM bytes; EINVAL, or ERANGE for a number that has no place in it. */
int attributes_parse_cpus(const char *text, uint8_t *mask, size_t room, struct error *e);

#endif
