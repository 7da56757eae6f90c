/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_console - a guest's console, cut into lines for the log.
 *
 * The input comes in two pieces, with a period of the log between them.  What is kept is no longer
 * than a line, and has nothing that a terminal would obey.
 */

#include "runtime/vmm/output.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct source *s)
{
	if (s->used >= LINE_SIZE)
		abort();
	for (size_t i = 0; i < s->used; i++)
		if (s->line[i] < ' ' || s->line[i] > '~')
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source s = { .name = "guest" };
	size_t half = size / 2;

	log_set_level(LOG_LEVEL_ERROR);
	take(&s, (const char *)data, half);
	check(&s);
	s.period_end_ms = 0;
	take(&s, (const char *)data + half, size - half);
	check(&s);
	end_line(&s);
	return 0;
}
