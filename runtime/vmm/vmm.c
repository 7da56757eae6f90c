/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm - one virtual machine: its helpers, its VMM, and their end.
 *
 * Helpers are started first, each on a connection of its own, then the driver starts the VMM with
 * the other ends.  Whatever fails on the way, the same stop undoes it: it kills by pidfd, which
 * needs no answer from anybody, so it ends even if the VMM is stopped, hung or taken over.  A
 * failure is reported with the last words of the process that ended first, since "connection
 * reset" says nothing.  One thread at a time; see vmm.h for what others may do.
 */

#include "runtime/vmm/vmm.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "lib/kvm.h"
#include "lib/log.h"
#include "lib/overhead.h"
#include "runtime/vmm/driver.h"
#include "runtime/vmm/nic.h"
#include "runtime/vmm/vsock-daemon.h"

#define RUN_DIR_MAX 80
#define FS_GRACE_MS 500

static const char *const process_names[N_VMM_PROCESS] = {
	[VMM_PROCESS_VMM] = "the virtual machine monitor",
	[VMM_PROCESS_FS] = "virtiofsd",
	[VMM_PROCESS_FS_LAST] = "virtiofsd of the private files",
	[VMM_PROCESS_VSOCK] = "vhost-device-vsock",
};

static const struct vmm_driver *find_driver(const char *name, struct error *e)
{
	for (size_t i = 0; i < n_vmm_drivers; i++)
		if (!strcmp(vmm_drivers[i]->name, name))
			return vmm_drivers[i];
	(void)fail(e, EINVAL, "there is no driver for hypervisor '%s'", name);
	return NULL;
}

int vmm_find_traits(const struct config *config, const struct vmm_traits **ret_traits,
		    struct error *e)
{
	const struct vmm_driver *driver = find_driver(config->hypervisor.name, e);

	if (!driver)
		return -e->code;
	*ret_traits = &driver->traits;
	return 0;
}

static int check_params(const struct vmm_params *p, const struct vmm_driver *driver,
			struct error *e)
{
	const struct config_hypervisor *h = &p->config->hypervisor;
	int r = check_id(p->id, "sandbox id", 128, e);

	if (r < 0)
		return r;
	if (strlen(p->run_dir) > RUN_DIR_MAX)
		return fail(e, ENAMETOOLONG, "'%s' is longer than %d characters", p->run_dir,
			    RUN_DIR_MAX);
	if (p->n_nics > VMM_NICS_MAX)
		return fail(e, E2BIG, "%zu network devices at boot are more than %d", p->n_nics,
			    VMM_NICS_MAX);
	if (p->n_shares > driver->traits.shares)
		return fail(e, E2BIG, "%zu shared folders are more than the %zu that '%s' can have",
			    p->n_shares, driver->traits.shares, driver->name);
	if (p->vcpus > h->default_maxvcpus)
		return fail(e, EINVAL, "%u virtual CPUs are more than the %u that are possible",
			    p->vcpus, (unsigned)h->default_maxvcpus);
	if (p->memory_mib > h->default_maxmemory)
		return fail(e, EINVAL,
			    "%llu MiB of memory are more than the %llu that are possible",
			    (unsigned long long)p->memory_mib,
			    (unsigned long long)h->default_maxmemory);
	return 0;
}

static enum nic_mover nic_mover(const struct vmm *vmm)
{
	return vmm->config->hypervisor.disable_vhost_net ? NIC_BY_VMM : NIC_BY_KERNEL;
}

static unsigned round_up(double vcpus)
{
	unsigned whole = vcpus < 1 ? 1 : (unsigned)vcpus;

	return whole < vcpus ? whole + 1 : whole;
}

static void copy_shares(struct vmm *vmm, const struct vmm_params *p)
{
	for (; vmm->n_shares < p->n_shares; vmm->n_shares++) {
		const struct vmm_share *share = &p->shares[vmm->n_shares];

		vmm->shares[vmm->n_shares] =
			(struct vmm_own_share){ .tag = xstrdup(share->tag),
						.dir = xstrdup(share->dir),
						.is_private = share->is_private,
						.fd = -1 };
	}
}

static int copy_params(struct vmm *vmm, const struct vmm_params *p, struct error *e)
{
	const struct config_hypervisor *h = &p->config->hypervisor;
	int r;

	vmm->config = p->config;
	vmm->loop = p->loop;
	vmm->id = xstrdup(p->id);
	vmm->run_dir = xstrdup(p->run_dir);
	copy_shares(vmm, p);
	vmm->share_mntns_fd = p->share_mntns_fd;
	vmm->agent_params = strv_copy(p->agent_params);
	vmm->vcpus = p->vcpus ? p->vcpus : round_up(h->default_vcpus);
	vmm->memory_mib = p->memory_mib ? p->memory_mib : h->default_memory;
	if (p->netns_fd > 0) {
		vmm->netns_fd = fcntl(p->netns_fd, F_DUPFD_CLOEXEC, 3);
		if (vmm->netns_fd < 0)
			return fail(e, errno, "cannot use the network namespace: %m");
	}
	for (size_t i = 0; i < p->n_nics; i++) {
		r = nic_copy(&p->nics[i], nic_mover(vmm), &vmm->nics[i], e);
		if (r < 0)
			return r;
		vmm->n_nics++;
	}
	return 0;
}

static struct vmm *make(const struct vmm_driver *driver)
{
	struct vmm *vmm = xcalloc(1, sizeof(*vmm));

	vmm->driver = driver;
	vmm->memory_block_mib = MEMORY_BLOCK_MIB;
	vmm->vsock_fd = vmm->console_fd = -1;
	vmm->ready.fd = -1;
	vmm->vsock.vhost_fd = -1;
	vmm->confinement.id = VMM_USER_NONE;
	for (size_t i = 0; i < N_VMM_PROCESS; i++)
		vmm->processes[i] = (struct daemon)DAEMON_INIT(process_names[i]);
	return vmm;
}

int vmm_new(const struct vmm_params *params, struct vmm **ret_vmm, struct error *e)
{
	_cleanup_(vmm_freep) struct vmm *vmm = NULL;
	const struct vmm_driver *driver = find_driver(params->config->hypervisor.name, e);
	int r;

	if (!driver)
		return -e->code;
	r = check_params(params, driver, e);
	if (r < 0)
		return r;
	vmm = make(driver);
	r = copy_params(vmm, params, e);
	if (r < 0)
		return r;
	*ret_vmm = TAKE_PTR(vmm);
	return 0;
}

void vmm_free(struct vmm *vmm)
{
	if (!vmm)
		return;
	vmm_stop(vmm);
	for (size_t i = 0; i < vmm->n_nics; i++)
		nic_done(&vmm->nics[i]);
	(void)close_fd(vmm->netns_fd > 0 ? vmm->netns_fd : -1);
	strv_free(vmm->agent_params);
	for (size_t i = 0; i < vmm->n_shares; i++) {
		free(vmm->shares[i].tag);
		free(vmm->shares[i].dir);
	}
	free(vmm->run_dir);
	free(vmm->id);
	free(vmm);
}

static int choose_accelerator(struct vmm *vmm, struct error *e)
{
	unsigned runs_on = vmm->driver->traits.runs_on;
	struct error why_not;

	if (runs_on & VMM_ON_ANYTHING)
		return 0;
	vmm->tsc = tsc_mark();
	vmm->is_emulated = !kvm_works(&why_not);
	if (!vmm->is_emulated ||
	    ((runs_on & VMM_ON_EMULATION) && vmm->config->hypervisor.allow_emulation))
		return 0;
	if (!(runs_on & VMM_ON_EMULATION))
		return fail(e, ENODEV, "this host cannot run virtual machines: %s", why_not.msg);
	return fail(e, ENODEV,
		    "this host cannot run virtual machines: %s; to run them by "
		    "emulation, slowly, set allow_emulation = true in [hypervisor.%s]",
		    why_not.msg, vmm->driver->name);
}

const struct overhead *vmm_overhead(void)
{
	struct error ignored;

	return kvm_works(&ignored) ? &overhead_kvm : &overhead_emulation;
}

bool vmm_has_balloon(const struct config *config)
{
	const struct config_hypervisor *h = &config->hypervisor;

	return h->reclaim_guest_freed_memory && !h->enable_mem_prealloc && !h->enable_hugepages;
}

/* *ret_folder is where a daemon that is needed has its sockets, or NULL.  Caller frees. */
static int open_vsock(struct vmm *vmm, char **ret_folder, struct error *e)
{
	unsigned vsocks = vmm->driver->traits.vsocks;
	int r = -ENODEV;

	*ret_folder = NULL;
	if (vsocks & VMM_VSOCK_KERNEL)
		r = vsock_open_vhost(&vmm->vsock, e);
	if (r != -ENODEV || !(vsocks & (VMM_VSOCK_DAEMON | VMM_VSOCK_OWN)))
		return r;
	r = vsocks & VMM_VSOCK_OWN ? 0 : vsock_daemon_prepare(vmm, ret_folder, e);
	if (r >= 0)
		vsock_open_hybrid(&vmm->vsock, *ret_folder ? *ret_folder : vmm->run_dir);
	return r;
}

static int start_vsock(struct vmm *vmm, uint64_t deadline_ms, const struct cancel *c,
		       struct error *e)
{
	_free_ char *folder = NULL;
	int r = open_vsock(vmm, &folder, e);

	if (r >= 0)
		r = vsock_ready_open(&vmm->vsock, &vmm->ready, e);
	if (r < 0 || !folder)
		return r;
	return vsock_daemon_start(vmm, folder, deadline_ms, c, e);
}

static int start_fs(struct vmm *vmm, size_t number, uint64_t deadline_ms, const struct cancel *c,
		    struct error *e)
{
	const struct config_hypervisor *h = &vmm->config->hypervisor;
	struct vmm_own_share *share = &vmm->shares[number];
	const struct virtiofsd_params params = {
		.program = h->virtio_fs_daemon,
		.run_dir = vmm->run_dir,
		.share_dir = share->dir,
		.mntns_fd = vmm->share_mntns_fd,
		.cache = share->is_private ? "always" : h->virtio_fs_cache,
		.holds_writes_back = share->is_private,
		.extra_args = h->virtio_fs_extra_args,
	};

	return virtiofsd_start(&vmm->processes[VMM_PROCESS_FS + number], vmm->loop, &params,
			       deadline_ms, c, &share->fd, e);
}

/* Why the VMM or, with it still running, a helper ended; each is asked once, since its last words
 * are gone after that. */
int vmm_find_end(const struct vmm *vmm, struct error *e)
{
	const struct daemon *main_process = &vmm->processes[VMM_PROCESS_VMM];
	bool runs = main_process->proc.pid > 0;
	struct error ended;
	int r = 0;

	if (runs && daemon_end_reason(main_process, e) < 0)
		return -e->code;
	for (size_t i = VMM_PROCESS_VMM + 1; i < N_VMM_PROCESS && r == 0; i++)
		if (vmm->processes[i].proc.pid > 0)
			r = daemon_end_reason(&vmm->processes[i], e);
	if (r == 0 || !runs)
		return r;
	/* A helper may end because the VMM does, and be seen first. */
	(void)wait_fd(main_process->proc.pidfd, POLLIN, "vmm", deadline_in(VMM_END_MS), NULL,
		      &ended);
	if (daemon_end_reason(main_process, &ended) < 0)
		*e = ended;
	return r;
}

/* A lost connection is the effect of an end that is about to show: it gets a moment for it. */
static void wait_for_end(const struct vmm *vmm)
{
	uint64_t deadline_ms = deadline_in(VMM_END_MS);
	struct error ignored;

	for (size_t i = 0; i < N_VMM_PROCESS; i++)
		if (vmm->processes[i].proc.pid > 0 &&
		    wait_fd(vmm->processes[i].proc.pidfd, POLLIN, "end", deadline_ms, NULL,
			    &ignored) >= 0)
			return;
}

/* Replaces *e by the reason why a process ended, if one did, which is the cause of what *e says. */
static int explain(const struct vmm *vmm, int r, struct error *e)
{
	struct error ended;

	if (r == -ECONNRESET || r == -EPIPE)
		wait_for_end(vmm);
	if (vmm_find_end(vmm, &ended) < 0)
		*e = ended;
	return -e->code;
}

static int start_all(struct vmm *vmm, uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	int r = dir_make(vmm->run_dir, 0700, e);

	if (r >= 0)
		r = confine_open(vmm, e);
	if (r >= 0)
		r = vmm->driver->prepare(vmm, e);
	for (size_t i = 0; r >= 0 && i < vmm->n_shares; i++)
		r = start_fs(vmm, i, deadline_ms, c, e);
	if (r < 0)
		return r;
	r = start_vsock(vmm, deadline_ms, c, e);
	if (r < 0)
		return r;
	r = vmm->driver->boot(vmm, deadline_ms, c, e);
	return r < 0 ? explain(vmm, r, e) : 0;
}

int vmm_start(struct vmm *vmm, uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	int r;

	if (vmm->is_started)
		return fail(e, EALREADY, "vm '%s' was started before", vmm->id);
	r = choose_accelerator(vmm, e);
	if (r < 0)
		return r;
	vmm->is_started = true;
	r = start_all(vmm, deadline_ms, c, e);
	/* The VMM and the helpers hold their own. */
	for (size_t i = 0; i < vmm->n_shares; i++)
		vmm->shares[i].fd = close_fd(vmm->shares[i].fd);
	vmm->vsock_fd = close_fd(vmm->vsock_fd);
	vmm->vsock.vhost_fd = close_fd(vmm->vsock.vhost_fd);
	for (size_t i = 0; i < vmm->n_nics; i++)
		nic_done(&vmm->nics[i]);
	vmm->n_nics = 0;
	if (r < 0) {
		vmm_stop(vmm);
		return fail_wrap(e, "starting vm '%s'", vmm->id);
	}
	return 0;
}

/* Gives the VMM a chance to write what it holds before it is killed. */
static void quit(struct vmm *vmm)
{
	if (vmm->processes[VMM_PROCESS_VMM].proc.pid > 0 && vmm->state)
		vmm->driver->quit(vmm);
}

void vmm_stop(struct vmm *vmm)
{
	struct error ignored;

	if (!vmm->is_started)
		return;
	quit(vmm);
	/* The VMM first: without it virtiofsd ends by itself, and takes along the child that does
	 * its work.  vhost-device-vsock would wait for the next VMM. */
	daemon_stop(&vmm->processes[VMM_PROCESS_VMM], 0);
	for (size_t i = VMM_PROCESS_FS; i <= VMM_PROCESS_FS_LAST; i++)
		daemon_stop(&vmm->processes[i], FS_GRACE_MS);
	daemon_stop(&vmm->processes[VMM_PROCESS_VSOCK], 0);
	vmm->driver->done(vmm);
	confine_done(vmm);
	vmm->state = NULL;
	vmm->console_fd = close_fd(vmm->console_fd);
	vsock_ready_done(&vmm->ready);
	vsock_done(&vmm->vsock);
	if (tree_remove(vmm->run_dir, &ignored) < 0)
		log_debug("%s", ignored.msg);
}

void vmm_set_oom_score(const struct vmm *vmm, int score)
{
	for (size_t i = 0; i < N_VMM_PROCESS; i++)
		daemon_set_oom_score(&vmm->processes[i], score);
}

int vmm_pidfd(const struct vmm *vmm, enum vmm_process which)
{
	return vmm->processes[which].proc.pidfd;
}

pid_t vmm_pid(const struct vmm *vmm, enum vmm_process which)
{
	return vmm->processes[which].proc.pid;
}

int vmm_end_reason(const struct vmm *vmm, enum vmm_process which, struct error *e)
{
	const struct daemon *main_process = &vmm->processes[VMM_PROCESS_VMM];
	int r = 0;

	/* A helper ends when the VMM does: that is the cause then. */
	if (main_process->proc.pid > 0)
		r = daemon_end_reason(main_process, e);
	if (r == 0)
		r = daemon_end_reason(&vmm->processes[which], e);
	return r < 0 ? r : fail(e, EPIPE, "%s has ended", process_names[which]);
}

int vmm_output_fd(const struct vmm *vmm, enum vmm_process which)
{
	return vmm->processes[which].output_fd;
}

int vmm_console_fd(const struct vmm *vmm)
{
	return vmm->console_fd;
}

const struct vsock *vmm_vsock(const struct vmm *vmm)
{
	return &vmm->vsock;
}

static int check_can(const struct vmm *vmm, unsigned plug, struct error *e)
{
	if (vmm->processes[VMM_PROCESS_VMM].proc.pid <= 0)
		return fail(e, ESRCH, "vm '%s' does not run", vmm->id);
	if (!(vmm->driver->traits.plugs & plug))
		return fail(e, ENOTSUP, "nothing of that kind can be plugged into a VM of '%s'",
			    vmm->driver->name);
	return 0;
}

int vmm_set_vcpus(struct vmm *vmm, unsigned total, unsigned *ret_total, uint64_t deadline_ms,
		  const struct cancel *c, struct error *e)
{
	unsigned most = (unsigned)vmm->config->hypervisor.default_maxvcpus;
	int r = check_can(vmm, VMM_PLUG_VCPUS, e);

	if (r < 0)
		return r;
	r = vmm->driver->resize_vcpus(vmm, total < most ? total : most, ret_total, deadline_ms, c,
				      e);
	return r < 0 ? explain(vmm, r, e) : 0;
}

int vmm_set_memory(struct vmm *vmm, uint64_t total_mib, uint64_t *ret_total_mib,
		   uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	uint64_t most = vmm->config->hypervisor.default_maxmemory;
	int r = check_can(vmm, VMM_PLUG_MEMORY, e);

	if (r < 0)
		return r;
	r = vmm->driver->resize_memory(vmm, min_u64(total_mib, most), ret_total_mib, deadline_ms, c,
				       e);
	return r < 0 ? explain(vmm, r, e) : 0;
}

void vmm_take_blocks(struct vmm *vmm, uint64_t mib)
{
	vmm->memory_block_mib = mib;
}

int vmm_add_pages(struct vmm *vmm, uint64_t page_mib, uint64_t mib, uint64_t deadline_ms,
		  const struct cancel *c, struct error *e)
{
	int r = check_can(vmm, VMM_PLUG_PAGES, e);

	if (r < 0)
		return r;
	r = vmm->driver->plug_pages(vmm, page_mib, mib, deadline_ms, c, e);
	return r < 0 ? explain(vmm, r, e) : 0;
}

int vmm_add_block(struct vmm *vmm, const struct vmm_block *block, struct address *ret_address,
		  uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	int r = check_can(vmm, VMM_PLUG_BLOCK, e);

	if (r < 0)
		return r;
	r = vmm_check_id(block->id, "block device", e);
	if (r < 0)
		return r;
	r = vmm->driver->plug_block(vmm, block, ret_address, deadline_ms, c, e);
	return r < 0 ? explain(vmm, r, e) : 0;
}

int vmm_add_nic(struct vmm *vmm, const struct vmm_nic *nic, struct address *ret_address,
		uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	struct vmm_own_nic own;
	int r = check_can(vmm, VMM_PLUG_NIC, e);

	if (r < 0)
		return r;
	if (nic->n_tap_fds != 1)
		return fail(e, EINVAL, "network device '%s' is to be plugged in with %zu queues",
			    nic->id, nic->n_tap_fds);
	r = nic_copy(nic, nic_mover(vmm), &own, e);
	if (r < 0)
		return r;
	r = vmm->driver->plug_nic(vmm, &own, ret_address, deadline_ms, c, e);
	nic_done(&own);
	return r < 0 ? explain(vmm, r, e) : 0;
}

int vmm_remove_block(struct vmm *vmm, const char *id, uint64_t deadline_ms, const struct cancel *c,
		     struct error *e)
{
	int r = check_can(vmm, VMM_PLUG_BLOCK, e);

	if (r < 0)
		return r;
	r = vmm->driver->unplug_block(vmm, id, deadline_ms, c, e);
	return r < 0 ? explain(vmm, r, e) : 0;
}

int vmm_remove_nic(struct vmm *vmm, const char *id, uint64_t deadline_ms, const struct cancel *c,
		   struct error *e)
{
	int r = check_can(vmm, VMM_PLUG_NIC, e);

	if (r < 0)
		return r;
	r = vmm->driver->unplug_nic(vmm, id, deadline_ms, c, e);
	return r < 0 ? explain(vmm, r, e) : 0;
}

int vmm_resize_block(struct vmm *vmm, const char *id, uint64_t bytes, uint64_t deadline_ms,
		     const struct cancel *c, struct error *e)
{
	int r = check_can(vmm, VMM_PLUG_BLOCK, e);

	if (r < 0)
		return r;
	r = vmm->driver->resize_block(vmm, id, bytes, deadline_ms, c, e);
	return r < 0 ? explain(vmm, r, e) : 0;
}
