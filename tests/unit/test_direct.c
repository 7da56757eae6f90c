/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_direct - records of volumes that guests mount from their disk.
 */

#include "tests/unit/folder.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "runtime/sandbox/direct.h"

#define VOLUME "/var/lib/kubelet/pods/u/volumes/kubernetes.io~csi/pv/mount"

static char *root;

static int make_root(void **state)
{
	(void)state;
	root = folder_new();
	return 0;
}

static int remove_root(void **state)
{
	(void)state;
	folder_remove(root);
	return 0;
}

/* RFC 4648, section 5. */
static void test_name_is_base64_for_files(void **state)
{
	static const char *const cases[][2] = {
		{ "", "" },        { "a", "YQ==" },        { "ab", "YWI=" },
		{ "abc", "YWJj" }, { "/a?>", "L2E_Pg==" }, { "\xfb\xff\xbf", "-_-_" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *name = direct_name(cases[i][0]);

		assert_string_equal(name, cases[i][1]);
	}
}

static void test_record_is_read_as_it_was_added(void **state)
{
	_direct_ struct direct d = { 0 };
	_free_ char *options = NULL;
	struct error e;

	(void)state;
	assert_false(direct_exists(root, VOLUME));
	assert_return_code(
		direct_add(root, VOLUME,
			   "{\"volume-type\":\"block\",\"device\":\"/dev/sdf\",\"fstype\":\"ext4\","
			   "\"metadata\":{\"fsGroup\":\"1000\",\"fsGroupChangePolicy\":"
			   "\"OnRootMismatch\"},\"options\":[\"ro\",\"noatime\"]}",
			   &e),
		0);
	assert_true(direct_exists(root, VOLUME));
	assert_return_code(direct_read(root, VOLUME, &d, &e), 0);
	options = strv_join(d.options, ",");
	assert_string_equal(d.device, "/dev/sdf");
	assert_string_equal(d.fstype, "ext4");
	assert_string_equal(options, "ro,noatime");
	assert_int_equal(d.group, 1000);
	assert_int_equal(d.group_policy, DIRECT_GROUP_ON_MISMATCH);
}

static void test_record_is_found_however_its_path_is_written(void **state)
{
	struct error e;

	(void)state;
	assert_return_code(
		direct_add(root, VOLUME "//./", "{\"device\":\"/d\",\"fstype\":\"xfs\"}", &e), 0);
	assert_true(direct_exists(root, VOLUME));
	assert_true(direct_exists(root, VOLUME "/"));
	assert_int_equal(direct_remove(root, "", &e), -EINVAL);
	assert_int_equal(direct_remove(root, ".", &e), -EINVAL);
	assert_true(direct_exists(root, VOLUME));
	assert_return_code(direct_remove(root, VOLUME "/.", &e), 0);
	assert_false(direct_exists(root, VOLUME));
}

static void test_removed_record_leaves_nothing(void **state)
{
	_free_ char *name = direct_name(VOLUME);
	_free_ char *note = xasprintf("%s/%s/sandbox", root, name);
	_free_ char *dir = path_join(root, name);
	struct error e;

	(void)state;
	assert_return_code(direct_remove(root, VOLUME, &e), 0);
	assert_return_code(direct_add(root, VOLUME, "{\"device\":\"/d\",\"fstype\":\"xfs\"}", &e),
			   0);
	assert_return_code(direct_note_sandbox(root, VOLUME, "sandbox", &e), 0);
	assert_true(file_exists(note));
	assert_return_code(direct_remove(root, VOLUME, &e), 0);
	assert_false(file_exists(dir));
}

/* Drivers of storage write the first, upstream's shims the others. */
static void test_a_disk_has_several_names(void **state)
{
	static const char *const types[] = { "block", "blk", "directvol", "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		_free_ char *info = xasprintf(
			"{\"volume-type\":\"%s\",\"device\":\"/d\",\"fstype\":\"xfs\"}", types[i]);
		struct error e;

		if (direct_add(root, VOLUME, info, &e) < 0)
			fail_msg("%s: %s", info, e.msg);
		assert_return_code(direct_remove(root, VOLUME, &e), 0);
	}
}

static void test_what_is_asked_for_and_not_done_is_refused(void **state)
{
	static const struct {
		const char *info;
		int code;
	} cases[] = {
		{ "{\"volume-type\":\"spdkvol\",\"device\":\"/d\",\"fstype\":\"ext4\"}", -ENOTSUP },
		{ "{\"device\":\"/d\",\"fstype\":\"ext4\",\"metadata\":{\"encryptionKey\":\"k\"}}",
		  -ENOTSUP },
		{ "{\"fstype\":\"ext4\"}", -EINVAL },
		{ "{\"device\":\"/d\"}", -EINVAL },
		{ "{\"device\":\"/d\",\"fstype\":\"ext4\",\"options\":[1]}", -EINVAL },
		{ "{\"device\":\"/d\",\"fstype\":\"ext4\",\"metadata\":{\"fsGroup\":\"x\"}}",
		  -EINVAL },
		{ "[]", -EINVAL },
		{ "{", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error e;

		if (direct_add(root, VOLUME, cases[i].info, &e) != cases[i].code)
			fail_msg("%s: %s", cases[i].info, e.msg);
		assert_false(direct_exists(root, VOLUME));
	}
}

static void test_record_that_others_can_write_is_not_believed(void **state)
{
	_free_ char *name = direct_name(VOLUME);
	_free_ char *file = xasprintf("%s/%s/mountInfo.json", root, name);
	_direct_ struct direct d = { 0 };
	struct error e;

	(void)state;
	assert_return_code(direct_add(root, VOLUME, "{\"device\":\"/d\",\"fstype\":\"xfs\"}", &e),
			   0);
	assert_return_code(chmod(file, 0666), errno);
	assert_int_equal(direct_read(root, VOLUME, &d, &e), -EPERM);
}

static void test_record_that_is_a_link_is_not_believed(void **state)
{
	_free_ char *name = direct_name(VOLUME);
	_free_ char *file = xasprintf("%s/%s/mountInfo.json", root, name);
	_free_ char *moved = path_join(root, "moved.json");
	_direct_ struct direct d = { 0 };
	struct error e;

	(void)state;
	assert_return_code(direct_add(root, VOLUME, "{\"device\":\"/d\",\"fstype\":\"xfs\"}", &e),
			   0);
	assert_return_code(rename(file, moved), errno);
	assert_return_code(symlink(moved, file), errno);
	assert_int_equal(direct_read(root, VOLUME, &d, &e), -ELOOP);
}

static void test_sandboxes_that_had_it_are_known(void **state)
{
	_free_ char *all = NULL;
	_strv_ strv ids = NULL;
	struct error e;

	(void)state;
	assert_int_equal(direct_sandboxes(root, VOLUME, &ids, &e), -ENOENT);
	assert_return_code(direct_add(root, VOLUME, "{\"device\":\"/d\",\"fstype\":\"xfs\"}", &e),
			   0);
	assert_int_equal(direct_sandboxes(root, VOLUME, &ids, &e), -ENOENT);
	assert_return_code(direct_note_sandbox(root, VOLUME, "pod2", &e), 0);
	assert_return_code(direct_note_sandbox(root, VOLUME, "pod1", &e), 0);
	assert_return_code(direct_note_sandbox(root, VOLUME, "-no id", &e), 0);
	assert_return_code(direct_sandboxes(root, VOLUME, &ids, &e), 0);
	all = strv_join(ids, " ");
	assert_string_equal(all, "pod1 pod2");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_name_is_base64_for_files),
		TEST(test_record_is_read_as_it_was_added),
		TEST(test_record_is_found_however_its_path_is_written),
		TEST(test_removed_record_leaves_nothing),
		TEST(test_a_disk_has_several_names),
		TEST(test_what_is_asked_for_and_not_done_is_refused),
		TEST(test_record_that_others_can_write_is_not_believed),
		TEST(test_record_that_is_a_link_is_not_believed),
		TEST(test_sandboxes_that_had_it_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
