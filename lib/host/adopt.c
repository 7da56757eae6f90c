/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adopt - move an installation of upstream's aside, and back.
 *
 * Its sandboxes go on running: open files stay what they are, and the paths that containerd and
 * upstream's shims noted lead to the same files through links.  No path is ever missing: an entry
 * and the link to it change places in one step of the kernel, forwards and backwards, so a kill or
 * a power cut leaves each entry either here or there and valid in both cases; what a version took
 * over is a link to it again before that version goes.  A file system that cannot exchange two
 * names has a moment between two renames.  The record is durable before the first entry moves and
 * goes after the last one is back.
 *
 * What is upstream's is told by what only its releases have together: shims, configurations and
 * guest images at their known paths, none of them behind a link.  One at a time, with the lock of
 * the journal.  May block.
 */
#include "lib/host/adopt.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/host/journal.h"
#include "lib/host/store.h"
#include "lib/host/trust.h"

#define NAMES       "names"
#define FOLDER      "folder"
#define RECORD_MAX  (32 * MIB)
#define VERSION_MAX 64

/* Entries of ROOT that an installation of ours makes, beside those that begin with a dot. */
static const char *const ours[] = { "versions", "current", "previous",    "held",
				    TRUST_FILE, "journal", JOURNAL_ASIDE, FOREIGN_LINK };

void adoptable_done(struct adoptable *a)
{
	free(a->folder);
	strv_free(a->names);
	*a = (struct adoptable){ 0 };
}

/* ---- whose it is ---- */

static bool is_type(const char *root, const char *name, mode_t type)
{
	_free_ char *path = path_join(root, name);
	struct stat st;

	return lstat(path, &st) == 0 && (st.st_mode & S_IFMT) == type;
}

static bool is_upstreams(const char *root)
{
	return is_type(root, "share", S_IFDIR) && is_type(root, "share/kata-containers", S_IFDIR) &&
	       is_type(root, "share/defaults/kata-containers", S_IFDIR) &&
	       (is_type(root, foreign_program(FOREIGN_GO), S_IFREG) ||
		is_type(root, foreign_program(FOREIGN_RUST), S_IFREG));
}

static bool is_ours(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (strcmp(name, ours[i]) == 0)
			return true;
	return name[0] == '.';
}

static int list_all(const char *path, strv *ret_names, struct error *e)
{
	DIR *dir = opendir(path);
	struct dirent *d;

	if (!dir)
		return fail(e, errno, "cannot list '%s': %m", path);
	while ((d = readdir(dir)) != NULL)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			strv_add(ret_names, d->d_name);
	(void)closedir(dir);
	return 0;
}

static int list_names(const char *root, strv *ret_names, struct error *e)
{
	_strv_ strv all = NULL;
	int r = list_all(root, &all, e);

	for (char **name = all; r >= 0 && name && *name; name++)
		if (!is_ours(*name))
			strv_add(ret_names, *name);
	return r;
}

/* Releases say their version in a file; what the installer unpacks of them has none. */
static char *folder_name(const char *root)
{
	_free_ char *version = store_foreign_version(root);
	bool is_name = isalnum((unsigned char)version[0]) && strlen(version) < VERSION_MAX;

	for (const char *c = version; *c; c++)
		is_name &= isalnum((unsigned char)*c) || strchr(".+-_", *c);
	return xasprintf("%s" FOREIGN_SUFFIX, is_name ? version : "upstream");
}

bool adopt_stands(const char *root)
{
	return is_type(root, FOREIGN_LINK, S_IFLNK);
}

int adopt_look(const char *root, enum adopt_kind *ret_kind, struct adoptable *ret_found,
	       struct error *e)
{
	struct error ignored;

	*ret_kind = ADOPT_NOTHING;
	if (store_may_link(root, &ignored) >= 0)
		return 0;
	*ret_kind = ADOPT_OTHER;
	/* One that was not handed back to its end may look like neither. */
	if (!adopt_stands(root) && !is_upstreams(root))
		return 0;
	*ret_kind = ADOPT_UPSTREAM;
	ret_found->folder = folder_name(root);
	return list_names(root, &ret_found->names, e);
}

/* ---- moving ---- */

static char *versions_path(const char *folder)
{
	return path_join("versions", folder);
}

/* What the link that stands for NAME says. */
static char *link_text(const char *folder, const char *name)
{
	return xasprintf("versions/%s/%s", folder, name);
}

static bool leads_to(const char *path, const char *target)
{
	char actual[PATH_MAX];
	ssize_t n = readlink(path, actual, sizeof(actual) - 1);

	return n >= 0 && (size_t)n == strlen(target) && memcmp(actual, target, (size_t)n) == 0;
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* The entry FROM and the link TO change places. */
static int exchange(const char *from, const char *to, const char *text, struct error *e)
{
	if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return fail(e, errno, "cannot exchange '%s' and '%s': %m", from, to);
	if (unlink(to) < 0 || rename(from, to) < 0)
		return fail(e, errno, "cannot move '%s' to '%s': %m", from, to);
	return link_replace(from, text, e);
}

static int sync_both(const char *a, const char *b, struct error *e)
{
	return file_sync_parent(a, e) < 0 ? -e->code : file_sync_parent(b, e);
}

static int move_out(const char *root, const char *folder, const char *name, struct error *e)
{
	_free_ char *text = link_text(folder, name);
	_free_ char *here = path_join(root, name);
	_free_ char *aside = path_join(root, text);

	if (leads_to(here, text))
		return 0;
	/* A kill between the two renames of a file system that cannot exchange. */
	if (!is_there(here) && is_there(aside) && !leads_to(aside, text))
		return link_replace(here, text, e);
	if (link_replace(aside, text, e) < 0 || exchange(here, aside, text, e) < 0)
		return -e->code;
	return sync_both(here, aside, e);
}

static int move_back(const char *root, const char *folder, const char *name, struct error *e)
{
	_free_ char *text = link_text(folder, name);
	_free_ char *here = path_join(root, name);
	_free_ char *aside = path_join(root, text);
	struct stat st;

	if (leads_to(aside, text))
		return unlink(aside) < 0 ? fail(e, errno, "cannot remove link '%s': %m", aside) : 0;
	if (!is_there(aside))
		return 0;
	if (lstat(here, &st) == 0 && !S_ISLNK(st.st_mode))
		return fail(e, EEXIST,
			    "'%s' cannot be handed back: '%s' is in its place; move that away",
			    aside, here);
	/* Whatever the link says now, what it is exchanged for must be told from an entry. */
	if (link_replace(here, text, e) < 0 || exchange(aside, here, text, e) < 0 ||
	    sync_both(here, aside, e) < 0)
		return -e->code;
	return unlink(aside) < 0 && errno != ENOENT
		       ? fail(e, errno, "cannot remove link '%s': %m", aside)
		       : 0;
}

/* ---- the record ---- */

static int write_record(const char *root, const struct adoptable *a, struct json_object *record,
			struct error *e)
{
	_free_ char *path = xasprintf("%s/versions/%s/" ADOPT_RECORD, root, a->folder);
	const char *text;

	json_set_str(record, FOLDER, a->folder);
	json_set_strv(record, NAMES, a->names);
	text = json_text(record);
	return file_replace(path, text, strlen(text), 0600, e);
}

int adopt_record(const char *root, struct json_object **ret_record, struct error *e)
{
	_free_ char *path = xasprintf("%s/" FOREIGN_LINK "/" ADOPT_RECORD, root);
	_json_ struct json_object *record = NULL;
	int r = json_read_file(path, RECORD_MAX, &record, e);

	if (r < 0)
		return r;
	if (!json_get_str(record, FOLDER))
		return fail(e, EBADMSG, "record '%s' names no folder", path);
	*ret_record = TAKE_PTR(record);
	return 0;
}

/* ---- the whole ---- */

int adopt_take(const char *root, const struct adoptable *a, struct json_object *record,
	       struct error *e)
{
	_free_ char *target = versions_path(a->folder);
	_free_ char *folder = path_join(root, target);
	_free_ char *link = path_join(root, FOREIGN_LINK);

	if (dir_make(folder, 0755, e) < 0 || file_sync_parent(folder, e) < 0 ||
	    write_record(root, a, record, e) < 0 || link_replace(link, target, e) < 0)
		return -e->code;
	for (char **name = a->names; name && *name; name++)
		if (move_out(root, a->folder, *name, e) < 0)
			return -e->code;
	return 0;
}

static int relink(const char *root, const char *folder, const char *name, struct error *e)
{
	_free_ char *text = link_text(folder, name);
	_free_ char *here = path_join(root, name);
	_free_ char *aside = path_join(root, text);

	if (!is_there(aside) || leads_to(aside, text) || leads_to(here, text))
		return 0;
	if (is_there(here) && !is_type(root, name, S_IFLNK))
		return 0;
	return link_replace(here, text, e);
}

typedef int entry_work(const char *root, const char *folder, const char *name, struct error *e);

static int for_each_entry(const char *root, entry_work *work, struct error *e)
{
	_json_ struct json_object *record = NULL;
	struct json_object *names;
	int r = adopt_record(root, &record, e);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	names = json_member(record, NAMES);
	for (size_t i = 0; i < json_len(names); i++) {
		const char *name = json_object_get_string(json_item(names, i));

		if (work(root, json_get_str(record, FOLDER), name, e) < 0)
			return -e->code;
	}
	return 0;
}

int adopt_relink(const char *root, struct error *e)
{
	return for_each_entry(root, relink, e);
}

int adopt_return(const char *root, struct error *e)
{
	return for_each_entry(root, move_back, e);
}

/* What a kill left of a record or of a link that stands for an entry, before it had its name. */
static bool is_rest(const char *dir, const char *folder, const char *name)
{
	_free_ char *path = path_join(dir, name);
	_free_ char *link = link_text(folder, "");
	char target[PATH_MAX] = "";

	return str_starts(name, ADOPT_RECORD) ||
	       (readlink(path, target, sizeof(target) - 1) > 0 && str_starts(target, link));
}

static int remove_rest(const char *dir, const char *folder, struct error *e)
{
	_strv_ strv names = NULL;
	int r = list_all(dir, &names, e);

	for (char **name = names; r >= 0 && name && *name; name++) {
		_free_ char *path = path_join(dir, *name);

		if (is_rest(dir, folder, *name) && unlink(path) < 0)
			r = fail(e, errno, "cannot remove '%s': %m", path);
	}
	return r == -ENOENT ? 0 : r;
}

int adopt_forget(const char *root, const char *folder, struct error *e)
{
	_free_ char *versions = path_join(root, "versions");
	_free_ char *dir = path_join(versions, folder);
	_free_ char *link = path_join(root, FOREIGN_LINK);

	if (unlink(link) < 0 && errno != ENOENT)
		return fail(e, errno, "cannot remove link '%s': %m", link);
	if (remove_rest(dir, folder, e) < 0)
		return -e->code;
	if (rmdir(dir) < 0 && errno != ENOENT)
		return fail(e, errno, "cannot remove folder '%s': %m", dir);
	/* It stays while other versions are in it. */
	(void)rmdir(versions);
	return file_sync_parent(link, e);
}
