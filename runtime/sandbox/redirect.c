/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redirect - the few requests that join an interface and a tap.
 *
 * Built by hand over libnl's attributes: libnl-route-3 knows all of them and costs 600 KB in a
 * static program for it.  Any thread, one request at a time per socket.
 */

#include "runtime/sandbox/redirect.h"

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <string.h>

#include <arpa/inet.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "lib/net/netlink.h"

#define INGRESS_HANDLE 0xffff0000u
/* Any priority but 0, which asks the kernel to choose one. */
#define FILTER_PRIORITY 1u

/* A message of TYPE that begins with LEN bytes of HEADER. */
static struct nl_msg *message(int type, int flags, const void *header, size_t len)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (!msg || nlmsg_append(msg, (void *)(uintptr_t)header, len, NLMSG_ALIGNTO) < 0)
		abort();
	return msg;
}

static void put(struct nl_msg *msg, int type, const void *data, size_t len)
{
	if (nla_put(msg, type, (int)len, data) < 0)
		abort();
}

static void put_string(struct nl_msg *msg, int type, const char *s)
{
	put(msg, type, s, strlen(s) + 1);
}

static struct nlattr *nest(struct nl_msg *msg, int type)
{
	struct nlattr *start = nla_nest_start(msg, type);

	if (!start)
		abort();
	return start;
}

struct wanted {
	const char *name;
	unsigned index;
};

static void match_name(struct nlmsghdr *header, void *arg)
{
	struct wanted *w = arg;
	const struct ifinfomsg *info = nlmsg_data(header);
	struct nlattr *at;
	char name[IFNAMSIZ];

	if (header->nlmsg_type != RTM_NEWLINK)
		return;
	at = nlmsg_find_attr(header, sizeof(*info), IFLA_IFNAME);
	if (!at)
		return;
	(void)nla_strlcpy(name, at, sizeof(name));
	if (strcmp(name, w->name) == 0)
		w->index = (unsigned)info->ifi_index;
}

int redirect_find(int fd, const char *name, unsigned *ret_index, struct error *e)
{
	struct wanted w = { .name = name };
	int r = netlink_dump(fd, RTM_GETLINK, match_name, &w, "list interfaces", e);

	if (r < 0)
		return r;
	if (w.index == 0)
		return fail(e, ENODEV, "there is no interface '%s'", name);
	*ret_index = w.index;
	return 0;
}

int redirect_raise(int fd, unsigned index, uint32_t mtu, struct error *e)
{
	const struct ifinfomsg info = { .ifi_index = (int)index,
					.ifi_flags = IFF_UP,
					.ifi_change = IFF_UP };
	struct nl_msg *msg = message(RTM_NEWLINK, 0, &info, sizeof(info));

	put(msg, IFLA_MTU, &mtu, sizeof(mtu));
	return netlink_change(fd, msg, "bring up the tap", e);
}

static struct nl_msg *ingress_message(int type, int flags, unsigned index)
{
	const struct tcmsg tc = { .tcm_ifindex = (int)index,
				  .tcm_parent = TC_H_INGRESS,
				  .tcm_handle = INGRESS_HANDLE };
	struct nl_msg *msg = message(type, flags, &tc, sizeof(tc));

	put_string(msg, TCA_KIND, "ingress");
	return msg;
}

int redirect_attach(int fd, unsigned index, struct error *e)
{
	struct nl_msg *msg = ingress_message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, index);

	return netlink_change(fd, msg, "add an ingress queueing discipline", e);
}

int redirect_detach(int fd, unsigned index, struct error *e)
{
	struct nl_msg *msg = ingress_message(RTM_DELQDISC, 0, index);
	int r = netlink_change(fd, msg, "remove the ingress queueing discipline", e);

	return r == -ENOENT || r == -EINVAL || r == -ENODEV ? 0 : r;
}

static void put_mirred(struct nl_msg *msg, unsigned to)
{
	const struct tc_mirred parms = { .action = TC_ACT_STOLEN,
					 .eaction = TCA_EGRESS_REDIR,
					 .ifindex = to };
	struct nlattr *actions = nest(msg, TCA_U32_ACT);
	struct nlattr *action = nest(msg, 1);
	struct nlattr *options;

	put_string(msg, TCA_ACT_KIND, "mirred");
	options = nest(msg, TCA_ACT_OPTIONS);
	put(msg, TCA_MIRRED_PARMS, &parms, sizeof(parms));
	nla_nest_end(msg, options);
	nla_nest_end(msg, action);
	nla_nest_end(msg, actions);
}

int redirect_join(int fd, unsigned from, unsigned to, struct error *e)
{
	const struct tcmsg tc = { .tcm_ifindex = (int)from,
				  .tcm_parent = INGRESS_HANDLE,
				  .tcm_info = TC_H_MAKE(FILTER_PRIORITY << 16, htons(ETH_P_ALL)) };
	const struct tc_u32_sel sel = { .flags = TC_U32_TERMINAL, .nkeys = 1 };
	/* The key that follows is all zero: its mask lets every packet through. */
	uint8_t match[sizeof(sel) + sizeof(struct tc_u32_key)] = { 0 };
	struct nl_msg *msg = message(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &tc, sizeof(tc));
	struct nlattr *options;

	memcpy(match, &sel, sizeof(sel));
	put_string(msg, TCA_KIND, "u32");
	options = nest(msg, TCA_OPTIONS);
	put(msg, TCA_U32_SEL, match, sizeof(match));
	put_mirred(msg, to);
	nla_nest_end(msg, options);
	return netlink_change(fd, msg, "add a redirecting filter", e);
}

int redirect_remove(int fd, const char *name, struct error *e)
{
	const struct ifinfomsg info = { 0 };
	struct nl_msg *msg = message(RTM_DELLINK, 0, &info, sizeof(info));
	int r;

	put_string(msg, IFLA_IFNAME, name);
	r = netlink_change(fd, msg, "delete the interface", e);
	return r == -ENODEV ? 0 : r;
}
