/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agent_mount - mount options, places of mounts, and which mounts lie beside a root.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent/child/rootfs-path.h"
#include "agent/child/rootfs.h"
#include "agent/plan/run-dir.h"
#include "lib/file.h"
#include "lib/mount.h"
#include "lib/str.h"

enum { RDONLY = 0x1, NOSUID = 0x2, NODEV = 0x4, NOATIME = 0x10, ATIME = 0x70 };

static void parse(const char *words, struct mount_options *ret)
{
	_strv_ strv list = strv_split(words, ",");
	struct error e;

	assert_int_equal(mount_options_parse(list, strv_len(list), ret, &e), 0);
}

static void test_options_sort_attributes_and_data(void **state)
{
	_mount_options_ struct mount_options o = { 0 };

	(void)state;
	parse("nosuid,nodev,ro,size=65536k,mode=755,newinstance", &o);
	assert_int_equal(o.set, NOSUID | NODEV | RDONLY);
	assert_int_equal(o.clear, 0);
	assert_int_not_equal(o.super_flags, 0);
	assert_int_equal(strv_len(o.data), 3);
	assert_string_equal(o.data[0], "size=65536k");
	assert_false(o.is_bind);
}

static void test_options_later_word_wins(void **state)
{
	_mount_options_ struct mount_options a = { 0 }, b = { 0 };

	(void)state;
	parse("ro,rw", &a);
	assert_int_equal(a.set, 0);
	assert_int_equal(a.clear, RDONLY);
	assert_int_equal(a.super_flags, 0);
	parse("rw,ro", &b);
	assert_int_equal(b.set, RDONLY);
	assert_int_equal(b.clear, 0);
}

static void test_options_access_time_is_one_field(void **state)
{
	_mount_options_ struct mount_options o = { 0 };

	(void)state;
	parse("strictatime,noatime", &o);
	assert_int_equal(o.set, NOATIME);
	/* The kernel takes away first, then sets. */
	assert_int_equal(o.clear, ATIME);
}

static void test_options_bind_with_propagation(void **state)
{
	_mount_options_ struct mount_options o = { 0 };

	(void)state;
	parse("rbind,rslave,rro", &o);
	assert_true(o.is_bind);
	assert_true(o.is_bind_tree);
	assert_int_equal(o.propagation, MS_SLAVE);
	assert_true(o.propagates_tree);
	assert_int_equal(o.set, 0);
	assert_int_equal(o.set_tree, RDONLY);
	assert_null(o.data);
}

static void test_options_of_a_caller_are_not_for_others(void **state)
{
	static const char *const words[] = { "idmap", "ridmap", "tmpcopyup" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		_mount_options_ struct mount_options o = { 0 };
		_free_ char *quoted = xasprintf("'%s'", words[i]);
		struct error e;

		parse(words[i], &o);
		assert_null(o.data);
		assert_int_equal(mount_options_check_plain(&o, &e), -EINVAL);
		assert_non_null(strstr(e.msg, quoted));
	}
}

static void test_options_too_many_are_refused(void **state)
{
	char word[] = "ro", *list[MOUNT_OPTIONS_MAX + 1];
	struct mount_options o = { 0 };
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		list[i] = word;
	assert_int_equal(mount_options_parse(list, ARRAY_SIZE(list), &o, &e), -E2BIG);
}

static void test_siblings_are_mounts_of_the_same_parent(void **state)
{
	static const char info[] =
		"1 1 0:2 / / rw - rootfs rootfs rw\n"
		"20 1 0:20 / /proc rw - proc proc rw\n"
		"21 20 0:21 / /proc/sys rw - proc proc rw\n"
		"22 1 0:22 / /with\\040space rw - tmpfs tmpfs rw\n"
		"30 1 0:30 / / rw - virtiofs kataShared rw\n"
		"31 30 0:31 / /proc rw - proc proc rw\n";
	_strv_ strv points = rootfs_siblings(info, 30);

	(void)state;
	assert_int_equal(strv_len(points), 2);
	assert_string_equal(points[0], "/proc");
	assert_string_equal(points[1], "/with space");
}

static void test_siblings_of_an_unknown_mount_are_none(void **state)
{
	_strv_ strv none = rootfs_siblings("1 1 0:2 / / rw - rootfs rootfs rw\nodd line\n\n", 30);

	(void)state;
	assert_null(none);
}

/* Upstream's rootless runtimes write these. */
static void test_folder_of_a_user_is_no_part_of_a_path(void **state)
{
	static const char *const cases[][2] = {
		{ "/run/user/1000/run/kata-containers/shared/containers/", SANDBOX_SHARED_DIR "/" },
		{ "/run/user/7/run/kata-containers", SANDBOX_RUN_DIR },
		{ "lowerdir=/run/user/7/run/kata-containers/a:/run/user/7/run/kata-containers/b",
		  "lowerdir=/run/kata-containers/a:/run/kata-containers/b" },
		{ "/run/kata-containers/run/user/7/run/kata-containers", NULL },
		{ "/run/user/7/run/kata-containers2/x", NULL },
		{ "/run/user//run/kata-containers/x", NULL },
		{ "/run/user/a/run/kata-containers/x", NULL },
		{ "/run/user/7/x", NULL },
		{ "shm", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = xstrdup(cases[i][0]);

		run_dir_unprefix(text);
		assert_string_equal(text, cases[i][cases[i][1] ? 1 : 0]);
	}
}

/* A root with links that lead to nothing, in circles, and out. */
static int make_root(void **state)
{
	char *path = folder_new();
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(mkdirat(fd, "etc", 0755), 0);
	assert_int_equal(symlinkat("../run/resolve/resolv.conf", fd, "etc/resolv.conf"), 0);
	assert_int_equal(symlinkat("/run/../../../elsewhere", fd, "etc/out"), 0);
	assert_int_equal(symlinkat("/srv/deep", fd, "etc/absolute"), 0);
	assert_int_equal(symlinkat("b", fd, "a"), 0);
	assert_int_equal(symlinkat("a", fd, "b"), 0);
	(void)close(fd);
	*state = path;
	return 0;
}

static void test_place_of_a_link_to_nothing_is_made(void **state)
{
	_free_ char *made = path_join(*state, "run/resolve/resolv.conf");
	_free_ char *other = path_join(*state, "srv/deep");
	_close_ int rootfd = open(*state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_close_ int fd = -1, dir = -1;
	struct error e;
	struct stat st;

	fd = rootfs_place(rootfd, "/etc/resolv.conf", ROOTFS_FILE, &e);
	assert_true(fd >= 0);
	assert_int_equal(stat(made, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	dir = rootfs_place(rootfd, "/etc/absolute", ROOTFS_DIR, &e);
	assert_true(dir >= 0);
	assert_int_equal(stat(other, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
}

static void test_place_never_leaves_the_root(void **state)
{
	_free_ char *made = path_join(*state, "elsewhere/deep");
	_close_ int rootfd = open(*state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_close_ int fd = -1;
	struct error e;

	fd = rootfs_place(rootfd, "/etc/out/deep", ROOTFS_DIR, &e);
	assert_true(fd >= 0);
	assert_true(file_exists(made));
	assert_false(file_exists("/elsewhere"));
}

static void test_place_behind_a_circle_is_refused(void **state)
{
	_close_ int rootfd = open(*state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *path = NULL;
	struct error e;

	assert_int_equal(rootfs_place(rootfd, "/a/x", ROOTFS_DIR, &e), -ELOOP);
	assert_int_equal(rootfs_resolve(rootfd, "/a/x", &path, &e), -ELOOP);
	assert_null(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_sort_attributes_and_data),
		cmocka_unit_test(test_options_later_word_wins),
		cmocka_unit_test(test_options_access_time_is_one_field),
		cmocka_unit_test(test_options_bind_with_propagation),
		cmocka_unit_test(test_options_of_a_caller_are_not_for_others),
		cmocka_unit_test(test_options_too_many_are_refused),
		cmocka_unit_test(test_siblings_are_mounts_of_the_same_parent),
		cmocka_unit_test(test_siblings_of_an_unknown_mount_are_none),
		cmocka_unit_test(test_folder_of_a_user_is_no_part_of_a_path),
		cmocka_unit_test_setup_teardown(test_place_of_a_link_to_nothing_is_made, make_root,
						folder_teardown),
		cmocka_unit_test_setup_teardown(test_place_never_leaves_the_root, make_root,
						folder_teardown),
		cmocka_unit_test_setup_teardown(test_place_behind_a_circle_is_refused, make_root,
						folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
