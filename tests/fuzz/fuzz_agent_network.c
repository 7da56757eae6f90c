/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_agent_network - what a guest's kernel lists of its network, for the agent that describes it
 * to the host and moves it to the sandbox's namespace.
 *
 * What is described can be sent.
 */

/* Each has what it needs in the same order. */
#include "agent/network/move.c"
#include "agent/network/network.c"
#include "agent/network/routes.c"
#include "tests/fuzz/datagrams.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void describe_links(int nl)
{
	_cleanup_(link_list_done) struct link_list all = { NULL, 0 };
	const uint8_t mac[NET_MAC_LEN] = { 2 };
	struct error e;

	(void)list_links(nl, &all, &e);
	(void)link_by_name(&all, "eth0");
	(void)link_by_mac(&all, mac);
	for (size_t i = 0; i < all.n; i++) {
		_message_ Types__Interface *out = message_new(&types__interface__descriptor);
		_free_ uint8_t *bytes = NULL;

		describe(nl, &all.items[i], out);
		(void)message_pack(out, &bytes);
	}
}

static void describe_routes(int nl)
{
	_message_ Agent__Routes *out = message_new(&agent__routes__descriptor);
	_free_ uint8_t *bytes = NULL;
	struct error e;

	(void)list_routes(nl, out, &e);
	(void)message_pack(out, &bytes);
}

static void move(int nl)
{
	struct error e;

	for (size_t i = 0; i < N_KIND; i++) {
		_messages_ struct messages m = { .is_wanted = kinds[i].is_wanted };

		(void)netlink_dump(nl, kinds[i].request, keep, &m, kinds[i].name, &e);
		if (i >= ADDRESSES)
			(void)say_all_again(nl, &m, kinds[i].name, &e);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(int) = { describe_links, describe_routes, move };
	struct datagrams kernel;

	if (size == 0)
		return 0;
	kernel = datagrams_open(data + 1, size - 1);
	readers[data[0] % ARRAY_SIZE(readers)](kernel.fd);
	datagrams_close(&kernel);
	return 0;
}
