/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netlink - send a request to rtnetlink and read its answer.
 *
 * On libnl's core only: its route library knows every kind of object and is larger than the whole
 * agent.  It builds and parses the messages, but its sockets translate errno into codes of their
 * own and hide which request failed; a plain socket keeps the kernel's answer.  The kernel answers
 * while it handles the request, so the receive timeout only guards against a lost datagram.  One
 * request at a time per socket.  Any thread.
 */

#include "lib/net/netlink.h"

#include <linux/neighbour.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define ANSWER_WAIT_S 5
#define ANSWER_MAX    (32 * KIB)
#define ERRNO_MAX     4095 /* of an error that the kernel tells of (its MAX_ERRNO) */

int netlink_open(struct error *e)
{
	const struct timeval wait = { .tv_sec = ANSWER_WAIT_S };
	_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return fail(e, errno, "cannot open a netlink socket: %m");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
		return fail(e, errno, "cannot set the timeout of a netlink socket: %m");
	return TAKE_FD(fd);
}

struct nl_msg *netlink_message(int type, int flags, const void *header, size_t size)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (!msg || nlmsg_append(msg, (void *)(uintptr_t)header, size, NLMSG_ALIGNTO) < 0)
		abort();
	return msg;
}

void netlink_put(struct nl_msg *msg, int type, const void *data, size_t len)
{
	if (nla_put(msg, type, (int)len, data) < 0)
		abort();
}

uint32_t netlink_u32(const struct nlattr *at, uint32_t otherwise)
{
	return at && nla_len(at) >= (int)sizeof(uint32_t) ? nla_get_u32(at) : otherwise;
}

static int request_send(int fd, struct nl_msg *msg, const char *what, struct error *e)
{
	struct nlmsghdr *header = nlmsg_hdr(msg);

	header->nlmsg_seq = 1;
	if (send(fd, header, header->nlmsg_len, 0) != (ssize_t)header->nlmsg_len)
		return fail(e, errno, "cannot %s: sending the request: %m", what);
	return 0;
}

/* What stands before the attributes of each type that is read somewhere. */
static const struct {
	uint16_t type;
	size_t size;
} fixed_parts[] = {
	{ NLMSG_ERROR, sizeof(struct nlmsgerr) },  { RTM_NEWLINK, sizeof(struct ifinfomsg) },
	{ RTM_NEWADDR, sizeof(struct ifaddrmsg) }, { RTM_NEWROUTE, sizeof(struct rtmsg) },
	{ RTM_NEWNEIGH, sizeof(struct ndmsg) },
};

static bool is_whole(const struct nlmsghdr *header)
{
	for (size_t i = 0; i < ARRAY_SIZE(fixed_parts); i++)
		if (header->nlmsg_type == fixed_parts[i].type)
			return nlmsg_datalen(header) >= (int)fixed_parts[i].size;
	return true;
}

/* 1 when HEADER ends the answer, 0 when more follows, -errno when it is the kernel's refusal. */
static int answer_state(const struct nlmsghdr *header, const char *what, struct error *e)
{
	const struct nlmsgerr *answer = nlmsg_data(header);

	if (!is_whole(header))
		return fail(e, EPROTO, "cannot %s: the kernel's answer is cut", what);
	if (header->nlmsg_type == NLMSG_DONE)
		return 1;
	if (header->nlmsg_type != NLMSG_ERROR)
		return 0;
	if (answer->error == 0)
		return 1;
	if (answer->error > 0 || answer->error < -ERRNO_MAX)
		return fail(e, EPROTO, "cannot %s: the kernel's answer is no error's number", what);
	return fail(e, -answer->error, "cannot %s: %m", what);
}

static int answer_read(int fd, void (*each)(struct nlmsghdr *, void *), void *arg, const char *what,
		       struct error *e)
{
	_free_ void *buffer = xmalloc(ANSWER_MAX);
	int r = 0;

	while (r == 0) {
		struct nlmsghdr *header = buffer;
		ssize_t n = recv(fd, buffer, ANSWER_MAX, 0);
		int left = (int)n;

		if (n < 0)
			return fail(e, errno, "cannot %s: reading the answer: %m", what);
		for (; r == 0 && nlmsg_ok(header, left); header = nlmsg_next(header, &left)) {
			r = answer_state(header, what, e);
			if (r == 0 && each)
				each(header, arg);
		}
	}
	return r < 0 ? r : 0;
}

int netlink_change(int fd, struct nl_msg *own_msg, const char *what, struct error *e)
{
	int r;

	nlmsg_hdr(own_msg)->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	r = request_send(fd, own_msg, what, e);
	if (r >= 0)
		r = answer_read(fd, NULL, NULL, what, e);
	nlmsg_free(own_msg);
	return r;
}

int netlink_dump(int fd, int type, void (*each)(struct nlmsghdr *header, void *arg), void *arg,
		 const char *what, struct error *e)
{
	struct rtgenmsg any = { .rtgen_family = AF_UNSPEC };
	struct nl_msg *msg = netlink_message(type, NLM_F_REQUEST | NLM_F_DUMP, &any, sizeof(any));
	int r = request_send(fd, msg, what, e);

	nlmsg_free(msg);
	return r < 0 ? r : answer_read(fd, each, arg, what, e);
}
