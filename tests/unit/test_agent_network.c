/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agent_network - addresses and names that come from the host.
 */

#include "tests/unit/folder.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "agent/network/iptables.h"
#include "lib/net/address.h"

static void test_address_is_parsed(void **state)
{
	static const struct {
		const char *text, *again;
		int family;
		unsigned prefix_len;
	} cases[] = {
		{ "10.0.0.1/24", "10.0.0.1", AF_INET, 24 },
		{ "10.0.0.1", "10.0.0.1", AF_INET, 32 },
		{ "0.0.0.0/0", "0.0.0.0", AF_INET, 0 },
		{ "fd00::1/64", "fd00::1", AF_INET6, 64 },
		{ "::", "::", AF_INET6, 128 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *again = NULL;
		struct net_address a;
		struct error e;

		assert_int_equal(net_address_parse(cases[i].text, &a, &e), 0);
		assert_int_equal(a.family, cases[i].family);
		assert_int_equal(a.prefix_len, cases[i].prefix_len);
		again = net_address_text(a.family, a.bytes);
		assert_string_equal(again, cases[i].again);
	}
}

static void test_address_that_is_none_is_refused(void **state)
{
	static const char *const cases[] = { "",          "10.0.0",     "10.0.0.1/33",
					     "10.0.0.1/", "10.0.0.1/x", "fd00::/129",
					     ":::",       "a/24",       "10.0.0.1/-1",
					     "10.0.0.256" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct net_address a;
		struct error e;

		if (net_address_parse(cases[i], &a, &e) >= 0)
			fail_msg("'%s' is taken", cases[i]);
	}
}

static void test_hardware_address_is_parsed(void **state)
{
	_free_ char *again = NULL;
	uint8_t mac[NET_MAC_LEN];
	struct error e;

	(void)state;
	assert_int_equal(net_mac_parse("02:00:CA:fe:00:01", mac, &e), 0);
	again = net_mac_text(mac);
	assert_string_equal(again, "02:00:ca:fe:00:01");
}

static void test_hardware_address_that_is_none_is_refused(void **state)
{
	static const char *const cases[] = { "",
					     "02:00:ca:fe:00",
					     "02:00:ca:fe:00:01:02",
					     "02:00:ca:fe:00:100",
					     "02:00:ca:fe:00:xx",
					     "020000000001" };
	uint8_t mac[NET_MAC_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error e;

		if (net_mac_parse(cases[i], mac, &e) >= 0)
			fail_msg("'%s' is taken", cases[i]);
	}
}

static void test_interface_name_is_checked(void **state)
{
	static const struct {
		const char *name;
		bool is_good;
	} cases[] = { { "eth0", true },
		      { "a", true },
		      { "fifteen-letters", true },
		      { "", false },
		      { ".", false },
		      { "..", false },
		      { "sixteen-letters-", false },
		      { "a/b", false },
		      { "a b", false },
		      { "a:b", false },
		      { "a\n", false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error e;

		if ((net_check_name(cases[i].name, &e) == 0) != cases[i].is_good)
			fail_msg("'%s' is judged wrong", cases[i].name);
	}
}

static void put_program(const char *root, const char *name, mode_t mode)
{
	_free_ char *path = path_join(root, name);

	folder_put(root, name, "");
	assert_return_code(chmod(path, mode), errno);
}

static void test_program_of_iptables_is_found_by_either_name(void **state)
{
	char *root = folder_new();
	_free_ char *multi = NULL, *own = NULL;

	(void)state;
	put_program(root, "usr/bin/iptables-save", 0644);
	assert_null(iptables_program(root, "iptables-save"));
	put_program(root, "sbin/xtables-legacy-multi", 0755);
	multi = iptables_program(root, "iptables-save");
	assert_string_equal(multi + strlen(root), "/sbin/xtables-legacy-multi");
	put_program(root, "usr/sbin/iptables-save", 0755);
	own = iptables_program(root, "iptables-save");
	assert_string_equal(own + strlen(root), "/usr/sbin/iptables-save");
	folder_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address_is_parsed),
		cmocka_unit_test(test_address_that_is_none_is_refused),
		cmocka_unit_test(test_hardware_address_is_parsed),
		cmocka_unit_test(test_hardware_address_that_is_none_is_refused),
		cmocka_unit_test(test_interface_name_is_checked),
		cmocka_unit_test(test_program_of_iptables_is_found_by_either_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
