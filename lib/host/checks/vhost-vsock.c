/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost-vsock - whether the kernel connects host and guest.  Any thread.
 */
#include "lib/host/hostcheck.h"

static enum check_answer look(const struct host_facts *f, struct error *e)
{
	return hostcheck_device(f, "vhost-vsock", "vhost-vsock", e);
}

const struct host_check check_vhost_vsock = {
	.name = "vhost-vsock",
	.weight = CHECK_HELPFUL,
	.look = look,
	.remedy =
		"run modprobe vhost_vsock; without it each sandbox runs vhost-device-vsock, a "
		"process more",
};
