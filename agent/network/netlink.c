/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netlink - requests and dumps of rtnetlink, addresses as text and bytes.
 *
 * On libnl's core only: its route library knows every kind of object and is larger than the whole
 * agent.  libnl folds errnos into its own codes, so the kernel's refusal is taken from the message
 * itself.  A socket serves one thread.
 */

#include "agent/network/netlink.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "lib/file.h"
#include "lib/str.h"

#define IPV6_SWITCH "/proc/sys/net/ipv6/conf/all/disable_ipv6"
#define KNOB_MAX    16 /* bytes of it */

struct dump {
	int (*row)(void *arg, const struct nlmsghdr *message);
	void *arg;
};

static int on_refusal(struct sockaddr_nl *from, struct nlmsgerr *error, void *arg)
{
	struct netlink *n = arg;

	(void)from;
	n->refused = -error->error;
	return NL_STOP;
}

int netlink_open(struct netlink *n, struct error *e)
{
	n->refused = 0;
	n->sock = nl_socket_alloc();
	if (!n->sock)
		return fail(e, ENOMEM, "cannot make a netlink socket: %m");
	nl_socket_disable_auto_ack(n->sock);
	if (nl_connect(n->sock, NETLINK_ROUTE) < 0) {
		netlink_done(n);
		return fail(e, errno, "cannot open rtnetlink: %m");
	}
	(void)nl_socket_modify_err_cb(n->sock, NL_CB_CUSTOM, on_refusal, n);
	return 0;
}

void netlink_done(struct netlink *n)
{
	if (n->sock)
		nl_socket_free(n->sock);
	n->sock = NULL;
}

struct nl_msg *netlink_message(int type, int flags, const void *header, size_t size)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (!msg || nlmsg_append(msg, (void *)(uintptr_t)header, size, NLMSG_ALIGNTO) < 0)
		abort();
	return msg;
}

/* What the kernel or libnl said about the last exchange. */
static int outcome(struct netlink *n, int r, const char *what, struct error *e)
{
	if (n->refused)
		return fail(e, n->refused, "cannot %s: %m", what);
	if (r < 0)
		return fail(e, EIO, "cannot %s: %s", what, nl_geterror(r));
	return 0;
}

int netlink_request(struct netlink *n, struct nl_msg *own_msg, const char *what, struct error *e)
{
	int r;

	n->refused = 0;
	nlmsg_hdr(own_msg)->nlmsg_flags |= NLM_F_ACK;
	r = nl_send_auto(n->sock, own_msg);
	nlmsg_free(own_msg);
	if (r >= 0)
		r = nl_wait_for_ack(n->sock);
	return outcome(n, r, what, e);
}

static int on_row(struct nl_msg *msg, void *arg)
{
	const struct dump *dump = arg;

	return dump->row(dump->arg, nlmsg_hdr(msg)) ? NL_STOP : NL_OK;
}

int netlink_dump(struct netlink *n, int type, int family,
		 int (*row)(void *arg, const struct nlmsghdr *message), void *arg, struct error *e)
{
	struct rtgenmsg header = { .rtgen_family = (unsigned char)family };
	struct dump dump = { row, arg };
	int r;

	n->refused = 0;
	(void)nl_socket_modify_cb(n->sock, NL_CB_VALID, NL_CB_CUSTOM, on_row, &dump);
	r = nl_send_simple(n->sock, type, NLM_F_DUMP, &header, sizeof(header));
	if (r >= 0)
		r = nl_recvmsgs_default(n->sock);
	return outcome(n, r, "list the network", e);
}

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
	return xasprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
			 mac[5]);
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
