/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_HERE_H
#define LIB_HOST_HERE_H

#include "lib/host/engine.h"

/* What envoy_exec() (envoy.h) is for a container, for a program that is on the machine itself:
 * whatever ARGV says there it says here.  Where the engine does not run, ENVOY_PEER is its program
 * as the machine has it. */
engine_exec here_exec;

/* The path of the program NAME in the folders where a machine has programs, whatever our PATH is;
 * NULL: there is none.  Caller frees. */
char *here_find(const char *name);

#endif
