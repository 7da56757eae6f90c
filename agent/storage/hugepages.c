/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hugepages - reserve huge pages for a volume.
 *
 * The kernel accepts any number and keeps as many pages as it found; only reading the number back
 * tells.  Pages of earlier volumes are counted in: the file holds the sum.  Work threads.
 */

#include "agent/storage/hugepages.h"

#include <stdio.h>
#include <string.h>

#include "lib/file.h"

#define KNOB_MAX 64 /* bytes of the file */

/* *ret_value keeps its value if there is no such option. */
static int find_size(char *const *options, const char *prefix, uint64_t *ret_value, struct error *e)
{
	for (size_t i = 0; options && options[i]; i++)
		if (str_starts(options[i], prefix))
			return parse_size(options[i] + strlen(prefix), prefix, ret_value, e);
	return 0;
}

static int read_count(const char *path, uint64_t *ret_count, struct error *e)
{
	_free_ char *text = NULL;
	int r = file_read(path, KNOB_MAX, &text, NULL, e);

	return r < 0 ? r : parse_u64(str_trim(text), path, UINT32_MAX, ret_count, e);
}

int hugepages_reserve(const char *sysfs, char *const *options, struct error *e)
{
	uint64_t page = 0, size = 0, before, after, wanted;
	_free_ char *path = NULL;
	char text[24];

	if (find_size(options, "pagesize=", &page, e) < 0 ||
	    find_size(options, "size=", &size, e) < 0)
		return -e->code;
	if (page < KIB || size < page)
		return fail(e, EINVAL, "huge pages of %llu bytes do not fill %llu bytes",
			    (unsigned long long)page, (unsigned long long)size);
	path = xasprintf("%s/kernel/mm/hugepages/hugepages-%llukB/nr_hugepages", sysfs,
			 (unsigned long long)(page / KIB));
	if (read_count(path, &before, e) < 0)
		return -e->code;
	wanted = before + size / page;
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)wanted);
	if (file_write(path, text, e) < 0 || read_count(path, &after, e) < 0)
		return -e->code;
	if (after < wanted)
		return fail(
			e, ENOMEM, "the guest has memory for %llu of %llu huge pages of %llu kB",
			(unsigned long long)(after - before), (unsigned long long)(wanted - before),
			(unsigned long long)(page / KIB));
	return 0;
}
