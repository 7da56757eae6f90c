/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proven - remember which canary has answered since the machine was started.
 *
 * ROOT/.proofs has one line for each, the newest first: kind, boot id, name, the guest's kernel.  A
 * line that another boot wrote says nothing: the kernel, KVM and the engine may be others. What
 * cannot be read or written costs one more canary, and nothing else.  One thread.
 */
#include "lib/host/proven.h"

#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"

#define BOOT_ID    "/proc/sys/kernel/random/boot_id"
#define PROOFS_MAX 16 /* lines: two for each version that may be gone back to, and some */

static char *record_path(const char *root)
{
	return path_join(root, ".proofs");
}

/* "canary BOOT NAME": how a line of this boot begins.  NULL if the boot has no name. */
static char *line_of(const char *kind, const char *name)
{
	_free_ char *boot = NULL;
	struct error ignored;

	if (file_read(BOOT_ID, 64, &boot, NULL, &ignored) < 0)
		return NULL;
	return xasprintf("%s %s %s", kind, str_trim(boot), name);
}

static strv read_lines(const char *root)
{
	_free_ char *path = record_path(root);
	_free_ char *text = NULL;
	struct error ignored;

	return file_read(path, 64 * KIB, &text, NULL, &ignored) < 0 ? NULL : strv_split(text, "\n");
}

bool proven_has(const char *root, const char *kind, const char *name, char **ret_kernel)
{
	_free_ char *wanted = line_of(kind, name);
	_strv_ strv lines = read_lines(root);
	size_t len = wanted ? strlen(wanted) : 0;

	for (char **line = lines; wanted && line && *line; line++) {
		if (strncmp(*line, wanted, len) != 0 || (*line)[len] != ' ')
			continue;
		if (ret_kernel)
			*ret_kernel = xstrdup(*line + len + 1);
		return true;
	}
	return false;
}

void proven_note(const char *root, const char *kind, const char *name, const char *kernel)
{
	_free_ char *path = record_path(root);
	_free_ char *first = line_of(kind, name);
	_strv_ strv lines = read_lines(root);
	_strv_ strv kept = NULL;
	_free_ char *text = NULL;
	struct error e;

	if (!first)
		return;
	strv_addf(&kept, "%s %s", first, kernel ? kernel : "");
	for (char **line = lines; line && *line && strv_len(kept) < PROOFS_MAX; line++)
		if (!str_starts(*line, first))
			strv_add(&kept, *line);
	strv_add(&kept, "");
	text = strv_join(kept, "\n");
	if (file_replace(path, text, strlen(text), 0600, &e) < 0)
		log_warn("%s", e.msg);
}

int proven_forget(const char *root, struct error *e)
{
	_free_ char *path = record_path(root);

	file_clear_rest(path);
	if (unlink(path) < 0 && errno != ENOENT)
		return fail(e, errno, "cannot remove '%s': %m", path);
	return 0;
}
