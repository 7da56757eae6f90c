/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command - QEMU's command line.
 *
 * One function per group of options, called from a table in the order of the list; each appends
 * whole arguments.  What QEMU shall use is handed over as descriptors, so nothing on the line names
 * a socket or a tap that somebody else could take first.  Inside an option a comma separates: one
 * in a value is doubled.  Everything is virtio 1.0 (disable-legacy): no I/O ports to set up at
 * boot.
 */

#include "runtime/vmm/qemu/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/overhead.h"

#define FIRST_FD 3

struct builder {
	const struct vmm *vmm;
	const struct config_hypervisor *h;
	int qmp_fd;
	int console_fd;
	struct qemu_command *cmd;
};

static void add2(struct builder *b, const char *option, char *own_value)
{
	strv_add(&b->cmd->argv, option);
	strv_take(&b->cmd->argv, own_value);
}

/* The number that FD will have in QEMU. */
static int pass_fd(struct builder *b, int fd, int *ret_number, struct error *e)
{
	struct qemu_command *cmd = b->cmd;

	if (cmd->n_fds == QEMU_FDS_MAX)
		return fail(e, E2BIG, "qemu would inherit more than %d descriptors", QEMU_FDS_MAX);
	*ret_number = FIRST_FD + (int)cmd->n_fds;
	cmd->fds[cmd->n_fds++] = (struct proc_fd){ .from = fd, .to = *ret_number };
	return 0;
}

static int add_socket(struct builder *b, const char *id, int fd, struct error *e)
{
	int number = -1;
	int r = pass_fd(b, fd, &number, e);

	if (r < 0)
		return r;
	add2(b, "-chardev", xasprintf("socket,id=%s,fd=%d", id, number));
	return 0;
}

/* VALUE as it may stand inside an option. */
static char *quoted(const char *value)
{
	char *out = xcalloc(2 * strlen(value) + 1, 1);
	char *p = out;

	for (; *value; value++) {
		*p++ = *value;
		if (*value == ',')
			*p++ = ',';
	}
	return out;
}

static int add_identity(struct builder *b, struct error *e)
{
	(void)e;
	add2(b, "-name", xasprintf("sandbox-%s", b->vmm->id));
	strv_add(&b->cmd->argv, "-no-user-config");
	strv_add(&b->cmd->argv, "-nodefaults");
	strv_add(&b->cmd->argv, "-no-reboot");
	add2(b, "-display", xstrdup("none"));
	return 0;
}

static int add_machine(struct builder *b, struct error *e)
{
	(void)e;
	add2(b, "-machine",
	     xasprintf("%s,memory-backend=mem0,vmport=off,hpet=off,smbus=off,sata=off%s%s",
		       b->h->machine_type, *b->h->machine_accelerators ? "," : "",
		       b->h->machine_accelerators));
	/* Unbounded, translated code takes up to 1 GiB, which is the pod's. */
	add2(b, "-accel",
	     b->vmm->is_emulated ? xasprintf("tcg,thread=multi,tb-size=%d", OVERHEAD_CODE_MIB)
				 : xstrdup("kvm"));
	/* A processor that repeats fast for bytes has a kernel copy and clear with `rep movsb`,
	 * which emulation does byte by byte; without, the kernel moves 8 bytes at a time.  Page
	 * tables of five levels, which nobody needs below 64 TiB, take an emulator longer than four
	 * to walk. */
	add2(b, "-cpu",
	     xasprintf("%s%s%s", b->vmm->is_emulated ? "max,erms=off,fsrm=off,la57=off" : "host",
		       *b->h->cpu_features ? "," : "", b->h->cpu_features));
	add2(b, "-smp",
	     xasprintf("cpus=%u,sockets=%" PRIu64 ",cores=1,threads=1,maxcpus=%" PRIu64,
		       b->vmm->vcpus, b->h->default_maxvcpus, b->h->default_maxvcpus));
	add2(b, "-rtc", xstrdup("base=utc"));
	if (!b->vmm->is_emulated)
		add2(b, "-global", xstrdup("kvm-pit.lost_tick_policy=discard"));
	return 0;
}

static int add_memory(struct builder *b, struct error *e)
{
	uint64_t mib = b->vmm->memory_mib;

	(void)e;
	if (b->h->default_maxmemory > mib)
		add2(b, "-m",
		     xasprintf("size=%" PRIu64 "M,slots=%" PRIu64 ",maxmem=%" PRIu64 "M", mib,
			       b->h->memory_slots, b->h->default_maxmemory));
	else
		add2(b, "-m", xasprintf("size=%" PRIu64 "M", mib));
	/* Shared: the helpers read and write the guest's buffers in it. */
	add2(b, "-object",
	     xasprintf("memory-backend-memfd,id=mem0,size=%" PRIu64 "M,share=on,prealloc=%s%s", mib,
		       b->h->enable_mem_prealloc ? "on" : "off",
		       b->h->enable_hugepages ? ",hugetlb=on" : ""));
	return 0;
}

static int add_boot(struct builder *b, struct error *e)
{
	_free_ char *image = quoted(b->h->image);

	(void)e;
	if (*b->h->firmware_directory)
		add2(b, "-L", xstrdup(b->h->firmware_directory));
	if (*b->h->firmware)
		add2(b, "-bios", xstrdup(b->h->firmware));
	add2(b, "-kernel", xstrdup(b->h->kernel));
	if (*b->h->initrd)
		add2(b, "-initrd", xstrdup(b->h->initrd));
	add2(b, "-append", cmdline_make(b->vmm));
	if (!*image)
		return 0;
	add2(b, "-blockdev",
	     xasprintf("driver=raw,node-name=root,read-only=on,file.driver=file,"
		       "file.filename=%s",
		       image));
	add2(b, "-device", xstrdup("virtio-blk-pci,id=rootdisk,drive=root,disable-legacy=on"));
	return 0;
}

static int add_control(struct builder *b, struct error *e)
{
	int r = add_socket(b, "qmp", b->qmp_fd, e);

	if (r < 0)
		return r;
	add2(b, "-mon", xstrdup("chardev=qmp,mode=control"));
	return 0;
}

static int add_console(struct builder *b, struct error *e)
{
	int r = add_socket(b, "console", b->console_fd, e);

	if (r < 0)
		return r;
	if (b->h->use_legacy_serial) {
		add2(b, "-serial", xstrdup("chardev:console"));
		return 0;
	}
	add2(b, "-device", xstrdup("virtio-serial-pci,id=serial0,max_ports=1,disable-legacy=on"));
	add2(b, "-device", xstrdup("virtconsole,id=console0,chardev=console"));
	return 0;
}

static int add_entropy(struct builder *b, struct error *e)
{
	_free_ char *source = quoted(b->h->entropy_source);

	(void)e;
	add2(b, "-object", xasprintf("rng-random,id=rng0,filename=%s", source));
	add2(b, "-device", xstrdup("virtio-rng-pci,id=rngdev0,rng=rng0,disable-legacy=on"));
	return 0;
}

static int add_vsock(struct builder *b, struct error *e)
{
	int number = -1;
	int r;

	if (b->vmm->vsock.kind == VSOCK_VHOST) {
		r = pass_fd(b, b->vmm->vsock.vhost_fd, &number, e);
		if (r < 0)
			return r;
		add2(b, "-device",
		     xasprintf("vhost-vsock-pci,id=" QEMU_VSOCK
			       ",vhostfd=%d,guest-cid=%u,disable-legacy=on",
			       number, b->vmm->vsock.cid));
		return 0;
	}
	r = add_socket(b, "vsock", b->vmm->vsock_fd, e);
	if (r < 0)
		return r;
	add2(b, "-device", xstrdup("vhost-user-vsock-pci,id=" QEMU_VSOCK ",chardev=vsock"));
	return 0;
}

static int add_shares(struct builder *b, struct error *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < b->vmm->n_shares; i++) {
		const struct vmm_own_share *share = &b->vmm->shares[i];
		_free_ char *id = xasprintf("fs%zu", i);

		r = add_socket(b, id, share->fd, e);
		if (r < 0)
			break;
		add2(b, "-device",
		     xasprintf(
			     "vhost-user-fs-pci,id=share%zu,chardev=%s,tag=%s,queue-size=%" PRIu64,
			     i, id, share->tag, b->h->virtio_fs_queue_size));
	}
	return r;
}

/* Descriptors FDS as "3:4:5". */
static int pass_fds(struct builder *b, const int *fds, size_t n, char **ret_list, struct error *e)
{
	_strv_ strv numbers = NULL;
	int number = -1;
	int r;

	for (size_t i = 0; i < n; i++) {
		r = pass_fd(b, fds[i], &number, e);
		if (r < 0)
			return r;
		strv_addf(&numbers, "%d", number);
	}
	*ret_list = strv_join(numbers, ":");
	return 0;
}

static int add_nic(struct builder *b, const struct vmm_own_nic *own, struct error *e)
{
	const struct vmm_nic *nic = &own->nic;
	_free_ char *mac = hex_join(nic->mac, sizeof(nic->mac), ':');
	_free_ char *taps = NULL, *vhosts = NULL, *mtu = NULL;
	bool has_vhost = own->vhost_fds[nic->n_tap_fds - 1] >= 0;
	int r;

	r = pass_fds(b, own->tap_fds, nic->n_tap_fds, &taps, e);
	if (r >= 0 && has_vhost)
		r = pass_fds(b, own->vhost_fds, nic->n_tap_fds, &vhosts, e);
	if (r < 0)
		return r;
	add2(b, "-netdev",
	     xasprintf("tap,id=%s,fds=%s%s%s", nic->id, taps,
		       has_vhost ? ",vhost=on,vhostfds=" : ",vhost=off", has_vhost ? vhosts : ""));
	mtu = nic->mtu ? xasprintf(",host_mtu=%u", nic->mtu) : xstrdup("");
	add2(b, "-device",
	     xasprintf("virtio-net-pci,id=nic-%s,netdev=%s,mac=%s,mq=%s,vectors=%zu,romfile=,"
		       "disable-legacy=on%s",
		       nic->id, nic->id, mac, nic->n_tap_fds > 1 ? "on" : "off",
		       2 * nic->n_tap_fds + 2, mtu));
	return 0;
}

static int add_nics(struct builder *b, struct error *e)
{
	int r;

	for (size_t i = 0; i < b->vmm->n_nics; i++) {
		r = add_nic(b, &b->vmm->nics[i], e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The guest reports what it frees, and the host has it back.  Pages that were taken for good, or
 * are of another size than the guest's, are not given back.  The balloon itself is for what a
 * resized VM shall not use: a guest that is out of memory must not take that, the pod's limit would
 * end it. */
static int add_balloon(struct builder *b, struct error *e)
{
	(void)e;
	if (vmm_has_balloon(b->vmm->config))
		add2(b, "-device",
		     xstrdup("virtio-balloon-pci,id=" QEMU_BALLOON
			     ",free-page-reporting=on,deflate-on-oom=off,disable-legacy=on"));
	return 0;
}

unsigned qemu_count_ports(const struct config_hypervisor *h)
{
	return (unsigned)max_u64(1, min_u64(h->pcie_root_port, QEMU_PORTS_MAX));
}

static int add_ports(struct builder *b, struct error *e)
{
	(void)e;
	for (unsigned i = 0; i < qemu_count_ports(b->h); i++)
		add2(b, "-device",
		     xasprintf("pcie-root-port,id=port%u,bus=pcie.0,addr=0x%x,chassis=%u,slot=%u,"
			       "io-reserve=0",
			       i, QEMU_PORT_SLOT + i, i + 1, i + 1));
	return 0;
}

static int add_seccomp(struct builder *b, struct error *e)
{
	(void)e;
	if (*b->h->seccompsandbox)
		add2(b, "-sandbox", xstrdup(b->h->seccompsandbox));
	return 0;
}

static int (*const groups[])(struct builder *b, struct error *e) = {
	add_identity, add_machine, add_memory, add_boot,    add_control, add_console, add_entropy,
	add_vsock,    add_shares,  add_nics,   add_balloon, add_ports,   add_seccomp,
};

int qemu_command_make(const struct vmm *vmm, int qmp_fd, int console_fd, struct qemu_command *ret,
		      struct error *e)
{
	struct qemu_command cmd = { 0 };
	struct builder b = { .vmm = vmm,
			     .h = &vmm->config->hypervisor,
			     .qmp_fd = qmp_fd,
			     .console_fd = console_fd,
			     .cmd = &cmd };
	int r = 0;

	strv_add(&cmd.argv, b.h->path);
	for (size_t i = 0; i < ARRAY_SIZE(groups) && r >= 0; i++)
		r = groups[i](&b, e);
	if (r < 0) {
		qemu_command_done(&cmd);
		return r;
	}
	*ret = cmd;
	return 0;
}

void qemu_command_done(struct qemu_command *cmd)
{
	strv_free(TAKE_PTR(cmd->argv));
}
