/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_guest_network - what a guest is told of its network, and that a refusal of any of it is one;
 * what comes into a namespace and leaves it.
 */

#include "tests/unit/unit.h"

#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "lib/net/netlink.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "runtime/sandbox/client.h"
#include "runtime/sandbox/network.h"

static struct {
	const char *refused; /* this method; NULL: none */
	unsigned calls;
	char path[ADDRESS_TEXT_MAX]; /* of the device in the last UpdateInterface */
	size_t n_addresses;          /* there */
} agent;
/* The interfaces of the namespace, by number; each has an address. */
static const unsigned *present;
static size_t n_present;
static uint8_t last_byte; /* of these addresses; 0: the number */
static uint8_t gateway;   /* last byte of the one of the default route by the first; 0: none */

int __wrap_rpc_call(struct rpc_client *client, const struct rpc_call *call, const void *in,
		    void *ret_out, uint64_t deadline_ms, const struct cancel *c, struct error *e);

int __wrap_rpc_call(struct rpc_client *client, const struct rpc_call *call, const void *in,
		    void *ret_out, uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	const Agent__UpdateInterfaceRequest *request = in;

	(void)client;
	(void)ret_out;
	(void)deadline_ms;
	(void)c;
	agent.calls++;
	if (strcmp(call->name, "UpdateInterface") == 0) {
		memcpy(agent.path, request->interface->devicepath,
		       strlen(request->interface->devicepath) + 1);
		agent.n_addresses = request->interface->n_ipaddresses;
	}
	if (str_equal(agent.refused, call->name))
		return fail(e, ENOSYS, "the guest cannot do that");
	return 0;
}

static void tell_link(unsigned number, void (*each)(struct nlmsghdr *, void *), void *arg)
{
	const struct ifinfomsg info = { .ifi_index = (int)number, .ifi_type = ARPHRD_ETHER };
	const uint8_t mac[NETWORK_MAC_LENGTH] = { 2, 0, 0, 0, 0, (uint8_t)number };
	struct nl_msg *msg = netlink_message(RTM_NEWLINK, 0, &info, sizeof(info));
	_free_ char *name = xasprintf("eth%u", number);

	netlink_put(msg, IFLA_IFNAME, name, strlen(name) + 1);
	netlink_put(msg, IFLA_ADDRESS, mac, sizeof(mac));
	each(nlmsg_hdr(msg), arg);
	nlmsg_free(msg);
}

static void tell_address(unsigned number, void (*each)(struct nlmsghdr *, void *), void *arg)
{
	const struct ifaddrmsg info = { .ifa_family = AF_INET,
					.ifa_prefixlen = 24,
					.ifa_index = number };
	const uint8_t address[] = { 10, 0, 0, last_byte ? last_byte : (uint8_t)number };
	struct nl_msg *msg = netlink_message(RTM_NEWADDR, 0, &info, sizeof(info));

	netlink_put(msg, IFA_LOCAL, address, sizeof(address));
	each(nlmsg_hdr(msg), arg);
	nlmsg_free(msg);
}

static void tell_route(unsigned number, void (*each)(struct nlmsghdr *, void *), void *arg)
{
	const struct rtmsg info = { .rtm_family = AF_INET,
				    .rtm_table = RT_TABLE_MAIN,
				    .rtm_type = RTN_UNICAST,
				    .rtm_protocol = RTPROT_BOOT };
	const uint8_t address[] = { 10, 0, 0, gateway };
	struct nl_msg *msg = netlink_message(RTM_NEWROUTE, 0, &info, sizeof(info));

	netlink_put(msg, RTA_GATEWAY, address, sizeof(address));
	netlink_put(msg, RTA_OIF, &number, sizeof(number));
	each(nlmsg_hdr(msg), arg);
	nlmsg_free(msg);
}

int __wrap_netlink_dump(int fd, int type, void (*each)(struct nlmsghdr *header, void *arg),
			void *arg, const char *what, struct error *e);

int __wrap_netlink_dump(int fd, int type, void (*each)(struct nlmsghdr *header, void *arg),
			void *arg, const char *what, struct error *e)
{
	(void)fd;
	(void)what;
	(void)e;
	for (size_t i = 0; i < n_present; i++)
		if (type == RTM_GETLINK)
			tell_link(present[i], each, arg);
		else if (type == RTM_GETADDR)
			tell_address(present[i], each, arg);
	if (type == RTM_GETROUTE && n_present > 0 && gateway > 0)
		tell_route(present[0], each, arg);
	return 0;
}

static int look(struct network *n, const unsigned *numbers, size_t n_numbers)
{
	struct error e;

	present = numbers;
	n_present = n_numbers;
	return network_rescan(n, &e);
}

static void test_what_has_left_the_namespace_is_named_until_the_guest_has_lost_it(void **state)
{
	static const unsigned numbers[] = { 3, 5, 7 };
	struct network *n = xcalloc(1, sizeof(*n));
	unsigned number;
	struct error e;

	(void)state;
	n->netns_fd = n->netlink_fd = -1;
	assert_int_equal(look(n, numbers, 2), 1);
	n->is_told = true;
	assert_int_equal(look(n, numbers, 2), 0);
	n->links[1].is_in_guest = true;
	number = n->links[1].number;
	memcpy(n->links[1].address.text, "05/00", 6);

	/* The first was never the guest's. */
	assert_int_equal(look(n, &numbers[2], 1), 1);
	assert_int_equal(n->n_gone, 1);
	assert_string_equal(n->gone[0].name, "eth5");
	assert_int_equal(n->gone[0].n_addresses, 0);
	assert_int_equal(n->gone[0].number, number);
	assert_int_equal(look(n, &numbers[2], 1), 1);
	assert_int_equal(client_set_interface(NULL, &n->gone[0], NULL, &e), 0);
	assert_string_equal(agent.path, "05/00");
	assert_int_equal(agent.n_addresses, 0);

	n->n_gone = 0;
	n->is_told = true;
	assert_int_equal(look(n, &numbers[2], 1), 0);
	network_free(n);
}

/* An engine makes an interface in steps, and may take seconds between its address and its route. */
static void test_what_comes_after_an_interface_is_told_until_the_guest_has_heard_it(void **state)
{
	static const unsigned number = 3;
	struct network *n = xcalloc(1, sizeof(*n));

	(void)state;
	n->netns_fd = n->netlink_fd = -1;
	assert_int_equal(look(n, &number, 1), 1);
	n->is_told = true;
	assert_int_equal(look(n, &number, 1), 0);
	gateway = 1;
	assert_int_equal(look(n, &number, 1), 1);
	/* The guest refused it. */
	assert_int_equal(look(n, &number, 1), 1);
	n->is_told = true;
	assert_int_equal(look(n, &number, 1), 0);
	gateway = 2;
	assert_int_equal(look(n, &number, 1), 1);
	assert_string_equal(n->routes[0].gateway, "10.0.0.2");
	n->is_told = true;
	last_byte = 9;
	assert_int_equal(look(n, &number, 1), 1);
	assert_string_equal(n->links[0].addresses[0].text, "10.0.0.9");
	n->is_told = true;
	assert_int_equal(look(n, &number, 1), 0);
	gateway = last_byte = 0;
	network_free(n);
}

static struct network_link link_ = { .name = "eth0", .mtu = 1500, .tap_fd = -1 };
static struct network_route route = { .family = 2, .gateway = "10.0.0.1" };
static struct network_neighbour neighbour = { .address = { .family = 2, .text = "10.0.0.1" } };
static const struct network network = { .links = &link_,
					.n_links = 1,
					.routes = &route,
					.n_routes = 1,
					.neighbours = &neighbour,
					.n_neighbours = 1 };

static void test_a_refusal_of_any_part_is_told(void **state)
{
	static const char *const methods[] = { "UpdateInterface", "UpdateRoutes",
					       "AddARPNeighbors" };
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		agent.refused = methods[i];
		assert_int_equal(client_set_network(NULL, &network, NULL, &e), -ENOSYS);
		assert_non_null(strstr(e.msg, methods[i]));
		assert_non_null(strstr(e.msg, "the guest cannot do that"));
	}
	agent.refused = NULL;
	agent.calls = 0;
	assert_int_equal(client_set_network(NULL, &network, NULL, &e), 0);
	assert_int_equal(agent.calls, 3);
}

static void test_a_device_that_was_plugged_in_is_told_with_its_place(void **state)
{
	struct error e;

	(void)state;
	assert_int_equal(client_set_network(NULL, &network, NULL, &e), 0);
	assert_string_equal(agent.path, "");
	memcpy(link_.address.text, "05/00", 6);
	assert_int_equal(client_set_network(NULL, &network, NULL, &e), 0);
	assert_string_equal(agent.path, "05/00");
	link_.address.text[0] = '\0';
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_refusal_of_any_part_is_told),
		cmocka_unit_test(test_a_device_that_was_plugged_in_is_told_with_its_place),
		cmocka_unit_test(
			test_what_has_left_the_namespace_is_named_until_the_guest_has_lost_it),
		cmocka_unit_test(
			test_what_comes_after_an_interface_is_told_until_the_guest_has_heard_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
