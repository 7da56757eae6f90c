/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_GROWTH_H
#define RUNTIME_SANDBOX_GROWTH_H

#include <pthread.h>

#include "lib/rpc/client.h"
#include "runtime/sandbox/size.h"
#include "runtime/vmm/vmm.h"

/*
 * growth - how large a VM is, and how it becomes large enough for its containers.
 *
 * Embedded in its sandbox, which fills pod, room_mib, has and plugged before the VM is made.
 */
struct growth {
	const struct config *config;
	const struct cancel *cancel;
	struct vmm *vmm;
	struct rpc_client *rpc;
	pthread_mutex_t *vm_lock;   /* of calls for the VM */
	pthread_mutex_t pages_lock; /* who tells the guest of huge pages; taken before vm_lock */
	pthread_mutex_t lock;       /* last; of what follows: */
	struct size pod;    /* limits announced for the whole pod, as updates have changed them */
	struct size used;   /* limits of all containers */
	uint64_t room_mib;  /* of memory beside those; set once */
	uint64_t block_mib; /* the guest takes memory by so much; 0: it was not asked */
	struct size_vm has; /* what the guest was told of */
	struct size_vm plugged; /* what the VM has */
	bool knows_pages;       /* the guest was told what to keep */
};

/* All borrowed. */
void growth_init(struct growth *g, const struct config *config, const struct cancel *cancel,
		 pthread_mutex_t *vm_lock);
/* The guest answers.  Both borrowed as long as G is used. */
void growth_begin(struct growth *g, struct vmm *vmm, struct rpc_client *rpc);
void growth_done(struct growth *g);

/* sandbox_resize() and sandbox_lower(). */
int growth_resize(struct growth *g, struct size before, struct size after, struct error *e);
void growth_lower(struct growth *g, struct size by);

#endif
