/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost-net - whether the kernel moves a guest's packets.  Any thread.
 */
#include "lib/host/hostcheck.h"

static enum check_answer look(const struct host_facts *f, struct error *e)
{
	return hostcheck_device(f, "vhost-net", "vhost-net", e);
}

const struct host_check check_vhost_net = {
	.name = "vhost-net",
	.weight = CHECK_HELPFUL,
	.look = look,
	.remedy = "run modprobe vhost_net; without it the network is slower",
};
