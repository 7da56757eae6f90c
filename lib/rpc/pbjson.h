/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_RPC_PBJSON_H
#define LIB_RPC_PBJSON_H

#include <protobuf-c/protobuf-c.h>

#include "lib/json.h"
#include "lib/rpc/message.h"

/*
 * JSON as the OCI runtime specification has it <-> messages of lib/rpc/proto/oci.proto.
 */

/* Items of one array or object; more are refused. */
#define PBJSON_ITEMS_MAX 65536
/* Unknown members that are listed. */
#define PBJSON_UNKNOWN_MAX 100

/* Makes a message of TYPE from OBJECT, to be freed with message_free().  Members match fields
 * whatever their case; null is as good as missing.  A member without a field is ignored and its
 * path appended to *UNKNOWN (NULL: not listed).  EINVAL or ERANGE name the path of a value that
 * does not fit its field ("process.user.uid"). */
int pbjson_read(struct json_object *object, const ProtobufCMessageDescriptor *type, strv *unknown,
		void *ret_message, struct error *e);
/* The same from LEN bytes of text; NAME goes in front of messages. */
int pbjson_parse(const char *text, size_t len, const char *name,
		 const ProtobufCMessageDescriptor *type, strv *unknown, void *ret_message,
		 struct error *e);

/* The JSON of MESSAGE, which must hold no bytes fields; the caller owns a reference.  What has its
 * default value (zero, empty) is left out. */
struct json_object *pbjson_write(const void *message);

#endif
