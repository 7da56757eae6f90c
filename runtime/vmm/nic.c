/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nic - the host's half of a network device: its taps and, where possible, vhost-net.
 *
 * Descriptors are duplicated, so that the caller may close its own at once.  A host without
 * vhost-net is served by the VMM, more slowly.  Any thread.
 */

#include "runtime/vmm/nic.h"

#include <fcntl.h>
#include <string.h>

#define VHOST_DEVICE "/dev/vhost-net"
#define ID_MAX       24
#define MTU_MAX      65535

int vmm_check_id(const char *id, const char *what, struct error *e)
{
	size_t len = id ? strlen(id) : 0;

	if (len >= 1 && len <= ID_MAX && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == len)
		return 0;
	return fail(e, EINVAL,
		    "id of a %s must be 1 to %d characters of a-z, 0-9 and -, not '%.64s'", what,
		    ID_MAX, id ? id : "");
}

static int check(const struct vmm_nic *nic, struct error *e)
{
	int r = vmm_check_id(nic->id, "network device", e);

	if (r < 0)
		return r;
	if (nic->n_tap_fds < 1 || nic->n_tap_fds > VMM_QUEUES_MAX)
		return fail(e, EINVAL, "network device '%s' has %zu queues, not 1 to %d", nic->id,
			    nic->n_tap_fds, VMM_QUEUES_MAX);
	if (nic->mtu > MTU_MAX)
		return fail(e, EINVAL, "network device '%s' has an MTU of %u", nic->id, nic->mtu);
	return 0;
}

static int open_vhost(struct vmm_own_nic *own, struct error *e)
{
	for (size_t i = 0; i < own->nic.n_tap_fds; i++) {
		own->vhost_fds[i] = open(VHOST_DEVICE, O_RDWR | O_CLOEXEC);
		if (own->vhost_fds[i] >= 0)
			continue;
		if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
			return 0;
		return fail(e, errno, "cannot open '%s': %m", VHOST_DEVICE);
	}
	return 0;
}

static int copy_taps(const struct vmm_nic *nic, struct vmm_own_nic *own, struct error *e)
{
	for (size_t i = 0; i < nic->n_tap_fds; i++) {
		own->tap_fds[i] = fcntl(nic->tap_fds[i], F_DUPFD_CLOEXEC, 3);
		if (own->tap_fds[i] < 0)
			return fail(e, errno, "network device '%s': cannot use descriptor %d: %m",
				    nic->id, nic->tap_fds[i]);
	}
	return 0;
}

int nic_copy(const struct vmm_nic *nic, enum nic_mover mover, struct vmm_own_nic *ret,
	     struct error *e)
{
	struct vmm_own_nic own = { .nic = *nic };
	int r = check(nic, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < VMM_QUEUES_MAX; i++)
		own.tap_fds[i] = own.vhost_fds[i] = -1;
	own.id = xstrdup(nic->id);
	r = copy_taps(nic, &own, e);
	if (r >= 0 && mover == NIC_BY_KERNEL)
		r = open_vhost(&own, e);
	if (r < 0) {
		nic_done(&own);
		return r;
	}
	*ret = own;
	ret->nic.id = ret->id;
	ret->nic.tap_fds = ret->tap_fds;
	return 0;
}

void nic_done(struct vmm_own_nic *nic)
{
	for (size_t i = 0; i < VMM_QUEUES_MAX; i++) {
		nic->tap_fds[i] = close_fd(nic->tap_fds[i]);
		nic->vhost_fds[i] = close_fd(nic->vhost_fds[i]);
	}
	str_set(&nic->id, NULL);
}
