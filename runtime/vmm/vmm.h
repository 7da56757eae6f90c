/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_VMM_VMM_H
#define RUNTIME_VMM_VMM_H

#include "lib/address.h"
#include "lib/loop.h"
#include "lib/wait.h"
#include "runtime/config/config.h"
#include "runtime/vmm/vsock.h"

/*
 * vmm - one virtual machine, whichever program runs it.
 *
 * A sandbox makes one with vmm_new(), starts it once, asks it for more devices while it runs and
 * frees it.  Calls for one VM come one after another from work threads; each ends at its deadline
 * or cancel, or early when the VM ends.  The descriptors below may be watched and read by another
 * thread between vmm_start() and vmm_stop().
 */

struct vmm;

/* What can be plugged into a running VM. */
#define VMM_PLUG_VCPUS  (1U << 0)
#define VMM_PLUG_MEMORY (1U << 1)
#define VMM_PLUG_PAGES  (1U << 2) /* memory for huge pages */
#define VMM_PLUG_BLOCK  (1U << 3) /* and taken out again */
#define VMM_PLUG_NIC    (1U << 4) /* likewise */

/* How programs in the guest are reached; the first that the host has is taken. */
#define VMM_VSOCK_KERNEL (1U << 0) /* the host's vhost-vsock, as a descriptor */
#define VMM_VSOCK_DAEMON (1U << 1) /* a daemon of ours that speaks the hybrid protocol */
#define VMM_VSOCK_OWN    (1U << 2) /* the VMM speaks the hybrid protocol itself */

/* On what a guest's processors run. */
#define VMM_ON_KVM       (1U << 0)
#define VMM_ON_EMULATION (1U << 1)
#define VMM_ON_ANYTHING  (1U << 2) /* none of this host's business */

/* What a VM can, whichever program runs it: layers above ask this and never for a name.  A row of
 * its driver, constant; docs/vmm.md has those of VMMs that are to come. */
struct vmm_traits {
	size_t shares;  /* folders of the host that it can have; each has a daemon of ours */
	unsigned plugs; /* VMM_PLUG_ */
	unsigned vsocks;
	unsigned runs_on;
};

#define VMM_QUEUES_MAX 8
#define VMM_SHARES_MAX 2
#define VMM_MAC_LEN    6

/* A tap of ours that becomes a virtio-net device. */
struct vmm_nic {
	const char *id; /* unique in the VM, at most 24 characters of [a-z0-9-] */
	uint8_t mac[VMM_MAC_LEN];
	unsigned mtu; /* 0: not told to the guest */
	const int *tap_fds;
	size_t n_tap_fds; /* queue pairs, at most VMM_QUEUES_MAX */
};

/* A file or block device of the host that becomes a virtio-blk device. */
struct vmm_block {
	const char *id; /* as for struct vmm_nic */
	int fd;         /* opened by the caller with the rights the guest shall have */
	bool read_only;
	bool is_shared;     /* others may write it meanwhile; else no other VM may have it */
	const char *format; /* NULL: raw */
};

/* A folder of the host that the guest can mount, served by a virtiofsd. */
struct vmm_share {
	const char *tag; /* by which the guest mounts it */
	const char *dir;
	bool is_private; /* nobody else changes it: the guest may remember and hold back all */
};

/* Zero-initialise and set what matters.  Everything is copied or duplicated by vmm_new() except
 * what is marked as borrowed. */
struct vmm_params {
	const struct config *config; /* borrowed: must outlive the VM */
	struct loop *loop;   /* borrowed: processes are started on its io thread, so that they die
				with this program and not with a work thread; NULL: on the thread of
				vmm_start(), which must then live as long as the VM */
	const char *id;      /* of the sandbox */
	const char *run_dir; /* for sockets; made by vmm_start() (0700) and removed with all in it
				by vmm_stop(); at most 80 bytes, /run/vc/vm/<id> */
	const struct vmm_share *shares; /* at most VMM_SHARES_MAX */
	size_t n_shares;
	int share_mntns_fd;         /* > 0: mount namespace in which those are their paths; borrowed
				       until vmm_start() has ended */
	int netns_fd;               /* > 0: network namespace the VMM runs in */
	unsigned vcpus;             /* at boot; 0: default_vcpus rounded up */
	uint64_t memory_mib;        /* at boot; 0: default_memory */
	char *const *agent_params;  /* more kernel parameters ("agent.log=debug"); may be NULL */
	const struct vmm_nic *nics; /* present at boot */
	size_t n_nics;
};

/* Checks PARAMS and finds the driver named by config->hypervisor.name; starts nothing. */
int vmm_new(const struct vmm_params *params, struct vmm **ret_vmm, struct error *e);
/* Stops, then frees. */
void vmm_free(struct vmm *vmm);
DEFINE_CLEANUP(vmm_freep, struct vmm *, vmm_free)

/* What VMs of CONFIG can.  EINVAL if there is no driver for its hypervisor. */
int vmm_find_traits(const struct config *config, const struct vmm_traits **ret_traits,
		    struct error *e);

/* Starts the daemons and the VMM and lets the guest run.  The guest may still be booting: go on
 * with vmm_wait_agent().  On failure nothing is left running and no file is left. */
int vmm_start(struct vmm *vmm, uint64_t deadline_ms, const struct cancel *c, struct error *e);

/* Waits until the agent calls, or can be dialled because it is a foreign one, which does not, and
 * dials its ttRPC port.  Returns the connected stream.
 * EPIPE names what ended, and shows its last words and the guest's console, when a process of the
 * VM ends meanwhile. */
int vmm_wait_agent(struct vmm *vmm, uint64_t deadline_ms, const struct cancel *c, struct error *e);

/* Whether the agent is one of ours; to be asked once, when it has answered a request.  Others are
 * of upstream's: what a process wrote and nobody has read is gone when its exit has been told. */
bool vmm_has_own_agent(struct vmm *vmm);

/* Ends every process of the VM, whatever state it is in, reaps it and removes RUN_DIR.  Takes a
 * second at most.  Idempotent. */
void vmm_stop(struct vmm *vmm);

/* A VMM that dies closes its sockets before it can be waited for: for so long the end of a daemon
 * or of a connection may be only the effect of its own, which is the better reason. */
#define VMM_END_MS 500

/* The processes of a VM.  The death of any of them is the end of the VM: nothing reconnects. */
enum vmm_process {
	VMM_PROCESS_VMM,
	VMM_PROCESS_FS, /* of the first share; the next is that of the second */
	VMM_PROCESS_FS_LAST = VMM_PROCESS_FS + VMM_SHARES_MAX - 1,
	VMM_PROCESS_VSOCK,
	N_VMM_PROCESS
};

/* Readable when the process has ended; watch it with loop_add().  Borrowed until vmm_stop(); -1 if
 * the VM has no such process. */
int vmm_pidfd(const struct vmm *vmm, enum vmm_process which);
/* 0 if there is none. */
pid_t vmm_pid(const struct vmm *vmm, enum vmm_process which);
/* Fills *e with why WHICH ended: its name, signal or exit status, and its last words.  Returns
 * -EPIPE.  Never blocks and does not reap: the process stays for vmm_stop(). */
int vmm_end_reason(const struct vmm *vmm, enum vmm_process which, struct error *e);

/* What WHICH writes to its standard output and error: read it without blocking, line by line into a
 * log; a process whose 64 KiB here are full stalls.  Borrowed until vmm_stop(); -1 as above. */
int vmm_output_fd(const struct vmm *vmm, enum vmm_process which);

/* What the host's kernel adds to the badness of each process of the VM when memory runs out
 * (proc(5), oom_score_adj).  Lower than it ever was needs CAP_SYS_RESOURCE. */
void vmm_set_oom_score(const struct vmm *vmm, int score);

/* The guest's console: a stream that may be watched and read without blocking, or left alone (what
 * nobody reads is dropped by the VMM).  Borrowed until vmm_stop(); -1 before vmm_start(). */
int vmm_console_fd(const struct vmm *vmm);

const struct vsock *vmm_vsock(const struct vmm *vmm);

/* What follows is ENOTSUP without the trait. */

/* Resizing takes totals and returns what the guest has been given, bounded by default_maxvcpus and
 * default_maxmemory.  Processors are never taken away.  Memory is added in steps, and what is not
 * wanted of it is taken by the balloon, which the guest fills as it finds free pages; without one
 * (reclaim_guest_freed_memory) memory is rounded up and never taken away.  The guest must be told
 * of what is new afterwards (OnlineCPUMem). */
int vmm_set_vcpus(struct vmm *vmm, unsigned total, unsigned *ret_total, uint64_t deadline_ms,
		  const struct cancel *c, struct error *e);
int vmm_set_memory(struct vmm *vmm, uint64_t total_mib, uint64_t *ret_total_mib,
		   uint64_t deadline_ms, const struct cancel *c, struct error *e);
/* The guest takes memory in blocks of MIB, where they are not of 128: before the first is added. */
void vmm_take_blocks(struct vmm *vmm, uint64_t mib);
/* Adds MIB of memory for huge pages of PAGE_MIB, which is not counted above: from the host's own
 * pages of that size where it has so many to spare, at an address that is a multiple of the page.
 * MIB is a multiple of the page and of a block.  Never taken away. */
int vmm_add_pages(struct vmm *vmm, uint64_t page_mib, uint64_t mib, uint64_t deadline_ms,
		  const struct cancel *c, struct error *e);

/* Hot-plug; *ret_address is where the guest finds the device.  ENOSPC when the
 * controller behind the last port is full. */
int vmm_add_block(struct vmm *vmm, const struct vmm_block *block, struct address *ret_address,
		  uint64_t deadline_ms, const struct cancel *c, struct error *e);
/* The same for a network device with one queue. */
int vmm_add_nic(struct vmm *vmm, const struct vmm_nic *nic, struct address *ret_address,
		uint64_t deadline_ms, const struct cancel *c, struct error *e);
/* Asks the guest to let go of the device ID and waits until it has. */
int vmm_remove_block(struct vmm *vmm, const char *id, uint64_t deadline_ms, const struct cancel *c,
		     struct error *e);
/* The same for a network device; ENOENT for one that was there at boot, which stays. */
int vmm_remove_nic(struct vmm *vmm, const char *id, uint64_t deadline_ms, const struct cancel *c,
		   struct error *e);

/* Tells the guest that the device ID has BYTES now, which is what its file or disk has.  The guest
 * sees it a moment later. */
int vmm_resize_block(struct vmm *vmm, const char *id, uint64_t bytes, uint64_t deadline_ms,
		     const struct cancel *c, struct error *e);

/* What a VM takes on this host beside what runs in it; constant. */
struct overhead;
const struct overhead *vmm_overhead(void);

#endif
