/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_http - what strangers send to the probe server, and what a gRPC server answers.
 */

#include <string.h>

#include "lib/http/grpc.h"
#include "lib/http/serve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *path = NULL;
	const uint8_t *message;
	size_t len;
	bool is_head;
	struct error e;

	if (http_parse_request((const char *)data, size, &path, &is_head, &e) == 1 &&
	    path[0] != '/')
		abort();
	if (grpc_unframe(data, size, &message, &len, &e) >= 0 && message + len != data + size)
		abort();
	return 0;
}
