/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_file - files, trees, resolution inside a root, child processes.
 *
 * Every test works in a folder of its own below the temporary directory.
 */

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "lib/proc.h"

#define LONG_MS 60000

static int setup(void **state)
{
	char template[] = "/tmp/test_file.XXXXXX";

	*state = mkdtemp(template) ? xstrdup(template) : NULL;
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	struct error e;
	int r = tree_remove(*state, &e);

	free(*state);
	return r;
}

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

static void test_proc_run_collects_output_and_exit_code(void **state)
{
	char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" },
			 (char[]){ "echo out; echo err >&2; pwd; exit 3" }, NULL };
	const struct proc_spec spec = { .argv = argv, .cwd = "/tmp" };
	_free_ char *output = NULL;
	struct error e;
	int status;

	(void)state;
	assert_int_equal(proc_run(&spec, deadline_in(LONG_MS), NULL, 4096, &status, &output, &e),
			 0);
	assert_int_equal(status, 3);
	assert_string_equal(output, "out\nerr\n/tmp\n");
}

static void test_proc_run_beyond_its_output_limit_goes_on(void **state)
{
	char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" },
			 (char[]){ "head -c 300000 /dev/zero; exit 5" }, NULL };
	const struct proc_spec spec = { .argv = argv };
	_free_ char *output = NULL;
	struct error e;
	int status;

	(void)state;
	assert_int_equal(proc_run(&spec, deadline_in(LONG_MS), NULL, 10, &status, &output, &e), 0);
	assert_int_equal(status, 5);
}

static void test_proc_start_of_a_missing_program_names_it(void **state)
{
	char *argv[] = { (char[]){ "/nonexistent/program" }, NULL };
	const struct proc_spec spec = { .argv = argv };
	struct proc p;
	struct error e;

	(void)state;
	assert_int_equal(proc_start(&spec, &p, &e), -ENOENT);
	assert_string_equal(e.msg,
			    "cannot execute '/nonexistent/program': No such file or directory");
}

static void test_proc_start_permutes_descriptors(void **state)
{
	_free_ char *first = path_join(*state, "first"), *second = path_join(*state, "second");
	char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" },
			 (char[]){ "echo one >&3; echo two >&4; ls /proc/self/fd | wc -l >&4" },
			 NULL };
	_close_ int a = open(first, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	_close_ int b = open(second, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	const struct proc_fd fds[] = { { a, 4 }, { b, 3 } };
	const struct proc_spec spec = { .argv = argv, .fds = fds, .n_fds = 2 };
	_free_ char *output = NULL, *text_a = NULL, *text_b = NULL;
	struct error e;
	int status;

	assert_int_equal(proc_run(&spec, deadline_in(LONG_MS), NULL, 100, &status, &output, &e), 0);
	assert_int_equal(file_read(first, 100, &text_a, NULL, &e), 0);
	assert_int_equal(file_read(second, 100, &text_b, NULL, &e), 0);
	/* stdin, stdout, stderr, 3, 4 and the folder that ls reads. */
	assert_string_equal(text_a, "two\n6\n");
	assert_string_equal(text_b, "one\n");
}

static void test_proc_stop_ends_a_child_that_ignores_sigterm(void **state)
{
	char *argv[] = {
		(char[]){ "/bin/sh" }, (char[]){ "-c" },
		(char[]){ "trap '' TERM; echo; while :; do read x || exec sleep 600; done" }, NULL
	};
	const struct proc_spec spec = { .argv = argv };
	uint64_t ticks;
	struct proc p;
	struct error e;
	pid_t pid;

	(void)state;
	assert_int_equal(proc_start(&spec, &p, &e), 0);
	pid = p.pid;
	assert_int_equal(proc_start_time(pid, &ticks, &e), 0);
	proc_stop(&p, 20);
	assert_int_equal(proc_start_time(pid, &ticks, &e), -ESRCH);
	proc_stop(&p, 20);
}

static void test_proc_wait_reports_a_signal_as_128_plus(void **state)
{
	char *argv[] = { (char[]){ "/bin/sleep" }, (char[]){ "600" }, NULL };
	const struct proc_spec spec = { .argv = argv };
	struct proc p;
	struct error e;
	int status;

	(void)state;
	assert_int_equal(proc_start(&spec, &p, &e), 0);
	assert_int_equal(proc_wait(&p, deadline_in(1), NULL, &status, &e), -ETIMEDOUT);
	assert_int_equal(proc_kill(&p, SIGKILL, &e), 0);
	assert_int_equal(proc_wait(&p, deadline_in(LONG_MS), NULL, &status, &e), 0);
	assert_int_equal(status, 128 + SIGKILL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file_replace_leaves_the_new_text_and_no_temporary),
		TEST(test_file_read_over_its_limit_fails_and_names_the_file),
		TEST(test_tree_remove_does_not_follow_links),
		TEST(test_open_in_root_keeps_links_and_dots_inside),
		TEST(test_dir_make_in_root_makes_parents_inside),
		TEST(test_path_parts),
		TEST(test_proc_run_collects_output_and_exit_code),
		TEST(test_proc_run_beyond_its_output_limit_goes_on),
		TEST(test_proc_start_of_a_missing_program_names_it),
		TEST(test_proc_start_permutes_descriptors),
		TEST(test_proc_stop_ends_a_child_that_ignores_sigterm),
		TEST(test_proc_wait_reports_a_signal_as_128_plus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
