/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_direct - read any bytes as the record of a direct volume; what is read is complete.
 */

#include "runtime/sandbox/direct.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *text = xstrndup((const char *)data, size);
	_direct_ struct direct d = { 0 };
	struct error e;

	if (direct_parse(text, &d, &e) == 0 && (str_empty(d.device) || str_empty(d.fstype)))
		abort();
	return 0;
}
