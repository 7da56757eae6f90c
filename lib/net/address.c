/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address - network addresses and names of interfaces, as text and as bytes.
 *
 * Any thread.
 */
#include "lib/net/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

#include "lib/file.h"
#include "lib/str.h"

#define IPV6_SWITCH "/proc/sys/net/ipv6/conf/all/disable_ipv6"
#define KNOB_MAX    16 /* bytes of it */

int net_address_parse(const char *text, struct net_address *ret_address, struct error *e)
{
	struct net_address a = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };
	_free_ char *host = xstrdup(text);
	char *slash = strchr(host, '/');

	a.len = a.family == AF_INET6 ? 16 : 4;
	a.prefix_len = (unsigned)a.len * 8;
	if (slash) {
		*slash++ = '\0';
		if (parse_u32(slash, "prefix length", (uint32_t)a.len * 8, &a.prefix_len, e) < 0)
			return fail_wrap(e, "address '%.64s'", text);
	}
	if (inet_pton(a.family, host, a.bytes) != 1)
		return fail(e, EINVAL, "'%.64s' is not an IP address", text);
	*ret_address = a;
	return 0;
}

char *net_address_text(int family, const void *bytes)
{
	char text[INET6_ADDRSTRLEN];

	if (!inet_ntop(family, bytes, text, sizeof(text)))
		text[0] = '\0';
	return xstrdup(text);
}

bool net_has_ipv6(void)
{
	_free_ char *off = NULL;
	struct error ignored;

	return file_read(IPV6_SWITCH, KNOB_MAX, &off, NULL, &ignored) == 0 && off[0] == '0';
}

int net_mac_parse(const char *text, uint8_t ret_mac[NET_MAC_LEN], struct error *e)
{
	_strv_ strv parts = strv_split(text, ":");
	uint8_t mac[NET_MAC_LEN];
	uint64_t value;

	if (strv_len(parts) != NET_MAC_LEN)
		return fail(e, EINVAL, "'%.64s' is not a hardware address", text);
	for (size_t i = 0; i < NET_MAC_LEN; i++) {
		if (parse_hex(parts[i], "hardware address", UINT8_MAX, &value, e) < 0)
			return -e->code;
		mac[i] = (uint8_t)value;
	}
	memcpy(ret_mac, mac, sizeof(mac));
	return 0;
}

char *net_mac_text(const uint8_t mac[NET_MAC_LEN])
{
	return hex_join(mac, NET_MAC_LEN, ':');
}

int net_check_name(const char *name, struct error *e)
{
	size_t len = strlen(name);

	if (len == 0 || len >= IFNAMSIZ || str_equal(name, ".") || str_equal(name, ".."))
		return fail(e, EINVAL, "'%.32s' cannot be the name of an interface", name);
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] == 0x7f || name[i] == '/' || name[i] == ':')
			return fail(e, EINVAL, "'%.32s' cannot be the name of an interface", name);
	return 0;
}
