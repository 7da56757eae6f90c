/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_sign - a key and a signature of arbitrary text.
 *
 * The input is a signature, and a key as well.  A key that is taken is the same when its text is
 * read again; no input is a signature of its own length as a decimal number, since nobody signed
 * that.
 */

#include <stdio.h>
#include <string.h>

#include "lib/host/sign.h"
#include "lib/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_key(const char *text)
{
	_free_ char *line = NULL;
	struct sign_key key, again;
	struct error e;

	if (sign_key_parse(text, "fuzz", &key, &e) < 0)
		return;
	line = sign_key_text(&key);
	if (sign_key_parse(line, "fuzz", &again, &e) < 0 || !sign_key_equal(&key, &again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char line[] = "RWQw3/8JbKbS1ptpxtS/wD/4lBL8IxHyJ7AwA8xVL/6mwa84EOLp8Rzf";
	_free_ char *text = xstrndup((const char *)data, size);
	char *comment = NULL;
	struct sign_key key;
	struct error e;
	char number[24];

	fuzz_key(text);
	(void)snprintf(number, sizeof(number), "%zu", size);
	if (sign_key_parse(line, "fuzz", &key, &e) < 0 ||
	    sign_check(&key, number, strlen(number), text, "fuzz", &comment, &e) >= 0)
		abort();
	return 0;
}
