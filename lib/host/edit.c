/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edit - replace a few files together, and be able to go back.
 *
 * Whoever reads one of the files sees the old text or the new one, and the old one is kept until
 * the new one has proved itself.  Files that are already as they should be are not written.  Any
 * thread, one at a time.
 */
#include "lib/host/edit.h"

#include <string.h>

#include "lib/file.h"

struct edit_file *edit_add(struct edit *edit, const char *path, struct error *e)
{
	struct edit_file f = { .mode = 0644 };
	struct stat st;
	int r;

	if (edit->n_files >= EDIT_FILES_MAX) {
		(void)fail(e, E2BIG, "more than %d files to edit", EDIT_FILES_MAX);
		return NULL;
	}
	r = file_read(path, EDIT_TEXT_MAX, &f.old_text, NULL, e);
	if (r < 0 && r != -ENOENT)
		return NULL;
	if (f.old_text && stat(path, &st) == 0)
		f.mode = st.st_mode & 0777;
	f.path = xstrdup(path);
	edit->files[edit->n_files++] = f;
	return &edit->files[edit->n_files - 1];
}

unsigned edit_changes(const struct edit *edit)
{
	unsigned n = 0;

	for (size_t i = 0; i < edit->n_files; i++)
		n += !str_equal(edit->files[i].old_text, edit->files[i].new_text);
	return n;
}

bool edit_is_needed(const struct edit *edit)
{
	return edit_changes(edit) > 0;
}

/* Makes the file at PATH have TEXT (NULL: be gone).  1 if it was different. */
static int put(const char *path, const char *text, mode_t mode, struct error *e)
{
	_free_ char *parent = path_parent(path);
	_free_ char *now = NULL;
	int r = file_read(path, EDIT_TEXT_MAX, &now, NULL, e);

	if (r < 0 && r != -ENOENT)
		return r;
	if (str_equal(now, text))
		return 0;
	if (!text) {
		if (unlink(path) < 0)
			return fail(e, errno, "cannot remove '%s': %m", path);
		return file_sync_parent(path, e) < 0 ? -e->code : 1;
	}
	if (dir_make(parent, 0755, e) < 0 || file_replace(path, text, strlen(text), mode, e) < 0)
		return -e->code;
	return 1;
}

/* From the last file to the first: a main file that imports another comes after it. */
int edit_apply(const struct edit *edit, struct error *e)
{
	for (size_t i = edit->n_files; i > 0; i--) {
		const struct edit_file *f = &edit->files[i - 1];

		if (put(f->path, f->new_text, f->mode, e) < 0)
			return -e->code;
	}
	return 0;
}

void edit_save(const struct edit *edit, struct json_object *data)
{
	struct json_object *files = json_set_array(data, "files");

	for (size_t i = 0; i < edit->n_files; i++) {
		struct json_object *file = json_object_new_object();

		json_set_str(file, "path", edit->files[i].path);
		json_set_str(file, "text", edit->files[i].old_text);
		json_set_int(file, "mode", edit->files[i].mode);
		(void)json_object_array_add(files, file);
	}
}

int edit_restore(struct json_object *data, struct error *e)
{
	struct json_object *files = json_at(data, "files");
	size_t n =
		json_object_is_type(files, json_type_array) ? json_object_array_length(files) : 0;
	int changed = 0;

	/* The first file first: what imports a file must go before it. */
	for (size_t i = 0; i < n; i++) {
		struct json_object *file = json_object_array_get_idx(files, i);
		const char *path = json_get_str(file, "path");
		int r;

		if (!path)
			return fail(e, EBADMSG, "a saved file has no path");
		r = put(path, json_get_str(file, "text"),
			(mode_t)json_get_int(file, "mode", 0644) & 0777, e);
		if (r < 0)
			return r;
		changed |= r;
	}
	return changed;
}

void edit_done(struct edit *edit)
{
	for (size_t i = 0; i < edit->n_files; i++) {
		free(edit->files[i].path);
		free(edit->files[i].old_text);
		free(edit->files[i].new_text);
	}
	*edit = (struct edit){ 0 };
}
