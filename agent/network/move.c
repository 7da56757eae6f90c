/* SPDX-License-Identifier: Apache-2.0 */
/*
 * move - the network of a pod in a namespace of its own.
 *
 * A pod whose users are mapped may do with its network what its capabilities say only if its own
 * user namespace owns the network's.  The runtime has set the interfaces up by then, in the guest's
 * first namespace.  So they move: what the kernel tells of them before is what it is told again
 * behind them, message by message, since an interface keeps its number and name in a namespace that
 * is new.  Whatever the runtime asks for later happens there.  Work threads, in the order of the
 * sandbox's queue or while the first container is made.
 */
#include "agent/network/move.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "agent/sandbox.h"
#include "lib/net/netlink.h"

#define LOOPBACK     1    /* the number of lo in every namespace */
#define MESSAGES_MAX 4096 /* of each kind */

/* Copies of what the kernel says. */
struct messages {
	struct nl_msg **items;
	size_t n;
	bool (*is_wanted)(const struct nlmsghdr *header);
};

static void messages_done(struct messages *m)
{
	for (size_t i = 0; i < m->n; i++)
		nlmsg_free(m->items[i]);
	free(m->items);
}
#define _messages_ _cleanup_(messages_done)

static void keep(struct nlmsghdr *header, void *arg)
{
	struct messages *m = arg;
	struct nl_msg *copy;

	if (m->n == MESSAGES_MAX || !m->is_wanted(header))
		return;
	copy = nlmsg_convert(header);
	if (!copy)
		abort();
	m->items = xrealloc(m->items, m->n + 1, sizeof(struct nl_msg *));
	m->items[m->n++] = copy;
}

static bool is_wanted_link(const struct nlmsghdr *header)
{
	const struct ifinfomsg *info = nlmsg_data(header);

	return header->nlmsg_type == RTM_NEWLINK && info->ifi_flags & IFF_UP &&
	       !(info->ifi_flags & IFF_LOOPBACK);
}

static bool is_wanted_address(const struct nlmsghdr *header)
{
	const struct ifaddrmsg *info = nlmsg_data(header);

	return header->nlmsg_type == RTM_NEWADDR && info->ifa_index != LOOPBACK;
}

/* The kernel's own come with the addresses. */
static bool is_wanted_route(const struct nlmsghdr *header)
{
	const struct rtmsg *info = nlmsg_data(header);

	return header->nlmsg_type == RTM_NEWROUTE && info->rtm_table == RT_TABLE_MAIN &&
	       info->rtm_type == RTN_UNICAST && info->rtm_protocol != RTPROT_KERNEL;
}

static bool is_wanted_neighbour(const struct nlmsghdr *header)
{
	const struct ndmsg *info = nlmsg_data(header);

	return header->nlmsg_type == RTM_NEWNEIGH && info->ndm_state & NUD_PERMANENT;
}

enum kind { LINKS, ADDRESSES, NEIGHBOURS, ROUTES, N_KIND };

static const struct {
	int request;
	bool (*is_wanted)(const struct nlmsghdr *header);
	const char *name;
} kinds[] = {
	[LINKS] = { RTM_GETLINK, is_wanted_link, "interfaces" },
	[ADDRESSES] = { RTM_GETADDR, is_wanted_address, "addresses" },
	[NEIGHBOURS] = { RTM_GETNEIGH, is_wanted_neighbour, "neighbours" },
	[ROUTES] = { RTM_GETROUTE, is_wanted_route, "routes" },
};
_Static_assert(ARRAY_SIZE(kinds) == N_KIND, "one row each");

static int open_own(struct error *e)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? fail(e, errno, "cannot open the network namespace: %m") : fd;
}

/* The thread serves other calls next: in a wrong namespace it must not. */
static void go_back(int own)
{
	if (setns(own, CLONE_NEWNET) < 0)
		abort();
}

static int open_there(int netns, struct error *e)
{
	_close_ int own = open_own(e);
	int fd;

	if (own < 0)
		return own;
	if (setns(netns, CLONE_NEWNET) < 0)
		return fail(e, errno, "cannot enter a network namespace: %m");
	fd = netlink_open(e);
	go_back(own);
	return fd;
}

static int send_link(int nl, int index, int netns, struct error *e)
{
	const struct ifinfomsg info = { .ifi_index = index };
	struct nl_msg *msg = netlink_message(RTM_NEWLINK, 0, &info, sizeof(info));

	netlink_put(msg, IFLA_NET_NS_FD, &netns, sizeof(netns));
	return netlink_change(nl, msg, "move an interface", e);
}

static int bring_up(int nl, int index, struct error *e)
{
	const struct ifinfomsg info = { .ifi_index = index,
					.ifi_flags = IFF_UP,
					.ifi_change = IFF_UP };

	return netlink_change(nl, netlink_message(RTM_NEWLINK, 0, &info, sizeof(info)),
			      "bring up an interface", e);
}

static int move_links(const struct messages *links, int here, int there, int netns, struct error *e)
{
	int r = bring_up(there, LOOPBACK, e);

	for (size_t i = 0; r >= 0 && i < links->n; i++) {
		const struct ifinfomsg *info = nlmsg_data(nlmsg_hdr(links->items[i]));

		r = send_link(here, info->ifi_index, netns, e);
		if (r >= 0)
			r = bring_up(there, info->ifi_index, e);
	}
	return r;
}

/* What the kernel has set itself is not to be asked for. */
static void clean(struct nlmsghdr *header)
{
	struct rtmsg *route = nlmsg_data(header);

	header->nlmsg_pid = 0;
	header->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	if (header->nlmsg_type == RTM_NEWROUTE)
		route->rtm_flags &= RTNH_F_ONLINK;
}

static bool has_gateway(struct nlmsghdr *header)
{
	return header->nlmsg_type == RTM_NEWROUTE &&
	       nlmsg_find_attr(header, sizeof(struct rtmsg), RTA_GATEWAY);
}

static int say_again(int nl, struct nl_msg *msg, const char *what, struct error *e)
{
	int r;

	clean(nlmsg_hdr(msg));
	nlmsg_get(msg);
	r = netlink_change(nl, msg, what, e);
	return r == -EEXIST ? 0 : r;
}

/* A gateway must be reachable when its route is added. */
static int say_all_again(int nl, const struct messages *m, const char *what, struct error *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < m->n; i++)
		if (!has_gateway(nlmsg_hdr(m->items[i])))
			r = say_again(nl, m->items[i], what, e);
	for (size_t i = 0; r >= 0 && i < m->n; i++)
		if (has_gateway(nlmsg_hdr(m->items[i])))
			r = say_again(nl, m->items[i], what, e);
	return r < 0 ? fail_wrap(e, "moving %s", what) : 0;
}

int network_move(int netns, struct error *e)
{
	_close_ int here = netlink_open(e);
	_close_ int there = here < 0 ? here : open_there(netns, e);
	_messages_ struct messages links = { 0 }, addresses = { 0 }, neighbours = { 0 },
				   routes = { 0 };
	struct messages *all[N_KIND] = { &links, &addresses, &neighbours, &routes };
	int r = there;

	for (size_t i = 0; r >= 0 && i < N_KIND; i++) {
		all[i]->is_wanted = kinds[i].is_wanted;
		r = netlink_dump(here, kinds[i].request, keep, all[i], kinds[i].name, e);
	}
	if (r >= 0)
		r = move_links(&links, here, there, netns, e);
	for (size_t i = ADDRESSES; r >= 0 && i < N_KIND; i++)
		r = say_all_again(there, all[i], kinds[i].name, e);
	return r;
}

int network_move_plugged(struct sandbox *sb, const char *name, struct error *e)
{
	struct error ignored;
	_close_ int netns = sandbox_ns_open(sb, SANDBOX_NS_NET, &ignored);
	_close_ int nl = -1;
	unsigned index = if_nametoindex(name);

	if (netns < 0)
		return 0;
	if (!index)
		return fail(e, ENODEV, "the guest has no interface '%s'", name);
	nl = netlink_open(e);
	return nl < 0 ? nl : send_link(nl, (int)index, netns, e);
}

int network_enter(struct sandbox *sb, struct error *e)
{
	struct error ignored;
	_close_ int netns = sandbox_ns_open(sb, SANDBOX_NS_NET, &ignored);
	_close_ int own = open_own(e);

	if (own < 0)
		return own;
	if (netns >= 0 && setns(netns, CLONE_NEWNET) < 0)
		return fail(e, errno, "cannot enter the sandbox's network namespace: %m");
	return TAKE_FD(own);
}

void network_leave(int own)
{
	go_back(own);
	(void)close(own);
}
