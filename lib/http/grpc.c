/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc - unary gRPC calls, which are HTTP/2 POSTs of one length-prefixed message.
 *
 * Used for containerd and its CRI endpoint on their unix socket, which speak nothing else.  The
 * status of a call is in the trailers grpc-status and grpc-message (percent-encoded).  Statuses
 * become errnos as those of ttRPC do (lib/rpc/status.h), and a message takes no more memory than
 * one of ttRPC's.  Limits: no streams, no compression.  Thread: that of the client.
 */
#include "lib/http/grpc.h"

#include <arpa/inet.h>
#include <string.h>

#include "lib/rpc/message.h"
#include "lib/rpc/status.h"

#define FRAME_HEADER 5

struct outcome {
	int status; /* -1: not said */
	char *message;
};

static void on_header(void *arg, const char *name, const char *value)
{
	struct outcome *o = arg;
	struct error ignored;
	uint32_t status;

	if (strcmp(name, "grpc-status") == 0 &&
	    parse_u32(value, "grpc-status", 1000, &status, &ignored) >= 0)
		o->status = (int)status;
	if (strcmp(name, "grpc-message") == 0) {
		str_set(&o->message, value);
		percent_decode(o->message);
		str_make_printable(o->message);
	}
}

int grpc_unframe(const uint8_t *bytes, size_t len, const uint8_t **ret_data, size_t *ret_len,
		 struct error *e)
{
	uint32_t size;

	if (len < FRAME_HEADER)
		return fail(e, EPROTO, "a gRPC answer of %zu bytes is too short", len);
	if (bytes[0] != 0)
		return fail(e, EPROTO, "a gRPC answer is compressed");
	memcpy(&size, bytes + 1, sizeof(size));
	if (ntohl(size) != len - FRAME_HEADER)
		return fail(e, EPROTO, "a gRPC answer claims %u bytes but has %zu", ntohl(size),
			    len - FRAME_HEADER);
	*ret_data = bytes + FRAME_HEADER;
	*ret_len = len - FRAME_HEADER;
	return 0;
}

static uint8_t *frame(const ProtobufCMessage *in, size_t *ret_len)
{
	size_t size = protobuf_c_message_get_packed_size(in);
	uint8_t *bytes = xmalloc(FRAME_HEADER + size);
	uint32_t be = htonl((uint32_t)size);

	bytes[0] = 0;
	memcpy(bytes + 1, &be, sizeof(be));
	(void)protobuf_c_message_pack(in, bytes + FRAME_HEADER);
	*ret_len = FRAME_HEADER + size;
	return bytes;
}

static int decode(const struct grpc_method *method, const struct http_response *response,
		  void *ret_out, struct error *e)
{
	const uint8_t *data;
	size_t len;
	int r;

	if (!ret_out)
		return 0;
	r = grpc_unframe((const uint8_t *)response->body, response->len, &data, &len, e);
	if (r >= 0)
		r = message_unpack(method->out, data, len, ret_out, e);
	return r < 0 ? fail_wrap(e, "the answer to %s", method->path) : 0;
}

static int check(const struct grpc_method *method, const struct http_response *response,
		 const struct outcome *o, struct error *e)
{
	if (o->status == 0)
		return 0;
	if (o->status > 0)
		return fail(e, rpc_errno_of(o->status), "%s: %s", method->path,
			    str_empty(o->message) ? rpc_status_text(o->status) : o->message);
	return fail(e, EPROTO, "%s: HTTP status %u without a gRPC status", method->path,
		    response->status);
}

int grpc_open(const char *socket_path, struct http_client **ret_client, struct error *e)
{
	const struct http_target target = {
		.base_url = "http://localhost",
		.unix_socket = socket_path,
		.http2 = true,
	};

	return http_client_new(&target, ret_client, e);
}

int grpc_call(struct http_client *client, const struct grpc_method *method, const void *in,
	      void *ret_out, char *const *headers, uint64_t deadline_ms,
	      const struct cancel *cancel, struct error *e)
{
	_http_response_ struct http_response response = { 0 };
	_strv_ strv all = strv_copy(headers);
	_free_ uint8_t *body = NULL;
	struct outcome o = { .status = -1 };
	struct http_request request = {
		.method = "POST",
		.path = method->path,
		.content_type = "application/grpc",
		.deadline_ms = deadline_ms,
		.cancel = cancel,
		.on_header = on_header,
		.arg = &o,
	};
	int r;

	strv_add(&all, "TE: trailers");
	request.headers = all;
	body = frame(in, &request.body_len);
	request.body = body;
	r = http_do(client, &request, &response, e);
	if (r >= 0)
		r = check(method, &response, &o, e);
	free(o.message);
	return r < 0 ? r : decode(method, &response, ret_out, e);
}
