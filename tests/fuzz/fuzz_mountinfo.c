/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_mountinfo - any text as the kernel's list of mounts; its names are whoever mounts' choice.
 */

#include <string.h>

#include "lib/mountinfo.h"
#include "lib/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *text = xstrndup((const char *)data, size);
	struct mountinfo info;

	mountinfo_parse(text, &info);
	for (size_t i = 0; i < info.n; i++)
		if (strlen(info.entries[i].root) + strlen(info.entries[i].point) +
			    strlen(info.entries[i].options) >
		    strlen(text))
			abort();
	mountinfo_done(&info);
	return 0;
}
