/* SPDX-License-Identifier: Apache-2.0 */
/*
 * executable - whether programs may be written to the installation's place and run there.  Any
 * thread.
 */
#include <string.h>
#include <sys/statvfs.h>

#include "lib/file.h"
#include "lib/host/hostcheck.h"

/* Of the folder that PATH will be made in, if it is not there yet. */
static int look_at_file_system(const char *path, struct statvfs *ret_fs)
{
	_free_ char *dir = xstrdup(path);

	while (statvfs(dir, ret_fs) < 0) {
		_free_ char *parent = path_parent(dir);

		if (errno != ENOENT || strcmp(parent, dir) == 0)
			return -1;
		str_set(&dir, parent);
	}
	return 0;
}

static enum check_answer look(const struct host_facts *f, struct error *e)
{
	struct statvfs fs;

	if (!f->root)
		return CHECK_HOLDS;
	if (look_at_file_system(f->root, &fs) < 0)
		(void)fail(e, errno, "cannot look at '%s': %m", f->root);
	else if ((fs.f_flag & ST_RDONLY) && !f->only_looks)
		(void)fail(e, EROFS, "'%s' is mounted read-only", f->root);
	else if (fs.f_flag & ST_NOEXEC)
		(void)fail(e, EACCES, "'%s' is mounted noexec", f->root);
	else
		return CHECK_HOLDS;
	return CHECK_FAILS;
}

const struct host_check check_executable = {
	.name = "executable",
	.weight = CHECK_NEEDED,
	.look = look,
	.remedy = "mount it otherwise, or install on another file system",
};
