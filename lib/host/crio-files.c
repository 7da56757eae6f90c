/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crio-files - which files CRI-O reads, in its order.
 *
 * The main file, which may be missing, and then each file of the folder, whatever its name, in the
 * order of their names, folders in it included.  Any thread; may block.
 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/host/crio.h"

#define FILES_MAX 64
#define DEPTH_MAX 4

static int is_visible(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static int add_folder(const char *dir, unsigned depth, strv *paths, struct error *e);

/* Like CRI-O, which goes into folders but not into links to them. */
static int add_name(const char *dir, const char *name, unsigned depth, strv *paths, struct error *e)
{
	_free_ char *path = path_join(dir, name);
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return add_folder(path, depth + 1, paths, e);
	if (strv_len(*paths) == FILES_MAX)
		return fail(e, E2BIG, "CRI-O has more than %d files", FILES_MAX);
	strv_add(paths, path);
	return 0;
}

static int add_folder(const char *dir, unsigned depth, strv *paths, struct error *e)
{
	struct dirent **names = NULL;
	int n = depth > DEPTH_MAX ? 0 : scandir(dir, &names, is_visible, alphasort);
	int r = 0;

	if (n < 0 && errno != ENOENT)
		return fail(e, errno, "cannot list '%s': %m", dir);
	for (int i = 0; i < n; i++) {
		if (r >= 0)
			r = add_name(dir, names[i]->d_name, depth, paths, e);
		free(names[i]);
	}
	free(names);
	return r;
}

int crio_list_files(const struct flavour *flavour, const char *dir, strv *ret_paths,
		    struct error *e)
{
	_free_ char *folder = path_join(dir, flavour->drop_in_dir);
	_free_ char *main_path = path_join(dir, flavour->main_file);
	_strv_ strv paths = NULL;

	if (file_exists(main_path))
		strv_add(&paths, main_path);
	if (add_folder(folder, 0, &paths, e) < 0)
		return -e->code;
	*ret_paths = TAKE_PTR(paths);
	return 0;
}
