/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_layers - mounts that name the mounts before them.
 */

#include "tests/unit/unit.h"

#include <errno.h>

#include "runtime/sandbox/layers.h"

static char images[][8] = { "/img/0", "/img/1", "/img/2" };
static char points[][8] = { "/m/0", "/m/1", "/m/2" };
static const struct layers_place places[] = {
	{ images[0], points[0] },
	{ images[1], points[1] },
	{ images[2], points[2] },
};

static int fill_option(const char *option, struct layers_mount *ret)
{
	char *const options[] = { (char *)(uintptr_t)option, NULL };
	const struct rootfs_mount m = { .type = "format/mkdir/overlay",
					.source = "overlay",
					.options = options,
					.n_options = 1 };
	struct error e;

	return layers_fill(&m, places, ARRAY_SIZE(places), ret, &e);
}

static void test_templates_are_filled_with_what_was_mounted_before(void **state)
{
	static const struct {
		const char *option;
		const char *filled;
	} cases[] = {
		{ "lowerdir={{ overlay 0 2 }}", "lowerdir=/m/0:/m/1:/m/2" },
		{ "lowerdir={{ overlay 2 1 }}", "lowerdir=/m/2:/m/1" },
		{ "lowerdir={{ mount 1 }}", "lowerdir=/m/1" },
		{ "workdir={{mount 0}}/work", "workdir=/m/0/work" },
		{ "a={{ source 1 }},b={{ mount 2 }}", "a=/img/1,b=/m/2" },
		{ "a={{ target 1 }}", "a=" },
		{ "volatile", "volatile" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_layers_mount_ struct layers_mount m = { 0 };

		assert_int_equal(fill_option(cases[i].option, &m), 0);
		assert_string_equal(m.type, "overlay");
		assert_int_equal(strv_len(m.options), 1);
		assert_string_equal(m.options[0], cases[i].filled);
	}
}

static void test_what_is_not_understood_is_refused(void **state)
{
	static const struct {
		const char *option;
		int result;
	} cases[] = {
		{ "lowerdir={{ mount 3 }}", -EINVAL },
		{ "lowerdir={{ overlay 0 3 }}", -EINVAL },
		{ "lowerdir={{ overlay 4000000000 0 }}", -EINVAL },
		{ "lowerdir={{ mount -1 }}", -EINVAL },
		{ "lowerdir={{ mount }}", -EINVAL },
		{ "lowerdir={{ }}", -EINVAL },
		{ "lowerdir={{ exec 0 }}", -EINVAL },
		{ "lowerdir={{ mount 0", -EINVAL },
		{ "X-containerd.dmverity=/x", -ENOTSUP },
		{ "X-containerd.mkfs.size=1", -ENOTSUP },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_layers_mount_ struct layers_mount m = { 0 };

		assert_int_equal(fill_option(cases[i].option, &m), cases[i].result);
		assert_null(m.type);
	}
}

static void test_folders_are_told_apart_from_options(void **state)
{
	_layers_mount_ struct layers_mount m = { 0 };
	_free_ char *path = NULL, *plain = NULL;
	struct error e;
	mode_t mode;

	(void)state;
	assert_int_equal(fill_option("X-containerd.mkdir.path={{ mount 0 }}/upper:0755", &m), 0);
	assert_int_equal(strv_len(m.options), 0);
	assert_int_equal(strv_len(m.folders), 1);
	assert_int_equal(layers_folder(m.folders[0], &path, &mode, &e), 0);
	assert_string_equal(path, "/m/0/upper");
	assert_int_equal(mode, 0755);
	assert_int_equal(layers_folder("/x", &plain, &mode, &e), 0);
	assert_int_equal(mode, 0700);
	assert_int_equal(layers_folder("/x:0755:1:2", &plain, &mode, &e), -EINVAL);
}

static void test_only_mounts_that_name_others_are_layers(void **state)
{
	const struct rootfs_mount erofs = { .type = "erofs" }, overlay = { .type = "overlay" };
	const struct rootfs_mount both[] = { overlay, { .type = "format/bind" } };
	const struct rootfs_mount plain[] = { erofs, overlay };

	(void)state;
	assert_true(layers_are(&erofs, 1));
	assert_true(layers_are(both, 2));
	assert_false(layers_are(&overlay, 1));
	assert_false(layers_are(plain, 2));
	assert_false(layers_are(NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_templates_are_filled_with_what_was_mounted_before),
		cmocka_unit_test(test_what_is_not_understood_is_refused),
		cmocka_unit_test(test_folders_are_told_apart_from_options),
		cmocka_unit_test(test_only_mounts_that_name_others_are_layers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
