/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_SIZE_H
#define RUNTIME_SANDBOX_SIZE_H

#include "lib/overhead.h"
#include "runtime/config/config.h"
#include "runtime/sandbox/spec.h"

/* A guest takes memory in blocks of so much, or, a large one, of a power of two up to the other. */
#define SIZE_BLOCK_MIB     UINT64_C(128)
#define SIZE_BLOCK_MIB_MAX UINT64_C(65536)

enum size_pages { SIZE_PAGES_2M, SIZE_PAGES_1G, N_SIZE_PAGES };

/* Huge pages, as limits call their size. */
extern const struct size_pages_kind {
	const char *name;
	uint64_t mib; /* of one */
} size_pages_kinds[N_SIZE_PAGES];

/* What somebody is allowed to use; 0 is no limit. */
struct size {
	uint64_t cpu_milli;
	uint64_t memory_bytes;
	uint64_t pages_mib[N_SIZE_PAGES]; /* huge ones, beside the memory; 0 is none */
};

/* A VM. */
struct size_vm {
	unsigned vcpus;
	uint64_t memory_mib;
	uint64_t pages_mib[N_SIZE_PAGES]; /* beside that, to be plugged in */
};

/* The limits of a container's resources (NULL: none). */
struct size size_of_resources(const Oci__LinuxResources *resources);
/* The limits after an update of a container that had those of BEFORE: what RESOURCES do not name
 * stays. */
struct size size_update(struct size before, const Oci__LinuxResources *resources);
/* What the annotations of a pod's sandbox say about the whole pod.  EINVAL names the one that is no
 * number. */
int size_of_pod(const Oci__Spec *spec, struct size *ret_size, struct error *e);

/* MiB of memory a VM has beside the limits of its containers: default_memory, or less where all of
 * the pod may use no more than POD_BYTES (0: no limit) and the VM takes OVERHEAD of it.  A limit
 * that *announced does not explain is one for the containers together, and becomes that. */
uint64_t size_room(const struct config *config, const struct overhead *overhead, uint64_t pod_bytes,
		   struct size *announced);

/* The VM for work of LIMITS on top of ROOM_MIB and the processors that the configuration gives
 * every VM, within its maxima.  What of small huge pages is no whole block of BLOCK_MIB is a part
 * of the VM's other memory, and so are all of them in a VM that does not grow. */
struct size_vm size_vm(const struct config *config, uint64_t room_mib, uint64_t block_mib,
		       struct size limits);

/* The VM as it begins: what is plugged in comes later. */
struct size_vm size_vm_at_boot(const struct config *config, uint64_t room_mib, struct size limits);

/* What a guest is told when its VM has become larger. */
struct size_news {
	unsigned vcpus;                   /* to be on line; 0: as many as before */
	bool has_memory;                  /* more memory or other pages than before */
	uint64_t memory_mib;              /* with all that is plugged in */
	uint64_t pages_mib[N_SIZE_PAGES]; /* huge ones to keep of that */
};

/* Of a VM that was BEFORE and is IS, for LIMITS.  Pages that something was plugged in for are kept
 * whatever LIMITS say by now: one of 1 GiB is not found again. */
struct size_news size_news(struct size_vm before, struct size_vm is, struct size limits);

struct size size_add(struct size a, struct size b);
/* A without B, and 0 where B is more. */
struct size size_without(struct size a, struct size b);
/* The larger of each. */
struct size size_max(struct size a, struct size b);

#endif
