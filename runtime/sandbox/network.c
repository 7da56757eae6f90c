/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network - read a pod's network namespace and put a tap behind each of its interfaces.
 *
 * The plugin made the namespace; the guest must look as if it lived in it.  Everything that
 * arrives at the interface is redirected to the tap and back by an ingress filter on each, which
 * leaves interface, addresses and routes of the namespace untouched, so that undoing it is
 * removing one queueing discipline.  The filter is u32 with a key that matches everything: the
 * matchall classifier is not in every kernel.
 *
 * A socket belongs to the namespace it was opened in, so only opening happens inside: a thread is
 * made for it, joins the namespace, opens, and ends.  A thread that stays would have to find its
 * way back, and one that fails to would work in the wrong namespace.
 *
 * Any thread, one at a time per network.
 */

#include "runtime/sandbox/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <linux/neighbour.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "lib/log.h"
#include "lib/net/netlink.h"
#include "runtime/sandbox/redirect.h"

/* Routes and neighbours beyond this are not a pod's: refuse rather than fill memory. */
#define OBJECTS_MAX 4096
/* Of a number in a name that the kernel has room for. */
#define TAPS_MAX 100000

struct visit {
	int netns_fd;
	int (*open)(void *arg, struct error *e);
	void *arg;
	int result;
	struct error *error;
};

static void *visit_run(void *arg)
{
	struct visit *v = arg;

	if (setns(v->netns_fd, CLONE_NEWNET) < 0)
		v->result = fail(v->error, errno, "cannot join the network namespace: %m");
	else
		v->result = v->open(v->arg, v->error);
	return NULL;
}

int network_visit(int netns_fd, int (*open)(void *arg, struct error *e), void *arg, struct error *e)
{
	struct visit v = { .netns_fd = netns_fd, .open = open, .arg = arg, .error = e };
	pthread_t thread;
	int r = pthread_create(&thread, NULL, visit_run, &v);

	if (r != 0)
		return fail(e, r, "cannot make a thread to join the network namespace: %m");
	(void)pthread_join(thread, NULL);
	return v.result;
}

static int open_netlink(void *arg, struct error *e)
{
	int *fd = arg;

	*fd = netlink_open(e);
	return *fd < 0 ? *fd : 0;
}

static int open_watch(void *arg, struct error *e)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
				      RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE };
	/* What has no number of its own is told nothing by the kernel, whose number is 0. */
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int *fd = arg;

	*fd = netlink_open(e);
	if (*fd < 0)
		return *fd;
	if (bind(*fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
		return fail(e, errno, "cannot watch a network namespace: %m");
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (setsockopt(*fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])) < 0)
			return fail(e, errno, "cannot watch a network namespace: %m");
	return 0;
}

/* The taps are attached later, but a tun descriptor makes its device where it was opened. */
static int open_taps(void *arg, struct error *e)
{
	struct network *n = arg;

	for (size_t i = 0; i < n->n_links; i++) {
		if (n->links[i].tap_fd >= 0)
			continue;
		n->links[i].tap_fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
		if (n->links[i].tap_fd < 0)
			return fail(e, errno,
				    "cannot open '/dev/net/tun': %m; load the kernel module 'tun'");
	}
	return 0;
}

static bool is_own_netns(int fd)
{
	struct stat own, other;

	return stat("/proc/self/ns/net", &own) == 0 && fstat(fd, &other) == 0 &&
	       own.st_ino == other.st_ino && own.st_dev == other.st_dev;
}

bool network_is_of_host(const char *path)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && is_own_netns(fd);
}

static int netns_open(const char *path, struct error *e)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	int type;

	if (fd < 0)
		return fail(e, errno, "cannot open the network namespace '%s': %m", path);
	type = ioctl(fd, NS_GET_NSTYPE);
	if (type != CLONE_NEWNET)
		return fail(e, EINVAL, "'%s' is not a network namespace", path);
	if (is_own_netns(fd))
		return fail(e, ENOTSUP,
			    "'%s' is the network of the host, which " NO_NETWORK_OF_HOST, path);
	return TAKE_FD(fd);
}

struct making {
	int fd;
	struct error *e;
};

static void *netns_make(void *arg)
{
	struct making *m = arg;

	if (unshare(CLONE_NEWNET) < 0) {
		m->fd = fail(m->e, errno, "cannot make a network namespace: %m");
		return NULL;
	}
	m->fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (m->fd < 0)
		m->fd = fail(m->e, errno, "cannot open a new network namespace: %m");
	return NULL;
}

int network_namespace_open(const char *path, struct error *e)
{
	struct making m = { .e = e };
	pthread_t thread;
	int r;

	if (path)
		return netns_open(path, e);
	r = pthread_create(&thread, NULL, netns_make, &m);
	if (r != 0)
		return fail(e, r, "cannot make a thread for a network namespace: %m");
	(void)pthread_join(thread, NULL);
	return m.fd;
}

static struct network_link *link_find(struct network *n, int index)
{
	for (size_t i = 0; i < n->n_links; i++)
		if (n->links[i].index == (unsigned)index)
			return &n->links[i];
	return NULL;
}

static void scan_link(struct nlmsghdr *header, void *arg)
{
	struct network *n = arg;
	const struct ifinfomsg *info = nlmsg_data(header);
	struct nlattr *at[IFLA_MAX + 1];
	struct network_link *link;

	if (header->nlmsg_type != RTM_NEWLINK || info->ifi_type != ARPHRD_ETHER ||
	    nlmsg_parse(header, sizeof(*info), at, IFLA_MAX, NULL) < 0)
		return;
	if (!at[IFLA_IFNAME] || !at[IFLA_ADDRESS] || n->n_links == NETWORK_LINKS_MAX ||
	    nla_len(at[IFLA_ADDRESS]) != NETWORK_MAC_LENGTH)
		return;

	n->links = xrealloc(n->links, n->n_links + 1, sizeof(*link));
	link = &n->links[n->n_links++];
	*link = (struct network_link){
		.index = (unsigned)info->ifi_index,
		.flags = info->ifi_flags,
		.mtu = netlink_u32(at[IFLA_MTU], 1500),
		.tap_fd = -1,
	};
	(void)nla_strlcpy(link->name, at[IFLA_IFNAME], sizeof(link->name));
	memcpy(link->mac, nla_data(at[IFLA_ADDRESS]), NETWORK_MAC_LENGTH);
}

/* The address in AT as text; false if its length does not fit FAMILY. */
static bool address_text(const struct nlattr *at, int family, char *text)
{
	int len = family == AF_INET6 ? (int)sizeof(struct in6_addr) : (int)sizeof(struct in_addr);

	return at && (family == AF_INET || family == AF_INET6) && nla_len(at) == len &&
	       inet_ntop(family, nla_data(at), text, INET6_ADDRSTRLEN) != NULL;
}

static void scan_address(struct nlmsghdr *header, void *arg)
{
	const struct ifaddrmsg *info = nlmsg_data(header);
	struct nlattr *at[IFA_MAX + 1];
	struct network_address address = { .family = info->ifa_family,
					   .prefix = info->ifa_prefixlen };
	struct network_link *link = link_find(arg, (int)info->ifa_index);

	if (header->nlmsg_type != RTM_NEWADDR || !link ||
	    nlmsg_parse(header, sizeof(*info), at, IFA_MAX, NULL) < 0)
		return;
	/* The guest's kernel makes its own link-local address from the same MAC. */
	if (address.family == AF_INET6 && info->ifa_scope == RT_SCOPE_LINK)
		return;
	if (!address_text(at[IFA_LOCAL] ? at[IFA_LOCAL] : at[IFA_ADDRESS], address.family,
			  address.text))
		return;
	link->addresses = xrealloc(link->addresses, link->n_addresses + 1, sizeof(address));
	link->addresses[link->n_addresses++] = address;
}

static uint32_t route_mtu(struct nlattr *metrics)
{
	struct nlattr *at[RTAX_MAX + 1];

	if (!metrics || nla_parse_nested(at, RTAX_MAX, metrics, NULL) < 0)
		return 0;
	return netlink_u32(at[RTAX_MTU], 0);
}

static bool is_pod_route(const struct rtmsg *info)
{
	/* The kernel's own routes come back by themselves with the addresses. */
	return info->rtm_table == RT_TABLE_MAIN && info->rtm_type == RTN_UNICAST &&
	       info->rtm_protocol != RTPROT_KERNEL && !(info->rtm_flags & RTM_F_CLONED);
}

static void scan_route(struct nlmsghdr *header, void *arg)
{
	struct network *n = arg;
	const struct rtmsg *info = nlmsg_data(header);
	struct nlattr *at[RTA_MAX + 1];
	struct network_route route = { .family = info->rtm_family, .scope = info->rtm_scope };
	struct network_link *link;
	char text[INET6_ADDRSTRLEN];

	if (header->nlmsg_type != RTM_NEWROUTE || !is_pod_route(info) ||
	    n->n_routes == OBJECTS_MAX || nlmsg_parse(header, sizeof(*info), at, RTA_MAX, NULL) < 0)
		return;
	link = link_find(n, (int)netlink_u32(at[RTA_OIF], 0));
	if (!link)
		return;

	route.link = (unsigned)(link - n->links);
	route.flags = info->rtm_flags & RTNH_F_ONLINK;
	route.mtu = route_mtu(at[RTA_METRICS]);
	if (address_text(at[RTA_DST], route.family, text))
		(void)snprintf(route.dest, sizeof(route.dest), "%s/%u", text, info->rtm_dst_len);
	(void)address_text(at[RTA_GATEWAY], route.family, route.gateway);
	(void)address_text(at[RTA_PREFSRC], route.family, route.source);
	n->routes = xrealloc(n->routes, n->n_routes + 1, sizeof(route));
	n->routes[n->n_routes++] = route;
}

static bool is_gateway(const struct network *n, const char *address)
{
	for (size_t i = 0; i < n->n_routes; i++)
		if (strcmp(n->routes[i].gateway, address) == 0)
			return true;
	return false;
}

static void scan_neighbour(struct nlmsghdr *header, void *arg)
{
	struct network *n = arg;
	const struct ndmsg *info = nlmsg_data(header);
	struct nlattr *at[NDA_MAX + 1];
	struct network_neighbour near = { .address.family = info->ndm_family,
					  .state = info->ndm_state,
					  .flags = info->ndm_flags };
	struct network_link *link = link_find(n, info->ndm_ifindex);

	if (header->nlmsg_type != RTM_NEWNEIGH || !link || n->n_neighbours == OBJECTS_MAX ||
	    nlmsg_parse(header, sizeof(*info), at, NDA_MAX, NULL) < 0 || !at[NDA_LLADDR] ||
	    nla_len(at[NDA_LLADDR]) != NETWORK_MAC_LENGTH ||
	    !address_text(at[NDA_DST], near.address.family, near.address.text))
		return;
	/* What the host learned by itself ages; the guest learns it again. */
	if (!(near.state & NUD_PERMANENT) &&
	    !((near.state & NUD_REACHABLE) && is_gateway(n, near.address.text)))
		return;
	near.link = (unsigned)(link - n->links);
	memcpy(near.mac, nla_data(at[NDA_LLADDR]), NETWORK_MAC_LENGTH);
	n->neighbours = xrealloc(n->neighbours, n->n_neighbours + 1, sizeof(near));
	n->neighbours[n->n_neighbours++] = near;
}

static int by_name(const void *a, const void *b)
{
	const struct network_link *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* An interface nobody gave an address carries nothing for the guest. */
static void drop_unaddressed(struct network *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n->n_links; i++)
		if (n->links[i].n_addresses > 0)
			n->links[kept++] = n->links[i];
	n->n_links = kept;
	if (kept > 1)
		qsort(n->links, kept, sizeof(*n->links), by_name);
}

static int scan_all(struct network *n, struct error *e)
{
	int fd = n->netlink_fd;
	int r = netlink_dump(fd, RTM_GETLINK, scan_link, n, "list interfaces", e);

	if (r >= 0)
		r = netlink_dump(fd, RTM_GETADDR, scan_address, n, "list addresses", e);
	if (r < 0)
		return r;
	drop_unaddressed(n);
	if (n->n_links == 0)
		return 0;
	r = netlink_dump(fd, RTM_GETROUTE, scan_route, n, "list routes", e);
	if (r >= 0)
		r = netlink_dump(fd, RTM_GETNEIGH, scan_neighbour, n, "list neighbours", e);
	return r;
}

static void number_links(struct network *n)
{
	for (size_t i = 0; i < n->n_links; i++)
		if (!n->links[i].tap[0])
			n->links[i].number = n->n_numbers++;
}

int network_scan(int netns_fd, struct network **ret_network, struct error *e)
{
	_cleanup_(network_freep) struct network *n = xcalloc(1, sizeof(*n));
	int r;

	n->netlink_fd = -1;
	n->netns_fd = fcntl(netns_fd, F_DUPFD_CLOEXEC, 3);
	if (n->netns_fd < 0)
		return fail(e, errno, "cannot copy a descriptor: %m");
	r = network_visit(n->netns_fd, open_netlink, &n->netlink_fd, e);
	if (r >= 0)
		r = scan_all(n, e);
	if (r < 0)
		return r;
	number_links(n);
	*ret_network = TAKE_PTR(n);
	return 0;
}

int network_watch(const struct network *n, struct error *e)
{
	int fd = -1, r = network_visit(n->netns_fd, open_watch, &fd, e);

	if (r < 0) {
		(void)close_fd(fd);
		return r;
	}
	return fd;
}

struct datagrams {
	int *fds;
	size_t n;
};

static int open_datagrams(void *arg, struct error *e)
{
	const struct datagrams *d = arg;

	for (size_t i = 0; i < d->n; i++) {
		if (d->fds[i] >= 0)
			continue;
		d->fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (d->fds[i] < 0)
			return fail(e, errno, "cannot make a socket in the network namespace: %m");
	}
	return 0;
}

int network_open_datagrams(const struct network *n, int *fds, size_t n_fds, struct error *e)
{
	struct datagrams d = { fds, n_fds };

	return network_visit(n->netns_fd, open_datagrams, &d, e);
}

void network_watch_read(int fd)
{
	char scrap[4096];

	/* What was lost for want of room is no matter: all is looked at anew. */
	while (recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT) >= 0 || errno == ENOBUFS ||
	       errno == EINTR)
		;
}

/* Its traffic is the namespace's own again. */
static void detach(const struct network *n, const struct network_link *link)
{
	struct error e;

	if (link->has_ingress && redirect_detach(n->netlink_fd, link->index, &e) < 0)
		log_warn("interface '%s' keeps its filter: %s", link->name, e.msg);
}

static void link_disconnect(struct network *n, struct network_link *link)
{
	struct error e;

	detach(n, link);
	link->has_ingress = false;
	link->tap_fd = close_fd(link->tap_fd);
	if (link->tap[0] && redirect_remove(n->netlink_fd, link->tap, &e) < 0)
		log_warn("tap '%s' stays: %s", link->tap, e.msg);
	link->tap[0] = '\0';
}

static void release_objects(struct network *n)
{
	for (size_t i = 0; i < n->n_links; i++) {
		free(n->links[i].addresses);
		(void)close_fd(n->links[i].tap_fd);
	}
	free(n->links);
	free(n->routes);
	free(n->neighbours);
}

/* What we have made for LINK goes over to what is the same interface now. */
static void hand_over(struct network_link *link, struct network_link *to)
{
	to->number = link->number;
	memcpy(to->tap, link->tap, sizeof(to->tap));
	to->tap_fd = TAKE_FD(link->tap_fd);
	to->has_ingress = link->has_ingress;
	to->is_in_guest = link->is_in_guest;
	to->address = link->address;
}

static void add_gone(struct network *n, const struct network_link *link)
{
	struct network_link *gone;

	if (!link->is_in_guest || n->n_gone == NETWORK_LINKS_MAX)
		return;
	n->gone = xrealloc(n->gone, n->n_gone + 1, sizeof(*gone));
	gone = &n->gone[n->n_gone++];
	*gone = *link;
	gone->addresses = NULL;
	gone->n_addresses = 0;
	gone->tap_fd = -1;
}

static bool is_same_link(const struct network_link *a, const struct network_link *b)
{
	bool is_same = a->index == b->index && strcmp(a->name, b->name) == 0 &&
		       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 &&
		       a->n_addresses == b->n_addresses;

	for (size_t i = 0; is_same && i < a->n_addresses; i++)
		is_same = a->addresses[i].family == b->addresses[i].family &&
			  a->addresses[i].prefix == b->addresses[i].prefix &&
			  strcmp(a->addresses[i].text, b->addresses[i].text) == 0;
	return is_same;
}

static bool is_same_route(const struct network_route *a, const struct network_route *b)
{
	return a->link == b->link && a->family == b->family && a->scope == b->scope &&
	       a->flags == b->flags && a->mtu == b->mtu && strcmp(a->dest, b->dest) == 0 &&
	       strcmp(a->gateway, b->gateway) == 0 && strcmp(a->source, b->source) == 0;
}

/* Neighbours come and go by themselves. */
static bool is_same_network(const struct network *a, const struct network *b)
{
	bool is_same = a->n_links == b->n_links && a->n_routes == b->n_routes;

	for (size_t i = 0; is_same && i < a->n_links; i++)
		is_same = is_same_link(&a->links[i], &b->links[i]);
	for (size_t i = 0; is_same && i < a->n_routes; i++)
		is_same = is_same_route(&a->routes[i], &b->routes[i]);
	return is_same;
}

int network_rescan(struct network *n, struct error *e)
{
	struct network now = { .netns_fd = n->netns_fd,
			       .netlink_fd = n->netlink_fd,
			       .n_numbers = n->n_numbers };
	int r = scan_all(&now, e);

	if (r < 0) {
		release_objects(&now);
		return r;
	}
	now.is_told = n->is_told && is_same_network(n, &now);
	now.gone = n->gone;
	now.n_gone = n->n_gone;
	for (size_t i = 0; i < n->n_links; i++) {
		struct network_link *same = link_find(&now, (int)n->links[i].index);

		/* The tap of one that has gone ends with the VMM's descriptor: a VMM would never
		 * come to rest with one of a device that is not there. */
		if (same) {
			hand_over(&n->links[i], same);
			continue;
		}
		/* It may still be there, without an address, and get one again. */
		detach(n, &n->links[i]);
		add_gone(&now, &n->links[i]);
	}
	number_links(&now);
	release_objects(n);
	*n = now;
	return !n->is_told;
}

static int tap_make(struct network_link *link, struct error *e)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "tap%u_kata",
		       link->number % TAPS_MAX);
	if (ioctl(link->tap_fd, TUNSETIFF, &request) < 0)
		return fail(e, errno, "cannot make the tap '%s': %m", request.ifr_name);
	memcpy(link->tap, request.ifr_name, sizeof(link->tap));
	return 0;
}

static int link_connect(struct network *n, size_t number, struct error *e)
{
	struct network_link *link = &n->links[number];
	unsigned tap = 0;
	int r = tap_make(link, e);

	if (r >= 0)
		r = redirect_find(n->netlink_fd, link->tap, &tap, e);
	if (r >= 0)
		r = redirect_raise(n->netlink_fd, tap, link->mtu, e);
	if (r >= 0)
		r = redirect_attach(n->netlink_fd, link->index, e);
	if (r < 0)
		return fail_wrap(e, "interface '%s'", link->name);
	link->has_ingress = true;
	r = redirect_attach(n->netlink_fd, tap, e);
	if (r >= 0)
		r = redirect_join(n->netlink_fd, link->index, tap, e);
	if (r >= 0)
		r = redirect_join(n->netlink_fd, tap, link->index, e);
	return r < 0 ? fail_wrap(e, "interface '%s'", link->name) : 0;
}

int network_connect(struct network *n, struct error *e)
{
	bool had[NETWORK_LINKS_MAX] = { false };
	int r = 0;

	if (n->n_links == 0)
		return 0;
	for (size_t i = 0; i < n->n_links; i++)
		had[i] = n->links[i].tap[0];
	r = network_visit(n->netns_fd, open_taps, n, e);
	for (size_t i = 0; r >= 0 && i < n->n_links; i++)
		if (!had[i])
			r = link_connect(n, i, e);
	for (size_t i = 0; r < 0 && i < n->n_links; i++)
		if (!had[i])
			link_disconnect(n, &n->links[i]);
	return r;
}

void network_disconnect(struct network *n)
{
	for (size_t i = 0; i < n->n_links; i++)
		link_disconnect(n, &n->links[i]);
}

void network_forget(const char *netns_path, char *const *links, char *const *taps)
{
	struct error e;
	_close_ int netns_fd = open(netns_path, O_RDONLY | O_CLOEXEC);
	_close_ int fd = -1;
	unsigned index;

	if (netns_fd < 0 || is_own_netns(netns_fd) ||
	    network_visit(netns_fd, open_netlink, &fd, &e) < 0)
		return;
	for (char *const *name = links; name && *name; name++)
		if (redirect_find(fd, *name, &index, &e) >= 0 && redirect_detach(fd, index, &e) < 0)
			log_warn("interface '%s' keeps its filter: %s", *name, e.msg);
	for (char *const *name = taps; name && *name; name++)
		if (redirect_remove(fd, *name, &e) < 0)
			log_warn("tap '%s' stays: %s", *name, e.msg);
}

void network_free(struct network *n)
{
	if (!n)
		return;
	release_objects(n);
	free(n->gone);
	(void)close_fd(n->netns_fd);
	(void)close_fd(n->netlink_fd);
	free(n);
}
