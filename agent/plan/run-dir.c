/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run-dir - paths of the host's that lie below SANDBOX_RUN_DIR.
 *
 * Volumes of the pod are mounted there, and a container may have put a link where the host expects
 * a directory: what the host asks to be bound or made next must not lead into the guest's own tree.
 * Nothing the host names there is a link, so none is followed.  Any thread.
 */
#include "agent/plan/run-dir.h"

#include <fcntl.h>
#include <string.h>

#include "lib/file.h"
#include "lib/str.h"

#define PATH_LEN_MAX 4095

static bool has_dots(const char *path)
{
	_strv_ strv parts = strv_split(path, "/");

	return strv_contains(parts, "..");
}

/* PATH without SANDBOX_RUN_DIR, or NULL if it is neither that nor below it. */
static const char *below_run_dir(const char *path)
{
	size_t len = strlen(SANDBOX_RUN_DIR);

	if (!str_starts(path, SANDBOX_RUN_DIR) || (path[len] && path[len] != '/') ||
	    strlen(path) > PATH_LEN_MAX || has_dots(path))
		return NULL;
	return path + len + strspn(path + len, "/");
}

bool run_dir_contains(const char *path)
{
	const char *below = below_run_dir(path);

	return below && *below;
}

static int open_top(const char *path, struct error *e)
{
	int fd;

	if (!below_run_dir(path))
		return fail(e, EINVAL, "'%.128s' is not below '" SANDBOX_RUN_DIR "'", path);
	fd = open(SANDBOX_RUN_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail(e, errno, "cannot open '" SANDBOX_RUN_DIR "': %m") : fd;
}

int run_dir_open(const char *path, int flags, struct error *e)
{
	_close_ int top = open_top(path, e);

	return top < 0 ? top : open_without_links(top, below_run_dir(path), flags, e);
}

int run_dir_make(const char *path, mode_t mode, struct error *e)
{
	_close_ int top = open_top(path, e);

	return top < 0 ? top : dir_make_without_links(top, below_run_dir(path), mode, e);
}
