/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_manifest - a manifest with the right digest but anything before it.
 *
 * The digest line is made here, for a fuzzer cannot; every path that is accepted must stay inside
 * the release.
 */

#include <string.h>

#include "lib/host/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct manifest *m)
{
	for (size_t i = 0; i < m->n_entries; i++) {
		const char *path = m->entries[i].path;

		if (path[0] == '/' || strncmp(path, "../", 3) == 0 || strstr(path, "/../") ||
		    strpbrk(path, " \n"))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_manifest_ struct manifest m = { 0 };
	char digest[SHA256_HEX + 1];
	_free_ char *body = xstrndup((const char *)data, size);
	_free_ char *text = NULL;
	struct error e;

	(void)manifest_parse((const char *)data, size, "fuzz", &m, &e);
	manifest_done(&m);
	sha256_bytes(body, strlen(body), digest);
	text = xasprintf("%sdigest %s\n", body, digest);
	if (manifest_parse(text, strlen(text), "fuzz", &m, &e) >= 0)
		check(&m);
	return 0;
}
