/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_rootfs - a root file system of several mounts, on real mounts of a namespace in which the
 * test is root.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "runtime/sandbox/rootfs.h"
#include "tests/unit/root.h"

static bool has_mounts;

static int group_setup(void **state)
{
	(void)state;
	has_mounts = become_root(CLONE_NEWNS);
	return 0;
}

struct fixture {
	char *dir;
	char *image;   /* in it a folder, and a link to the folder outside of the same name */
	char *outside; /* DIR/outside, whose path in the image exists as well */
	char *inside;  /* that path in the image */
	char *root;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	_free_ char *link = NULL;
	struct error e;

	*state = f;
	f->dir = folder_new();
	f->image = path_join(f->dir, "image");
	f->outside = path_join(f->dir, "outside");
	f->inside = path_join(f->image, f->outside + 1);
	f->root = path_join(f->dir, "bundle/rootfs");
	link = path_join(f->image, "link");
	assert_return_code(dir_make(f->outside, 0755, &e), 0);
	assert_return_code(dir_make(f->inside, 0755, &e), 0);
	assert_return_code(symlink(f->outside, link), errno);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (has_mounts)
		rootfs_unmount(f->root);
	(void)umount2(f->outside, MNT_DETACH);
	folder_remove(f->dir);
	free(f->image);
	free(f->outside);
	free(f->inside);
	free(f->root);
	free(f);
	return 0;
}

static dev_t device_of(int dirfd, const char *path)
{
	struct stat st;

	assert_return_code(fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW), errno);
	return st.st_dev;
}

static char *const bind_options[] = { (char[]){ "rbind" }, (char[]){ "rw" } };

#define MOUNTS(image)                                                                           \
	{                                                                                       \
		{ .type = "bind", .source = (image), .options = bind_options, .n_options = 2 }, \
			{ .type = "tmpfs", .source = "tmpfs", .target = "link" },               \
	}

static void test_mount_in_a_root_stays_there_whatever_its_links_say(void **state)
{
	struct fixture *f = *state;
	const struct rootfs_mount mounts[] = MOUNTS(f->image);
	_close_ int tree = -1;
	struct error e;

	if (!has_mounts)
		skip();
	tree = rootfs_tree(mounts, ARRAY_SIZE(mounts), f->root, &e);
	if (tree < 0)
		fail_msg("%s", e.msg);
	assert_int_not_equal(device_of(tree, f->outside + 1), device_of(tree, "."));
	assert_int_equal(device_of(AT_FDCWD, f->outside), device_of(AT_FDCWD, f->dir));
	/* Nothing of it is mounted here. */
	assert_int_equal(device_of(AT_FDCWD, f->inside), device_of(AT_FDCWD, f->dir));
	assert_int_equal(device_of(AT_FDCWD, f->root), device_of(AT_FDCWD, f->dir));
}

static void test_mount_in_a_root_of_an_old_kernel_stays_there(void **state)
{
	struct fixture *f = *state;
	const struct rootfs_mount mounts[] = MOUNTS(f->image);
	_free_ char *at = path_join(f->root, f->outside + 1);
	struct error e;

	if (!has_mounts)
		skip();
	if (rootfs_mount(mounts, ARRAY_SIZE(mounts), f->root, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_not_equal(device_of(AT_FDCWD, at), device_of(AT_FDCWD, f->root));
	assert_int_equal(device_of(AT_FDCWD, f->outside), device_of(AT_FDCWD, f->dir));
	rootfs_unmount(f->root);
	assert_int_equal(device_of(AT_FDCWD, f->root), device_of(AT_FDCWD, f->dir));
}

static void test_failed_root_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	const struct rootfs_mount mounts[] = {
		{ .type = "bind", .source = f->image, .options = bind_options, .n_options = 2 },
		{ .type = "nonsense", .source = "x" },
	};
	struct error e;

	if (!has_mounts)
		skip();
	assert_true(rootfs_tree(mounts, ARRAY_SIZE(mounts), f->root, &e) < 0);
	assert_true(rootfs_mount(mounts, ARRAY_SIZE(mounts), f->root, &e) < 0);
	assert_int_equal(device_of(AT_FDCWD, f->root), device_of(AT_FDCWD, f->dir));
	assert_return_code(rmdir(f->root), errno);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_mount_in_a_root_stays_there_whatever_its_links_say),
		TEST(test_mount_in_a_root_of_an_old_kernel_stays_there),
		TEST(test_failed_root_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
