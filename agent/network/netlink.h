/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_NETWORK_NETLINK_H
#define AGENT_NETWORK_NETLINK_H

#include <linux/rtnetlink.h>

#include "lib/error.h"

struct nl_msg;
struct nl_sock;

/* A conversation with rtnetlink.  The kernel answers at once, so nothing here waits for long. */
struct netlink {
	struct nl_sock *sock;
	int refused; /* errno of the kernel's last refusal */
};

int netlink_open(struct netlink *n, struct error *e);
void netlink_done(struct netlink *n);
#define _netlink_ _cleanup_(netlink_done)

/* A request of TYPE whose fixed part is the SIZE bytes of HEADER.  Attributes are added with
 * nla_put and its like. */
struct nl_msg *netlink_message(int type, int flags, const void *header, size_t size);
/* Sends OWN_MSG and waits for the kernel's word; the message of a failure says WHAT failed. */
int netlink_request(struct netlink *n, struct nl_msg *own_msg, const char *what, struct error *e);

/* Calls ROW with every object of a dump (RTM_GETLINK and its like) of FAMILY until it returns other
 * than 0. */
int netlink_dump(struct netlink *n, int type, int family,
		 int (*row)(void *arg, const struct nlmsghdr *message), void *arg, struct error *e);

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
