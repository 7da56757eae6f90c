/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_redact - leave secrets out of any text, and check that one that follows goes, too.
 *
 * Logs and files are of anybody, who must not be able to keep a secret of somebody else in a
 * report: whatever stands before it, a value of a secret's key does not stay.
 */

#include <string.h>

#include "lib/redact.h"
#include "lib/str.h"

#define SECRET  "hunter2-hunter2"
#define PLANTED "\npassword = " SECRET "\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *text = xstrndup((const char *)data, size);
	_free_ char *planted = xasprintf("%s" PLANTED, text);
	size_t len = strlen(text), planted_len = strlen(planted);
	bool has_it = strstr(text, SECRET);

	redact_text(text);
	require(strlen(text) <= len);
	redact_text(planted);
	require(strlen(planted) <= planted_len);
	require(has_it || !strstr(planted, SECRET));
	return 0;
}
