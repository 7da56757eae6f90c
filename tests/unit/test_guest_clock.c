/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_guest_clock - setting a guest's clock by calls that take time, against an agent made here.
 */

#include "tests/unit/unit.h"

#include <time.h>

#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/pb.pb-c.h"
#include "runtime/sandbox/client.h"
#include "tests/unit/rpc-peer.h"

#define NS_PER_S INT64_C(1000000000)
#define BEHIND   (NS_PER_S / 2)
#define CALLS    16

struct agent {
	int fd;
	bool knows_offsets;
	int64_t behind_ns;
	unsigned calls;
};

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void answer(struct agent *a, uint32_t stream, const Ttrpc__Request *request)
{
	Agent__SetGuestDateTimeResponse response = AGENT__SET_GUEST_DATE_TIME_RESPONSE__INIT;
	_message_ Agent__SetGuestDateTimeRequest *in = NULL;
	int64_t guest = now_ns() - a->behind_ns;
	struct error e;

	peer_check(message_unpack(&agent__set_guest_date_time_request__descriptor,
				  request->payload.data, request->payload.len, &in, &e) >= 0,
		   "bad request");
	a->calls++;
	if (a->knows_offsets) {
		response.sec = guest / NS_PER_S;
		response.nsec = guest % NS_PER_S;
		a->behind_ns -= in->offsetns;
	} else {
		a->behind_ns = now_ns() - (in->sec * NS_PER_S + in->usec * 1000);
	}
	peer_answer(a->fd, stream, &response);
}

static void *serve(void *arg)
{
	struct agent *a = arg;
	struct ttrpc_frame frame;
	uint8_t *data;

	while (peer_read_frame(a->fd, &frame, &data)) {
		_message_ Ttrpc__Request *request = NULL;
		struct error e;

		peer_check(message_unpack(&ttrpc__request__descriptor, data, frame.len, &request,
					  &e) >= 0,
			   "no request");
		answer(a, frame.stream, request);
		free(data);
	}
	free(data);
	return NULL;
}

/* Sets the clock of A; returns how far it was behind by what the runtime found. */
static int64_t set_clock(struct agent *a)
{
	struct peer_loop io = { 0 };
	struct cancel cancel = { 0 };
	struct rpc_client *rpc;
	pthread_t thread;
	int64_t offset_ns = -1;
	struct error e;
	int ends[2];

	peer_check(cancel_init(&cancel, &e) >= 0, "no cancel");
	peer_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "no sockets");
	a->fd = ends[1];
	io.loop = loop_new(&e);
	rpc = rpc_client_new(io.loop, ends[0], &e);
	peer_loop_start(&io);
	peer_check(pthread_create(&thread, NULL, serve, a) == 0, "no thread");
	assert_int_equal(client_set_clock(rpc, &cancel, &offset_ns, &e), 0);
	rpc_client_close(rpc);
	(void)pthread_join(thread, NULL);
	peer_loop_end(&io);
	rpc_client_free(rpc);
	loop_free(io.loop);
	(void)close(ends[1]);
	cancel_done(&cancel);
	return offset_ns;
}

static void test_clock_behind_is_set_by_its_offset(void **state)
{
	struct agent a = { .knows_offsets = true, .behind_ns = BEHIND };
	int64_t found = set_clock(&a);

	(void)state;
	/* What is left is what the calls took: a busy machine is slow, not wrong. */
	assert_in_range(found, BEHIND / 2, BEHIND + BEHIND / 2);
	assert_in_range(a.behind_ns + BEHIND, BEHIND / 2, BEHIND + BEHIND / 2);
	assert_in_range(a.calls, 2, CALLS);
}

static void test_agent_without_offsets_gets_the_time_of_day(void **state)
{
	struct agent a = { .knows_offsets = false, .behind_ns = BEHIND };

	(void)state;
	assert_int_equal(set_clock(&a), 0);
	assert_in_range(a.behind_ns, 0, BEHIND / 2);
	assert_int_equal(a.calls, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock_behind_is_set_by_its_offset),
		cmocka_unit_test(test_agent_without_offsets_gets_the_time_of_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
