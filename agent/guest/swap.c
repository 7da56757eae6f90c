/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swap - disks that the host has plugged in for the guest's kernel to swap to.
 *
 * The host has formatted them; the kernel refuses what has no signature of swap space.  A disk is
 * known by its place on the PCI bus or by its node, and waited for as one of a container is.  It
 * stays until the guest ends.  Work thread.
 */

#include "agent/guest/swap.h"

#include <stdio.h>
#include <sys/swap.h>

#include "agent/config.h"
#include "agent/device/bus.h"
#include "agent/sandbox.h"
#include "lib/log.h"
#include "lib/rpc/proto/agent.pb-c.h"

#define SLOTS_MAX    8  /* bridges on the way to a disk */
#define PCI_SLOT_MAX 31 /* PCI Local Bus Specification 3.0, 3.2.2.3.4: 5 bits */

int swap_pci_text(const uint32_t *slots, size_t n, struct address *ret, struct error *e)
{
	char text[SLOTS_MAX * sizeof("1f/")] = "";
	size_t len = 0;

	if (n == 0 || n > SLOTS_MAX)
		return fail(e, EINVAL, "a disk is at 1 to %d slots, not at %zu", SLOTS_MAX, n);
	for (size_t i = 0; i < n; i++) {
		if (slots[i] > PCI_SLOT_MAX)
			return fail(e, EINVAL, "there is no slot %u on a PCI bus", slots[i]);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%02x", i ? "/" : "",
					slots[i]);
	}
	return address_parse("blk", text, ret, e);
}

static int swap_to(struct rpc_request *req, const struct address *address, struct error *e)
{
	struct sandbox *sb = rpc_context(req);
	_free_ char *node = NULL;
	int r;

	if (!sb->config->is_init)
		return fail(e, EPERM, "this agent is not the first process of a guest");
	r = bus_wait_block(sb, address, rpc_deadline_ms(req), NULL, &node, e);
	if (r < 0)
		return r;
	if (swapon(node, 0) < 0)
		return fail(e, errno, "'%s': %m", node);
	log_info("swapping to '%s'", node);
	return 0;
}

int swap_rpc_add(struct rpc_request *req, const void *in_, void *out, struct error *e)
{
	const Agent__AddSwapRequest *in = in_;
	struct address address;
	int r = swap_pci_text(in->pcipath, in->n_pcipath, &address, e);

	(void)out;
	if (r == 0)
		r = swap_to(req, &address, e);
	return r < 0 ? fail_wrap(e, "cannot add swap space") : 0;
}

int swap_rpc_add_path(struct rpc_request *req, const void *in_, void *out, struct error *e)
{
	const Agent__AddSwapPathRequest *in = in_;
	struct address address;
	int r = address_parse(address_driver(ADDRESS_MMIO), in->path, &address, e);

	(void)out;
	if (r == 0)
		r = swap_to(req, &address, e);
	return r < 0 ? fail_wrap(e, "cannot add swap space") : 0;
}
