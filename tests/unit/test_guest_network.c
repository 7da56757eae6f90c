/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_guest_network - what a guest is told of its network, and that a refusal of any of it is one.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "lib/rpc/proto/agent.pb-c.h"
#include "runtime/sandbox/client.h"

static struct {
	const char *refused; /* this method; NULL: none */
	unsigned calls;
	char path[ADDRESS_TEXT_MAX]; /* of the device in the last UpdateInterface */
} agent;

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
	if (strcmp(call->name, "UpdateInterface") == 0)
		memcpy(agent.path, request->interface->devicepath,
		       strlen(request->interface->devicepath) + 1);
	if (str_equal(agent.refused, call->name))
		return fail(e, ENOSYS, "the guest cannot do that");
	return 0;
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
