/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_record - what an installer reads in the folder of a sandbox, whoever wrote it.
 *
 * No text of a record is missing: "" says that it does not say.
 */

#include "lib/host/record.h"
#include "tests/fuzz/folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct record *r)
{
	if (!r->pod_namespace || !r->pod_name || !r->started || !r->version_dir ||
	    !r->config_digest || !r->configuration)
		abort();
	for (size_t i = 0; i < r->n_assets; i++)
		if (!r->assets[i].path || !r->assets[i].sha256)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_folder_ char *top = folder_new(data, size);
	_strv_ strv ids = NULL;
	struct error e;

	if (record_list(top, &ids, &e) < 0)
		return 0;
	for (size_t i = 0; i < strv_len(ids); i++) {
		_record_ struct record r = { 0 };

		if (record_read(top, ids[i], &r, &e) < 0)
			record_init(&r, ids[i]);
		else
			check(&r);
	}
	return 0;
}
