/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_agent_input - the small parsers of the agent: command line, uevents, PCI paths, addresses,
 * names and mount options.
 *
 * The first byte chooses the parser.  None may do more than refuse.
 */

#include <string.h>

#include "agent/config.h"
#include "agent/device/bus.h"
#include "agent/device/uevent.h"
#include "lib/mount.h"
#include "lib/net/address.h"
#include "lib/sock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_cmdline(const char *text, size_t len)
{
	struct config c;
	struct error e;

	(void)len;
	config_init(&c);
	(void)config_parse(&c, text, &e);
	config_done(&c);
}

/* LEN counts the NUL behind TEXT, as in the agent's buffer. */
static void parse_uevent(const char *text, size_t len)
{
	struct uevent event;
	struct error e;

	(void)uevent_parse(text, len + 1, &event, &e);
}

static void parse_pci_path(const char *text, size_t len)
{
	_free_ char *dir = NULL;
	struct error e;

	(void)len;
	(void)pci_path_resolve("/nonexistent", text, &dir, &e);
}

static void parse_address(const char *text, size_t len)
{
	uint8_t mac[NET_MAC_LEN];
	struct sock_address s;
	struct net_address a;
	struct error e;

	(void)len;
	if (net_address_parse(text, &a, &e) == 0) {
		_free_ char *again = net_address_text(a.family, a.bytes);

		if (a.prefix_len > a.len * 8 || net_address_parse(again, &a, &e) < 0)
			abort();
	}
	if (net_mac_parse(text, mac, &e) == 0)
		free(net_mac_text(mac));
	(void)net_check_name(text, &e);
	(void)sock_parse(text, &s, &e);
}

static void parse_options(const char *text, size_t len)
{
	_strv_ strv list = strv_split(text, ",");
	_mount_options_ struct mount_options o = { 0 };
	struct error e;

	(void)len;
	if (mount_options_parse(list, strv_len(list), &o, &e) == 0)
		(void)mount_options_check_plain(&o, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(const char *, size_t) = {
		parse_cmdline, parse_uevent, parse_pci_path, parse_address, parse_options,
	};
	_free_ char *text = NULL;

	if (size == 0)
		return 0;
	text = xcalloc(1, size);
	memcpy(text, data + 1, size - 1);
	parsers[data[0] % ARRAY_SIZE(parsers)](text, size - 1);
	return 0;
}
