/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edit - replace a few files together, and be able to go back.
 *
 * Whoever reads one of the files sees the old text or the new one, and the old one is kept until
 * the new one has proved itself.  Files that are already as they should be are not written, nor
 * are those that somebody else changed since they were read; between that look and the rename is
 * no lock that others would know.  A link stays one: its target is replaced.  The owner stays, and
 * the mode unless the edit has another one, which is a change like that of the text.
 * Any thread, one at a time.
 */
#include "lib/host/edit.h"

#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/host/manifest.h"

/* The file that PATH leads to.  A link whose target cannot be seen from here is not "no file":
 * whoever reads PATH outside this pod may see one. */
static int follow(const char *path, char **ret_target, struct error *e)
{
	_free_ char *target = realpath(path, NULL);
	char link[PATH_MAX];
	ssize_t n;

	if (target || errno != ENOENT) {
		*ret_target = xstrdup(target ? target : path);
		return 0;
	}
	n = readlink(path, link, sizeof(link));
	if (n < 0) {
		*ret_target = xstrdup(path);
		return 0;
	}
	return fail(e, ENOTSUP,
		    "'%s' is a link to '%.*s', which is not to be seen from here; put the file "
		    "itself in "
		    "its place, or mount the target's folder under the same name",
		    path, (int)n, link);
}

static struct edit_file *add(struct edit *edit, const struct edit_file *f, const char *path)
{
	edit->files = xrealloc(edit->files, edit->n_files + 1, sizeof(*edit->files));
	edit->files[edit->n_files] = *f;
	edit->files[edit->n_files].path = xstrdup(path);
	return &edit->files[edit->n_files++];
}

struct edit_file *edit_add(struct edit *edit, const char *path, struct error *e)
{
	struct edit_file f = { .mode = 0644, .uid = geteuid(), .gid = getegid() };
	_free_ char *target = NULL;
	_free_ char *folder = path_parent(path);
	size_t len = 0;
	struct stat st;
	int r;

	if (follow(path, &target, e) < 0)
		return NULL;
	r = file_read(target, EDIT_TEXT_MAX, &f.old_text, &len, e);
	if (r < 0 && r != -ENOENT)
		return NULL;
	if (f.old_text && strlen(f.old_text) != len) {
		(void)fail(e, EINVAL, "'%s' has a NUL byte", path);
		free(f.old_text);
		return NULL;
	}
	if (f.old_text && stat(target, &st) == 0) {
		f.mode = f.old_mode = st.st_mode & 0777;
		f.uid = st.st_uid;
		f.gid = st.st_gid;
	}
	f.has_folder = file_exists(folder);
	return add(edit, &f, path);
}

/* Where the link at PATH leads; ENOENT, or EEXIST if it is none. */
static int read_link(const char *path, char **ret_target, struct error *e)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target));

	if (n < 0 && errno == EINVAL)
		return fail(e, EEXIST, "'%s' is there and no link", path);
	if (n < 0)
		return fail(e, errno, "cannot read the link '%s': %m", path);
	*ret_target = xstrndup(target, (size_t)n);
	return 0;
}

struct edit_file *edit_add_link(struct edit *edit, const char *path, struct error *e)
{
	struct edit_file f = { .uid = geteuid(), .gid = getegid(), .is_link = true };
	_free_ char *folder = path_parent(path);
	int r = read_link(path, &f.old_text, e);

	if (r < 0 && r != -ENOENT)
		return NULL;
	f.has_folder = file_exists(folder);
	return add(edit, &f, path);
}

bool edit_owns_folder(const struct edit_file *f, const char *mark)
{
	_free_ char *folder = path_parent(f->path);
	_free_ char *pattern = path_pattern(folder, "*");
	bool is_marked = false;
	struct error ignored;
	glob_t found;

	if (f->old_text || !f->has_folder)
		return !f->old_text || strstr(f->old_text, mark);
	if (glob(pattern, 0, NULL, &found) != 0)
		return false;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		_free_ char *text = NULL;

		is_marked |=
			file_read(found.gl_pathv[i], EDIT_TEXT_MAX, &text, NULL, &ignored) >= 0 &&
			strstr(text, mark);
	}
	globfree(&found);
	return is_marked;
}

bool edit_changes_file(const struct edit_file *f)
{
	bool is_other_mode = f->old_text && f->new_text && !f->is_link && f->mode != f->old_mode;

	return is_other_mode || !str_equal(f->old_text, f->new_text);
}

unsigned edit_changes(const struct edit *edit)
{
	unsigned n = 0;

	for (size_t i = 0; i < edit->n_files; i++)
		n += edit_changes_file(&edit->files[i]);
	return n;
}

bool edit_is_needed(const struct edit *edit)
{
	return edit_changes(edit) > 0;
}

static bool has_mode(const struct edit_file *f, const char *path)
{
	struct stat st;

	return f->is_link || (stat(path, &st) == 0 && (st.st_mode & 0777) == f->mode);
}

/* 1: the file is still as it was, 0: it is as it shall be already. */
static int look(const struct edit_file *f, char **ret_target, struct error *e)
{
	_free_ char *target = f->is_link ? xstrdup(f->path) : NULL;
	_free_ char *now = NULL;
	int r = f->is_link ? read_link(f->path, &now, e) : follow(f->path, &target, e);

	if (r >= 0 && !f->is_link)
		r = file_read(target, EDIT_TEXT_MAX, &now, NULL, e);
	if (r < 0 && r != -ENOENT)
		return r;
	if (!str_equal(now, f->old_text) && !str_equal(now, f->new_text))
		return fail(e, EAGAIN,
			    "somebody else changed '%s' meanwhile; it stays as it is, and the next "
			    "run begins with it",
			    f->path);
	r = !str_equal(now, f->new_text) || (now && !has_mode(f, target));
	*ret_target = TAKE_PTR(target);
	return r;
}

static int write_new(const struct edit_file *f, struct error *e)
{
	_free_ char *target = NULL;
	_free_ char *parent = NULL;
	int r = look(f, &target, e);

	if (r <= 0)
		return r;
	parent = path_parent(target);
	/* The folder's own name must last as well before another file may import what is in it. */
	if (dir_make(parent, 0755, e) < 0 || file_sync_parent(parent, e) < 0)
		return -e->code;
	if (f->is_link)
		return link_replace(target, f->new_text, e);
	return file_replace_owned(target, f->new_text, strlen(f->new_text), f->mode, f->uid, f->gid,
				  e);
}

/* Tries it with a file that has no name. */
static int look_at_owner(const struct edit_file *f, const char *target, struct error *e)
{
	_free_ char *parent = path_parent(target);
	_close_ int fd = -1;

	if (!f->new_text || f->is_link || (f->uid == geteuid() && f->gid == getegid()))
		return 0;
	fd = open(parent, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd >= 0 && fchown(fd, f->uid, f->gid) < 0)
		return fail(e, errno,
			    "'%s' belongs to user %u and group %u and could not keep them (%m); "
			    "give it to root, or this program the capability CHOWN",
			    f->path, (unsigned)f->uid, (unsigned)f->gid);
	return 0;
}

/* Of a link only the link: nobody reads its target any more. */
static int remove_old(const struct edit_file *f, struct error *e)
{
	_free_ char *target = NULL;
	int r = look(f, &target, e);

	if (r <= 0)
		return r;
	if (unlink(f->path) < 0)
		return fail(e, errno, "cannot remove '%s': %m", f->path);
	return file_sync_parent(f->path, e);
}

/* What was made for the file goes with it, once nothing else is in it; also where a kill came
 * between the two. */
static int remove_folder(const struct edit_file *f, struct error *e)
{
	_free_ char *folder = path_parent(f->path);

	return f->takes_folder && rmdir(folder) == 0 ? file_sync_parent(folder, e) : 0;
}

static int look_at_all(const struct edit *edit, struct error *e)
{
	for (size_t i = 0; i < edit->n_files; i++) {
		_free_ char *target = NULL;
		int r = look(&edit->files[i], &target, e);

		/* Of a run that was killed and is taken back now, or begun anew. */
		if (r >= 0)
			file_clear_rest(target);
		if (r > 0)
			r = look_at_owner(&edit->files[i], target, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A file may import those behind it.  Written from the last to the first and then removed from the
 * first to the last, none ever imports one that is not there. */
int edit_apply(const struct edit *edit, struct error *e)
{
	if (look_at_all(edit, e) < 0)
		return -e->code;
	for (size_t i = edit->n_files; i > 0; i--)
		if (edit->files[i - 1].new_text && write_new(&edit->files[i - 1], e) < 0)
			return -e->code;
	for (size_t i = 0; i < edit->n_files; i++)
		if (!edit->files[i].new_text && remove_old(&edit->files[i], e) < 0)
			return -e->code;
	/* What is imported may lie below the folder of who imports it. */
	for (size_t i = edit->n_files; i > 0; i--)
		if (!edit->files[i - 1].new_text && remove_folder(&edit->files[i - 1], e) < 0)
			return -e->code;
	return 0;
}

static bool is_empty(const char *folder)
{
	_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_strv_ strv names = NULL;
	struct error ignored;

	return fd >= 0 && dir_list(fd, 1, &names, &ignored) >= 0 && !names;
}

bool edit_has_rest(const struct edit *edit)
{
	for (size_t i = 0; i < edit->n_files; i++) {
		const struct edit_file *f = &edit->files[i];
		_free_ char *folder = path_parent(f->path);

		if (f->old_text || f->new_text)
			continue;
		if (file_has_rest(f->path) || (f->takes_folder && is_empty(folder)))
			return true;
	}
	return false;
}

/* Says which text it is without holding it. */
static void mark_of(const char *text, char ret_mark[SHA256_HEX + 1])
{
	if (text)
		sha256_bytes(text, strlen(text), ret_mark);
	else
		(void)stpcpy(ret_mark, "none");
}

void edit_save(const struct edit *edit, struct json_object *data)
{
	struct json_object *files = json_set_array(data, "files");

	for (size_t i = 0; i < edit->n_files; i++) {
		struct json_object *file = json_object_new_object();
		char mark[SHA256_HEX + 1];

		mark_of(edit->files[i].new_text, mark);
		json_set_str(file, "path", edit->files[i].path);
		json_set_str(file, "text", edit->files[i].old_text);
		json_set_str(file, "new", mark);
		json_set_int(file, "mode", edit->files[i].old_mode);
		json_set_int(file, "uid", edit->files[i].uid);
		json_set_int(file, "gid", edit->files[i].gid);
		json_set_bool(file, "folder", edit->files[i].has_folder);
		if (edit->files[i].is_link)
			json_set_bool(file, "link", true);
		(void)json_object_array_add(files, file);
	}
}

/* That NOW is neither what was saved nor what was made of it.  Older versions did not say what they
 * made. */
static bool is_foreign(struct json_object *saved, const char *now)
{
	const char *made = json_get_str(saved, "new");
	char mark[SHA256_HEX + 1];

	mark_of(now, mark);
	return made && strcmp(made, mark) != 0 && !str_equal(now, json_get_str(saved, "text"));
}

/* Older versions saved the mode it was to have where there was no file. */
static mode_t saved_mode(struct json_object *saved, mode_t otherwise)
{
	mode_t mode = (mode_t)json_get_int(saved, "mode", 0) & 0777;

	return mode ? mode : otherwise;
}

/* Adds to EDIT that a file becomes what it was when it was saved. */
static int plan_restore(struct edit *edit, struct json_object *saved, edit_merge *merge,
			const void *context, struct error *e)
{
	const char *path = json_get_str(saved, "path");
	const char *old = json_get_str(saved, "text");
	bool is_link = json_get_bool(saved, "link", false);
	struct edit_file *f;

	if (!path)
		return fail(e, EBADMSG, "a saved file has no path");
	f = is_link ? edit_add_link(edit, path, e) : edit_add(edit, path, e);
	/* What somebody put in place of the link is his as a whole. */
	if (!f)
		return is_link && merge && e->code == EEXIST ? 0 : -e->code;
	f->takes_folder = !json_get_bool(saved, "folder", true);
	if (merge && is_foreign(saved, f->old_text))
		return merge(context, path, f->old_text, old, &f->new_text, e);
	f->mode = saved_mode(saved, f->mode);
	f->uid = (uid_t)json_get_int(saved, "uid", f->uid);
	f->gid = (gid_t)json_get_int(saved, "gid", f->gid);
	str_set(&f->new_text, old);
	return 0;
}

int edit_restore(struct json_object *data, edit_merge *merge, const void *context, struct error *e)
{
	struct json_object *files = json_at(data, "files");
	size_t n = json_len(files);
	_edit_ struct edit edit = { 0 };

	for (size_t i = 0; i < n; i++) {
		struct json_object *saved = json_item(files, i);

		if (plan_restore(&edit, saved, merge, context, e) < 0)
			return -e->code;
	}
	return edit_apply(&edit, e) < 0 ? -e->code : edit_is_needed(&edit);
}

void edit_done(struct edit *edit)
{
	for (size_t i = 0; i < edit->n_files; i++) {
		free(edit->files[i].path);
		free(edit->files[i].old_text);
		free(edit->files[i].new_text);
	}
	free(edit->files);
	*edit = (struct edit){ 0 };
}
