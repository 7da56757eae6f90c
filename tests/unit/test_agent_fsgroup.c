/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agent_fsgroup - volumes that are given to a group.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/storage/fsgroup.h"
#include "lib/file.h"

static char *root;

/* volume/file 0600, volume/dir 0700, volume/dir/file 0400, volume/out -> ../outside, outside 0600
 */
static int setup(void **state)
{
	struct error e;

	(void)state;
	root = folder_new();
	if (chdir(root) < 0 || mkdir("volume", 0700) < 0 || mkdir("volume/dir", 0700) < 0 ||
	    symlink("../outside", "volume/out") < 0)
		return -1;
	return file_replace("volume/file", "", 0, 0600, &e) |
	       file_replace("volume/dir/file", "", 0, 0400, &e) |
	       file_replace("outside", "", 0, 0600, &e);
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(chdir("/"), 0);
	folder_remove(root);
	return 0;
}

static void apply(enum fsgroup_policy policy)
{
	_close_ int fd = open("volume", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct error e;

	if (fsgroup_apply(fd, getgid(), policy, &e) < 0)
		fail_msg("%s", e.msg);
}

static void expect_mode(const char *path, mode_t wanted)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	if ((st.st_mode & 07777) != wanted)
		fail_msg("'%s' has mode 0%o, not 0%o", path, st.st_mode & 07777, wanted);
}

static void test_apply_opens_everything_to_the_group(void **state)
{
	(void)state;
	apply(FSGROUP_ALWAYS);
	expect_mode("volume", 02770);
	expect_mode("volume/file", 0660);
	expect_mode("volume/dir", 02770);
	expect_mode("volume/dir/file", 0660);
}

static void test_apply_does_not_follow_links(void **state)
{
	(void)state;
	apply(FSGROUP_ALWAYS);
	expect_mode("outside", 0600);
}

static void test_apply_on_mismatch_stops_at_a_right_root(void **state)
{
	(void)state;
	assert_int_equal(chmod("volume", 02770), 0);
	apply(FSGROUP_ON_ROOT_MISMATCH);
	expect_mode("volume/file", 0600);
	apply(FSGROUP_ALWAYS);
	expect_mode("volume/file", 0660);
}

static void test_apply_on_mismatch_changes_a_wrong_root(void **state)
{
	(void)state;
	apply(FSGROUP_ON_ROOT_MISMATCH);
	expect_mode("volume/dir/file", 0660);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_apply_opens_everything_to_the_group),
		TEST(test_apply_does_not_follow_links),
		TEST(test_apply_on_mismatch_stops_at_a_right_root),
		TEST(test_apply_on_mismatch_changes_a_wrong_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
