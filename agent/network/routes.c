/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes - routes and neighbours of the guest.
 *
 * Routes of an interface come before those through a gateway, whatever the order in the request: a
 * gateway must be reachable when its route is added.  A route that exists is replaced.  Only the
 * main table is ours.  Work threads, in the order of the sandbox's queue.
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

#include "agent/network/move.h"
#include "agent/sandbox.h"

#define ROUTES_MAX     4096
#define NEIGHBOURS_MAX 4096
#define ATTRS_LEN      256 /* bytes for the text of a message */

struct route {
	struct rtmsg header;
	bool has_dest, has_gateway, has_source;
	struct net_address dest, gateway, source;
	unsigned index; /* of the interface; 0: none */
	uint32_t mtu;
};

static int index_of(const char *device, unsigned *ret_index, struct error *e)
{
	int r = net_check_name(device, e);

	if (r < 0)
		return r;
	*ret_index = if_nametoindex(device);
	if (!*ret_index)
		return fail(e, ENODEV, "the guest has no interface '%s'", device);
	return 0;
}

/* An address that may be missing. */
static int parse_part(const char *text, bool *ret_has, struct net_address *ret, struct error *e)
{
	*ret_has = !str_empty(text);
	return *ret_has ? net_address_parse(text, ret, e) : 0;
}

static int family_of(const Types__Route *in, const struct route *route)
{
	if (route->has_dest)
		return route->dest.family;
	if (route->has_gateway)
		return route->gateway.family;
	return in->family == TYPES__IPFAMILY__v6 ? AF_INET6 : AF_INET;
}

static int parse_route(const Types__Route *in, struct route *ret, struct error *e)
{
	struct route route = { .mtu = in->mtu };

	if (parse_part(in->dest, &route.has_dest, &route.dest, e) < 0 ||
	    parse_part(in->gateway, &route.has_gateway, &route.gateway, e) < 0 ||
	    parse_part(in->source, &route.has_source, &route.source, e) < 0)
		return -e->code;
	if (!str_empty(in->device) && index_of(in->device, &route.index, e) < 0)
		return -e->code;
	if (in->scope > UINT8_MAX)
		return fail(e, EINVAL, "scope %u is more than 255", in->scope);
	route.header = (struct rtmsg){
		.rtm_family = (uint8_t)family_of(in, &route),
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_BOOT,
		.rtm_scope = (uint8_t)in->scope,
		.rtm_type = RTN_UNICAST,
		/* The other flags are the kernel's to set. */
		.rtm_flags = in->flags & RTNH_F_ONLINK,
		.rtm_dst_len = route.has_dest ? (uint8_t)route.dest.prefix_len : 0,
	};
	*ret = route;
	return 0;
}

static void put_mtu(struct nl_msg *msg, uint32_t mtu)
{
	struct nlattr *metrics = nla_nest_start(msg, RTA_METRICS);

	if (!metrics)
		abort();
	netlink_put(msg, RTAX_MTU, &mtu, sizeof(mtu));
	(void)nla_nest_end(msg, metrics);
}

static int add_route(int nl, const Types__Route *in, struct error *e)
{
	struct route route;
	struct nl_msg *msg;
	char what[ATTRS_LEN];
	int r = parse_route(in, &route, e);

	if (r < 0 || (route.header.rtm_family == AF_INET6 && !net_has_ipv6()))
		return r;
	msg = netlink_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &route.header,
			      sizeof(route.header));
	if (route.header.rtm_dst_len)
		netlink_put(msg, RTA_DST, route.dest.bytes, route.dest.len);
	if (route.has_gateway)
		netlink_put(msg, RTA_GATEWAY, route.gateway.bytes, route.gateway.len);
	if (route.has_source)
		netlink_put(msg, RTA_PREFSRC, route.source.bytes, route.source.len);
	if (route.index)
		netlink_put(msg, RTA_OIF, &route.index, sizeof(route.index));
	if (route.mtu)
		put_mtu(msg, route.mtu);
	(void)snprintf(what, sizeof(what), "add route to '%.48s' via '%.48s' on '%.16s'",
		       route.has_dest ? in->dest : "default", in->gateway, in->device);
	r = netlink_change(nl, msg, what, e);
	return r == -EEXIST ? 0 : r;
}

static int add_routes(int nl, const Agent__Routes *in, struct error *e)
{
	int r = 0;

	for (size_t i = 0; i < in->n_routes && r == 0; i++)
		if (str_empty(in->routes[i]->gateway))
			r = add_route(nl, in->routes[i], e);
	for (size_t i = 0; i < in->n_routes && r == 0; i++)
		if (!str_empty(in->routes[i]->gateway))
			r = add_route(nl, in->routes[i], e);
	return r;
}

static char *address_of(int family, struct nlattr *attr)
{
	return nla_len(attr) == (family == AF_INET6 ? 16 : 4)
		       ? net_address_text(family, nla_data(attr))
		       : xstrdup("");
}

static char *dest_of(const struct rtmsg *header, struct nlattr *dest)
{
	_free_ char *address = NULL;

	if (!dest)
		return xstrdup(header->rtm_family == AF_INET6 ? "::" : "0.0.0.0");
	address = address_of(header->rtm_family, dest);
	return xasprintf("%s/%u", address, header->rtm_dst_len);
}

static void describe_route(const struct rtmsg *header, struct nlattr **attrs, Types__Route *out)
{
	char name[IFNAMSIZ];

	out->family = header->rtm_family == AF_INET6 ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
	out->scope = header->rtm_scope;
	out->flags = header->rtm_flags;
	out->dest = dest_of(header, attrs[RTA_DST]);
	if (attrs[RTA_GATEWAY])
		out->gateway = address_of(header->rtm_family, attrs[RTA_GATEWAY]);
	if (attrs[RTA_PREFSRC])
		out->source = address_of(header->rtm_family, attrs[RTA_PREFSRC]);
	if (if_indextoname(netlink_u32(attrs[RTA_OIF], 0), name))
		out->device = xstrdup(name);
}

static void collect(struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *header = nlmsg_data(message);
	struct nlattr *attrs[RTA_MAX + 1];
	Agent__Routes *out = arg;

	if (message->nlmsg_type != RTM_NEWROUTE || header->rtm_table != RT_TABLE_MAIN ||
	    header->rtm_type != RTN_UNICAST || out->n_routes == ROUTES_MAX)
		return;
	if (nlmsg_parse(message, sizeof(*header), attrs, RTA_MAX, NULL) < 0)
		return;
	out->routes = xrealloc(out->routes, out->n_routes + 1, sizeof(*out->routes));
	out->routes[out->n_routes] = message_new(&types__route__descriptor);
	describe_route(header, attrs, out->routes[out->n_routes++]);
}

static int list_routes(int nl, Agent__Routes *out, struct error *e)
{
	return netlink_dump(nl, RTM_GETROUTE, collect, out, "list the routes", e);
}

static int update_routes(const Agent__Routes *in, Agent__Routes *out, struct error *e)
{
	_close_ int nl = -1;
	int r;

	if (in && in->n_routes > ROUTES_MAX)
		return fail(e, E2BIG, "%zu routes are more than %d", in->n_routes, ROUTES_MAX);
	r = nl = netlink_open(e);
	if (r >= 0 && in)
		r = add_routes(nl, in, e);
	return r < 0 ? r : list_routes(nl, out, e);
}

int network_rpc_update_routes(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	int own = network_enter(rpc_context(req), e), r = own;

	if (r < 0)
		return r;
	r = update_routes(((const Agent__UpdateRoutesRequest *)in)->routes, out, e);
	network_leave(own);
	return r;
}

int network_rpc_list_routes(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Agent__UpdateRoutesRequest none = AGENT__UPDATE_ROUTES_REQUEST__INIT;

	(void)in;
	return network_rpc_update_routes(req, &none, out, e);
}

static int add_neighbour(int nl, const Types__ARPNeighbor *in, struct error *e)
{
	struct net_address address;
	uint8_t mac[NET_MAC_LEN];
	struct nl_msg *msg;
	unsigned index;
	char what[ATTRS_LEN];

	if (!in->toipaddress)
		return fail(e, EINVAL, "neighbour '%.32s' has no address", in->lladdr);
	if (net_address_parse(in->toipaddress->address, &address, e) < 0 ||
	    index_of(in->device, &index, e) < 0 ||
	    (!str_empty(in->lladdr) && net_mac_parse(in->lladdr, mac, e) < 0))
		return -e->code;
	if (address.family == AF_INET6 && !net_has_ipv6())
		return 0;
	msg = netlink_message(
		RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE,
		&(struct ndmsg){ .ndm_family = (uint8_t)address.family,
				 .ndm_ifindex = (int)index,
				 .ndm_state = in->state ? (uint16_t)in->state : NUD_PERMANENT,
				 .ndm_flags = (uint8_t)in->flags },
		sizeof(struct ndmsg));
	netlink_put(msg, NDA_DST, address.bytes, address.len);
	if (!str_empty(in->lladdr))
		netlink_put(msg, NDA_LLADDR, mac, sizeof(mac));
	(void)snprintf(what, sizeof(what), "add neighbour '%.48s' on '%.16s'",
		       in->toipaddress->address, in->device);
	return netlink_change(nl, msg, what, e);
}

static int add_neighbours(const Agent__ARPNeighbors *in, struct error *e)
{
	_close_ int nl = -1;
	size_t count = in ? in->n_arpneighbors : 0;
	int r;

	if (count > NEIGHBOURS_MAX)
		return fail(e, E2BIG, "%zu neighbours are more than %d", count, NEIGHBOURS_MAX);
	r = nl = netlink_open(e);
	for (size_t i = 0; i < count && r >= 0; i++)
		r = add_neighbour(nl, in->arpneighbors[i], e);
	return r < 0 ? r : 0;
}

int network_rpc_add_neighbors(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	int own = network_enter(rpc_context(req), e), r = own;

	(void)out;
	if (r < 0)
		return r;
	r = add_neighbours(((const Agent__AddARPNeighborsRequest *)in)->neighbors, e);
	network_leave(own);
	return r;
}
