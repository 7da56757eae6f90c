/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_VMM_DRIVER_H
#define RUNTIME_VMM_DRIVER_H

#include "runtime/vmm/confine.h"
#include "runtime/vmm/daemon.h"
#include "runtime/vmm/tsc.h"
#include "runtime/vmm/vmm.h"

/*
 * What a driver implements; inside runtime/vmm only.  vmm.c checks arguments and traits, owns the
 * files, the vsock and the daemons, and kills and reaps; a driver starts the VMM process and talks
 * to it.  docs/vmm.md says how the VMMs differ that this has to hold for.
 */

#define VMM_NICS_MAX     8
#define MEMORY_BLOCK_MIB 128 /* of most guests */

/* A network device with descriptors of our own. */
struct vmm_own_nic {
	struct vmm_nic nic;
	char *id;
	int tap_fds[VMM_QUEUES_MAX];
	int vhost_fds[VMM_QUEUES_MAX]; /* -1: packets are moved by the VMM */
};

/* A share of our own. */
struct vmm_own_share {
	char *tag;
	char *dir;
	bool is_private;
	int fd; /* connected to its virtiofsd, for the VMM; -1: not yet */
};

struct vmm {
	const struct vmm_driver *driver;
	void *state; /* the driver's */
	const struct config *config;
	struct loop *loop;
	char *id;
	char *run_dir;
	struct vmm_own_share shares[VMM_SHARES_MAX];
	size_t n_shares;
	int share_mntns_fd;
	int netns_fd; /* 0: none */
	unsigned vcpus;
	uint64_t memory_mib;
	uint64_t memory_block_mib; /* what is added is a multiple of it */
	strv agent_params;
	struct vmm_own_nic nics[VMM_NICS_MAX];
	size_t n_nics;
	bool is_emulated;
	struct tsc_mark tsc; /* taken early, for an emulated guest */
	bool is_started;
	struct vsock vsock;
	struct vsock_ready ready;
	bool has_own_agent; /* as far as is known */
	int vsock_fd;       /* connected to vhost-device-vsock, for the VMM; -1: none */
	int console_fd;     /* our end */
	struct daemon processes[N_VMM_PROCESS];
	struct confinement confinement;
};

struct vmm_driver {
	const char *name; /* of its table in the configuration: [hypervisor.NAME] */
	struct vmm_traits traits;
	/* Makes what must be there before daemons and VMM are: STATE, the VMM's place in RUN_DIR,
	 * which is there and empty.  Starts nothing. */
	int (*prepare)(struct vmm *vmm, struct error *e);
	/* Starts the VMM and lets the guest run: fills processes[VMM_PROCESS_VMM] and console_fd.
	 * What was started is killed by the caller when it fails. */
	int (*boot)(struct vmm *vmm, uint64_t deadline_ms, const struct cancel *c, struct error *e);
	/* Whether the guest's driver of a vsock that is served by a daemon is up: 1 or 0; -errno
	 * when that cannot be known.  NULL: a VM never has one.  Returns soon. */
	int (*hears)(struct vmm *vmm);
	/* Asks the VMM to end in order, if that matters; returns soon. */
	void (*quit)(struct vmm *vmm);
	/* Releases STATE; it may be NULL. */
	void (*done)(struct vmm *vmm);
	/* Each is there with its trait only. */
	int (*resize_vcpus)(struct vmm *vmm, unsigned total, unsigned *ret_total,
			    uint64_t deadline_ms, const struct cancel *c, struct error *e);
	int (*resize_memory)(struct vmm *vmm, uint64_t total_mib, uint64_t *ret_total_mib,
			     uint64_t deadline_ms, const struct cancel *c, struct error *e);
	int (*plug_pages)(struct vmm *vmm, uint64_t page_mib, uint64_t mib, uint64_t deadline_ms,
			  const struct cancel *c, struct error *e);
	int (*plug_block)(struct vmm *vmm, const struct vmm_block *block,
			  struct address *ret_address, uint64_t deadline_ms, const struct cancel *c,
			  struct error *e);
	/* With one queue. */
	int (*plug_nic)(struct vmm *vmm, const struct vmm_own_nic *nic, struct address *ret_address,
			uint64_t deadline_ms, const struct cancel *c, struct error *e);
	int (*unplug_block)(struct vmm *vmm, const char *id, uint64_t deadline_ms,
			    const struct cancel *c, struct error *e);
	/* One that was plugged in: those that were there at boot stay. */
	int (*unplug_nic)(struct vmm *vmm, const char *id, uint64_t deadline_ms,
			  const struct cancel *c, struct error *e);
	int (*resize_block)(struct vmm *vmm, const char *id, uint64_t bytes, uint64_t deadline_ms,
			    const struct cancel *c, struct error *e);
};

/* In a file of its own, so that a test can be linked with a driver of its own. */
extern const struct vmm_driver *const vmm_drivers[];
extern const size_t n_vmm_drivers;

extern const struct vmm_driver qemu_driver;

/* -EPIPE with *e telling why, if a process of VMM has ended; else 0.  Work threads. */
int vmm_find_end(const struct vmm *vmm, struct error *e);

/* Whether a VM of CONFIG can give memory back while it runs. */
bool vmm_has_balloon(const struct config *config);

/* The guest kernel's command line for VMM.  Caller frees. */
char *cmdline_make(const struct vmm *vmm);

#endif
