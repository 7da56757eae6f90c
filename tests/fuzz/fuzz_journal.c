/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_journal - what a power cut may have made of an installer's journal.
 *
 * Whatever was read, each entry has its step and the data to undo it by.
 */

#include "lib/host/journal.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct journal *j)
{
	for (size_t i = 0; i < journal_len(j); i++) {
		const struct journal_entry *entry = journal_at(j, i);

		if (strchr(entry->step, ' ') || !json_object_is_type(entry->data, json_type_object))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of its own, so that reading behind it is seen. */
	_free_ char *text = size ? xmemdup(data, size) : xstrdup("");
	_cleanup_(journal_closep) struct journal *j = xcalloc(1, sizeof(*j));
	struct error e;

	j->path = xstrdup("/nowhere/journal");
	j->fd = -1;
	(void)parse(j, text, size, &e);
	check(j);
	return 0;
}
