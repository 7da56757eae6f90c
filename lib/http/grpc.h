/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HTTP_GRPC_H
#define LIB_HTTP_GRPC_H

#include <protobuf-c/protobuf-c.h>

#include "lib/http/client.h"

/* One kind of unary gRPC call. */
struct grpc_method {
	const char *path; /* "/package.Service/Method" */
	const ProtobufCMessageDescriptor *in;
	const ProtobufCMessageDescriptor *out;
};

/* A client for the gRPC server on a unix socket. */
int grpc_open(const char *socket_path, struct http_client **ret_client, struct error *e);

/* Calls and waits.  HEADERS is metadata ("name: value", may be NULL).  *ret_out, which may be NULL,
 * is the answer, to be freed with message_free() (lib/rpc/message.h).  A status other than OK is
 * the errno of rpc_errno_of() with the server's message; failures of the way there are those of
 * http_do(). */
int grpc_call(struct http_client *client, const struct grpc_method *method, const void *in,
	      void *ret_out, char *const *headers, uint64_t deadline_ms,
	      const struct cancel *cancel, struct error *e);

/* One call to the server on a unix socket, with a connection of its own and 10 s at most: for what
 * is answered at once. */
int grpc_ask(const char *socket_path, const struct grpc_method *method, const void *in,
	     void *ret_out, uint64_t deadline_ms, const struct cancel *cancel, struct error *e);

/* The bytes of one length-prefixed message of LEN bytes; EPROTO if it is not exactly one.  Public
 * for the fuzz target. */
int grpc_unframe(const uint8_t *bytes, size_t len, const uint8_t **ret_data, size_t *ret_len,
		 struct error *e);

#endif
