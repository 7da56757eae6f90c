/* SPDX-License-Identifier: Apache-2.0 */
/*
 * folder - files for what reads a kernel's or a stranger's.
 *
 * Only names of plain words become files, so that nothing outside the folder is written; "@DIR@"
 * in a text is the folder itself.
 */

#include "tests/fuzz/folder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/str.h"

#define MARK "> "
#define SELF "@DIR@"
#define WORD "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

/* The LEN bytes of TEXT, with what FOLDER is called.  Caller frees. */
static char *named(const char *text, size_t len, const char *folder)
{
	_free_ char *whole = xstrndup(text, len);
	char *mark;

	while ((mark = strstr(whole, SELF)) != NULL) {
		char *next = xasprintf("%.*s%s%s", (int)(mark - whole), whole, folder,
				       mark + strlen(SELF));

		free(whole);
		whole = next;
	}
	return TAKE_PTR(whole);
}

static void add(const char *folder, const char *name, const char *text, size_t len)
{
	_free_ char *path = path_join(folder, name);
	_free_ char *parent = path_parent(path);
	_free_ char *whole = named(text, len, folder);
	_close_ int fd = -1;
	struct error ignored;

	if (name[strspn(name, WORD "./")] || strstr(name, ".."))
		return;
	if (dir_make(parent, 0700, &ignored) >= 0)
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)write_all(fd, whole, strlen(whole), name, &ignored);
}

/* The next mark at the beginning of a line, or the end. */
static const char *find_mark(const char *at)
{
	const char *next = strstr(at, "\n" MARK);

	return next ? next + 1 : at + strlen(at);
}

char *folder_new(const uint8_t *data, size_t size)
{
	_free_ char *text = xstrndup((const char *)data, size);
	const char *home = getenv("TMPDIR");
	char *folder = xasprintf("%s/kata-fuzz.XXXXXX", home ? home : "/tmp");
	const char *at = text;

	if (!mkdtemp(folder))
		abort();
	while (str_starts(at, MARK)) {
		const char *line = at + strlen(MARK), *next = find_mark(at);
		size_t len = strcspn(line, "\n");
		_free_ char *name = xstrndup(line, len);

		line += len + (line[len] == '\n');
		add(folder, name, line, line < next ? (size_t)(next - line) : 0);
		at = next;
	}
	return folder;
}

void folder_remove(char *folder)
{
	struct error ignored;

	if (folder)
		(void)tree_remove(folder, &ignored);
	free(folder);
}
