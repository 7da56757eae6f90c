/* SPDX-License-Identifier: Apache-2.0 */
/*
 * direct - records of volumes that the guest mounts from their disk.
 *
 * A record says which disk of the node is given to a guest, so it must be root's own.  What it asks
 * for beyond a mount (encryption, making a file system, other kinds of devices) is refused by name:
 * a volume that was to be encrypted must not be used as it is.
 *
 * Work thread.
 */

#include "runtime/sandbox/direct.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/json.h"
#include "lib/log.h"

#define INFO          "mountInfo.json"
#define INFO_MAX      (64 * KIB)
#define SANDBOXES_MAX 1024

/* Names of a disk; what else there is are devices that are not given as disks. */
static const char *const disk_types[] = { "", "block", "blk", "directvol" };

static const char *const not_done[] = { "encryptionKey", "createFilesystem" };

char *direct_name(const char *path)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t len = strlen(path);
	char *name = xmalloc((len + 2) / 3 * 4 + 1), *at = name;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t three = 0;

		for (size_t j = i; j < i + 3; j++)
			three = three << 8 | (j < len ? (uint8_t)path[j] : 0U);
		for (unsigned j = 0; j < 4; j++)
			*at++ = i + j > len ? '=' : letters[three >> (18 - 6 * j) & 63];
	}
	*at = '\0';
	return name;
}

static char *record_of(const char *root, const char *path, const char *file)
{
	_free_ char *tidied = path_tidy(path);
	_free_ char *name = direct_name(tidied);

	return file ? xasprintf("%s/%s/%s", root, name, file) : path_join(root, name);
}

bool direct_exists(const char *root, const char *path)
{
	_free_ char *file = record_of(root, path, INFO);

	return file_exists(file);
}

static int check_type(struct json_object *info, struct error *e)
{
	const char *type = json_get_str(info, "volume-type");

	for (size_t i = 0; i < ARRAY_SIZE(disk_types); i++)
		if (str_equal(type ? type : "", disk_types[i]))
			return 0;
	return fail(e, ENOTSUP, "direct volumes of type '%.64s' are not supported", type);
}

static int take_string(struct json_object *info, const char *member, char **ret, struct error *e)
{
	const char *value = json_get_str(info, member);

	if (str_empty(value))
		return fail(e, EINVAL, "a direct volume needs '%s'", member);
	*ret = xstrdup(value);
	return 0;
}

static int take_options(struct json_object *info, strv *ret, struct error *e)
{
	struct json_object *list = json_at(info, "options");

	if (!list)
		return 0;
	if (!json_object_is_type(list, json_type_array))
		return fail(e, EINVAL, "'options' of a direct volume is no list");
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *one = json_item(list, i);

		if (!json_object_is_type(one, json_type_string))
			return fail(e, EINVAL, "'options' of a direct volume has other than text");
		strv_add(ret, json_object_get_string(one));
	}
	return 0;
}

static int take_group(struct json_object *metadata, struct direct *d, struct error *e)
{
	const char *group = json_get_str(metadata, "fsGroup");
	const char *policy = json_get_str(metadata, "fsGroupChangePolicy");
	int r;

	if (!group)
		return 0;
	if (policy && strcmp(policy, "Always") != 0 && strcmp(policy, "OnRootMismatch") != 0)
		return fail(e, EINVAL, "'fsGroupChangePolicy' is '%.64s'", policy);
	r = parse_u32(group, "fsGroup", UINT32_MAX - 1, &d->group, e);
	if (r >= 0)
		d->group_policy = str_equal(policy, "OnRootMismatch") ? DIRECT_GROUP_ON_MISMATCH
								      : DIRECT_GROUP_ALWAYS;
	return r;
}

static int take_metadata(struct json_object *info, struct direct *d, struct error *e)
{
	struct json_object *metadata = json_at(info, "metadata");

	if (!metadata)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(not_done); i++)
		if (json_at(metadata, not_done[i]))
			return fail(e, ENOTSUP, "'%s' of a direct volume is not supported",
				    not_done[i]);
	return take_group(metadata, d, e);
}

int direct_parse(const char *text, struct direct *ret, struct error *e)
{
	_json_ struct json_object *info = NULL;
	_direct_ struct direct d = { 0 };
	int r = json_parse(text, strlen(text), INFO, &info, e);

	if (r >= 0 && !json_object_is_type(info, json_type_object))
		r = fail(e, EINVAL, "the record of a direct volume is no object");
	if (r >= 0)
		r = check_type(info, e);
	if (r >= 0)
		r = take_string(info, "device", &d.device, e);
	if (r >= 0)
		r = take_string(info, "fstype", &d.fstype, e);
	if (r >= 0)
		r = take_options(info, &d.options, e);
	if (r >= 0)
		r = take_metadata(info, &d, e);
	if (r < 0)
		return r;
	*ret = d;
	d = (struct direct){ 0 };
	return 0;
}

int direct_read(const char *root, const char *path, struct direct *ret, struct error *e)
{
	_free_ char *file = record_of(root, path, INFO);
	_free_ char *text = NULL;
	_close_ int fd = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(e, errno, "cannot open '%s': %m", file);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
		return fail(e, EPERM, "'%s' can be written by others than root", file);
	r = file_read_fd(fd, file, INFO_MAX, &text, NULL, e);
	if (r >= 0)
		r = direct_parse(text, ret, e);
	return r < 0 ? fail_wrap(e, "direct volume '%s'", path) : 0;
}

void direct_done(struct direct *d)
{
	free(d->device);
	free(d->fstype);
	strv_free(d->options);
	*d = (struct direct){ 0 };
}

/* The record of "" would be all of them. */
static int check_path(const char *path, struct error *e)
{
	return path[0] == '/' ? 0 : fail(e, EINVAL, "'%.256s' is no whole path", path);
}

int direct_add(const char *root, const char *path, const char *info, struct error *e)
{
	_free_ char *dir = record_of(root, path, NULL);
	_free_ char *file = record_of(root, path, INFO);
	_direct_ struct direct d = { 0 };
	int r = check_path(path, e);

	if (r >= 0)
		r = direct_parse(info, &d, e);
	if (r >= 0 && strlen(path_base(dir)) > NAME_MAX)
		r = fail(e, ENAMETOOLONG, "the path '%s' is too long", path);
	if (r >= 0)
		r = dir_make(dir, 0700, e);
	return r < 0 ? r : file_replace(file, info, strlen(info), 0600, e);
}

int direct_remove(const char *root, const char *path, struct error *e)
{
	_free_ char *dir = record_of(root, path, NULL);
	int r = check_path(path, e);

	return r < 0 ? r : tree_remove(dir, e);
}

int direct_note_sandbox(const char *root, const char *path, const char *sandbox, struct error *e)
{
	_free_ char *file = record_of(root, path, sandbox);

	return file_replace(file, "", 0, 0600, e);
}

int direct_sandboxes(const char *root, const char *path, strv *ret_ids, struct error *e)
{
	_free_ char *dir = record_of(root, path, NULL);
	_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_strv_ strv names = NULL;
	_strv_ strv ids = NULL;
	struct error ignored;
	int r;

	if (fd < 0)
		return fail(e, errno, "there is no direct volume '%s': %m", path);
	r = dir_list(fd, SANDBOXES_MAX, &names, e);
	if (r < 0)
		return r;
	for (char **name = names; name && *name; name++)
		if (strcmp(*name, INFO) != 0 &&
		    check_id(*name, "sandbox id", NAME_MAX, &ignored) >= 0)
			strv_add(&ids, *name);
	if (!ids)
		return fail(e, ENOENT, "no sandbox has the direct volume '%s'", path);
	*ret_ids = TAKE_PTR(ids);
	return 0;
}
