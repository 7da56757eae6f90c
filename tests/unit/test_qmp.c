/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_qmp - the client against peers that keep to the protocol and peers that do not.
 *
 * Commands are numbered from 1 (qmp_capabilities), so a peer's whole script can be in the socket
 * before the client reads it.
 */

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#include "lib/file.h"
#include "runtime/vmm/qemu/qmp.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n"
#define READY    GREETING "{\"return\": {}, \"id\": 1}\r\n"
#define SHORT_MS 50
#define LONG_MS  5000
#define CHUNK    16384 /* what one read takes, whatever the time */

struct peer {
	int fd; /* ours, playing QEMU */
	struct qmp *qmp;
};

static void say(struct peer *p, const char *text)
{
	struct error e;

	assert_int_equal(write_all(p->fd, text, strlen(text), "peer", &e), 0);
}

static int try_open(struct peer *p, const char *script, struct error *e)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	p->fd = ends[0];
	p->qmp = NULL;
	say(p, script);
	return qmp_open(ends[1], deadline_in(SHORT_MS), NULL, &p->qmp, e);
}

static void done(struct peer *p)
{
	qmp_free(p->qmp);
	p->fd = close_fd(p->fd);
}

static void open_ready(struct peer *p)
{
	struct error e;

	assert_int_equal(try_open(p, READY, &e), 0);
}

static int call(struct peer *p, struct json_object **ret, struct error *e)
{
	return qmp_call(p->qmp, "query-x", NULL, ret, deadline_in(SHORT_MS), NULL, e);
}

static void test_open_greets_and_negotiates(void **state)
{
	char sent[256] = "";
	struct peer p;

	(void)state;
	open_ready(&p);
	assert_true(read(p.fd, sent, sizeof(sent) - 1) > 0);
	assert_non_null(strstr(sent, "\"qmp_capabilities\""));
	assert_true(str_ends(sent, "\r\n"));
	done(&p);
}

static void test_open_bad_beginnings_are_refused(void **state)
{
	static const struct {
		const char *script;
		int result;
	} cases[] = {
		{ "", -ETIMEDOUT },
		{ "hello\n", -EINVAL },
		{ "[]\n", -EPROTO },
		{ "{}\n", -EPROTO },
		{ GREETING, -ETIMEDOUT },
		{ GREETING "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}\n",
		  -EREMOTEIO },
		{ GREETING "{\"return\": {}}\n", -EPROTO },
		{ GREETING "{\"return\": {}, \"id\": 2}\n", -EPROTO },
		{ GREETING "{\"return\": {}, \"id\": \"1\"}\n", -EPROTO },
		{ "{\"QMP\": {}} {}\n", -EINVAL },
	};
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct peer p;

		assert_int_equal(try_open(&p, cases[i].script, &e), cases[i].result);
		done(&p);
	}
}

static void test_call_returns_the_result(void **state)
{
	_json_ struct json_object *result = NULL;
	struct error e;
	struct peer p;

	(void)state;
	open_ready(&p);
	say(&p, "{\"return\": {\"status\": \"running\"}, \"id\": 2}\r\n");
	assert_int_equal(call(&p, &result, &e), 0);
	assert_string_equal(json_get_str(result, "status"), "running");
	done(&p);
}

static void test_call_refused_shows_the_reason_and_stays_usable(void **state)
{
	struct error e;
	struct peer p;

	(void)state;
	open_ready(&p);
	say(&p, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"bus full\"}, \"id\": 2}\n");
	assert_int_equal(call(&p, NULL, &e), -EREMOTEIO);
	assert_non_null(strstr(e.msg, "query-x"));
	assert_non_null(strstr(e.msg, "bus full"));
	say(&p, "{\"return\": {}, \"id\": 3}\n");
	assert_int_equal(call(&p, NULL, &e), 0);
	done(&p);
}

static void test_call_late_answer_is_dropped(void **state)
{
	_json_ struct json_object *result = NULL;
	struct error e;
	struct peer p;

	(void)state;
	open_ready(&p);
	assert_int_equal(call(&p, NULL, &e), -ETIMEDOUT);
	say(&p, "{\"return\": {\"a\": 2}, \"id\": 2}\n{\"return\": {\"a\": 3}, \"id\": 3}\n");
	assert_int_equal(call(&p, &result, &e), 0);
	assert_int_equal(json_get_int(result, "a", -1), 3);
	done(&p);
}

static void test_call_cancelled_returns_at_once(void **state)
{
	struct cancel c;
	struct error e;
	struct peer p;

	(void)state;
	open_ready(&p);
	assert_int_equal(cancel_init(&c, &e), 0);
	cancel_raise(&c);
	assert_int_equal(qmp_call(p.qmp, "x", NULL, NULL, deadline_in(LONG_MS), &c, &e),
			 -ECANCELED);
	cancel_done(&c);
	done(&p);
}

static void test_call_peer_gone_says_so_now_and_later(void **state)
{
	struct error e;
	struct peer p;

	(void)state;
	open_ready(&p);
	p.fd = close_fd(p.fd);
	assert_true(call(&p, NULL, &e) < 0);
	assert_int_equal(call(&p, NULL, &e), -ECONNRESET);
	done(&p);
}

static void test_call_lie_breaks_the_connection(void **state)
{
	static const char *const lies[] = {
		"{\"return\": {}, \"id\": 99}\n",           "{\"return\": {}}\n", "\n", "null\n",
		"{\"return\": {}, \"id\": 2, \"id\": 5}\n", "{\"id\": 2}\n",
	};
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct peer p;

		open_ready(&p);
		say(&p, lies[i]);
		assert_true(call(&p, NULL, &e) < 0);
		say(&p, "{\"return\": {}, \"id\": 3}\n");
		assert_int_equal(call(&p, NULL, &e), -ECONNRESET);
		done(&p);
	}
}

/* More than the limit without an end of line, fed as the client empties the socket. */
static void test_call_endless_line_is_cut_off(void **state)
{
	_free_ char *chunk = xcalloc(1, CHUNK);
	struct error e;
	struct peer p;
	size_t fed = 0;
	int r;

	(void)state;
	memset(chunk, ' ', CHUNK);
	open_ready(&p);
	do {
		fed += (size_t)send(p.fd, chunk, CHUNK, 0);
		r = qmp_wait_event(p.qmp, "X", NULL, deadline_in(1), NULL, &e);
	} while (r == -ETIMEDOUT && fed < 4 * QMP_LINE_MAX);
	assert_int_equal(r, -EMSGSIZE);
	assert_int_equal(call(&p, NULL, &e), -ECONNRESET);
	done(&p);
}

static void expect_unread(const struct peer *p)
{
	int unread = 0;

	assert_return_code(ioctl(p->fd, SIOCOUTQ, &unread), errno);
	assert_true(unread > 0);
}

/* What has come when the deadline passes is looked at once, whatever else there is to read. */
static void test_deadlines_hold_against_a_peer_that_never_stops_talking(void **state)
{
	_free_ char *events = xcalloc(1, 64 * KIB + 1);
	struct error e;
	struct peer p;

	(void)state;
	for (size_t i = 0; i < 64 * KIB; i += 16)
		memcpy(events + i, "{\"event\": \"XX\"}\n", 16);
	open_ready(&p);
	say(&p, events);
	assert_int_equal(qmp_call(p.qmp, "query-x", NULL, NULL, deadline_in(0), NULL, &e),
			 -ETIMEDOUT);
	expect_unread(&p);
	assert_int_equal(qmp_wait_event(p.qmp, "Y", NULL, deadline_in(0), NULL, &e), -ETIMEDOUT);
	expect_unread(&p);
	done(&p);
}

static void test_event_before_and_between_is_kept(void **state)
{
	struct error e;
	struct peer p;

	(void)state;
	open_ready(&p);
	say(&p,
	    "{\"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"other\"}}\n"
	    "{\"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"blk-a\"}}\n"
	    "{\"return\": {}, \"id\": 2}\n");
	assert_int_equal(call(&p, NULL, &e), 0);
	assert_int_equal(
		qmp_wait_event(p.qmp, "DEVICE_DELETED", "blk-a", deadline_in(SHORT_MS), NULL, &e),
		0);
	assert_int_equal(
		qmp_wait_event(p.qmp, "DEVICE_DELETED", "blk-a", deadline_in(SHORT_MS), NULL, &e),
		-ETIMEDOUT);
	assert_int_equal(
		qmp_wait_event(p.qmp, "DEVICE_DELETED", NULL, deadline_in(SHORT_MS), NULL, &e), 0);
	done(&p);
}

static void test_event_flood_keeps_the_newest(void **state)
{
	struct error e;
	struct peer p;

	(void)state;
	open_ready(&p);
	for (int i = 0; i < QMP_EVENTS_MAX + 10; i++) {
		_free_ char *line =
			xasprintf("{\"event\": \"E\", \"data\": {\"device\": \"d%d\"}}\n", i);

		say(&p, line);
	}
	say(&p, "{\"return\": {}, \"id\": 2}\n");
	assert_int_equal(call(&p, NULL, &e), 0);
	assert_int_equal(qmp_wait_event(p.qmp, "E", "d9", deadline_in(1), NULL, &e), -ETIMEDOUT);
	assert_int_equal(qmp_wait_event(p.qmp, "E", "d10", deadline_in(1), NULL, &e), 0);
	assert_int_equal(qmp_wait_event(p.qmp, "E", "d73", deadline_in(1), NULL, &e), 0);
	done(&p);
}

static void test_call_with_descriptor_passes_it_along(void **state)
{
	char control[CMSG_SPACE(sizeof(int))], bytes[512];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header;
	struct error e;
	struct peer p;
	int fd = -1;

	(void)state;
	open_ready(&p);
	assert_true(read(p.fd, bytes, sizeof(bytes)) > 0);
	say(&p, "{\"return\": {}, \"id\": 2}\n");
	assert_int_equal(qmp_call_fd(p.qmp, "getfd", NULL, STDERR_FILENO, NULL,
				     deadline_in(SHORT_MS), NULL, &e),
			 0);
	assert_true(recvmsg(p.fd, &message, MSG_CMSG_CLOEXEC) > 0);
	header = CMSG_FIRSTHDR(&message);
	if (header)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	assert_true(fd > STDERR_FILENO);
	(void)close(fd);
	done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_greets_and_negotiates),
		cmocka_unit_test(test_open_bad_beginnings_are_refused),
		cmocka_unit_test(test_call_returns_the_result),
		cmocka_unit_test(test_call_refused_shows_the_reason_and_stays_usable),
		cmocka_unit_test(test_call_late_answer_is_dropped),
		cmocka_unit_test(test_call_cancelled_returns_at_once),
		cmocka_unit_test(test_call_peer_gone_says_so_now_and_later),
		cmocka_unit_test(test_call_lie_breaks_the_connection),
		cmocka_unit_test(test_call_endless_line_is_cut_off),
		cmocka_unit_test(test_deadlines_hold_against_a_peer_that_never_stops_talking),
		cmocka_unit_test(test_event_before_and_between_is_kept),
		cmocka_unit_test(test_event_flood_keeps_the_newest),
		cmocka_unit_test(test_call_with_descriptor_passes_it_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
