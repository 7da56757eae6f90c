/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONTAINER_NULL_H
#define AGENT_CONTAINER_NULL_H

#include "lib/error.h"

/* The null device of the agent's own, which no container can replace or remove. */
struct null {
	int fd;      /* open to read and write; a mount of it can be cloned */
	int mountfd; /* -1: none */
};

/* Before any container. */
int null_open(struct null *n, struct error *e);
void null_close(struct null *n);

#endif
