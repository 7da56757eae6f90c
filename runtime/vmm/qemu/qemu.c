/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qemu - the driver for QEMU.
 *
 * One process, controlled over one connected pair of sockets from its start.  A device that is
 * plugged in takes one PCIe root port, so a port is the record of a device: its id, and for a
 * block device the descriptor set that QEMU opened it from.  Ports are few, since each takes time
 * at boot: the last free one is for a SCSI controller, which has room for all disks that follow.
 * Every command that makes a backend for a device is undone when the device is refused.  Memory
 * comes in DIMMs, which are not taken out again; the guest's kernel takes them in blocks;
 * what it shall not use of them is in the balloon.  Calls come in order.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/log.h"
#include "runtime/vmm/driver.h"
#include "runtime/vmm/nic.h"
#include "runtime/vmm/qemu/calls.h"
#include "runtime/vmm/qemu/command.h"
#include "runtime/vmm/qemu/qmp.h"

#define PORTS_MAX  QEMU_PORTS_MAX
#define UNITS_MAX  64 /* of the SCSI controller */
#define SLOTS_MAX  64
#define GROWTH_MAX 48 /* x the memory there is: what it takes to describe itself must fit */
#define QUIT_MS    1000
#define TIDY_MS    2000
#define HEARS_MS   1000
#define NO_SET     (-1)
#define VSOCK_PATH "/machine/peripheral/" QEMU_VSOCK "/virtio-backend"
#define DRIVER_OK  "VIRTIO_CONFIG_S_DRIVER_OK"
#define CONTROLLER "scsi0"

struct port {
	char *id; /* of what is plugged in; NULL: free */
	int64_t fdset;
};

struct qemu {
	struct qmp *qmp;
	struct port ports[PORTS_MAX];
	unsigned n_ports;
	struct port units[UNITS_MAX]; /* of the controller */
	bool has_controller;
	unsigned vcpus;
	uint64_t memory_mib;
	uint64_t usable_mib; /* of it, the rest is the balloon's */
	uint64_t pages_mib;  /* huge ones, beside that memory */
	unsigned n_dimms, max_dimms;
	bool holds_data; /* a writable block device was plugged in */
};

/* The deadline and cancel of one call, and the connection. */
struct call {
	struct qemu *q;
	uint64_t deadline_ms;
	const struct cancel *cancel;
};

static int run(const struct call *call, const char *command, struct json_object *own_arguments,
	       struct json_object **ret_result, struct error *e)
{
	return qmp_call(call->q->qmp, command, own_arguments, ret_result, call->deadline_ms,
			call->cancel, e);
}

/* Undoes with a deadline of its own: the call's may be over. */
static void tidy(struct qemu *q, const char *command, struct json_object *own_arguments)
{
	struct error ignored;

	if (qmp_call(q->qmp, command, own_arguments, NULL, deadline_in(TIDY_MS), NULL, &ignored) <
	    0)
		log_debug("%s", ignored.msg);
}

static struct json_object *with_id(const char *member, const char *id)
{
	struct json_object *arguments = json_object_new_object();

	json_set_str(arguments, member, id);
	return arguments;
}

static int make_pair(int *ret_ours, int *ret_theirs, struct error *e)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return fail(e, errno, "cannot make a pair of sockets: %m");
	*ret_ours = ends[0];
	*ret_theirs = ends[1];
	return 0;
}

/* The files that the command line names. */
static int confine_qemu(struct vmm *vmm, struct error *e)
{
	const struct config_hypervisor *h = &vmm->config->hypervisor;
	char *const files[] = { h->firmware_directory, h->firmware, h->kernel, h->initrd, h->image,
				h->entropy_source,     NULL };

	return confine(vmm, &qemu_calls, files, e);
}

static int spawn(struct vmm *vmm, const struct qemu_command *cmd, uint64_t deadline_ms,
		 const struct cancel *c, struct error *e)
{
	/* One heap: its threads are busy with translated code and seldom allocate at once. */
	static char path[] = PROC_PATH;
	static char one_heap[] = "GLIBC_TUNABLES=glibc.malloc.arena_max=1";
	static char *const emulating[] = { path, one_heap, NULL };
	struct proc_spec spec = {
		.argv = cmd->argv,
		.env = vmm->is_emulated ? emulating : NULL,
		.fds = cmd->fds,
		.n_fds = cmd->n_fds,
		.netns_fd = vmm->netns_fd,
		/* Translated code fills them bit by bit, and clearing one whole stops the guest for
		 * milliseconds. */
		.no_huge_pages = vmm->is_emulated,
	};
	_free_ char *line = strv_join(cmd->argv, " ");
	int r = confine_qemu(vmm, e);

	if (r < 0)
		return r;
	confine_apply(&vmm->confinement.vmm, &spec);
	log_debug("%s", line);
	vmm->processes[VMM_PROCESS_VMM].name = "qemu";
	return daemon_spawn(&vmm->processes[VMM_PROCESS_VMM], vmm->loop, &spec, deadline_ms, c, e);
}

static void set_non_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static int qemu_prepare(struct vmm *vmm, struct error *e)
{
	const struct config_hypervisor *h = &vmm->config->hypervisor;
	struct qemu *q = xcalloc(1, sizeof(*q));

	(void)e;
	vmm->state = q;
	q->vcpus = vmm->vcpus;
	q->memory_mib = q->usable_mib = vmm->memory_mib;
	q->n_ports = qemu_count_ports(h);
	q->max_dimms = (unsigned)min_u64(h->memory_slots, SLOTS_MAX);
	return 0;
}

static int qemu_boot(struct vmm *vmm, uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	_close_ int qmp = -1, qmp_theirs = -1, console_theirs = -1;
	struct qemu *q = vmm->state;
	struct qemu_command cmd;
	int r;

	r = make_pair(&qmp, &qmp_theirs, e);
	if (r < 0)
		return r;
	r = make_pair(&vmm->console_fd, &console_theirs, e);
	if (r < 0)
		return r;
	set_non_blocking(vmm->console_fd);
	r = qemu_command_make(vmm, qmp_theirs, console_theirs, &cmd, e);
	if (r < 0)
		return r;
	r = spawn(vmm, &cmd, deadline_ms, c, e);
	qemu_command_done(&cmd);
	if (r < 0)
		return r;
	/* Ours must be the only copies left, or QEMU's death would not end the connection. */
	qmp_theirs = close_fd(qmp_theirs);
	console_theirs = close_fd(console_theirs);
	return qmp_open(TAKE_FD(qmp), deadline_ms, c, &q->qmp, e);
}

/* QEMU says what the driver has told the device. */
static int qemu_hears(struct vmm *vmm)
{
	const struct qemu *q = vmm->state;
	_json_ struct json_object *result = NULL;
	struct json_object *statuses;
	struct error ignored;
	int r = qmp_call(q->qmp, "x-query-virtio-status", with_id("path", VSOCK_PATH), &result,
			 deadline_in(HEARS_MS), NULL, &ignored);

	if (r < 0)
		return r;
	statuses = json_at(result, "status.statuses");
	for (size_t i = 0; i < json_len(statuses); i++) {
		const char *status = json_object_get_string(json_item(statuses, i));

		if (status && str_starts(status, DRIVER_OK))
			return 1;
	}
	return 0;
}

/* What the guest wrote and QEMU still holds reaches the disk only if QEMU ends by itself. */
static void qemu_quit(struct vmm *vmm)
{
	const struct qemu *q = vmm->state;
	uint64_t deadline_ms = deadline_in(QUIT_MS);
	struct error ignored;

	if (!q->qmp || !q->holds_data)
		return;
	if (qmp_call(q->qmp, "quit", NULL, NULL, deadline_ms, NULL, &ignored) >= 0)
		(void)wait_fd(vmm->processes[VMM_PROCESS_VMM].proc.pidfd, POLLIN, "qemu",
			      deadline_ms, NULL, &ignored);
}

static void qemu_done(struct vmm *vmm)
{
	struct qemu *q = vmm->state;

	if (!q)
		return;
	qmp_free(q->qmp);
	for (size_t i = 0; i < PORTS_MAX; i++)
		free(q->ports[i].id);
	for (size_t i = 0; i < UNITS_MAX; i++)
		free(q->units[i].id);
	free(q);
}

/* The port of N with the device ID, or a free one for NULL; -1 without. */
static int find_in(const struct port *ports, unsigned n, const char *id)
{
	for (unsigned i = 0; i < n; i++)
		if (id ? str_equal(ports[i].id, id) : !ports[i].id)
			return (int)i;
	return -1;
}

static int find_port(const struct qemu *q, const char *id)
{
	return find_in(q->ports, q->n_ports, id);
}

static int find_unit(const struct qemu *q, const char *id)
{
	return find_in(q->units, UNITS_MAX, id);
}

/* A free port for a new device ID. */
static int choose_port(const struct qemu *q, const char *id, struct error *e)
{
	int port;

	if (find_port(q, id) >= 0 || find_unit(q, id) >= 0)
		return fail(e, EEXIST, "the vm already has a device '%s'", id);
	port = find_port(q, NULL);
	if (port < 0)
		return fail(e, ENOSPC, "no free port for device '%s': raise pcie_root_port (%u)",
			    id, q->n_ports);
	return port;
}

static void take_port(struct qemu *q, int port, const char *id, int64_t fdset,
		      struct address *ret_address)
{
	q->ports[port] = (struct port){ .id = xstrdup(id), .fdset = fdset };
	ret_address->bus = ADDRESS_PCI;
	(void)snprintf(ret_address->text, sizeof(ret_address->text), "%02x/00",
		       QEMU_PORT_SLOT + port);
}

static struct json_object *device(const char *driver, const char *kind, const char *id, int port)
{
	struct json_object *arguments = json_object_new_object();
	_free_ char *full_id = xasprintf("%s-%s", kind, id);
	_free_ char *bus = xasprintf("port%d", port);

	json_set_str(arguments, "driver", driver);
	json_set_str(arguments, "id", full_id);
	json_set_str(arguments, "bus", bus);
	return arguments;
}

static void remove_fdset(struct qemu *q, int64_t fdset)
{
	struct json_object *arguments = json_object_new_object();

	json_set_int(arguments, "fdset-id", fdset);
	tidy(q, "remove-fd", arguments);
}

/* Hands the descriptor over; QEMU opens it as /dev/fdset/N, in exactly the mode it was opened in:
 * one for reading alone is made where the guest may only read. */
static int add_fdset(const struct call *call, const struct vmm_block *block, int64_t *ret_fdset,
		     struct error *e)
{
	_json_ struct json_object *result = NULL;
	struct fd_path path = fd_path(block->fd);
	_close_ int fd = open(path.s, (block->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	int r;

	if (fd < 0)
		return fail(e, errno, "cannot open it for the guest: %m");
	r = qmp_call_fd(call->q->qmp, "add-fd", NULL, fd, &result, call->deadline_ms, call->cancel,
			e);
	if (r < 0)
		return r;
	*ret_fdset = json_get_int(result, "fdset-id", -1);
	if (*ret_fdset < 0)
		return fail(e, EPROTO, "qemu's answer to 'add-fd' has no number");
	return 0;
}

static int add_blockdev(const struct call *call, const struct vmm_block *block, int64_t fdset,
			struct error *e)
{
	struct json_object *node = json_object_new_object();
	_free_ char *name = xasprintf("/dev/fdset/%" PRId64, fdset);
	struct json_object *file;
	struct stat st;

	if (fstat(block->fd, &st) < 0)
		st.st_mode = S_IFREG;
	json_set_str(node, "driver", block->format ? block->format : "raw");
	json_set_str(node, "node-name", block->id);
	json_set_bool(node, "read-only", block->read_only);
	json_set_str(node, "discard", "unmap");
	file = json_set_object(node, "file");
	json_set_str(file, "driver", S_ISBLK(st.st_mode) ? "host_device" : "file");
	json_set_str(file, "filename", name);
	return run(call, "blockdev-add", node, NULL, e);
}

/* Where a disk goes. */
struct place {
	bool is_unit; /* of the controller; else a port */
	int number;
};

static int plug_block(const struct call *call, const struct vmm_block *block, struct place place,
		      struct error *e)
{
	struct json_object *arguments = device(place.is_unit ? "scsi-hd" : "virtio-blk-pci", "blk",
					       block->id, place.number);

	if (place.is_unit) {
		json_set_str(arguments, "bus", CONTROLLER ".0");
		json_set_int(arguments, "lun", place.number);
	}
	json_set_str(arguments, "drive", block->id);
	json_set_bool(arguments, "share-rw", block->is_shared);
	/* QEMU would stop the VM when the host has no room, and nobody let it go on. */
	json_set_str(arguments, "werror", "report");
	/* QEMU cuts serial numbers at 20 characters. */
	json_set_str(arguments, "serial", block->id);
	return run(call, "device_add", arguments, NULL, e);
}

static int back_block(const struct call *call, const struct vmm_block *block, struct place place,
		      int64_t fdset, struct error *e)
{
	int r = add_blockdev(call, block, fdset, e);

	if (r < 0)
		return r;
	r = plug_block(call, block, place, e);
	if (r < 0)
		tidy(call->q, "blockdev-del", with_id("node-name", block->id));
	return r;
}

static unsigned count_free_ports(const struct qemu *q)
{
	unsigned n = 0;

	for (unsigned i = 0; i < q->n_ports; i++)
		n += !q->ports[i].id;
	return n;
}

static int add_controller(const struct call *call, struct error *e)
{
	struct qemu *q = call->q;
	int port = choose_port(q, CONTROLLER, e);
	struct json_object *arguments;
	int r;

	if (port < 0)
		return port;
	arguments = device("virtio-scsi-pci", "scsi", "0", port);
	json_set_str(arguments, "id", CONTROLLER);
	r = run(call, "device_add", arguments, NULL, e);
	if (r < 0)
		return fail_wrap(e, "controller for disks");
	q->ports[port] = (struct port){ .id = xstrdup(CONTROLLER), .fdset = NO_SET };
	q->has_controller = true;
	return 0;
}

static int choose_place(const struct call *call, const char *id, struct place *ret, struct error *e)
{
	struct qemu *q = call->q;
	unsigned reserved = q->has_controller ? 0 : 1;
	int r = 0;

	ret->is_unit =
		count_free_ports(q) <= reserved && find_unit(q, id) < 0 && find_port(q, id) < 0;
	if (!ret->is_unit) {
		ret->number = choose_port(q, id, e);
		return ret->number < 0 ? ret->number : 0;
	}
	if (!q->has_controller)
		r = add_controller(call, e);
	if (r < 0)
		return r;
	ret->number = find_unit(q, NULL);
	return ret->number < 0 ? fail(e, ENOSPC, "the vm has %d disks already", UNITS_MAX) : 0;
}

static void take_unit(struct qemu *q, int unit, const char *id, int64_t fdset,
		      struct address *ret_address)
{
	q->units[unit] = (struct port){ .id = xstrdup(id), .fdset = fdset };
	ret_address->bus = ADDRESS_SCSI;
	(void)snprintf(ret_address->text, sizeof(ret_address->text), "0:%d", unit);
}

static int qemu_plug_block(struct vmm *vmm, const struct vmm_block *block,
			   struct address *ret_address, uint64_t deadline_ms,
			   const struct cancel *c, struct error *e)
{
	const struct call call = { vmm->state, deadline_ms, c };
	int64_t fdset = NO_SET;
	struct place place;
	int r = choose_place(&call, block->id, &place, e);

	if (r >= 0)
		r = add_fdset(&call, block, &fdset, e);
	if (r < 0)
		return fail_wrap(e, "block device '%s'", block->id);
	r = back_block(&call, block, place, fdset, e);
	if (r < 0) {
		remove_fdset(call.q, fdset);
		return fail_wrap(e, "block device '%s'", block->id);
	}
	call.q->holds_data |= !block->read_only;
	if (place.is_unit)
		take_unit(call.q, place.number, block->id, fdset, ret_address);
	else
		take_port(call.q, place.number, block->id, fdset, ret_address);
	return 0;
}

static struct port *port_of_block(struct qemu *q, const char *id)
{
	int port = find_port(q, id), unit = find_unit(q, id);

	if (unit >= 0)
		return &q->units[unit];
	return port >= 0 && q->ports[port].fdset != NO_SET ? &q->ports[port] : NULL;
}

/* Asks the guest to let go of the device FULL_ID, and waits until it has. */
static int take_out(const struct call *call, const char *full_id, struct error *e)
{
	int r = run(call, "device_del", with_id("id", full_id), NULL, e);

	return r < 0 ? r
		     : qmp_wait_event(call->q->qmp, "DEVICE_DELETED", full_id, call->deadline_ms,
				      call->cancel, e);
}

static int qemu_unplug_block(struct vmm *vmm, const char *id, uint64_t deadline_ms,
			     const struct cancel *c, struct error *e)
{
	const struct call call = { vmm->state, deadline_ms, c };
	struct port *port = port_of_block(call.q, id);
	_free_ char *full_id = xasprintf("blk-%s", id);
	int r;

	if (!port)
		return fail(e, ENOENT, "the vm has no block device '%s'", id);
	r = take_out(&call, full_id, e);
	if (r < 0)
		return fail_wrap(e, "block device '%s'", id);
	tidy(call.q, "blockdev-del", with_id("node-name", id));
	remove_fdset(call.q, port->fdset);
	str_set(&port->id, NULL);
	return 0;
}

/* QEMU looks at the disk itself, too, and refuses more than that has; a file would be cut. */
static int qemu_resize_block(struct vmm *vmm, const char *id, uint64_t bytes, uint64_t deadline_ms,
			     const struct cancel *c, struct error *e)
{
	const struct call call = { vmm->state, deadline_ms, c };
	struct json_object *arguments;
	int r;

	if (!port_of_block(call.q, id))
		return fail(e, ENOENT, "the vm has no block device '%s'", id);
	arguments = with_id("node-name", id);
	json_set_int(arguments, "size", (int64_t)min_u64(bytes, INT64_MAX));
	r = run(&call, "block_resize", arguments, NULL, e);
	return r < 0 ? fail_wrap(e, "block device '%s'", id) : 0;
}

/* Hands FD over under a name, which a backend takes it by. */
static int lend(const struct call *call, const char *name, int fd, struct error *e)
{
	return qmp_call_fd(call->q->qmp, "getfd", with_id("fdname", name), fd, NULL,
			   call->deadline_ms, call->cancel, e);
}

static int add_netdev(const struct call *call, const struct vmm_own_nic *own, struct error *e)
{
	struct json_object *netdev;
	_free_ char *tap = xasprintf("tap-%s", own->id), *vhost = xasprintf("vhost-%s", own->id);
	bool has_vhost = own->vhost_fds[0] >= 0;
	int r = lend(call, tap, own->tap_fds[0], e);

	if (r >= 0 && has_vhost)
		r = lend(call, vhost, own->vhost_fds[0], e);
	if (r < 0)
		return r;
	netdev = with_id("id", own->id);
	json_set_str(netdev, "type", "tap");
	json_set_str(netdev, "fd", tap);
	json_set_bool(netdev, "vhost", has_vhost);
	json_set_str(netdev, "vhostfd", has_vhost ? vhost : NULL);
	return run(call, "netdev_add", netdev, NULL, e);
}

static int add_nic(const struct call *call, const struct vmm_own_nic *own, int port,
		   struct error *e)
{
	struct json_object *arguments = device("virtio-net-pci", "nic", own->id, port);
	_free_ char *mac = hex_join(own->nic.mac, sizeof(own->nic.mac), ':');

	json_set_str(arguments, "netdev", own->id);
	json_set_str(arguments, "mac", mac);
	json_set_str(arguments, "romfile", "");
	if (own->nic.mtu)
		json_set_int(arguments, "host_mtu", own->nic.mtu);
	return run(call, "device_add", arguments, NULL, e);
}

/* The last port is for the disks that follow. */
static int qemu_plug_nic(struct vmm *vmm, const struct vmm_own_nic *own,
			 struct address *ret_address, uint64_t deadline_ms, const struct cancel *c,
			 struct error *e)
{
	const struct call call = { vmm->state, deadline_ms, c };
	unsigned reserved = call.q->has_controller ? 0 : 1;
	int port = choose_port(call.q, own->id, e);
	int r;

	if (port >= 0 && count_free_ports(call.q) <= reserved)
		port = fail(e, ENOSPC, "no free port: raise pcie_root_port (%u)", call.q->n_ports);
	r = port < 0 ? port : add_netdev(&call, own, e);
	if (r < 0)
		return fail_wrap(e, "network device '%s'", own->id);
	r = add_nic(&call, own, port, e);
	if (r < 0) {
		tidy(call.q, "netdev_del", with_id("id", own->id));
		return fail_wrap(e, "network device '%s'", own->id);
	}
	take_port(call.q, port, own->id, NO_SET, ret_address);
	return 0;
}

/* The tap is QEMU's until its backend has gone. */
static int qemu_unplug_nic(struct vmm *vmm, const char *id, uint64_t deadline_ms,
			   const struct cancel *c, struct error *e)
{
	const struct call call = { vmm->state, deadline_ms, c };
	int port = find_port(call.q, id);
	_free_ char *full_id = xasprintf("nic-%s", id);

	if (port < 0 || call.q->ports[port].fdset != NO_SET)
		return fail(e, ENOENT, "no network device '%s' was plugged in", id);
	if (take_out(&call, full_id, e) < 0)
		return fail_wrap(e, "network device '%s'", id);
	tidy(call.q, "netdev_del", with_id("id", id));
	str_set(&call.q->ports[port].id, NULL);
	return 0;
}

/* The free CPU slot with the smallest socket number; NULL when all are taken. */
static struct json_object *free_cpu(struct json_object *list)
{
	struct json_object *best = NULL;
	size_t n = json_len(list);

	for (size_t i = 0; i < n; i++) {
		struct json_object *cpu = json_item(list, i);

		if (json_at(cpu, "qom-path") || !json_get_str(cpu, "type") ||
		    !json_object_is_type(json_at(cpu, "props"), json_type_object))
			continue;
		if (!best || json_get_int(cpu, "props.socket-id", 0) <
				     json_get_int(best, "props.socket-id", 0))
			best = cpu;
	}
	return best;
}

static int plug_cpu(const struct call *call, struct json_object *cpu, struct error *e)
{
	struct json_object *arguments = json_object_new_object();
	_free_ char *id = xasprintf("cpu-%u", call->q->vcpus);
	struct json_object *props = json_at(cpu, "props");

	json_set_str(arguments, "driver", json_get_str(cpu, "type"));
	json_set_str(arguments, "id", id);
	json_object_object_foreach(props, name, value)
	{
		(void)json_object_object_add(arguments, name, json_object_get(value));
	}
	return run(call, "device_add", arguments, NULL, e);
}

static int add_cpu(const struct call *call, struct error *e)
{
	_json_ struct json_object *list = NULL;
	struct json_object *cpu;
	int r;

	r = run(call, "query-hotpluggable-cpus", NULL, &list, e);
	if (r < 0)
		return r;
	cpu = free_cpu(list);
	if (!cpu)
		return fail(e, ENOSPC, "the vm has no free place for a virtual CPU");
	r = plug_cpu(call, cpu, e);
	if (r < 0)
		return r;
	call->q->vcpus++;
	return 0;
}

static int qemu_resize_vcpus(struct vmm *vmm, unsigned total, unsigned *ret_total,
			     uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	const struct call call = { vmm->state, deadline_ms, c };
	int r;

	while (call.q->vcpus < total) {
		r = add_cpu(&call, e);
		if (r < 0)
			return fail_wrap(e, "virtual CPU %u", call.q->vcpus + 1);
	}
	*ret_total = call.q->vcpus;
	return 0;
}

/* A module of memory.  PAGE_MIB is that of the host's huge pages it is made of; 0: as the
 * configuration says. */
struct dimm {
	uint64_t mib;
	uint64_t page_mib;
	uint64_t address; /* 0: any */
};

static int add_backend(const struct call *call, const struct config_hypervisor *h, const char *id,
		       const struct dimm *dimm, struct error *e)
{
	struct json_object *arguments = json_object_new_object();

	json_set_str(arguments, "qom-type", "memory-backend-memfd");
	json_set_str(arguments, "id", id);
	json_set_int(arguments, "size", (int64_t)(dimm->mib * MIB));
	json_set_bool(arguments, "share", true);
	json_set_bool(arguments, "prealloc", h->enable_mem_prealloc);
	json_set_bool(arguments, "hugetlb", dimm->page_mib || h->enable_hugepages);
	if (dimm->page_mib)
		json_set_int(arguments, "hugetlbsize", (int64_t)(dimm->page_mib * MIB));
	return run(call, "object-add", arguments, NULL, e);
}

static int add_dimm(const struct call *call, const struct config_hypervisor *h,
		    const struct dimm *dimm, struct error *e)
{
	_free_ char *backend = xasprintf("mem%u", call->q->n_dimms + 1);
	_free_ char *id = xasprintf("dimm%u", call->q->n_dimms + 1);
	struct json_object *arguments;
	int r;

	if (call->q->n_dimms == call->q->max_dimms)
		return fail(e, ENOSPC,
			    "all %u memory slots of the vm are taken; raise memory_slots",
			    call->q->max_dimms);
	r = add_backend(call, h, backend, dimm, e);
	if (r < 0)
		return r;
	arguments = json_object_new_object();
	json_set_str(arguments, "driver", "pc-dimm");
	json_set_str(arguments, "id", id);
	json_set_str(arguments, "memdev", backend);
	if (dimm->address)
		json_set_int(arguments, "addr", (int64_t)dimm->address);
	r = run(call, "device_add", arguments, NULL, e);
	if (r < 0) {
		tidy(call->q, "object-del", with_id("id", backend));
		return r;
	}
	call->q->n_dimms++;
	return 0;
}

static uint64_t round_up(uint64_t mib, uint64_t block)
{
	return (mib + block - 1) / block * block;
}

/* Adds what is missing up to TOTAL_MIB. */
static int add_memory(const struct call *call, const struct vmm *vmm, uint64_t total_mib,
		      struct error *e)
{
	const struct config_hypervisor *h = &vmm->config->hypervisor;
	uint64_t block = vmm->memory_block_mib;
	struct qemu *q = call->q;
	struct dimm step = { 0 };
	int r;

	while (q->memory_mib < total_mib) {
		step.mib = round_up(min_u64(total_mib - q->memory_mib, q->memory_mib * GROWTH_MAX),
				    block);
		if (q->memory_mib + step.mib > h->default_maxmemory)
			step.mib -= block;
		if (step.mib == 0)
			break;
		r = add_dimm(call, h, &step, e);
		if (r < 0)
			return fail_wrap(e, "%" PRIu64 " MiB of memory", step.mib);
		q->memory_mib += step.mib;
	}
	return 0;
}

/* Where a module can begin at a multiple of UNIT, behind all there are; 0: anywhere, as there is
 * none. */
static int find_address(const struct call *call, uint64_t unit, uint64_t *ret_address,
			struct error *e)
{
	_json_ struct json_object *list = NULL;
	uint64_t end = 0;
	int r = run(call, "query-memory-devices", NULL, &list, e);

	for (size_t i = 0; r >= 0 && i < json_object_array_length(list); i++) {
		struct json_object *device = json_object_array_get_idx(list, i);
		int64_t address = json_get_int(device, "data.addr", 0);

		end = max_u64(end, (uint64_t)(address + json_get_int(device, "data.size", 0)));
	}
	if (r >= 0)
		*ret_address = (end + unit - 1) / unit * unit;
	return r;
}

/* What takes pages of the host's counts as huge pages of the pod's there, as a limit promised it;
 * where the host has none left, they are as other memory of the VM. */
static int qemu_plug_pages(struct vmm *vmm, uint64_t page_mib, uint64_t mib, uint64_t deadline_ms,
			   const struct cancel *c, struct error *e)
{
	const struct call call = { vmm->state, deadline_ms, c };
	const struct config_hypervisor *h = &vmm->config->hypervisor;
	struct dimm dimm = { .mib = mib, .page_mib = page_mib };
	int r = find_address(&call, page_mib * MIB, &dimm.address, e);

	if (r < 0)
		return r;
	r = add_dimm(&call, h, &dimm, e);
	if (r < 0) {
		log_debug("huge pages of %" PRIu64 " MiB are not the host's: %s", page_mib, e->msg);
		dimm.page_mib = 0;
		r = add_dimm(&call, h, &dimm, e);
	}
	if (r < 0)
		return fail_wrap(e, "%" PRIu64 " MiB of memory for huge pages", mib);
	call.q->pages_mib += mib;
	return 0;
}

/* Lets the guest use TOTAL_MIB of what it has.  The device only has a goal, which counts what was
 * plugged in; the guest gives pages as it finds them. */
static int set_balloon(const struct call *call, uint64_t total_mib, struct error *e)
{
	struct json_object *arguments = json_object_new_object();
	int r;

	json_set_int(arguments, "value", (int64_t)((total_mib + call->q->pages_mib) * MIB));
	r = run(call, "balloon", arguments, NULL, e);
	if (r >= 0)
		call->q->usable_mib = total_mib;
	return r;
}

static int qemu_resize_memory(struct vmm *vmm, uint64_t total_mib, uint64_t *ret_total_mib,
			      uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	const struct call call = { vmm->state, deadline_ms, c };
	struct qemu *q = call.q;
	bool was_whole = q->usable_mib == q->memory_mib;
	int r = add_memory(&call, vmm, total_mib, e);

	if (r < 0)
		return r;
	if (was_whole && (total_mib >= q->memory_mib || !vmm_has_balloon(vmm->config)))
		q->usable_mib = q->memory_mib;
	else
		r = set_balloon(&call, min_u64(total_mib, q->memory_mib), e);
	*ret_total_mib = q->usable_mib;
	return r;
}

const struct vmm_driver qemu_driver = {
	.name = "qemu",
	.traits = {
		.shares = VMM_SHARES_MAX,
		.plugs = VMM_PLUG_VCPUS | VMM_PLUG_MEMORY | VMM_PLUG_PAGES | VMM_PLUG_BLOCK |
			 VMM_PLUG_NIC,
		.vsocks = VMM_VSOCK_KERNEL | VMM_VSOCK_DAEMON,
		.runs_on = VMM_ON_KVM | VMM_ON_EMULATION,
	},
	.prepare = qemu_prepare,
	.boot = qemu_boot,
	.hears = qemu_hears,
	.quit = qemu_quit,
	.done = qemu_done,
	.resize_vcpus = qemu_resize_vcpus,
	.resize_memory = qemu_resize_memory,
	.plug_pages = qemu_plug_pages,
	.plug_block = qemu_plug_block,
	.plug_nic = qemu_plug_nic,
	.unplug_block = qemu_unplug_block,
	.unplug_nic = qemu_unplug_nic,
	.resize_block = qemu_resize_block,
};
