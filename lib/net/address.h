/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_NET_ADDRESS_H
#define LIB_NET_ADDRESS_H

#include "lib/error.h"

/* An address as it stands in attributes. */
struct net_address {
	int family; /* AF_INET, AF_INET6 */
	unsigned prefix_len;
	size_t len; /* of bytes: 4 or 16 */
	uint8_t bytes[16];
};

/* "ADDRESS" or "ADDRESS/PREFIX"; without one it is the whole length. */
int net_address_parse(const char *text, struct net_address *ret_address, struct error *e);
/* Without the prefix.  Caller frees. */
char *net_address_text(int family, const void *bytes);

/* False where IPv6 is switched off or left out: nothing of it can be set then. */
bool net_has_ipv6(void);

/* Hardware addresses, "02:00:00:00:00:01". */
#define NET_MAC_LEN 6
int net_mac_parse(const char *text, uint8_t ret_mac[NET_MAC_LEN], struct error *e);
char *net_mac_text(const uint8_t mac[NET_MAC_LEN]);

/* EINVAL unless NAME can be an interface's. */
int net_check_name(const char *name, struct error *e);

#endif
