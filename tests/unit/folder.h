/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_FOLDER_H
#define TESTS_UNIT_FOLDER_H

/* A folder of its own for a test. */

#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/str.h"

/* Where folders are made: who runs the tests removes it when one dies.  A test may change its
 * environment, so it is read before. */
static char folder_home[64] = "/tmp";

__attribute__((constructor)) static void folder_find_home(void)
{
	const char *home = getenv("TMPDIR");

	if (home && strlen(home) < sizeof(folder_home))
		(void)snprintf(folder_home, sizeof(folder_home), "%s", home);
}

/* Makes an empty folder.  Give its path to folder_remove. */
static inline char *folder_new(void)
{
	char *path = xasprintf("%s/kata-unit.XXXXXX", folder_home);

	assert_non_null(mkdtemp(path));
	return path;
}

/* Removes the folder with all that is in it, and frees PATH. */
static inline void folder_remove(char *path)
{
	struct error e;

	if (tree_remove(path, &e) < 0)
		fail_msg("%s", e.msg);
	free(path);
}

/* Makes the file NAME with TEXT in it, and what folders it needs below DIR. */
static inline void folder_put(const char *dir, const char *name, const char *text)
{
	_free_ char *path = path_join(dir, name);
	_free_ char *parent = path_parent(path);
	struct error e;

	if (dir_make(parent, 0755, &e) < 0 || file_replace(path, text, strlen(text), 0644, &e) < 0)
		fail_msg("%s", e.msg);
}

/* The fixture of tests whose state is such a path. */
static inline int folder_setup(void **state)
{
	*state = folder_new();
	return 0;
}

static inline int folder_teardown(void **state)
{
	folder_remove(*state);
	return 0;
}

#endif
