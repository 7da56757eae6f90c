/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_netlink - what the kernel lists of a pod's network namespace, for the shim.
 *
 * Whatever it is, routes and neighbours belong to an interface that was found, and what had a tap
 * keeps it.
 */

#include <stdlib.h>
#include <string.h>

#include "runtime/sandbox/network.h"
#include "runtime/sandbox/redirect.h"
#include "tests/fuzz/datagrams.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct network *n)
{
	for (size_t i = 0; i < n->n_links; i++)
		if (n->links[i].n_addresses == 0 || strlen(n->links[i].name) >= IFNAMSIZ)
			abort();
	for (size_t i = 0; i < n->n_routes; i++)
		if (n->routes[i].link >= n->n_links)
			abort();
	for (size_t i = 0; i < n->n_neighbours; i++)
		if (n->neighbours[i].link >= n->n_links)
			abort();
}

static void find(const uint8_t *data, size_t size)
{
	struct datagrams kernel = datagrams_open(data, size);
	unsigned index = 0;
	struct error e;

	if (redirect_find(kernel.fd, "eth0", &index, &e) >= 0 && index == 0)
		abort();
	datagrams_close(&kernel);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct datagrams kernel = datagrams_open(data, size);
	struct network *n = xcalloc(1, sizeof(*n));
	struct error e;

	n->netns_fd = -1;
	n->netlink_fd = kernel.fd;
	/* Anew, as often as there is something to be told. */
	while (network_rescan(n, &e) >= 0)
		check(n);
	n->netlink_fd = -1;
	network_free(n);
	datagrams_close(&kernel);
	find(data, size);
	return 0;
}
