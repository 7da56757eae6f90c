/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_site - what a removal makes last before it goes on, so that no power cut brings half of
 * something back, and what of a crash every installer sees.
 */
#include "tests/unit/folder.h"
#include "tests/unit/owner.h"

#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/host/holder.h"
#include "lib/host/site.h"
#include "lib/host/store.h"

#define VERSION "versions/1-aaaaaaaaaaaa"
#define LEAVING "versions/.new-1-aaaaaaaaaaaa"

static strv events; /* "sync FOLDER", "remove PATH" of what is there */

int __real_file_sync_parent(const char *path, struct error *e);
int __wrap_file_sync_parent(const char *path, struct error *e);
int __real_tree_remove(const char *path, struct error *e);
int __wrap_tree_remove(const char *path, struct error *e);

int __wrap_file_sync_parent(const char *path, struct error *e)
{
	_free_ char *folder = path_parent(path);

	strv_addf(&events, "sync %s", folder);
	return __real_file_sync_parent(path, e);
}

int __wrap_tree_remove(const char *path, struct error *e)
{
	if (file_exists(path))
		strv_addf(&events, "remove %s", path);
	return __real_tree_remove(path, e);
}

static int setup(void **state)
{
	*state = folder_new();
	return 0;
}

static int teardown(void **state)
{
	strv_free(TAKE_PTR(events));
	folder_remove(*state);
	return 0;
}

static struct site site_in(const char *dir)
{
	return (struct site){ .way.root = dir, .owner = &test_owner, .etc = dir };
}

static void test_version_has_lost_its_name_for_good_before_its_first_file_goes(void **state)
{
	const char *dir = *state;
	_free_ char *sync = xasprintf("sync %s/versions", dir);
	_free_ char *gone = xasprintf("remove %s/" LEAVING, dir);
	struct error e;

	folder_put(dir, VERSION "/bin/shim", "x");
	assert_int_equal(store_remove(dir, path_base(VERSION), &e), 0);
	assert_int_equal(strv_len(events), 2);
	assert_string_equal(events[0], sync);
	assert_string_equal(events[1], gone);
}

/* An installation is what has versions: nobody would look for what is left without. */
static void test_what_was_removed_is_gone_for_good_before_the_folder_of_versions_goes(void **state)
{
	const char *dir = *state;
	const struct site s = site_in(dir);
	_free_ char *sync = xasprintf("sync %s", dir);
	_free_ char *versions = path_join(dir, "versions");
	struct error e;

	assert_int_equal(dir_make(versions, 0755, &e), 0);
	strv_free(TAKE_PTR(events));
	site_leave(&s);
	assert_false(store_exists(dir));
	assert_int_equal(strv_len(events), 1);
	assert_string_equal(events[0], sync);
}

/* Nor does it go while any of that is left. */
static void test_what_cannot_be_removed_keeps_the_folder_of_versions(void **state)
{
	struct site s = site_in(*state);
	struct scope scope = { .owner = &test_owner, .root = *state };
	struct error e;

	s.scope = &scope;
	folder_put(*state, ".proofs/in-the-way", "");
	assert_true(site_remove(&s, &e) < 0);
	assert_non_null(strstr(e.msg, ".proofs"));
}

static void test_mark_of_its_program_goes_when_the_rest_is_gone_for_good(void **state)
{
	const char *dir = *state;
	_free_ char *mark = path_join(dir, ".owner");
	_free_ char *versions = path_join(dir, "versions");
	_free_ char *sync = xasprintf("sync %s", dir);
	struct error e;

	folder_put(dir, ".owner", "kata-manager\n");
	assert_int_equal(dir_make(versions, 0755, &e), 0);
	strv_free(TAKE_PTR(events));
	holder_forget(dir);
	assert_true(file_exists(mark));
	assert_null(events);
	assert_int_equal(rmdir(versions), 0);
	holder_forget(dir);
	assert_false(file_exists(mark));
	assert_int_equal(strv_len(events), 1);
	assert_string_equal(events[0], sync);
}

static void test_rest_of_a_crash_is_seen_and_goes(void **state)
{
	static const char *const rests[] = { ".kata-deploy-candidate/c.toml", LEAVING "/bin/shim",
					     "current.tmp-7" };
	const struct site s = site_in(*state);

	for (size_t i = 0; i < ARRAY_SIZE(rests); i++) {
		struct change c = { 0 };
		struct error e;

		assert_false(site_has_rest(&s, &c));
		folder_put(*state, rests[i], "half");
		assert_true(site_has_rest(&s, &c));
		assert_int_equal(c.n_effects, 1);
		assert_int_equal(site_sweep(&s, &e), 0);
		assert_false(site_has_rest(&s, NULL));
		free(c.effects[0].what);
		free(c.effects[0].why);
		free(c.effects);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_version_has_lost_its_name_for_good_before_its_first_file_goes),
		TEST(test_what_was_removed_is_gone_for_good_before_the_folder_of_versions_goes),
		TEST(test_what_cannot_be_removed_keeps_the_folder_of_versions),
		TEST(test_mark_of_its_program_goes_when_the_rest_is_gone_for_good),
		TEST(test_rest_of_a_crash_is_seen_and_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
