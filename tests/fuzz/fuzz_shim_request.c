/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_shim_request - read any bytes as a request to a shim's management socket, whole and in two
 * pieces, and as a shim's answer.
 */

#include <string.h>

#include "lib/str.h"
#include "lib/wire.h"
#include "runtime/sandbox/management.h"
#include "runtime/shim/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct request *r, size_t size)
{
	free(request_parameter(r, "path"));
	if (r->path[0] != '/' || r->body_len > size || r->body_len > WIRE_REQUEST_BODY_MAX ||
	    r->body[r->body_len])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *text = xstrndup((const char *)data, size);
	_free_ char *answer = NULL;
	struct error e;

	for (size_t len = size / 2; len <= size; len += max_size(size - size / 2, 1)) {
		_request_ struct request r = { 0 };
		/* An allocation of its own: reading behind it is seen. */
		_free_ uint8_t *bytes = len > 0 ? xmemdup(data, len) : NULL;

		if (bytes && request_parse(bytes, len, &r, &e) > 0)
			check(&r, len);
	}
	(void)management_parse(text, MANAGEMENT_LINE, &answer, &e);
	return 0;
}
