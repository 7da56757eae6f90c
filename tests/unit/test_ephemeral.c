/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ephemeral - volumes in memory, on real mounts of a namespace in which the test is root.
 */

#include "tests/unit/folder.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "lib/file.h"
#include "lib/str.h"
#include "runtime/sandbox/ephemeral.h"
#include "runtime/sandbox/ways/way.h"
#include "tests/unit/root.h"

#define VOLUMES  "pods/u/volumes/kubernetes.io~empty-dir"
#define SUBPATHS "pods/u/volume-subpaths"

static char *root;
static bool has_mounts;

static void make(const char *path)
{
	_free_ char *full = path_join(root, path);
	struct error e;

	assert_return_code(dir_make(full, 0755, &e), 0);
}

static void bind_part(const char *from, const char *to)
{
	_free_ char *source = path_join(root, from);
	_free_ char *target = path_join(root, to);

	make(from);
	make(to);
	assert_return_code(chmod(source, 0770), errno);
	assert_return_code(mount(source, target, NULL, MS_BIND, NULL), errno);
}

static int group_setup(void **state)
{
	_free_ char *memory = NULL;

	(void)state;
	root = folder_new();
	has_mounts = become_root(CLONE_NEWNS);
	memory = path_join(root, VOLUMES "/memory");
	make(VOLUMES "/memory");
	make(VOLUMES "/disk/part");
	make("other/memory");
	if (!has_mounts)
		return 0;
	assert_return_code(mount("tmpfs", memory, "tmpfs", 0, "size=1m,mode=2771"), errno);
	bind_part(VOLUMES "/memory/a/b", SUBPATHS "/memory/c/0");
	bind_part(VOLUMES "/memory/odd part", SUBPATHS "/memory/c/1");
	bind_part(VOLUMES "/disk/part", SUBPATHS "/disk/c/0");
	return 0;
}

static int group_teardown(void **state)
{
	_free_ char *volume = path_join(root, VOLUMES "/memory");
	_free_ char *a = path_join(root, SUBPATHS "/memory/c/0");
	_free_ char *b = path_join(root, SUBPATHS "/memory/c/1");
	_free_ char *c = path_join(root, SUBPATHS "/disk/c/0");
	const char *const mounts[] = { a, b, c, volume };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++)
		(void)umount2(mounts[i], MNT_DETACH);
	folder_remove(root);
	return 0;
}

static int find(const char *path, struct ephemeral *ret, struct error *e)
{
	_free_ char *full = path_join(root, path);

	return ephemeral_find(full, ret, e);
}

static void test_volume_in_memory_becomes_a_tmpfs_like_the_hosts(void **state)
{
	_ephemeral_ struct ephemeral v = { 0 };
	_free_ char *guest = NULL;
	_free_ char *options = NULL;
	struct gifts g = { 0 };
	struct error e;

	(void)state;
	if (!has_mounts)
		skip();
	assert_int_equal(find(VOLUMES "/memory", &v, &e), 1);
	guest = ephemeral_guest_path(&v);
	assert_string_equal(guest, "/run/kata-containers/sandbox/ephemeral/memory");
	ephemeral_add_storages(&v, &g);
	assert_int_equal(g.n_storages, 1);
	assert_string_equal(g.storages[0]->driver, "ephemeral");
	assert_string_equal(g.storages[0]->fstype, "tmpfs");
	assert_string_equal(g.storages[0]->mount_point, guest);
	assert_true(g.storages[0]->shared);
	options = strv_join(g.storages[0]->options, ",");
	assert_true(str_starts(options, "size=1048576,mode=2771,uid=0,gid="));
	gifts_done(&g);
}

static void test_part_of_a_volume_in_memory_is_that_part_in_the_guest(void **state)
{
	_ephemeral_ struct ephemeral v = { 0 };
	_free_ char *guest = NULL;
	struct gifts g = { 0 };
	struct error e;

	(void)state;
	if (!has_mounts)
		skip();
	assert_int_equal(find(SUBPATHS "/memory/c/0", &v, &e), 1);
	guest = ephemeral_guest_path(&v);
	assert_string_equal(guest, "/run/kata-containers/sandbox/ephemeral/memory/a/b");
	ephemeral_add_storages(&v, &g);
	assert_int_equal(g.n_storages, 2);
	assert_string_equal(g.storages[0]->mount_point,
			    "/run/kata-containers/sandbox/ephemeral/memory");
	assert_string_equal(g.storages[1]->driver, "local");
	assert_string_equal(g.storages[1]->mount_point, guest);
	assert_string_equal(g.storages[1]->options[0], "mode=770");
	assert_true(g.storages[1]->shared);
	gifts_done(&g);
}

static void test_part_may_have_a_blank_in_its_name(void **state)
{
	_ephemeral_ struct ephemeral v = { 0 };
	struct error e;

	(void)state;
	if (!has_mounts)
		skip();
	assert_int_equal(find(SUBPATHS "/memory/c/1", &v, &e), 1);
	assert_string_equal(v.sub, "odd part");
}

/* Only the machine's root can mount them, so that they are found is tried in a guest. */
static void test_huge_pages_become_a_hugetlbfs_like_the_hosts(void **state)
{
	const struct ephemeral v = {
		.name = (char[]){ "huge" },
		.sub = (char[]){ "" },
		.page_size = 2 * MIB,
		.size = 8 * MIB,
		.mode = 0770,
	};
	_free_ char *options = NULL;
	struct gifts g = { 0 };

	(void)state;
	ephemeral_add_storages(&v, &g);
	assert_int_equal(g.n_storages, 1);
	assert_string_equal(g.storages[0]->driver, "ephemeral");
	assert_string_equal(g.storages[0]->fstype, "hugetlbfs");
	assert_string_equal(g.storages[0]->source, "nodev");
	options = strv_join(g.storages[0]->options, ",");
	assert_string_equal(options, "pagesize=2097152,size=8388608,mode=770,uid=0,gid=0");
	gifts_done(&g);
}

static void test_everything_else_stays_shared(void **state)
{
	static const char *const paths[] = {
		VOLUMES "/disk",
		VOLUMES "/disk/part",
		SUBPATHS "/disk/c/0",
		"other/memory",
		VOLUMES,
		"nowhere",
		VOLUMES "/nowhere",
		SUBPATHS "/disk/c",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_ephemeral_ struct ephemeral v = { 0 };
		struct error e;

		if (find(paths[i], &v, &e) != 0)
			fail_msg("%s", paths[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_volume_in_memory_becomes_a_tmpfs_like_the_hosts),
		cmocka_unit_test(test_part_of_a_volume_in_memory_is_that_part_in_the_guest),
		cmocka_unit_test(test_part_may_have_a_blank_in_its_name),
		cmocka_unit_test(test_huge_pages_become_a_hugetlbfs_like_the_hosts),
		cmocka_unit_test(test_everything_else_stays_shared),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
