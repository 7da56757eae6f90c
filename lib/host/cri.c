/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cri - choose the driver of a runtime; plan, apply and take back edits of its configuration.
 *
 * The one law of this file: what the runtime reads is at every moment the old file or the new one,
 * and the old text is kept until the new one has proved itself.  Any thread, one at a time.
 */
#include "lib/host/cri.h"

#include <string.h>

#include "lib/file.h"
#include "lib/host/cri-containerd.h"

static const struct cri_driver *const drivers[] = { &cri_containerd1, &cri_containerd2 };

/* "containerd://1.6.20~ds1" and "v2.4.2" have the major version 1 and 2. */
static int parse_major(const char *version, unsigned *ret_major, struct error *e)
{
	const char *colon = strstr(version, "://");
	const char *number = colon ? colon + 3 : version;
	_free_ char *digits = NULL;
	uint32_t major;
	int r;

	if (colon && !str_starts(version, "containerd://"))
		return fail(e, ENOTSUP, "container runtime '%s' is not supported; containerd is",
			    version);
	number += *number == 'v';
	digits = xstrndup(number, strspn(number, "0123456789"));
	r = parse_u32(digits, "containerd version", 1000, &major, e);
	if (r < 0)
		return fail_wrap(e, "container runtime version '%s'", version);
	*ret_major = major;
	return 0;
}

int cri_driver_for(const char *version, const struct cri_driver **ret_driver, struct error *e)
{
	unsigned major = 0;
	int r = parse_major(version, &major, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		if (major >= drivers[i]->min_major && major <= drivers[i]->max_major) {
			*ret_driver = drivers[i];
			return 0;
		}
	}
	return fail(e, ENOTSUP, "containerd '%s' is not supported; 1.x and 2.x are", version);
}

bool cri_edit_is_needed(const struct cri_edit *edit)
{
	for (size_t i = 0; i < edit->n_files; i++)
		if (!str_equal(edit->files[i].old_text, edit->files[i].new_text))
			return true;
	return false;
}

/* Makes the file at PATH have TEXT (NULL: be gone).  1 if it was different. */
static int put(const char *path, const char *text, mode_t mode, struct error *e)
{
	_free_ char *parent = path_parent(path);
	_free_ char *now = NULL;
	int r = file_read(path, 4 * MIB, &now, NULL, e);

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
int cri_edit_apply(const struct cri_edit *edit, struct error *e)
{
	for (size_t i = edit->n_files; i > 0; i--) {
		const struct cri_file *f = &edit->files[i - 1];

		if (put(f->path, f->new_text, f->mode, e) < 0)
			return -e->code;
	}
	return 0;
}

void cri_edit_save(const struct cri_edit *edit, struct json_object *data)
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

int cri_edit_restore(struct json_object *data, struct error *e)
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

void cri_edit_done(struct cri_edit *edit)
{
	for (size_t i = 0; i < edit->n_files; i++) {
		free(edit->files[i].path);
		free(edit->files[i].old_text);
		free(edit->files[i].new_text);
	}
	*edit = (struct cri_edit){ 0 };
}
