/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_agent_messages - decode any bytes as a request or answer of the agent or a request of the
 * task service.
 *
 * The first two bytes choose the message.  What decodes must encode to bytes that, if they decode,
 * encode to the same: protobuf-c lets a field number of zero in by one spelling only, and keeps it.
 */

#include <string.h>

#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/health.pb-c.h"
#include "lib/rpc/proto/task.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCServiceDescriptor *const services[] = {
	&agent__agent_service__descriptor,
	&health__health__descriptor,
	&task__task__descriptor,
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static const ProtobufCMessageDescriptor *choose(uint8_t first, uint8_t second)
{
	const ProtobufCServiceDescriptor *service = services[first % ARRAY_SIZE(services)];
	const ProtobufCMethodDescriptor *method = &service->methods[second % service->n_methods];

	return first < 128 ? method->input : method->output;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_message_ void *message = NULL;
	_message_ void *again = NULL;
	_free_ uint8_t *bytes = NULL;
	_free_ uint8_t *same = NULL;
	const ProtobufCMessageDescriptor *type;
	struct error e;
	size_t len;

	if (size < 2)
		return 0;
	type = choose(data[0], data[1]);
	if (message_unpack(type, data + 2, size - 2, &message, &e) < 0)
		return 0;
	len = message_pack(message, &bytes);
	if (message_unpack(type, bytes, len, &again, &e) < 0)
		return 0;
	require(message_pack(again, &same) == len && memcmp(bytes, same, len) == 0);
	return 0;
}
