/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tun - whether a sandbox can have a network.  Any thread.
 */
#include "lib/host/hostcheck.h"

static enum check_answer look(const struct host_facts *f, struct error *e)
{
	return hostcheck_device(f, "tun", "net/tun", e);
}

const struct host_check check_tun = {
	.name = "tun",
	.weight = CHECK_NEEDED,
	.look = look,
	.remedy = "run modprobe tun",
};
