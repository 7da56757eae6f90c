/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock-daemon - start what serves a guest's vsock where the host has none.
 *
 * vhost-device-vsock makes two sockets by name, and connects to those that we listen on beside
 * them, when the guest calls.  So it has a folder, which is its user's and holds nothing else, and
 * beside that nothing of the host's: it is the VM's user, without rights, and its calls are few.
 * It is the guest's memory that it maps.  Work threads.
 */

#include "runtime/vmm/vsock-daemon.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "lib/file.h"
#include "runtime/vmm/driver.h"

#define RETRY_MS 2

/* Sockets of one kind, threads, but no process, and no file: what its C library looks for is not
 * there. */
static const struct sock_filter calls[] = {
	FILTER_BEGIN,
	/* moving bytes */
	FILTER_ALLOW(SYS_epoll_wait),
	FILTER_ALLOW(SYS_epoll_pwait),
	FILTER_ALLOW(SYS_epoll_create1),
	FILTER_ALLOW(SYS_epoll_ctl),
	FILTER_ALLOW(SYS_poll),
	FILTER_ALLOW(SYS_futex),
	FILTER_ALLOW(SYS_read),
	FILTER_ALLOW(SYS_write),
	FILTER_ALLOW(SYS_readv),
	FILTER_ALLOW(SYS_writev),
	FILTER_ALLOW(SYS_recvmsg),
	FILTER_ALLOW(SYS_sendmsg),
	FILTER_ALLOW(SYS_recvfrom),
	FILTER_ALLOW(SYS_sendto),
	FILTER_ALLOW(SYS_eventfd2),
	FILTER_ALLOW(SYS_close),
	FILTER_ALLOW(SYS_dup),
	FILTER_ALLOW(SYS_fcntl),
	FILTER_ALLOW(SYS_ioctl),
	/* sockets of its folder */
	FILTER_ALLOW_IF(SYS_socket, 0, UINT32_MAX, AF_UNIX),
	FILTER_ALLOW(SYS_bind),
	FILTER_ALLOW(SYS_listen),
	FILTER_ALLOW(SYS_connect),
	FILTER_ALLOW(SYS_accept4),
	FILTER_ALLOW(SYS_shutdown),
	FILTER_ALLOW(SYS_getsockname),
	FILTER_ALLOW(SYS_getpeername),
	FILTER_ALLOW(SYS_getsockopt),
	FILTER_ALLOW(SYS_setsockopt),
	FILTER_ALLOW(SYS_unlink),
	/* memory, the guest's too */
	FILTER_ALLOW_MEMORY,
	/* threads, no process */
	FILTER_ALLOW_THREADS,
	/* time and chance */
	FILTER_ALLOW(SYS_clock_gettime),
	FILTER_ALLOW(SYS_clock_nanosleep),
	FILTER_ALLOW(SYS_nanosleep),
	FILTER_ALLOW(SYS_getrandom),
	/* to begin */
	FILTER_ALLOW(SYS_execve),
	FILTER_ALLOW(SYS_arch_prctl),
	FILTER_ALLOW_IF(SYS_prctl, 0, UINT32_MAX, PR_SET_NAME),
	FILTER_ALLOW(SYS_prlimit64),
	FILTER_ALLOW(SYS_readlink),
	FILTER_ALLOW(SYS_newfstatat),
	FILTER_ALLOW(SYS_fstat),
	FILTER_ALLOW(SYS_lseek),
	FILTER_ALLOW_IF(SYS_openat, 2, O_ACCMODE | O_CREAT, O_RDONLY),
	FILTER_END,
};
const struct filter vsock_daemon_calls = FILTER(calls);

int vsock_daemon_prepare(const struct vmm *vmm, char **ret_folder, struct error *e)
{
	_free_ char *folder = path_join(vmm->run_dir, "vsock");
	int r = dir_make(folder, 0700, e);

	if (r < 0)
		return r;
	*ret_folder = TAKE_PTR(folder);
	return 0;
}

/* The daemon makes its own socket: connect as soon as it can be. */
static int connect_when_there(const struct daemon *d, const char *path, uint64_t deadline_ms,
			      const struct cancel *c, struct error *e)
{
	int fd, r;

	for (;;) {
		fd = daemon_connect(path, deadline_ms, c, e);
		if (fd >= 0 || (fd != -ENOENT && fd != -ECONNREFUSED))
			return fd;
		r = daemon_end_reason(d, e);
		if (r < 0)
			return r;
		r = wait_pause(RETRY_MS, d->name, deadline_ms, c, e);
		if (r < 0)
			return r;
	}
}

static int spawn(struct vmm *vmm, const char *folder, const char *socket, uint64_t deadline_ms,
		 const struct cancel *c, struct error *e)
{
	const char *program = vmm->config->hypervisor.vsock_daemon;
	/* It needs no network, so it has the pod's. */
	struct proc_spec spec = { .netns_fd = vmm->netns_fd };
	struct confined confined;
	_strv_ strv argv = NULL;
	int r = confine_daemon(vmm, program, &vsock_daemon_calls, folder, &confined, e);

	if (r < 0)
		return r;
	strv_add(&argv, program);
	strv_add(&argv, "--vm");
	/* The device takes a packet's data in one piece only; a guest's kernel gathers from several
	 * what is longer than 28 KiB, and sends no more at once than this buffer holds. */
	strv_addf(&argv, "guest-cid=%u,socket=%s,uds-path=%s,tx-buffer-size=24576", vmm->vsock.cid,
		  socket, vmm->vsock.path);
	spec.argv = argv;
	confine_apply(&confined, &spec);
	r = daemon_spawn(&vmm->processes[VMM_PROCESS_VSOCK], vmm->loop, &spec, deadline_ms, c, e);
	confined_done(&confined);
	return r;
}

int vsock_daemon_start(struct vmm *vmm, const char *folder, uint64_t deadline_ms,
		       const struct cancel *c, struct error *e)
{
	struct daemon *d = &vmm->processes[VMM_PROCESS_VSOCK];
	_free_ char *socket = path_join(folder, "device.sock");
	int fd, r;

	if (vmm->confinement.id.uid &&
	    lchown(vmm->ready.path, vmm->confinement.id.uid, vmm->confinement.id.uid) < 0)
		return fail(e, errno, "cannot let the guest reach '%s': %m", vmm->ready.path);
	r = spawn(vmm, folder, socket, deadline_ms, c, e);
	if (r < 0)
		return r;
	fd = connect_when_there(d, socket, deadline_ms, c, e);
	(void)unlink(socket);
	if (fd < 0) {
		daemon_stop(d, 0);
		return fd;
	}
	vmm->vsock_fd = fd;
	return 0;
}
