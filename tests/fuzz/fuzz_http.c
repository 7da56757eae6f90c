/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_http - what a gRPC server answers.
 */

#include <string.h>

#include "lib/http/grpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *message;
	size_t len;
	struct error e;

	if (grpc_unframe(data, size, &message, &len, &e) >= 0 && message + len != data + size)
		abort();
	return 0;
}
