/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_GUEST_HUGEPAGES_H
#define AGENT_GUEST_HUGEPAGES_H

#include "lib/error.h"

/*
 * hugepages - the pages that the kernel keeps ready for containers that may use huge ones.
 */

struct Agent__CreateContainerRequest;
struct Oci__LinuxResources;

#define HUGEPAGES_KINDS_MAX 8

/* How many of which size; all zero: none. */
struct hugepages {
	struct hugepages_kind {
		uint64_t page_bytes;
		uint64_t pages;
		bool is_open; /* and as many more as there is memory for */
	} kinds[HUGEPAGES_KINDS_MAX];
	size_t n;
};

/* The kernel's pools.  They keep what all containers may use, and no less than the runtime has
 * brought memory for.  SYSFS is "/sys" except in tests. */
struct hugepages_pools;
struct hugepages_pools *hugepages_pools_new(const char *sysfs);
void hugepages_pools_free(struct hugepages_pools *pools);

/* What the container of IN may use: by the limits of its specification, or by the sizes of its
 * volumes where those are larger.  Where neither says, a volume is open. */
int hugepages_of(const struct Agent__CreateContainerRequest *in, struct hugepages *ret,
		 struct error *e);
/* Replaces in *h what R limits. */
int hugepages_limit(struct hugepages *h, const struct Oci__LinuxResources *r, struct error *e);

/* Makes the kernel keep WANT instead of *has, which is WANT afterwards.  ENOMEM if there is no
 * memory for it, ENOTSUP if the kernel has no pages of that size: *has stays.  Less never fails.
 * Any work thread. */
int hugepages_change(struct hugepages_pools *pools, struct hugepages *has,
		     const struct hugepages *want, struct error *e);
/* The same of what is kept for the pod as a whole.  Its pages are those of its containers, who may
 * have more of these sizes only by their limits, not on demand. */
int hugepages_keep(struct hugepages_pools *pools, const struct hugepages *pod, struct error *e);
/* Adds BYTES of pages of PAGE_BYTES to *h.  EINVAL, E2BIG if there are no such. */
int hugepages_add(struct hugepages *h, uint64_t page_bytes, uint64_t bytes, struct error *e);

#endif
