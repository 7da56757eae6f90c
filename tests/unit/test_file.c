/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_file - files, trees, resolution inside a root.
 *
 * Every test works in a folder of its own below the temporary directory.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "lib/file.h"
#include "tests/unit/root.h"

static void test_file_replace_leaves_the_new_text_and_no_temporary(void **state)
{
	_free_ char *path = path_join(*state, "f");
	_free_ char *text = NULL;
	struct stat st;
	struct error e;
	size_t len;

	assert_int_equal(file_replace(path, "old", 3, 0600, &e), 0);
	assert_int_equal(file_replace(path, "newer", 5, 0644, &e), 0);
	assert_int_equal(file_read(path, 5, &text, &len, &e), 0);
	assert_int_equal(len, 5);
	assert_string_equal(text, "newer");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(*state), 0);
	assert_int_equal(mkdir(*state, 0700), 0);
}

static bool is_there(const char *dir, const char *name)
{
	_free_ char *path = path_join(dir, name);

	return file_exists(path);
}

/* What a writer left that was killed before it came to rename it. */
static void test_rest_of_a_killed_writer_goes_and_no_other_file(void **state)
{
	static const char *const kept[] = {
		"f", "f.tmp-x", "f.tmp-", "g.tmp-1", "f.new", "fa.tmp-1"
	};
	_free_ char *path = path_join(*state, "f");
	_free_ char *link = path_join(*state, "l.new");
	_free_ char *linked = path_join(*state, "l");

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		folder_put(*state, kept[i], "theirs");
	folder_put(*state, "f.tmp-1", "half");
	folder_put(*state, "f.tmp-4194304", "");
	assert_return_code(symlink("somewhere", link), errno);
	file_clear_rest(path);
	assert_false(is_there(*state, "f.tmp-1"));
	assert_false(is_there(*state, "f.tmp-4194304"));
	assert_true(is_there(*state, "l.new"));
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		assert_true(is_there(*state, kept[i]));
	file_clear_rest(linked);
	assert_false(is_there(*state, "l.new"));
}

static void test_replaced_file_keeps_owner_mode_and_attributes(void **state)
{
	_free_ char *path = path_join(*state, "f");
	char value[8] = "";
	struct stat st;
	struct error e;

	folder_put(*state, "f", "old");
	assert_int_equal(chmod(path, 0440), 0);
	if (setxattr(path, "user.kata", "kept", 4, 0) < 0)
		skip();
	assert_int_equal(file_replace_owned(path, "new", 3, 0440, getuid(), getgid(), &e), 0);
	assert_int_equal(getxattr(path, "user.kata", value, sizeof(value)), 4);
	assert_string_equal(value, "kept");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0440);
}

static void test_file_read_over_its_limit_fails_and_names_the_file(void **state)
{
	_free_ char *path = path_join(*state, "f");
	_free_ char *text = NULL;
	struct error e;

	assert_int_equal(file_replace(path, "123456", 6, 0600, &e), 0);
	assert_int_equal(file_read(path, 5, &text, NULL, &e), -EFBIG);
	assert_non_null(strstr(e.msg, path));
	assert_int_equal(file_read("/nonexistent", 5, &text, NULL, &e), -ENOENT);
}

static void test_path_within_another_is_told_by_whole_names(void **state)
{
	static const struct {
		const char *path, *dir;
		bool is_within;
	} cases[] = {
		{ "/a/b", "/a", true },  { "/a", "/a", true },   { "/a", "/", true },
		{ "/", "/", true },      { "/ab", "/a", false }, { "/a", "/a/b", false },
		{ "/b/a", "/a", false }, { "/", "/a", false },   { "/a/b/c", "/a/b", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (path_is_within(cases[i].path, cases[i].dir) != cases[i].is_within)
			fail_msg("'%s' in '%s'", cases[i].path, cases[i].dir);
}

/* What a folder is called is nobody's pattern. */
static void test_pattern_in_a_folder_takes_its_name_as_it_is(void **state)
{
	static const char *const names[] = { "plain", "a[bc]", "a*", "a?", "a\\b", "[", "*" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_free_ char *folder = path_join(*state, names[i]);
		_free_ char *path = path_join(folder, "x.toml");
		_free_ char *pattern = path_pattern(folder, "*.toml");
		struct error e;
		glob_t found;

		assert_int_equal(mkdir(folder, 0700), 0);
		assert_int_equal(file_replace(path, "", 0, 0600, &e), 0);
		assert_int_equal(glob(pattern, 0, NULL, &found), 0);
		if (found.gl_pathc != 1 || strcmp(found.gl_pathv[0], path) != 0)
			fail_msg("'%s' finds %zu", pattern, found.gl_pathc);
		globfree(&found);
	}
}

static void test_tree_remove_does_not_follow_links(void **state)
{
	_free_ char *deep = path_join(*state, "tree/a/b/c");
	_free_ char *kept = path_join(*state, "kept");
	_free_ char *link = path_join(*state, "tree/a/link");
	_free_ char *tree = path_join(*state, "tree");
	struct error e;

	assert_int_equal(dir_make(deep, 0700, &e), 0);
	assert_int_equal(dir_make(deep, 0700, &e), 0);
	assert_int_equal(file_replace(kept, "x", 1, 0600, &e), 0);
	assert_int_equal(symlink(*state, link), 0);
	assert_int_equal(tree_remove(tree, &e), 0);
	assert_int_equal(tree_remove(tree, &e), 0);
	assert_false(file_exists(tree));
	assert_true(file_exists(kept));
}

#define NESTED 1000

/* Folders in one another, with a link here and there. */
static void make_nested(const char *dir)
{
	int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < NESTED; i++) {
		_close_ int above = at;

		if (i % 100 == 0)
			assert_int_equal(symlinkat("..", above, "link"), 0);
		assert_int_equal(mkdirat(above, "folder", 0700), 0);
		at = openat(above, "folder", O_PATH | O_DIRECTORY | O_CLOEXEC);
		assert_true(at >= 0);
	}
	(void)close(at);
}

static void *remove_on_thread(void *path)
{
	static struct error e;

	return tree_remove(path, &e) < 0 ? &e : NULL;
}

/* A work thread of the agent has such a stack, and a container makes the folders. */
static void test_tree_remove_with_slashes_at_the_end_removes(void **state)
{
	char *dir = folder_new();
	_free_ char *path = path_join(dir, "a//");
	struct error e;

	(void)state;
	folder_put(dir, "a/b/file", "");
	assert_int_equal(tree_remove(path, &e), 0);
	assert_false(file_exists(path));
	folder_remove(dir);
}

static void test_tree_remove_of_no_entry_is_refused(void **state)
{
	static const char *const ends[] = { "/a/.", "/a/..", "/a/./", "/a/..//" };
	char *dir = folder_new();
	_free_ char *kept = path_join(dir, "a/b/file");
	struct error e;

	(void)state;
	folder_put(dir, "a/b/file", "");
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		_free_ char *path = xasprintf("%s%s", dir, ends[i]);

		assert_int_equal(tree_remove(path, &e), -EINVAL);
		assert_true(file_exists(kept));
	}
	assert_int_equal(tree_remove("", &e), -EINVAL);
	assert_int_equal(tree_remove("/", &e), -EINVAL);
	folder_remove(dir);
}

static void test_tree_remove_needs_little_stack_whatever_the_depth(void **state)
{
	_free_ char *tree = path_join(*state, "tree");
	_free_ char *taken = path_join(*state, "tree/.removed-0");
	pthread_attr_t attr;
	pthread_t thread;
	void *failed;

	assert_int_equal(mkdir(tree, 0700), 0);
	assert_int_equal(symlink(*state, taken), 0);
	make_nested(tree);
	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstacksize(&attr, 256 * KIB), 0);
	assert_int_equal(pthread_create(&thread, &attr, remove_on_thread, tree), 0);
	assert_int_equal(pthread_join(thread, &failed), 0);
	(void)pthread_attr_destroy(&attr);
	if (failed)
		fail_msg("%s", ((struct error *)failed)->msg);
	assert_false(file_exists(tree));
	assert_true(file_exists(*state));
}

#define NO_NAMESPACE 77

/* In a mount namespace of its own: the folder kept is mounted deep in the tree, which is removed.
 */
static int remove_around_a_mount(const char *dir)
{
	_free_ char *kept = path_join(dir, "kept");
	_free_ char *file = path_join(dir, "kept/deep/file");
	_free_ char *point = path_join(dir, "tree/a/point");
	_free_ char *tree = path_join(dir, "tree");
	struct error e;
	int r;

	if (!become_root(CLONE_NEWNS))
		return NO_NAMESPACE;
	if (mount(kept, point, NULL, MS_BIND, NULL) < 0)
		return 1;
	r = tree_remove(tree, &e);
	if (r >= 0 || !file_exists(file))
		return 2;
	/* Nor as the tree itself. */
	r = tree_remove(point, &e);
	return r >= 0 || !file_exists(file) ? 3 : 0;
}

static void test_tree_remove_never_crosses_a_mount(void **state)
{
	pid_t pid;
	int status;

	folder_put(*state, "kept/deep/file", "x");
	folder_put(*state, "tree/a/point/under", "x");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(remove_around_a_mount(*state));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_NAMESPACE)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* A link of /proc leads to where its process says, whatever the root is. */
static void test_magic_links_are_not_followed(void **state)
{
	static const char *const links[] = { "self/exe", "self/root/etc", "self/cwd", "self/fd/0" };
	_close_ int root = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		assert_int_equal(open_in_root(root, links[i], O_PATH, 0, &e), -ELOOP);
		assert_int_equal(open_without_links(root, links[i], O_PATH, &e), -ELOOP);
	}
}

static void test_open_in_root_keeps_links_and_dots_inside(void **state)
{
	_close_ int root = open(*state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_close_ int fd = -1;
	_free_ char *passwd = path_join(*state, "etc/passwd");
	_free_ char *etc = path_join(*state, "etc");
	_free_ char *link = path_join(*state, "link");
	_free_ char *text = NULL;
	struct error e;

	assert_int_equal(dir_make(etc, 0700, &e), 0);
	assert_int_equal(file_replace(passwd, "inside", 6, 0600, &e), 0);
	assert_int_equal(symlink("/etc/passwd", link), 0);
	fd = open_in_root(root, "../../link", O_RDONLY, 0, &e);
	assert_true(fd >= 0);
	assert_int_equal(file_read_fd(fd, "link", 100, &text, NULL, &e), 0);
	assert_string_equal(text, "inside");
	assert_int_equal(open_in_root(root, "nothing", O_RDONLY, 0, &e), -ENOENT);
}

static void test_dir_make_in_root_makes_parents_inside(void **state)
{
	_close_ int root = open(*state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_close_ int fd = -1, again = -1;
	_free_ char *made = path_join(*state, "x/y/z");
	_free_ char *link = path_join(*state, "up");
	struct error e;

	assert_int_equal(symlink("/", link), 0);
	fd = dir_make_in_root(root, "/up/x/../x/y/z/", 0700, &e);
	assert_true(fd == -ENOENT || fd >= 0);
	again = dir_make_in_root(root, "up/x/y/z", 0700, &e);
	assert_true(again >= 0);
	assert_true(file_exists(made));
}

static void test_paths_without_links_are_opened_and_made(void **state)
{
	_close_ int root = open(*state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_close_ int made = -1, again = -1, itself = -1;
	_free_ char *path = path_join(*state, "x/y");
	struct error e;

	made = dir_make_without_links(root, "/x//y/", 0700, &e);
	assert_true(made >= 0);
	assert_true(file_exists(path));
	again = open_without_links(root, "x/y", O_PATH | O_DIRECTORY, &e);
	assert_true(again >= 0);
	itself = open_without_links(root, "", O_PATH | O_DIRECTORY, &e);
	assert_true(itself >= 0);
	assert_int_equal(open_without_links(root, "x/z", O_PATH, &e), -ENOENT);
}

static void test_a_link_in_such_a_path_is_refused(void **state)
{
	_close_ int root = open(*state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_free_ char *kept = path_join(*state, "kept");
	_free_ char *link = path_join(*state, "link");
	_free_ char *outside = path_join(*state, "kept/new");
	struct error e;

	assert_int_equal(mkdir(kept, 0700), 0);
	assert_int_equal(symlink("kept", link), 0);
	assert_int_equal(open_without_links(root, "link", O_PATH | O_DIRECTORY, &e), -ELOOP);
	assert_int_equal(open_without_links(root, "link/new", O_PATH, &e), -ELOOP);
	assert_int_equal(dir_make_without_links(root, "link", 0700, &e), -ELOOP);
	assert_int_equal(dir_make_without_links(root, "link/new", 0700, &e), -ELOOP);
	assert_non_null(strstr(e.msg, "without following links"));
	assert_false(file_exists(outside));
}

static void test_path_parts(void **state)
{
	_free_ char *parent = path_parent("/a/b");
	_free_ char *top = path_parent("/a");
	_free_ char *here = path_parent("a");
	_free_ char *joined = path_join("/a//", "//b");

	(void)state;
	assert_string_equal(parent, "/a");
	assert_string_equal(top, "/");
	assert_string_equal(here, ".");
	assert_string_equal(joined, "/a/b");
	assert_string_equal(path_base("/a/b"), "b");
}

static void test_path_tidy_keeps_what_may_be_a_link(void **state)
{
	static const char *const cases[][2] = {
		{ "/", "/" },
		{ "/a/b", "/a/b" },
		{ "//a/./b//", "/a/b" },
		{ "/x/../a", "/x/../a" },
		{ "a/", "a" },
		{ "/...", "/..." },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *tidied = path_tidy(cases[i][0]);

		assert_string_equal(tidied, cases[i][1]);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file_replace_leaves_the_new_text_and_no_temporary),
		TEST(test_rest_of_a_killed_writer_goes_and_no_other_file),
		TEST(test_path_within_another_is_told_by_whole_names),
		TEST(test_pattern_in_a_folder_takes_its_name_as_it_is),
		TEST(test_replaced_file_keeps_owner_mode_and_attributes),
		TEST(test_file_read_over_its_limit_fails_and_names_the_file),
		TEST(test_tree_remove_does_not_follow_links),
		TEST(test_tree_remove_with_slashes_at_the_end_removes),
		TEST(test_tree_remove_of_no_entry_is_refused),
		TEST(test_tree_remove_needs_little_stack_whatever_the_depth),
		TEST(test_open_in_root_keeps_links_and_dots_inside),
		TEST(test_dir_make_in_root_makes_parents_inside),
		TEST(test_paths_without_links_are_opened_and_made),
		TEST(test_a_link_in_such_a_path_is_refused),
		TEST(test_path_parts),
		TEST(test_tree_remove_never_crosses_a_mount),
		TEST(test_magic_links_are_not_followed),
		TEST(test_path_tidy_keeps_what_may_be_a_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
