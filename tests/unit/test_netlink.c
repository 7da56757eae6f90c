/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_netlink - an answer that is shorter than what is read of it, or tells no error there is, is
 * no answer.
 */

#include "tests/unit/unit.h"

#include <limits.h>
#include <linux/neighbour.h>
#include <netlink/attr.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/net/netlink.h"

/* A kernel that answers by one message of TYPE with SIZE bytes behind its header, NUMBER first. */
static int kernel_saying(int type, size_t size, int number, int *ret_peer)
{
	char bytes[NLMSG_HDRLEN + 64] = "";
	struct nlmsghdr header = { .nlmsg_type = (uint16_t)type };
	int ends[2];

	assert_true(size <= 64);
	header.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + size);
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + NLMSG_HDRLEN, &number, sizeof(number));
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
			 0);
	assert_int_equal(send(ends[1], bytes, header.nlmsg_len, 0), header.nlmsg_len);
	*ret_peer = ends[1];
	return ends[0];
}

static void count(struct nlmsghdr *header, void *arg)
{
	(void)header;
	(*(unsigned *)arg)++;
}

/* Whether one with SIZE bytes behind the header is given to who reads. */
static unsigned seen(int type, size_t size, struct error *e)
{
	_close_ int peer = -1;
	_close_ int fd = kernel_saying(type, size, 0, &peer);
	unsigned n = 0;

	/* Nothing more comes, so the answer has no end. */
	assert_true(netlink_dump(fd, RTM_GETLINK, count, &n, "list", e) < 0);
	return n;
}

static void test_object_without_its_fixed_part_is_refused(void **state)
{
	static const struct {
		int type;
		size_t size;
	} cases[] = {
		{ RTM_NEWLINK, sizeof(struct ifinfomsg) },
		{ RTM_NEWADDR, sizeof(struct ifaddrmsg) },
		{ RTM_NEWROUTE, sizeof(struct rtmsg) },
		{ RTM_NEWNEIGH, sizeof(struct ndmsg) },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error e = { 0 };

		assert_int_equal(seen(cases[i].type, cases[i].size, &e), 1);
		assert_int_equal(e.code, EAGAIN);
		assert_int_equal(seen(cases[i].type, cases[i].size - 1, &e), 0);
		assert_int_equal(e.code, EPROTO);
		assert_int_equal(seen(cases[i].type, 0, &e), 0);
		assert_int_equal(e.code, EPROTO);
	}
}

static void test_an_error_has_a_number_that_there_is(void **state)
{
	static const struct {
		int number, code;
	} cases[] = { { 0, 0 },      { -ENODEV, ENODEV }, { -4095, 4095 },    { -4096, EPROTO },
		      { 1, EPROTO }, { INT_MAX, EPROTO }, { INT_MIN, EPROTO } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_close_ int peer = -1;
		_close_ int fd =
			kernel_saying(NLMSG_ERROR, sizeof(struct nlmsgerr), cases[i].number, &peer);
		struct error e;

		assert_int_equal(netlink_dump(fd, RTM_GETLINK, NULL, NULL, "list", &e),
				 -cases[i].code);
	}
}

static uint32_t read_number(size_t len)
{
	struct {
		struct nlattr at;
		uint32_t value;
	} number = { { .nla_len = (uint16_t)(sizeof(struct nlattr) + len) }, 1400 };

	return netlink_u32(&number.at, 7);
}

static void test_number_that_is_cut_is_none(void **state)
{
	(void)state;
	assert_int_equal(read_number(4), 1400);
	assert_int_equal(read_number(3), 7);
	assert_int_equal(read_number(0), 7);
	assert_int_equal(netlink_u32(NULL, 7), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_object_without_its_fixed_part_is_refused),
		cmocka_unit_test(test_an_error_has_a_number_that_there_is),
		cmocka_unit_test(test_number_that_is_cut_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
