/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network - the interfaces of the guest as the runtime wants them.
 *
 * The runtime names an interface by its hardware address, or by the PCI path of a device it has
 * just plugged in.  It is taken down, renamed, given its hardware address, MTU and flags in one
 * request, then its addresses are made what was asked for: others of global scope go.  Doing the
 * same twice changes nothing.  A name that is taken is freed by renaming its holder, as when two
 * interfaces change places.  Work threads, in the order of the sandbox's queue.
 */

#include "agent/network/network.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "lib/net/address.h"
#include "lib/net/netlink.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/str.h"

#include "agent/device/bus.h"
#include "agent/network/move.h"
#include "agent/sandbox.h"

#define ADDRESSES_MAX 256  /* of one interface */
#define LINKS_MAX     1024 /* of the guest */
#define MTU_MAX       65536
#define MTU_MIN       68

struct link {
	int index;
	char name[IFNAMSIZ];
	bool has_mac;
	uint8_t mac[NET_MAC_LEN];
	unsigned flags;
	uint32_t mtu;
	bool is_loopback;
};

/* What a dump of links looks for or collects. */
struct link_list {
	struct link *items;
	size_t n;
};

static void link_list_done(struct link_list *l)
{
	free(l->items);
}

static void fill_link(struct link *link, struct nlmsghdr *message)
{
	const struct ifinfomsg *info = nlmsg_data(message);
	struct nlattr *attrs[IFLA_MAX + 1];

	*link = (struct link){ .index = info->ifi_index,
			       .flags = info->ifi_flags,
			       .is_loopback = info->ifi_flags & IFF_LOOPBACK };
	if (nlmsg_parse(message, sizeof(*info), attrs, IFLA_MAX, NULL) < 0)
		return;
	if (attrs[IFLA_IFNAME])
		(void)nla_strlcpy(link->name, attrs[IFLA_IFNAME], sizeof(link->name));
	link->mtu = netlink_u32(attrs[IFLA_MTU], 0);
	if (attrs[IFLA_ADDRESS] && nla_len(attrs[IFLA_ADDRESS]) == NET_MAC_LEN) {
		link->has_mac = true;
		memcpy(link->mac, nla_data(attrs[IFLA_ADDRESS]), NET_MAC_LEN);
	}
}

static void add_link(struct nlmsghdr *message, void *arg)
{
	struct link_list *list = arg;

	if (message->nlmsg_type != RTM_NEWLINK || list->n == LINKS_MAX)
		return;
	list->items = xrealloc(list->items, list->n + 1, sizeof(*list->items));
	fill_link(&list->items[list->n++], message);
}

static int list_links(int nl, struct link_list *ret, struct error *e)
{
	return netlink_dump(nl, RTM_GETLINK, add_link, ret, "list the interfaces", e);
}

static const struct link *link_by_name(const struct link_list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_equal(list->items[i].name, name))
			return &list->items[i];
	return NULL;
}

static const struct link *link_by_mac(const struct link_list *list, const uint8_t *mac)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->items[i].has_mac && !memcmp(list->items[i].mac, mac, NET_MAC_LEN))
			return &list->items[i];
	return NULL;
}

static struct nl_msg *link_message(int index, unsigned flags, unsigned changed)
{
	const struct ifinfomsg info = { .ifi_index = index,
					.ifi_flags = flags,
					.ifi_change = changed };

	return netlink_message(RTM_NEWLINK, 0, &info, sizeof(info));
}

/* Attributes are small and a message has a page: there is always room. */
static int set_down(int nl, const struct link *link, struct error *e)
{
	char what[64];

	if (!(link->flags & IFF_UP))
		return 0;
	(void)snprintf(what, sizeof(what), "take interface '%s' down", link->name);
	return netlink_change(nl, link_message(link->index, 0, IFF_UP), what, e);
}

static int rename_link(int nl, const struct link *link, const char *name, struct error *e)
{
	struct nl_msg *msg;
	char what[96];
	int r = set_down(nl, link, e);

	if (r < 0)
		return r;
	msg = link_message(link->index, 0, 0);
	(void)snprintf(what, sizeof(what), "rename interface '%s' to '%s'", link->name, name);
	netlink_put(msg, IFLA_IFNAME, name, strlen(name) + 1);
	return netlink_change(nl, msg, what, e);
}

/* Gives LINK its NAME; whoever has it now gets another, with which it keeps working. */
static int take_name(int nl, const struct link_list *all, const struct link *link, const char *name,
		     struct error *e)
{
	const struct link *holder = link_by_name(all, name);
	char other[IFNAMSIZ];
	int r = 0;

	if (str_equal(link->name, name))
		return 0;
	if (holder) {
		(void)snprintf(other, sizeof(other), "was%d", holder->index);
		r = rename_link(nl, holder, other, e);
	}
	if (r == 0)
		r = rename_link(nl, link, name, e);
	if (r == 0 && holder && holder->flags & IFF_UP)
		r = netlink_change(nl, link_message(holder->index, IFF_UP, IFF_UP),
				   "bring up an interface", e);
	return r;
}

static int set_link(int nl, const struct link *link, const Types__Interface *in, const uint8_t *mac,
		    struct error *e)
{
	unsigned flags = IFF_UP | (in->raw_flags & IFF_NOARP);
	struct nl_msg *msg;
	uint32_t mtu = (uint32_t)in->mtu;
	char what[64];

	if (mac && (!link->has_mac || memcmp(link->mac, mac, NET_MAC_LEN)) &&
	    set_down(nl, link, e) < 0)
		return -e->code;
	msg = link_message(link->index, flags, IFF_UP | IFF_NOARP);
	if (mac)
		netlink_put(msg, IFLA_ADDRESS, mac, NET_MAC_LEN);
	if (mtu)
		netlink_put(msg, IFLA_MTU, &mtu, sizeof(mtu));
	(void)snprintf(what, sizeof(what), "set up interface '%.16s'", in->name);
	return netlink_change(nl, msg, what, e);
}

/* The addresses of one interface. */
struct address_list {
	int index;
	struct net_address items[ADDRESSES_MAX];
	size_t n;
};

static void add_address(struct nlmsghdr *message, void *arg)
{
	const struct ifaddrmsg *info = nlmsg_data(message);
	struct address_list *list = arg;
	struct nlattr *attrs[IFA_MAX + 1];
	struct nlattr *bytes;
	struct net_address *a;

	if (message->nlmsg_type != RTM_NEWADDR || (int)info->ifa_index != list->index ||
	    list->n == ADDRESSES_MAX)
		return;
	if (nlmsg_parse(message, sizeof(*info), attrs, IFA_MAX, NULL) < 0)
		return;
	bytes = attrs[IFA_LOCAL] ? attrs[IFA_LOCAL] : attrs[IFA_ADDRESS];
	if (!bytes || nla_len(bytes) > (int)sizeof(a->bytes))
		return;
	a = &list->items[list->n++];
	*a = (struct net_address){ .family = info->ifa_family,
				   .prefix_len = info->ifa_prefixlen,
				   .len = (size_t)nla_len(bytes) };
	memcpy(a->bytes, nla_data(bytes), a->len);
}

static bool is_link_local(const struct net_address *a)
{
	return a->family == AF_INET6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

static bool has_address(const struct address_list *list, const struct net_address *a)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->items[i].family == a->family &&
		    list->items[i].prefix_len == a->prefix_len &&
		    !memcmp(list->items[i].bytes, a->bytes, a->len))
			return true;
	return false;
}

static int change_address(int nl, int index, const struct net_address *a, int type, struct error *e)
{
	/* Nobody else can have an address that the host took from the pod: no time for detection.
	 */
	const struct ifaddrmsg info = { .ifa_family = (uint8_t)a->family,
					.ifa_prefixlen = (uint8_t)a->prefix_len,
					.ifa_flags = a->family == AF_INET6 ? IFA_F_NODAD : 0,
					.ifa_index = (unsigned)index };
	_free_ char *text = net_address_text(a->family, a->bytes);
	struct nl_msg *msg = netlink_message(
		type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_REPLACE : 0, &info, sizeof(info));
	char what[96];

	netlink_put(msg, IFA_LOCAL, a->bytes, a->len);
	netlink_put(msg, IFA_ADDRESS, a->bytes, a->len);
	(void)snprintf(what, sizeof(what), "%s address '%s/%u'",
		       type == RTM_NEWADDR ? "add" : "remove", text, a->prefix_len);
	return netlink_change(nl, msg, what, e);
}

static int parse_addresses(const Types__Interface *in, struct address_list *ret, struct error *e)
{
	bool takes_ipv6 = net_has_ipv6();

	if (in->n_ipaddresses > ADDRESSES_MAX)
		return fail(e, E2BIG, "%zu addresses are more than %d", in->n_ipaddresses,
			    ADDRESSES_MAX);
	for (size_t i = 0; i < in->n_ipaddresses; i++) {
		const Types__IPAddress *one = in->ipaddresses[i];
		_free_ char *text = xasprintf("%.64s/%.8s", one->address, one->mask);
		struct net_address *a = &ret->items[ret->n];
		int r = net_address_parse(text, a, e);

		if (r < 0)
			return r;
		if (a->family == AF_INET || takes_ipv6)
			ret->n++;
	}
	return 0;
}

static int set_addresses(int nl, int index, const struct address_list *wanted, struct error *e)
{
	_free_ struct address_list *old = xcalloc(1, sizeof(*old));
	int r;

	old->index = index;
	r = netlink_dump(nl, RTM_GETADDR, add_address, old, "list the addresses", e);
	for (size_t i = 0; i < old->n && r == 0; i++)
		if (!is_link_local(&old->items[i]) && !has_address(wanted, &old->items[i]))
			r = change_address(nl, index, &old->items[i], RTM_DELADDR, e);
	for (size_t i = 0; i < wanted->n && r == 0; i++)
		if (!has_address(old, &wanted->items[i]))
			r = change_address(nl, index, &wanted->items[i], RTM_NEWADDR, e);
	return r;
}

/* What the host calls the interface, found in the guest. */
static const struct link *find_link(const struct link_list *all, const Types__Interface *in,
				    const char *plugged_name, const uint8_t *mac)
{
	const struct link *link = NULL;

	if (plugged_name)
		return link_by_name(all, plugged_name);
	if (mac)
		link = link_by_mac(all, mac);
	return link ? link : link_by_name(all, in->name);
}

static int update_link(int nl, const Types__Interface *in, const char *plugged_name, int *ret_index,
		       struct error *e)
{
	_free_ struct address_list *wanted = xcalloc(1, sizeof(*wanted));
	_cleanup_(link_list_done) struct link_list all = { NULL, 0 };
	uint8_t mac[NET_MAC_LEN];
	bool has_mac = !str_empty(in->hwaddr);
	const struct link *link;
	int r = has_mac ? net_mac_parse(in->hwaddr, mac, e) : 0;

	if (r == 0)
		r = parse_addresses(in, wanted, e);
	if (r == 0)
		r = list_links(nl, &all, e);
	if (r < 0)
		return r;
	link = find_link(&all, in, plugged_name, has_mac ? mac : NULL);
	/* Upstream's shim in Go asks again if it reads the last three words: the kernel may not
	 * have noticed yet what was plugged in. */
	if (!link)
		return fail(e, ENODEV,
			    "the guest has no interface with hardware address '%.32s': "
			    "Link not found",
			    in->hwaddr);
	r = take_name(nl, &all, link, in->name, e);
	if (r == 0)
		r = set_link(nl, link, in, has_mac ? mac : NULL, e);
	if (r == 0)
		r = set_addresses(nl, link->index, wanted, e);
	if (r == 0)
		*ret_index = link->index;
	return r;
}

static int check_interface(const Types__Interface *in, struct error *e)
{
	if (!in)
		return fail(e, EINVAL, "the request has no interface");
	if (in->mtu && (in->mtu < MTU_MIN || in->mtu > MTU_MAX))
		return fail(e, EINVAL, "interface '%.16s': MTU %llu is not within %d and %d",
			    in->name, (unsigned long long)in->mtu, MTU_MIN, MTU_MAX);
	return net_check_name(in->name, e);
}

static void describe_addresses(int nl, int index, Types__Interface *out)
{
	_free_ struct address_list *list = xcalloc(1, sizeof(*list));
	struct error ignored;

	list->index = index;
	(void)netlink_dump(nl, RTM_GETADDR, add_address, list, "list the addresses", &ignored);
	out->ipaddresses = xcalloc(list->n + 1, sizeof(*out->ipaddresses));
	for (size_t i = 0; i < list->n; i++) {
		const struct net_address *a = &list->items[i];
		Types__IPAddress *one = message_new(&types__ipaddress__descriptor);

		one->family = a->family == AF_INET6 ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
		one->address = net_address_text(a->family, a->bytes);
		one->mask = xasprintf("%u", a->prefix_len);
		out->ipaddresses[out->n_ipaddresses++] = one;
	}
}

static void describe(int nl, const struct link *link, Types__Interface *out)
{
	out->device = xstrdup(link->name);
	out->name = xstrdup(link->name);
	out->mtu = link->mtu;
	out->raw_flags = link->flags;
	if (link->has_mac)
		out->hwaddr = net_mac_text(link->mac);
	describe_addresses(nl, link->index, out);
}

static int describe_index(int nl, int index, Types__Interface *out, struct error *e)
{
	_cleanup_(link_list_done) struct link_list all = { NULL, 0 };
	int r = list_links(nl, &all, e);

	for (size_t i = 0; i < all.n && r == 0; i++)
		if (all.items[i].index == index)
			describe(nl, &all.items[i], out);
	return r;
}

static int wait_for_device(struct rpc_request *req, const Types__Interface *in, char **ret_name,
			   struct error *e)
{
	struct address address;
	int r = address_parse_pci(in->devicepath, &address, e);

	return r < 0 ? r
		     : bus_wait_net(rpc_context(req), &address, rpc_deadline_ms(req),
				    rpc_cancel(req), ret_name, e);
}

static int update_interface(const Types__Interface *in, const char *plugged_name, void *out,
			    struct error *e)
{
	_close_ int nl = netlink_open(e);
	int index = 0, r = nl;

	if (r >= 0)
		r = update_link(nl, in, plugged_name, &index, e);
	return r < 0 ? r : describe_index(nl, index, out, e);
}

/* A device appears where the guest began. */
int network_rpc_update_interface(struct rpc_request *req, const void *in_, void *out,
				 struct error *e)
{
	const Types__Interface *in = ((const Agent__UpdateInterfaceRequest *)in_)->interface;
	_free_ char *plugged_name = NULL;
	int own = -1, r = check_interface(in, e);

	if (r == 0 && !str_empty(in->devicepath))
		r = wait_for_device(req, in, &plugged_name, e);
	if (r == 0 && plugged_name)
		r = network_move_plugged(rpc_context(req), plugged_name, e);
	if (r == 0)
		r = own = network_enter(rpc_context(req), e);
	if (r >= 0) {
		r = update_interface(in, plugged_name, out, e);
		network_leave(own);
	}
	return r < 0 && in ? fail_wrap(e, "interface '%.16s'", in->name) : r;
}

static int list_interfaces(Agent__Interfaces *out, struct error *e)
{
	_cleanup_(link_list_done) struct link_list all = { NULL, 0 };
	_close_ int nl = netlink_open(e);
	int r = nl < 0 ? nl : 0;

	if (r == 0)
		r = list_links(nl, &all, e);
	if (r < 0)
		return r;
	out->interfaces = xcalloc(all.n + 1, sizeof(*out->interfaces));
	for (size_t i = 0; i < all.n; i++) {
		Types__Interface *one = message_new(&types__interface__descriptor);

		describe(nl, &all.items[i], one);
		out->interfaces[out->n_interfaces++] = one;
	}
	return 0;
}

int network_rpc_list_interfaces(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	int own = network_enter(rpc_context(req), e), r = own;

	(void)in;
	if (r < 0)
		return r;
	r = list_interfaces(out, e);
	network_leave(own);
	return r;
}

int network_up(const char *name, struct error *e)
{
	_close_ int nl = netlink_open(e);
	struct nl_msg *msg;
	char what[64];

	if (nl < 0)
		return nl;
	msg = link_message(0, IFF_UP, IFF_UP);
	netlink_put(msg, IFLA_IFNAME, name, strlen(name) + 1);
	(void)snprintf(what, sizeof(what), "bring up interface '%.16s'", name);
	return netlink_change(nl, msg, what, e);
}
