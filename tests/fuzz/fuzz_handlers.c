/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_handlers - the files of all container engines of a machine, as a report reads them.
 *
 * The input is the files (folder.h), of which those count that lie where an engine's would.  What
 * is found has the name of a handler and the file that says so.
 */

#include <stdlib.h>
#include <string.h>

#include "lib/host/flavour.h"
#include "lib/host/handlers.h"
#include "tests/fuzz/folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const char *folder)
{
	const struct flavour *f;
	struct error e;

	for (size_t i = 0; (f = flavour_at(i)) != NULL; i++) {
		_handler_place_ struct handler_place place = { 0 };
		_free_ char *dir = xasprintf("%s%s", folder, f->dir);

		if (handlers_look("kata", f, dir, &place, &e) > 0 &&
		    (!place.file || !str_starts(place.file, folder)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_folder_ char *folder = folder_new(data, size);
	_handlers_found_ struct handlers_found found = { 0 };

	handlers_find(folder, &found);
	for (size_t i = 0; i < found.n; i++)
		for (char *const *by = found.list[i].used_by; !by || *by; by++)
			if (!by || !strstr(*by, " ("))
				abort();
	look(folder);
	return 0;
}
