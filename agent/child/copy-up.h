/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CHILD_COPY_UP_H
#define AGENT_CHILD_COPY_UP_H

#include "lib/error.h"

/* Copies what is in the folder FROMFD, with owners, modes and times, into the empty folder TOFD,
 * and gives TOFD the owner and mode of the other.  Links are text, sockets are left out, other file
 * systems are not entered.  Both may be O_PATH descriptors. */
int copy_up(int fromfd, int tofd, struct error *e);

#endif
