/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_source - what packages laid out in a folder becomes a version as a whole, or not at all.
 */

#include "tests/unit/folder.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/host/source.h"
#include "lib/host/store.h"

#define TEXT "not really a shim"

/* A release below DIR/parts, with a signature that nobody made. */
static void lay_out(const char *dir)
{
	char digest[SHA256_HEX + 1], all[SHA256_HEX + 1];
	_free_ char *body = NULL;
	_free_ char *text = NULL;

	sha256_bytes(TEXT, strlen(TEXT), digest);
	body = xasprintf(
		"kata-manifest 1\nversion 1\narch x86_64\nfile 755 %zu %s bin/shim\n"
		"file 644 %zu %s share/deep/k\nlink deep/k share/l\n",
		strlen(TEXT), digest, strlen(TEXT), digest);
	sha256_bytes(body, strlen(body), all);
	text = xasprintf("%sdigest %s\n", body, all);
	folder_put(dir, "parts/MANIFEST", text);
	folder_put(dir, "parts/MANIFEST.minisig", "signed\n");
	folder_put(dir, "parts/bin/shim", TEXT);
	folder_put(dir, "parts/share/deep/k", TEXT);
	folder_put(dir, "parts/share/doc/of-somebody-else", "theirs\n");
}

static int add(const char *dir, char **ret_folder, struct error *e)
{
	_free_ char *parts = path_join(dir, "parts");
	_free_ char *root = path_join(dir, "kata");
	_manifest_ struct manifest m = { 0 };

	assert_true(source_is_laid_out(parts));
	if (source_manifest(parts, &m, e) < 0)
		return -e->code;
	*ret_folder = manifest_folder(&m);
	return store_add(root, parts, &m, STORE_ALONE, NULL, e);
}

static void test_parts_become_a_version_with_modes_and_links(void **state)
{
	const char *dir = *state;
	_free_ char *root = path_join(dir, "kata");
	_free_ char *folder = NULL, *version = NULL, *link = NULL, *theirs = NULL, *shim = NULL,
		    *text = NULL, *signature = NULL;
	struct stat st;
	struct error e;

	lay_out(dir);
	assert_int_equal(add(dir, &folder, &e), 0);
	assert_true(store_has(root, folder));
	assert_int_equal(store_verify(root, folder, &e), 0);
	version = xasprintf("%s/versions/%s", root, folder);
	link = path_join(version, "share/l");
	assert_int_equal(file_read(link, 100, &text, NULL, &e), 0);
	assert_string_equal(text, TEXT);
	shim = path_join(version, "bin/shim");
	assert_int_equal(stat(shim, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	theirs = path_join(version, "share/doc");
	assert_false(file_exists(theirs));
	signature = path_join(version, "MANIFEST.minisig");
	assert_true(file_exists(signature));
}

static void test_a_version_stays_what_it_was_when_the_parts_change(void **state)
{
	const char *dir = *state;
	_free_ char *root = path_join(dir, "kata");
	_free_ char *shim = path_join(dir, "parts/bin/shim");
	_free_ char *folder = NULL;
	struct error e;

	lay_out(dir);
	assert_int_equal(add(dir, &folder, &e), 0);
	assert_int_equal(file_write(shim, "not really a shin", &e), 0);
	assert_int_equal(store_verify(root, folder, &e), 0);
}

/* Each makes the parts, in the folder that is the working one, something that is no release. */
static void remove_part(void)
{
	assert_int_equal(unlink("share/deep/k"), 0);
}

static void change_part(void)
{
	folder_put(".", "share/deep/k", "not really a shin");
}

static void lengthen_part(void)
{
	folder_put(".", "share/deep/k", TEXT TEXT);
}

static void link_part(void)
{
	remove_part();
	assert_int_equal(symlink("../../bin/shim", "share/deep/k"), 0);
}

static void link_folder(void)
{
	assert_int_equal(rename("share/deep", "share/deeper"), 0);
	assert_int_equal(symlink("deeper", "share/deep"), 0);
}

static void make_fifo(void)
{
	remove_part();
	assert_int_equal(mkfifo("share/deep/k", 0644), 0);
}

static void change_manifest(void)
{
	folder_put(".", "MANIFEST", "kata-manifest 1\nversion 2\narch x86_64\n");
}

static void test_what_is_not_the_release_leaves_nothing(void **state)
{
	static void (*const harms[])(void) = { remove_part, change_part, lengthen_part,  link_part,
					       link_folder, make_fifo,   change_manifest };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(harms); i++) {
		char *dir = folder_new();
		_free_ char *parts = path_join(dir, "parts");
		_free_ char *versions = path_join(dir, "kata/versions");
		_free_ char *folder = NULL;
		struct error e;

		lay_out(dir);
		assert_int_equal(chdir(parts), 0);
		harms[i]();
		assert_true(add(dir, &folder, &e) < 0);
		assert_true(!file_exists(versions) || rmdir(versions) == 0);
		assert_int_equal(chdir("/"), 0);
		folder_remove(dir);
	}
}

static void test_a_text_is_read_only_if_it_is_the_one_of_the_manifest(void **state)
{
	const char *dir = *state;
	_free_ char *parts = path_join(dir, "parts");
	_manifest_ struct manifest m = { 0 };
	_free_ char *text = NULL, *other = NULL;
	struct error e;

	lay_out(dir);
	assert_int_equal(source_manifest(parts, &m, &e), 0);
	assert_int_equal(source_file(parts, manifest_find(&m, "share/deep/k"), &text, &e), 0);
	assert_string_equal(text, TEXT);
	folder_put(dir, "parts/share/deep/k", "not really a shin");
	assert_int_equal(source_file(parts, manifest_find(&m, "share/deep/k"), &other, &e),
			 -EBADMSG);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)
		TEST(test_parts_become_a_version_with_modes_and_links),
		TEST(test_a_version_stays_what_it_was_when_the_parts_change),
		cmocka_unit_test(test_what_is_not_the_release_leaves_nothing),
		TEST(test_a_text_is_read_only_if_it_is_the_one_of_the_manifest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
