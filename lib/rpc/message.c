/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message - protobuf messages with bounded memory.
 *
 * The decoder of protobuf-c allocates what the bytes ask for; here it gets an allocator with a
 * budget, so that four megabytes of empty submessages are refused instead of becoming half a
 * gigabyte.  The memory is malloc()'s: it is freed without that allocator.  Any thread.
 */

#include "lib/rpc/message.h"

#include <inttypes.h>

#include "lib/wire.h"

#define TAG_MAX 11 /* a field's number and a length */

struct budget {
	size_t left;
	bool exceeded;
};

static void *budget_alloc(void *data, size_t size)
{
	struct budget *budget = data;

	if (size > budget->left) {
		budget->exceeded = true;
		return NULL;
	}
	budget->left -= size;
	return malloc(size);
}

static void budget_free(void *data, void *p)
{
	(void)data;
	free(p);
}

int message_unpack(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len,
		   void *ret_message, struct error *e)
{
	struct budget budget = { .left = WIRE_MEMORY_MAX };
	ProtobufCAllocator allocator = { budget_alloc, budget_free, &budget };
	ProtobufCMessage *message = protobuf_c_message_unpack(type, &allocator, len, bytes);

	if (!message && budget.exceeded)
		return fail(e, EMSGSIZE, "a %s of %zu bytes would take more than %" PRIu64 " bytes",
			    type->name, len, WIRE_MEMORY_MAX);
	if (!message)
		return fail(e, EBADMSG, "%zu bytes are not a %s", len, type->name);
	*(void **)ret_message = message;
	return 0;
}

size_t message_pack(const void *message, uint8_t **ret_bytes)
{
	size_t len = protobuf_c_message_get_packed_size(message);

	*ret_bytes = xmalloc(len + 1);
	return protobuf_c_message_pack(message, *ret_bytes);
}

static size_t put_varint(uint8_t *p, size_t value)
{
	size_t n = 0;

	for (; value >= 0x80; value >>= 7)
		p[n++] = (uint8_t)(value | 0x80);
	p[n++] = (uint8_t)value;
	return n;
}

size_t message_pack_in(const void *envelope, unsigned field, const void *message,
		       uint8_t **ret_bytes)
{
	size_t outer = protobuf_c_message_get_packed_size(envelope);
	size_t inner = protobuf_c_message_get_packed_size(message);
	uint8_t *bytes = xmalloc(outer + TAG_MAX + inner), *p = bytes;

	p += protobuf_c_message_pack(envelope, p);
	if (inner) {
		*p++ = (uint8_t)(field << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
		p += put_varint(p, inner);
		p += protobuf_c_message_pack(message, p);
	}
	*ret_bytes = bytes;
	return (size_t)(p - bytes);
}

/* Not protobuf_c_message_init(): that needs a function per type, which we do not generate. */
void *message_new(const ProtobufCMessageDescriptor *type)
{
	void *message = protobuf_c_message_unpack(type, NULL, 0, (const uint8_t *)"");

	if (!message)
		abort();
	return message;
}

void message_free(void *message)
{
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}
