/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_PODS_H
#define LIB_HOST_PODS_H

#include "lib/str.h"
#include "lib/wait.h"

/* Whose the sandboxes of an engine are, by what its CRI service says. */

struct pod {
	char *sandbox; /* id */
	char *namespace_;
	char *name;
	char *uid;
	char *started; /* RFC 3339 */
};

struct pods {
	struct pod *list;
	size_t n;
};

int pods_list(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
	      struct pods *ret_pods, struct error *e);
void pods_done(struct pods *p);
#define _pods_ _cleanup_(pods_done)

/* What an answer has.  For pods_list() and the tests. */
struct Cri__ListPodSandboxResponse;
void pods_take(const struct Cri__ListPodSandboxResponse *answer, struct pods *ret_pods);

/* The pod with the sandbox ID; NULL if there is none. */
const struct pod *pods_find(const struct pods *p, const char *id);

#endif
