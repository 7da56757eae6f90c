/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_RPC_MESSAGE_H
#define LIB_RPC_MESSAGE_H

#include <protobuf-c/protobuf-c.h>

#include "lib/error.h"

/*
 * Messages of any type, by their descriptor.  What is decoded may take WIRE_MEMORY_MAX bytes:
 * two bytes on the wire can ask for a hundred in memory.
 */

/* EBADMSG names the type when BYTES are not such a message, EMSGSIZE when it would take too much
 * memory.  The caller frees with message_free(). */
int message_unpack(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len,
		   void *ret_message, struct error *e);
/* Serialises; *ret_bytes is the caller's to free() and never NULL. */
size_t message_pack(const void *message, uint8_t **ret_bytes);
/* The same of ENVELOPE with MESSAGE, serialised, as its field FIELD: a field of bytes that is not
 * set, numbered below 16.  A long message is copied once. */
size_t message_pack_in(const void *envelope, unsigned field, const void *message,
		       uint8_t **ret_bytes);
/* An empty message on the heap.  (On the stack: NAME__INIT of its header; protobuf_c_message_init()
 * does not work.) */
void *message_new(const ProtobufCMessageDescriptor *type);
/* Frees a message of message_new() or message_unpack() and all it holds, which must come from
 * malloc().  NULL is allowed. */
void message_free(void *message);

static inline _unused_ void message_freep(void *p)
{
	message_free(*(void **)p);
}
#define _message_ _cleanup_(message_freep)

#endif
