/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_BLOCK_H
#define RUNTIME_SANDBOX_BLOCK_H

#include <sys/stat.h>

#include "runtime/vmm/vmm.h"

/*
 * block - the disks of the host, and files as disks, that the guest of one sandbox has.
 *
 * One that several containers use is plugged in once and counted.  Nothing of it outlives the VM.
 * Work threads; the caller holds the lock that keeps calls for one VM apart.
 */

enum block_access {
	BLOCK_READ_ONLY,
	BLOCK_READ_WRITE,
};

struct block;

/* The blocks of one sandbox.  Zero-initialise. */
struct blocks {
	struct block *first;
	unsigned n_made; /* ids are never used again */
};

/* Opens the block device of the host that has the number DEVICE, whatever it is called; one that
 * cannot be written is opened for reading, which *ACCESS then says.  Returns a descriptor. */
int block_open(dev_t device, enum block_access *access, struct error *e);

/* Gives the guest the block device or regular file FD for USER, a name that nobody else has; one
 * that it has already is counted.  One that can be written serves who only reads, too.
 * *ret_address, where the guest has it, is borrowed until block_unplug(). */
int block_plug(struct blocks *blocks, struct vmm *vmm, int fd, enum block_access access,
	       const char *user, const struct cancel *c, const struct address **ret_address,
	       struct error *e);
/* Gives up what USER has, if anything; with its last user a block is taken from the guest.  One
 * that the guest does not let go stays with it until the VM ends. */
void block_unplug(struct blocks *blocks, struct vmm *vmm, const char *user, const struct cancel *c);

void blocks_done(struct blocks *blocks);

#endif
