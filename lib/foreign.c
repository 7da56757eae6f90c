/* SPDX-License-Identifier: Apache-2.0 */
/*
 * foreign - tell sandboxes of upstream's shims from ours.
 *
 * Upstream's Go shim keeps a sandbox's state beside ours, under another name; its Rust shim in a
 * folder of its own.  Both remove it when they clean up, so a state that is there belongs to a
 * sandbox that lives, or that its shim still has to clean up.  Any thread; may block.
 */
#include "lib/foreign.h"

#include <dirent.h>

#include "lib/file.h"

#define OURS "state.json" /* where upstream's Go shim has its own */

static const struct {
	const char *dir;
	const char *record;
	const char *program;
} kinds[] = {
	[FOREIGN_GO] = { "vc/sbs", "persist.json", "bin/containerd-shim-kata-v2" },
	[FOREIGN_RUST] = { "kata", "state.json", "runtime-rs/bin/containerd-shim-kata-v2" },
};

static bool has(const char *run, const char *dir, const char *id, const char *file)
{
	_free_ char *path = xasprintf("%s/%s/%s/%s", run, dir, id, file);

	return file_exists(path);
}

enum foreign_kind foreign_kind(const char *run, const char *id)
{
	if (has(run, kinds[FOREIGN_GO].dir, id, OURS))
		return FOREIGN_NONE;
	for (size_t i = FOREIGN_GO; i < ARRAY_SIZE(kinds); i++)
		if (has(run, kinds[i].dir, id, kinds[i].record))
			return (enum foreign_kind)i;
	return FOREIGN_NONE;
}

const char *foreign_program(enum foreign_kind kind)
{
	return kinds[kind].program;
}

static int list_kind(const char *run, enum foreign_kind kind, strv *ids, struct error *e)
{
	_free_ char *path = path_join(run, kinds[kind].dir);
	DIR *dir = opendir(path);
	struct dirent *d;

	if (!dir)
		return errno == ENOENT ? 0 : fail(e, errno, "cannot list '%s': %m", path);
	while ((d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.' && foreign_kind(run, d->d_name) == kind)
			strv_add(ids, d->d_name);
	(void)closedir(dir);
	return 0;
}

int foreign_list(const char *run, strv *ids, struct error *e)
{
	return list_kind(run, FOREIGN_GO, ids, e) < 0 ? -e->code
						      : list_kind(run, FOREIGN_RUST, ids, e);
}
