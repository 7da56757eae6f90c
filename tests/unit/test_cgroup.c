/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cgroup - the cgroups of a sandbox, in a folder that stands for a hierarchy.
 *
 * A real one has its files in each folder; here a file is there if the test made it, and what is
 * written is noted.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/sandbox/cgroup.h"

static const char *self_text;
static long fs_type;
static strv written; /* "FILE TEXT" */
static const char *root;

int __wrap_statfs(const char *path, struct statfs *buf);
int __wrap_file_read(const char *path, size_t max, char **ret_text, size_t *ret_len,
		     struct error *e);
int __real_file_read(const char *path, size_t max, char **ret_text, size_t *ret_len,
		     struct error *e);
int __wrap_file_write(const char *path, const char *text, struct error *e);

int __wrap_statfs(const char *path, struct statfs *buf)
{
	(void)path;
	*buf = (struct statfs){ .f_type = fs_type };
	return 0;
}

int __wrap_file_read(const char *path, size_t max, char **ret_text, size_t *ret_len,
		     struct error *e)
{
	if (strcmp(path, "/proc/self/cgroup") != 0)
		return __real_file_read(path, max, ret_text, ret_len, e);
	*ret_text = xstrdup(self_text);
	return 0;
}

int __wrap_file_write(const char *path, const char *text, struct error *e)
{
	(void)e;
	assert_true(str_starts(path, root));
	strv_addf(&written, "%s %s", path + strlen(root), text);
	return 0;
}

static int setup(void **state)
{
	*state = folder_new();
	root = *state;
	written = NULL;
	return 0;
}

static int teardown(void **state)
{
	strv_free(TAKE_PTR(written));
	folder_remove(*state);
	return 0;
}

static void expect_written(const char *const *lines, size_t n)
{
	assert_int_equal(strv_len(written), n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(written[i], lines[i]);
}

/* What systemd and the kubelet have made; systemd has taken cpuset away below burst.slice. */
static void test_folders_on_the_way_give_what_they_have(void **state)
{
	static const char *const lines[] = {
		"/cgroup.subtree_control +cpuset",
		"/cgroup.subtree_control +memory",
		"/burst.slice/cgroup.subtree_control +cpuset",
		"/burst.slice/cgroup.subtree_control +memory",
		"/burst.slice/pod.slice/cgroup.subtree_control +memory",
		"/burst.slice/pod.slice/kata_x/vm/cgroup.procs 0",
	};
	_free_ char *leaf = path_join(*state, "burst.slice/pod.slice/kata_x/vm");
	_free_ char *own = path_join(*state, "burst.slice/pod.slice/kata_x");
	_free_ char *home = path_join(*state, "crio.service");
	struct cgroup c = { 0 };
	struct error e;

	fs_type = CGROUP2_SUPER_MAGIC;
	self_text = "12:cpu:/x\n0::/crio.service\n";
	folder_put(*state, "cgroup.controllers", "cpuset memory\n");
	folder_put(*state, "burst.slice/cgroup.controllers", "cpuset memory\n");
	folder_put(*state, "burst.slice/pod.slice/cgroup.controllers", "memory\n");
	assert_int_equal(cgroup_join(*state, "/burst.slice/pod.slice/kata_x", &c, &e), 0);
	expect_written(lines, ARRAY_SIZE(lines));
	assert_int_equal(strv_len(c.dirs), 2);
	assert_string_equal(c.dirs[0], leaf);
	assert_string_equal(c.dirs[1], own);
	assert_string_equal(c.homes[0], home);
	assert_string_equal(c.homes[1], home);
	cgroup_leave(&c);
	assert_false(file_exists(own));
}

/* The limit is the pod's, though the folder between has a file for it. */
static void test_limit_of_the_pod_is_found_above_both_folders(void **state)
{
	_free_ char *leaf = path_join(*state, "pod/kata_x/vm");
	_free_ char *own = path_join(*state, "pod/kata_x");
	char *dirs[] = { leaf, own, NULL };

	folder_put(*state, "pod/memory.max", "4096\n");
	folder_put(*state, "pod/hugetlb.2MB.max", "8192\n");
	folder_put(*state, "pod/kata_x/memory.max", "max\n");
	folder_put(*state, "pod/kata_x/hugetlb.2MB.max", "max\n");
	assert_int_equal(cgroup_memory_limit(dirs), 4096);
	assert_int_equal(cgroup_pages_limit(dirs, "2MB"), 8192);
}

static void test_version_1_has_one_folder_of_each_hierarchy(void **state)
{
	static const char *const lines[] = {
		"/cpu/pod/kata_x/cgroup.procs 0",
		"/memory/pod/kata_x/cgroup.procs 0",
	};
	struct cgroup c = { 0 };
	struct error e;

	fs_type = TMPFS_MAGIC;
	self_text = "3:cpu:/\n2:memory:/../x\n0::/\n";
	folder_put(*state, "cpu/x", "");
	folder_put(*state, "memory/cgroup.controllers", "memory\n");
	assert_int_equal(cgroup_join(*state, "/pod/kata_x", &c, &e), 0);
	expect_written(lines, ARRAY_SIZE(lines));
	assert_int_equal(strv_len(c.dirs), 2);
	cgroup_leave(&c);
}

/* Where one hierarchy refuses the process is in none of them, as before. */
static void test_a_process_is_back_where_it_was_when_it_cannot_join_all(void **state)
{
	static const char *const lines[] = {
		"/cpu/pod/kata_x/cgroup.procs 0",
		"/cpu/home/cgroup.procs 0",
	};
	_free_ char *own = path_join(*state, "cpu/pod/kata_x");
	struct cgroup c = { 0 };
	struct error e;

	fs_type = TMPFS_MAGIC;
	self_text = "3:cpu:/home\n2:memory:/home\n0::/\n";
	folder_put(*state, "cpu/home/x", "");
	folder_put(*state, "memory/pod", "not a folder");
	assert_true(cgroup_join(*state, "/pod/kata_x", &c, &e) < 0);
	assert_non_null(strstr(e.msg, "memory/pod"));
	expect_written(lines, ARRAY_SIZE(lines));
	assert_false(file_exists(own));
	assert_null(c.dirs);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_folders_on_the_way_give_what_they_have),
		TEST(test_limit_of_the_pod_is_found_above_both_folders),
		TEST(test_version_1_has_one_folder_of_each_hierarchy),
		TEST(test_a_process_is_back_where_it_was_when_it_cannot_join_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
