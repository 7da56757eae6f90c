/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_NET_NETLINK_H
#define LIB_NET_NETLINK_H

#include <linux/rtnetlink.h>

#include "lib/error.h"

/*
 * rtnetlink requests on one socket.  Messages are built and parsed with libnl's nlmsg_*() and
 * nla_*().  The kernel answers at once, so nothing here waits for long.  One thread per socket.
 */

struct nl_msg;
struct nlattr;

/* A socket of the network namespace of the calling thread; it stays there whoever uses it. */
int netlink_open(struct error *e);

/* A request of TYPE whose fixed part is the SIZE bytes of HEADER. */
struct nl_msg *netlink_message(int type, int flags, const void *header, size_t size);
/* Adds an attribute. */
void netlink_put(struct nl_msg *msg, int type, const void *data, size_t len);

/* The number in AT; OTHERWISE where that is NULL, or too short for one. */
uint32_t netlink_u32(const struct nlattr *at, uint32_t otherwise);

/* Sends OWN_MSG and waits for the kernel's acknowledgement.  WHAT is for the message of an error,
 * whose code is the kernel's errno. */
int netlink_change(int fd, struct nl_msg *own_msg, const char *what, struct error *e);

/* Calls EACH for every object of a dump of TYPE (RTM_GETLINK...); EACH may not use FD.  An
 * interface, an address, a route and a neighbour have their fixed part as a whole; EPROTO if one
 * has not. */
int netlink_dump(int fd, int type, void (*each)(struct nlmsghdr *header, void *arg), void *arg,
		 const char *what, struct error *e);

#endif
