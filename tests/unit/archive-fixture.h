/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive-fixture - a folder of a test's own, and in it the place of one archive.
 */
#ifndef TESTS_UNIT_ARCHIVE_FIXTURE_H
#define TESTS_UNIT_ARCHIVE_FIXTURE_H

#include "tests/unit/folder.h"

struct fixture {
	char *root;
	char *archive;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->root = folder_new();
	f->archive = path_join(f->root, "a.tar.zst");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	folder_remove(f->root);
	free(f->archive);
	free(f);
	return 0;
}

#endif
