/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_LOOPBACK_H
#define TESTS_UNIT_LOOPBACK_H

/* Connections to the localhost of a network namespace. */

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "lib/file.h"

union loopback_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* 127.0.0.LAST, or ::1. */
static inline union loopback_address loopback_address(int family, uint8_t last, uint16_t port)
{
	union loopback_address a = { .any = { .sa_family = (sa_family_t)family } };

	if (family == AF_INET) {
		a.v4.sin_addr.s_addr = htonl(0x7f000000U | last);
		a.v4.sin_port = htons(port);
	} else {
		a.v6.sin6_addr = in6addr_loopback;
		a.v6.sin6_port = htons(port);
	}
	return a;
}

static inline socklen_t loopback_size(const union loopback_address *a)
{
	return a->any.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

/* A connected socket, or -errno. */
static inline int loopback_connect(int family, uint8_t last, uint16_t port)
{
	const union loopback_address a = loopback_address(family, last, port);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int code;

	if (fd >= 0 && connect(fd, &a.any, loopback_size(&a)) == 0)
		return fd;
	code = errno;
	(void)close_fd(fd);
	return -code;
}

/* Listens at some port of localhost. */
static inline int loopback_listen(int family, uint16_t *ret_port)
{
	union loopback_address a = loopback_address(family, 1, 0);
	socklen_t len = sizeof(a);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, &a.any, loopback_size(&a)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, &a.any, &len), 0);
	*ret_port = ntohs(family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
	return fd;
}

/* In the calling thread's network namespace. */
static inline void loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	request.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
}

#endif
