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

/* What to plug in. */
struct block_source {
	/* A block device or regular file for a file system of the guest's, which must be nobody
	 * else's; NULL: the block device DEVICE as it is, whatever it is called. */
	const char *path;
	dev_t device;
	enum block_access access; /* a device that cannot be written is given for reading */
};

/* Gives the guest SOURCE for USER, a name that nobody else has; one that it has already is counted.
 * One that can be written serves who only reads, too.  EBUSY if a file system is mounted on the
 * host or used by anybody else: two kernels would destroy one that both write, and one that reads
 * it would see it change.  As long as the guest has it, nobody on the host can mount the device.
 * *ret_address, where the guest has it, is borrowed until block_unplug(). */
int block_plug(struct blocks *blocks, struct vmm *vmm, const struct block_source *source,
	       const char *user, const struct cancel *c, const struct address **ret_address,
	       struct error *e);
/* Gives up what USER has, if anything; with its last user a block is taken from the guest.  One
 * that the guest does not let go stays with it until the VM ends. */
void block_unplug(struct blocks *blocks, struct vmm *vmm, const char *user, const struct cancel *c);

/* Who has the file system that is on the disk or file at PATH, for ACCESS at least; the first of
 * them, borrowed until block_unplug().  ENOENT if the guest has none there. */
int block_find_user(const struct blocks *blocks, const char *path, enum block_access access,
		    const char **ret_user, struct error *e);
/* Tells the guest how large the disk or file at PATH has become, whose file system it has for
 * writing.  ENOSPC if that is less than BYTES: the guest is told nothing then. */
int block_grow(const struct blocks *blocks, struct vmm *vmm, const char *path, uint64_t bytes,
	       const struct cancel *c, struct error *e);

/* True if the guest may hold back what it wrote to a file system on one of them. */
bool blocks_hold_data(const struct blocks *blocks);

void blocks_done(struct blocks *blocks);

#endif
