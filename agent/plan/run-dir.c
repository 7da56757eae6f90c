/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run-dir - paths of the host's that lie below SANDBOX_RUN_DIR.
 *
 * Volumes of the pod are mounted there, and a container may have put a link where the host expects
 * a directory: what the host asks to be bound or made next must not lead into the guest's own tree.
 * Nothing the host names there is a link, so none is followed.
 *
 * Upstream's runtimes have all of it below a folder of the user's that their VMM runs as, on the
 * host, where that is meant, and in the guest as well.  Any thread.
 */
#include "agent/plan/run-dir.h"

#include <fcntl.h>
#include <string.h>

#include "lib/file.h"
#include "lib/str.h"

#define PATH_LEN_MAX 4095
#define USER_DIR     "/run/user/"

static bool has_dots(const char *path)
{
	_strv_ strv parts = strv_split(path, "/");

	return strv_contains(parts, "..");
}

/* How long the folder of a user is that TEXT begins with, 0 if it does not, or not in front of
 * SANDBOX_RUN_DIR. */
static size_t user_prefix(const char *text)
{
	size_t len = strlen(USER_DIR), digits;

	if (!str_starts(text, USER_DIR))
		return 0;
	digits = strspn(text + len, "0123456789");
	len += digits;
	if (!digits || !str_starts(text + len, SANDBOX_RUN_DIR))
		return 0;
	text += len + strlen(SANDBOX_RUN_DIR);
	return *text && *text != '/' && *text != ':' ? 0 : len;
}

void run_dir_unprefix(char *text)
{
	for (char *at = text; *at; at++) {
		size_t len = at == text || at[-1] == '=' || at[-1] == ':' ? user_prefix(at) : 0;

		if (len)
			memmove(at, at + len, strlen(at + len) + 1);
	}
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
