/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_edit - files are replaced together, in an order in which none imports one that is not there,
 * beside others who write, and go back to what they were.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/host/edit.h"

struct fixture {
	char *dir;
	char *main;
	char *imported;
	int watch;
	struct edit edit;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->dir = folder_new();
	f->main = path_join(f->dir, "main.toml");
	f->imported = path_join(f->dir, "imported.toml");
	f->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	*state = f;
	return f->watch < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	edit_done(&f->edit);
	(void)close_fd(f->watch);
	folder_remove(f->dir);
	free(f->main);
	free(f->imported);
	free(f);
	return 0;
}

static void plan(struct fixture *f, const char *path, const char *text)
{
	struct error e;
	struct edit_file *file = edit_add(&f->edit, path, &e);

	if (!file)
		fail_msg("%s", e.msg);
	str_set(&file->new_text, text);
}

static void apply(struct fixture *f)
{
	struct error e;

	if (edit_apply(&f->edit, &e) < 0)
		fail_msg("%s", e.msg);
}

static void assert_text(const char *path, const char *wanted)
{
	_free_ char *text = NULL;
	struct error e;

	if (file_read(path, 4096, &text, NULL, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(text, wanted);
}

static void watch(struct fixture *f, uint32_t events)
{
	assert_true(inotify_add_watch(f->watch, f->dir, events) >= 0);
}

/* The names of the events since, one after the other. */
static void assert_seen(struct fixture *f, const char *wanted)
{
	char bytes[4096] __attribute__((aligned(8)));
	_strv_ strv names = NULL;
	_free_ char *seen = NULL;
	ssize_t n = read(f->watch, bytes, sizeof(bytes));

	for (char *at = bytes; at < bytes + n;) {
		const struct inotify_event *one = (const void *)at;

		strv_add(&names, one->name);
		at += sizeof(*one) + one->len;
	}
	seen = strv_join(names, " ");
	assert_string_equal(seen, wanted);
}

static void test_the_imported_comes_before_who_imports_it(void **state)
{
	struct fixture *f = *state;

	plan(f, f->main, "imports");
	plan(f, f->imported, "handler");
	watch(f, IN_MOVED_TO);
	apply(f);
	assert_seen(f, "imported.toml main.toml");
	assert_text(f->main, "imports");
}

static void test_the_imported_goes_after_who_imports_it(void **state)
{
	struct fixture *f = *state;

	folder_put(f->dir, "main.toml", "imports");
	folder_put(f->dir, "imported.toml", "handler");
	plan(f, f->main, NULL);
	plan(f, f->imported, NULL);
	watch(f, IN_DELETE);
	apply(f);
	assert_seen(f, "main.toml imported.toml");
}

/* Nor is any other file of the edit: an import without its file would be the end of the engine. */
static void test_what_somebody_else_changed_meanwhile_is_not_written(void **state)
{
	struct fixture *f = *state;
	struct error e;

	folder_put(f->dir, "main.toml", "old");
	plan(f, f->main, "new");
	plan(f, f->imported, "handler");
	folder_put(f->dir, "main.toml", "theirs");
	assert_int_equal(edit_apply(&f->edit, &e), -EAGAIN);
	assert_text(f->main, "theirs");
	assert_false(file_exists(f->imported));
}

static void test_mode_of_a_file_stays(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	folder_put(f->dir, "main.toml", "old");
	assert_return_code(chmod(f->main, 0640), errno);
	plan(f, f->main, "new");
	apply(f);
	assert_return_code(stat(f->main, &st), errno);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_text(f->main, "new");
}

/* Somebody else's user and group, where this program may give files to them. */
static bool give_away(const char *path)
{
	gid_t groups[64];
	int n = getgroups(ARRAY_SIZE(groups), groups);

	if (geteuid() == 0)
		return chown(path, 12, 34) == 0;
	for (int i = 0; i < n; i++)
		if (groups[i] != getegid())
			return chown(path, geteuid(), groups[i]) == 0;
	return false;
}

static void test_owner_and_group_of_a_file_stay(void **state)
{
	struct fixture *f = *state;
	struct stat before, now;

	folder_put(f->dir, "main.toml", "old");
	if (!give_away(f->main)) {
		print_message("SKIPPED: it may give no file to others\n");
		skip();
	}
	assert_return_code(stat(f->main, &before), errno);
	plan(f, f->main, "new");
	apply(f);
	assert_return_code(stat(f->main, &now), errno);
	assert_int_not_equal(now.st_gid, getegid());
	assert_int_equal(now.st_uid, before.st_uid);
	assert_int_equal(now.st_gid, before.st_gid);
	assert_text(f->main, "new");
}

static void test_link_stays_one(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	folder_put(f->dir, "imported.toml", "old");
	assert_return_code(symlink("imported.toml", f->main), errno);
	plan(f, f->main, "new");
	apply(f);
	assert_return_code(lstat(f->main, &st), errno);
	assert_true(S_ISLNK(st.st_mode));
	assert_text(f->imported, "new");
}

/* Saves what PATH was, writes TEXT to it and goes back. */
static void there_and_back(struct fixture *f, const char *path, const char *text)
{
	_json_ struct json_object *data = json_object_new_object();
	struct error e;

	plan(f, path, text);
	edit_save(&f->edit, data);
	apply(f);
	assert_text(path, text);
	assert_int_equal(edit_restore(data, NULL, NULL, &e), 1);
	assert_int_equal(edit_restore(data, NULL, NULL, &e), 0);
}

static void test_folder_that_was_made_goes_with_its_file(void **state)
{
	struct fixture *f = *state;
	_free_ char *folder = path_join(f->dir, "conf.d");
	_free_ char *path = path_join(folder, "ours.toml");

	there_and_back(f, path, "handler");
	assert_false(file_exists(folder));
}

/* One that was killed before the file had its name. */
static void test_folder_that_was_made_for_no_file_goes(void **state)
{
	struct fixture *f = *state;
	_json_ struct json_object *data = json_object_new_object();
	_free_ char *folder = path_join(f->dir, "conf.d");
	_free_ char *path = path_join(folder, "ours.toml");
	struct error e;

	plan(f, path, "handler");
	edit_save(&f->edit, data);
	folder_put(folder, "ours.toml.tmp-5", "hand");
	assert_int_equal(edit_restore(data, NULL, NULL, &e), 0);
	assert_false(file_exists(folder));
}

static void test_folder_of_somebody_else_stays(void **state)
{
	struct fixture *f = *state;
	_free_ char *folder = path_join(f->dir, "conf.d");
	_free_ char *path = path_join(folder, "ours.toml");
	struct error e;

	assert_int_equal(dir_make(folder, 0755, &e), 0);
	there_and_back(f, path, "handler");
	assert_true(file_exists(folder));
	assert_false(file_exists(path));
}

static void test_file_goes_back_to_its_text_and_mode(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	folder_put(f->dir, "main.toml", "old\n\n# end");
	assert_return_code(chmod(f->main, 0600), errno);
	there_and_back(f, f->main, "new");
	assert_text(f->main, "old\n\n# end");
	assert_return_code(stat(f->main, &st), errno);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* A launcher that cannot be executed is as wrong as one with another text. */
static void test_mode_is_a_change_like_the_text(void **state)
{
	struct fixture *f = *state;
	_json_ struct json_object *data = json_object_new_object();
	struct error e;
	struct stat st;

	folder_put(f->dir, "main.toml", "as it is");
	assert_return_code(chmod(f->main, 0644), errno);
	plan(f, f->main, "as it is");
	assert_false(edit_is_needed(&f->edit));
	f->edit.files[0].mode = 0755;
	assert_true(edit_is_needed(&f->edit));
	edit_save(&f->edit, data);
	apply(f);
	assert_return_code(stat(f->main, &st), errno);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_text(f->main, "as it is");
	assert_int_equal(edit_restore(data, NULL, NULL, &e), 1);
	assert_return_code(stat(f->main, &st), errno);
	assert_int_equal(st.st_mode & 07777, 0644);
}

/* Neither what goes back nor what is written keeps half a file of a run that was killed. */
static void test_half_a_file_of_a_killed_run_goes(void **state)
{
	struct fixture *f = *state;
	_json_ struct json_object *data = json_object_new_object();
	_free_ char *half = xasprintf("%s.tmp-77", f->main);
	struct error e;

	folder_put(f->dir, "main.toml", "old");
	plan(f, f->main, "new");
	edit_save(&f->edit, data);
	folder_put(f->dir, "main.toml.tmp-77", "n");
	assert_int_equal(edit_restore(data, NULL, NULL, &e), 0);
	assert_false(file_exists(half));
	assert_text(f->main, "old");
	folder_put(f->dir, "main.toml.tmp-77", "n");
	apply(f);
	assert_false(file_exists(half));
	assert_text(f->main, "new");
}

/* Where none of the files is there nor shall be, nothing is written, and this has to be asked. */
static void test_rest_of_a_file_that_nobody_wants_is_seen(void **state)
{
	static const struct {
		const char *name;
		bool takes_folder, is_rest;
	} cases[] = {
		{ "conf.d/ours.toml.tmp-5", false, true },
		{ "conf.d/theirs.toml", true, false },
		{ "conf.d/", true, true },
		{ "conf.d/", false, false },
		{ "other/", true, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture *f = *state;
		_free_ char *room = xasprintf("%s/%zu", f->dir, i);
		_free_ char *folder = path_join(room, cases[i].name);
		_free_ char *path = path_join(room, "conf.d/ours.toml");
		_edit_ struct edit edit = { 0 };
		struct edit_file *file;
		struct error e;

		if (str_ends(cases[i].name, "/"))
			assert_int_equal(dir_make(folder, 0755, &e), 0);
		else
			folder_put(room, cases[i].name, "half");
		file = edit_add(&edit, path, &e);
		assert_non_null(file);
		file->takes_folder = cases[i].takes_folder;
		assert_false(edit_is_needed(&edit));
		assert_int_equal(edit_has_rest(&edit), cases[i].is_rest);
		assert_int_equal(edit_apply(&edit, &e), 0);
		assert_false(edit_has_rest(&edit));
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_imported_comes_before_who_imports_it),
		TEST(test_the_imported_goes_after_who_imports_it),
		TEST(test_what_somebody_else_changed_meanwhile_is_not_written),
		TEST(test_mode_of_a_file_stays),
		TEST(test_owner_and_group_of_a_file_stay),
		TEST(test_link_stays_one),
		TEST(test_folder_that_was_made_goes_with_its_file),
		TEST(test_folder_that_was_made_for_no_file_goes),
		TEST(test_folder_of_somebody_else_stays),
		TEST(test_file_goes_back_to_its_text_and_mode),
		TEST(test_mode_is_a_change_like_the_text),
		TEST(test_rest_of_a_file_that_nobody_wants_is_seen),
		TEST(test_half_a_file_of_a_killed_run_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
