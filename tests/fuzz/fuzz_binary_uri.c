/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_binary_uri - what an engine names as a container's logger, behind "binary://".
 *
 * A program is only ever named by its path.
 */

#include "lib/str.h"
#include "runtime/pod/sink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *text = xstrndup((const char *)data, size);
	_free_ char *uri = xasprintf("binary://%s", text);
	_strv_ strv argv = NULL;
	struct error e;

	if (sink_parse_binary(uri, &argv, &e) == 0 && argv[0][0] != '/')
		abort();
	return 0;
}
