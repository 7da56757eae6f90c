/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shims - find shims that are not ours among the processes of the machine.
 *
 * A shim is told by its name, and ours by its file, which lies in a version directory; the sandbox
 * is the word behind -id.  What ends meanwhile is not there.  Any thread.
 */
#include "lib/host/shims.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/foreign.h"

#define SHIM_NAME "containerd-shim-kata-v2"
#define WORDS_MAX (64 * KIB)
#define DELETED   " (deleted)"

/* The file that PID runs, which may have been removed since; NULL for what is no shim or ours. */
static char *program_of(const char *proc, const char *pid)
{
	_free_ char *link = xasprintf("%s/%s/exe", proc, pid);
	char target[PATH_MAX];
	ssize_t n = readlink(link, target, sizeof(target) - 1);

	if (n <= 0)
		return NULL;
	target[n] = '\0';
	if (str_ends(target, DELETED))
		target[strlen(target) - strlen(DELETED)] = '\0';
	/* What was adopted of upstream's lies there as well. */
	if (strcmp(path_base(target), SHIM_NAME) != 0 ||
	    (strstr(target, "/versions/") && !strstr(target, FOREIGN_SUFFIX "/")))
		return NULL;
	return xstrdup(target);
}

/* The word behind -id; NULL without. */
static char *id_of(const char *proc, const char *pid)
{
	_free_ char *path = xasprintf("%s/%s/cmdline", proc, pid);
	_free_ char *words = NULL;
	struct error ignored;
	size_t len;

	if (file_read(path, WORDS_MAX, &words, &len, &ignored) < 0)
		return NULL;
	for (const char *word = words; word < words + len; word += strlen(word) + 1) {
		const char *next = word + strlen(word) + 1;

		if ((strcmp(word, "-id") == 0 || strcmp(word, "--id") == 0) && next < words + len)
			return xstrdup(next);
	}
	return NULL;
}

void shims_list(const char *proc, strv *ids, strv *programs)
{
	DIR *dir = opendir(proc);
	struct dirent *d;

	if (!dir)
		return;
	while ((d = readdir(dir)) != NULL) {
		_free_ char *program = NULL;
		_free_ char *id = NULL;

		if (d->d_name[strspn(d->d_name, "0123456789")] != '\0')
			continue;
		program = program_of(proc, d->d_name);
		id = program ? id_of(proc, d->d_name) : NULL;
		if (!id || strv_contains(*ids, id))
			continue;
		strv_take(ids, TAKE_PTR(id));
		strv_take(programs, TAKE_PTR(program));
	}
	(void)closedir(dir);
}
