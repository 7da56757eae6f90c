/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_http - what a gRPC server answers: its status, in words, and the message.
 *
 * The input is each of them.  What is shown of the words is text.
 */

#include "lib/http/grpc.c"
#include "lib/rpc/proto/client.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_status(const char *text)
{
	static const struct grpc_method method = { .path = "/a.Service/Method" };
	static const struct http_response response = { .status = 200 };
	struct outcome o = { .status = -1 };
	_free_ char *number = xstrndup(text, strcspn(text, " "));
	struct error e;

	on_header(&o, "grpc-status", number);
	on_header(&o, "grpc-message", text);
	if (check(&method, &response, &o, &e) < 0)
		for (const char *c = e.msg; *c; c++)
			if (*c == '\n' || *c == '\033')
				abort();
	free(o.message);
}

static void read_answer(const uint8_t *data, size_t size)
{
	static const struct grpc_method method = {
		.path = "/a.Service/Method",
		.out = &client__version_response__descriptor,
	};
	_free_ uint8_t *copy = size ? xmemdup(data, size) : NULL;
	const struct http_response response = { .body = (char *)copy, .len = size };
	_message_ Client__VersionResponse *answer = NULL;
	struct error e;

	if (decode(&method, &response, NULL, &e) < 0)
		abort();
	(void)decode(&method, &response, &answer, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *text = xstrndup((const char *)data, size);

	read_status(text);
	read_answer(data, size);
	return 0;
}
