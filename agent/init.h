/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_INIT_H
#define AGENT_INIT_H

#include "lib/error.h"

/* What the first process of a guest does before anything else: a root that pivot_root(2) can leave,
 * the kernel's file systems, a console on descriptors 0 to 2.  Before threads exist. */
int init_mount(struct error *e);

/* Session and controlling terminal, PATH, hostname.  What fails is logged: a guest without it
 * is still of use.  Before threads exist. */
void init_environment(void);

/* Writes everything to disk and switches the machine off. */
_noreturn_ void init_power_off(void);

#endif
