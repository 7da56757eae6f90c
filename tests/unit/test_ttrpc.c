/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ttrpc - frames, status codes and the memory that a message may take.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/pb.pb-c.h"
#include "lib/rpc/proto/ttrpc.pb-c.h"
#include "lib/rpc/status.h"
#include "lib/rpc/ttrpc.h"
#include "lib/str.h"

static const uint8_t hello[] = { 0, 0, 0, 5, 0, 0, 0, 3, 1, 0, 'h', 'e', 'l', 'l', 'o' };

static int parse(const void *bytes, size_t len, struct ttrpc_frame *ret_frame, struct error *e)
{
	static struct buf in;

	buf_done(&in);
	buf_init(&in, 8 * MIB);
	assert_return_code(buf_add(&in, bytes, len, e), 0);
	return ttrpc_parse(&in, ret_frame, e);
}

static void test_parse_whole_frame_fills_it(void **state)
{
	struct ttrpc_frame frame;
	struct error e;

	(void)state;
	assert_int_equal(parse(hello, sizeof(hello), &frame, &e), 1);
	assert_int_equal(frame.len, 5);
	assert_int_equal(frame.stream, 3);
	assert_int_equal(frame.type, TTRPC_REQUEST);
	assert_int_equal(frame.flags, 0);
	assert_memory_equal(frame.data, "hello", 5);
}

static void test_parse_truncated_frame_waits(void **state)
{
	struct ttrpc_frame frame;
	struct error e;

	(void)state;
	for (size_t len = 0; len < sizeof(hello); len++)
		assert_int_equal(parse(hello, len, &frame, &e), 0);
}

static void test_parse_oversized_frame_names_stream_and_length(void **state)
{
	static const uint8_t header[] = { 0, 0x40, 0, 1, 0, 0, 0, 9, 1, 0 };
	struct ttrpc_frame frame;
	struct error e;

	(void)state;
	assert_int_equal(parse(header, sizeof(header), &frame, &e), -EMSGSIZE);
	assert_int_equal(frame.len, WIRE_FRAME_MAX + 1);
	assert_int_equal(frame.stream, 9);
	assert_string_equal(e.msg, "message of 4194305 bytes exceeds the limit of 4194304");
}

static void test_parse_other_protocol_is_refused_by_first_byte(void **state)
{
	struct ttrpc_frame frame;
	struct error e;

	(void)state;
	assert_int_equal(parse("G", 1, &frame, &e), -EPROTO);
	assert_non_null(strstr(e.msg, "does not speak ttrpc"));
}

static void test_numbers_of_streams_are_odd_and_end(void **state)
{
	uint32_t last = 0;

	(void)state;
	assert_int_equal(ttrpc_take_stream(&last), 1);
	assert_int_equal(ttrpc_take_stream(&last), 3);
	last = UINT32_MAX - 2;
	assert_int_equal(ttrpc_take_stream(&last), UINT32_MAX);
	assert_int_equal(ttrpc_take_stream(&last), 0);
	assert_int_equal(ttrpc_take_stream(&last), 0);
}

static void test_add_then_parse_gives_the_same(void **state)
{
	struct ttrpc_frame frame;
	_buf_ struct buf out;
	struct error e;

	(void)state;
	buf_init(&out, KIB);
	assert_return_code(ttrpc_add(&out, 3, TTRPC_REQUEST, 0, "hello", 5, &e), 0);
	assert_int_equal(out.len, sizeof(hello));
	assert_memory_equal(out.data, hello, sizeof(hello));
	assert_int_equal(ttrpc_parse(&out, &frame, &e), 1);
}

/* One too many and a peer that has sent all would be waited for. */
static void test_missing_bytes_are_those_to_the_end_of_the_frame(void **state)
{
	_buf_ struct buf in;
	struct error e;

	(void)state;
	buf_init(&in, KIB);
	for (size_t n = 0; n <= sizeof(hello); n++) {
		size_t missing = n < TTRPC_HEADER || n == sizeof(hello) ? 1 : sizeof(hello) - n;

		assert_int_equal(ttrpc_missing(&in), missing);
		assert_return_code(buf_add(&in, hello + n, n < sizeof(hello), &e), 0);
	}
}

static void test_add_too_long_adds_nothing(void **state)
{
	_free_ uint8_t *big = xcalloc(1, WIRE_FRAME_MAX + 1);
	_buf_ struct buf out;
	struct error e;

	(void)state;
	buf_init(&out, 8 * MIB);
	assert_int_equal(ttrpc_add(&out, 1, TTRPC_RESPONSE, 0, big, WIRE_FRAME_MAX + 1, &e),
			 -EMSGSIZE);
	assert_int_equal(out.len, 0);
	assert_return_code(ttrpc_add(&out, 1, TTRPC_RESPONSE, 0, big, WIRE_FRAME_MAX, &e), 0);
}

static void test_status_of_errno_and_back_is_stable(void **state)
{
	(void)state;
	assert_int_equal(rpc_status_of(0), RPC_OK);
	assert_int_equal(rpc_errno_of(RPC_OK), 0);
	for (int status = RPC_CANCELLED; status <= RPC_UNAUTHENTICATED; status++)
		assert_int_equal(rpc_status_of(rpc_errno_of(status)), status);
	for (int status = RPC_OK; status < N_RPC_STATUS; status++)
		assert_false(str_empty(rpc_status_text(status)));
	assert_string_equal(rpc_status_text(4711), rpc_status_text(-1));
	assert_int_equal(rpc_status_of(ESRCH), RPC_NOT_FOUND);
	/* Too much at once, which is not the same as a full disk. */
	assert_int_equal(rpc_status_of(ENOSPC), RPC_RESOURCE_EXHAUSTED);
	assert_int_equal(rpc_errno_of(RPC_RESOURCE_EXHAUSTED), ENOBUFS);
	assert_int_equal(rpc_status_of(EPERM), RPC_PERMISSION_DENIED);
	assert_int_equal(rpc_status_of(ENOTRECOVERABLE), RPC_UNKNOWN);
	assert_int_equal(rpc_errno_of(4711), EREMOTEIO);
	assert_int_equal(rpc_errno_of(-1), EREMOTEIO);
}

static void test_status_that_may_pass_is_known_by_its_errno(void **state)
{
	static const int passing[] = { ETIMEDOUT, EAGAIN, ECONNRESET, ECONNREFUSED, EPIPE };

	(void)state;
	for (int status = RPC_OK; status < N_RPC_STATUS; status++)
		assert_int_equal(rpc_may_pass(rpc_errno_of(status)),
				 status == RPC_UNAVAILABLE || status == RPC_RESOURCE_EXHAUSTED ||
					 status == RPC_DEADLINE_EXCEEDED);
	for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
		assert_true(rpc_may_pass(passing[i]));
	assert_false(rpc_may_pass(EPROTO));
	assert_false(rpc_may_pass(ENODATA));
	assert_false(rpc_may_pass(EREMOTEIO));
}

static void test_message_packed_and_unpacked_is_equal(void **state)
{
	Agent__CopyFileRequest request = AGENT__COPY_FILE_REQUEST__INIT;
	_message_ Agent__CopyFileRequest *got = NULL;
	_free_ uint8_t *bytes = NULL;
	char path[] = "/a";
	struct error e;
	size_t len;

	(void)state;
	request.path = path;
	request.uid = -1;
	request.offset = INT64_MAX;
	len = message_pack(&request, &bytes);
	assert_return_code(
		message_unpack(&agent__copy_file_request__descriptor, bytes, len, &got, &e), 0);
	assert_string_equal(got->path, "/a");
	assert_int_equal(got->uid, -1);
	assert_int_equal(got->offset, INT64_MAX);
}

/* Around the lengths whose own length needs another byte. */
static void test_message_packed_in_another_is_that_of_two_steps(void **state)
{
	const size_t lengths[] = { 0, 1, 120, 125, 126, 127, 128, 16380, 16384, 300000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		Agent__ReadStreamResponse inner = AGENT__READ_STREAM_RESPONSE__INIT;
		Ttrpc__Response envelope = TTRPC__RESPONSE__INIT;
		_free_ uint8_t *data = xcalloc(1, lengths[i] + 1);
		_free_ uint8_t *payload = NULL;
		_free_ uint8_t *bytes = NULL;
		_free_ uint8_t *same = NULL;
		size_t len;

		inner.data = (ProtobufCBinaryData){ .len = lengths[i], .data = data };
		len = message_pack_in(&envelope, 2, &inner, &bytes);
		envelope.payload.len = message_pack(&inner, &payload);
		envelope.payload.data = payload;
		assert_int_equal(message_pack(&envelope, &same), len);
		assert_memory_equal(bytes, same, len);
	}
}

static void test_message_missing_string_is_empty_not_null(void **state)
{
	_message_ Agent__CreateSandboxRequest *got = NULL;
	struct error e;

	(void)state;
	assert_return_code(
		message_unpack(&agent__create_sandbox_request__descriptor, "", 0, &got, &e), 0);
	assert_string_equal(got->hostname, "");
	assert_int_equal(got->n_dns, 0);
}

static void test_message_garbage_is_refused_by_name(void **state)
{
	_message_ Pb__Any *got = NULL;
	struct error e;

	(void)state;
	assert_int_equal(message_unpack(&pb__any__descriptor, "\x0a\xff", 2, &got, &e), -EBADMSG);
	assert_string_equal(e.msg, "2 bytes are not a google.protobuf.Any");
}

/* Field 2, an empty NetworkStats: two bytes that ask for 112 in memory. */
static void test_message_of_empty_submessages_is_bounded(void **state)
{
	const size_t n = 2 * MIB;
	_message_ Agent__StatsContainerResponse *got = NULL;
	_free_ uint8_t *bytes = xcalloc(n, 2);
	struct error e;

	(void)state;
	for (size_t i = 0; i < n; i++)
		bytes[2 * i] = 0x12;
	assert_int_equal(message_unpack(&agent__stats_container_response__descriptor, bytes, 2 * n,
					&got, &e),
			 -EMSGSIZE);
	assert_null(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_whole_frame_fills_it),
		cmocka_unit_test(test_parse_truncated_frame_waits),
		cmocka_unit_test(test_parse_oversized_frame_names_stream_and_length),
		cmocka_unit_test(test_parse_other_protocol_is_refused_by_first_byte),
		cmocka_unit_test(test_numbers_of_streams_are_odd_and_end),
		cmocka_unit_test(test_add_then_parse_gives_the_same),
		cmocka_unit_test(test_missing_bytes_are_those_to_the_end_of_the_frame),
		cmocka_unit_test(test_add_too_long_adds_nothing),
		cmocka_unit_test(test_status_of_errno_and_back_is_stable),
		cmocka_unit_test(test_status_that_may_pass_is_known_by_its_errno),
		cmocka_unit_test(test_message_packed_and_unpacked_is_equal),
		cmocka_unit_test(test_message_packed_in_another_is_that_of_two_steps),
		cmocka_unit_test(test_message_missing_string_is_empty_not_null),
		cmocka_unit_test(test_message_garbage_is_refused_by_name),
		cmocka_unit_test(test_message_of_empty_submessages_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
