/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_config - the table of keys, row by row, and the files around it.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "lib/proc.h"
#include "runtime/config/config.h"
#include "runtime/config/fields.h"
#include "runtime/config/render.h"
#include "runtime/config/trust.h"

/* A folder that stands for /etc/kata-containers and one for a version. */
struct place {
	char *dir;
	char *etc;
	char *version;
};

static void place_file(const struct place *p, const char *name, const char *text)
{
	folder_put(p->dir, name, text);
}

static int place_setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	p->dir = folder_new();
	p->etc = path_join(p->dir, "etc");
	p->version = path_join(p->dir, "version");
	place_file(p, "version/share/defaults/kata-containers/configuration.toml",
		   "[runtime]\ncreate_container_timeout = 7\n");
	*state = p;
	return 0;
}

static int place_teardown(void **state)
{
	struct place *p = *state;

	folder_remove(p->dir);
	free(p->etc);
	free(p->version);
	free(p);
	return 0;
}

static int load(const struct place *p, const char *path, struct config *c, struct error *e)
{
	const struct config_source source = {
		.version_dir = p->version,
		.path = path,
		.etc_dir = p->etc,
	};

	return config_load(&source, c, e);
}

static int read_line(struct config *c, const struct field *row, const char *literal,
		     struct error *e)
{
	_free_ char *section = field_section(row, c->vmm);
	_free_ char *text = xasprintf("[%s]\n%s = %s\n", section, row->key, literal);

	return config_read_text(c, text, strlen(text), "t.toml", e);
}

static void test_table_rows_are_unique_and_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_fields; i++) {
		_free_ char *section = field_section(&fields[i], &config_vmms[0]);

		assert_ptr_equal(field_find(section, fields[i].key), &fields[i]);
		assert_true(strlen(fields[i].help) > 10);
		assert_true(fields[i].min <= fields[i].max);
		if (fields[i].type == FIELD_LIST)
			assert_null(fields[i].annotation);
		if (fields[i].type == FIELD_PATH && fields[i].annotation)
			assert_true(fields[i].allowed > 0);
	}
}

static void test_every_row_takes_its_own_default_from_a_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_fields; i++) {
		_free_ char *before = NULL, *after = NULL;
		_config_ struct config c;
		struct error e;

		config_init(&c, NULL);
		before = field_text(&fields[i], &c);
		assert_int_equal(read_line(&c, &fields[i], before, &e), 0);
		after = field_text(&fields[i], &c);
		assert_string_equal(before, after);
		assert_null(c.warnings);
	}
}

static void test_every_number_row_takes_its_limits_and_no_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_fields; i++) {
		const struct field *row = &fields[i];
		double values[] = { row->min, row->max, row->min - 1, row->max + 1 };

		if (row->type != FIELD_UINT && row->type != FIELD_REAL)
			continue;
		for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
			_free_ char *literal = xasprintf("%.0f", values[v]);
			_config_ struct config c;
			struct error e;
			int r;

			config_init(&c, NULL);
			r = read_line(&c, row, literal, &e);
			assert_int_equal(r, v < 2 ? 0 : -EINVAL);
			if (r < 0)
				assert_non_null(strstr(e.msg, "t.toml:2:"));
		}
	}
}

static void test_every_row_refuses_other_types_with_file_and_line(void **state)
{
	static const char *const wrong[N_FIELD_TYPE][3] = {
		[FIELD_BOOL] = { "1", "\"true\"", "[]" },
		[FIELD_UINT] = { "true", "\"1\"", "1.5" },
		[FIELD_REAL] = { "true", "\"1\"", "[1]" },
		[FIELD_TEXT] = { "true", "1", "[\"x\"]" },
		[FIELD_PATH] = { "true", "1", "\"relative/path\"" },
		[FIELD_LIST] = { "\"x\"", "[1]", "[\"a\", [\"b\"]]" },
	};

	(void)state;
	for (size_t i = 0; i < n_fields; i++)
		for (size_t w = 0; w < 3; w++) {
			_config_ struct config c;
			struct error e;

			config_init(&c, NULL);
			assert_int_equal(read_line(&c, &fields[i], wrong[fields[i].type][w], &e),
					 -EINVAL);
			assert_non_null(strstr(e.msg, "t.toml:2: ["));
			assert_non_null(strstr(e.msg, fields[i].key));
		}
}

static void test_choice_outside_the_words_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_fields; i++) {
		_config_ struct config c;
		struct error e;

		config_init(&c, NULL);
		if (!fields[i].choices)
			continue;
		assert_int_equal(read_line(&c, &fields[i], "\"something else\"", &e), -EINVAL);
		assert_non_null(strstr(e.msg, fields[i].choices));
	}
}

static void test_text_with_control_characters_is_refused(void **state)
{
	const struct field *row = field_find("hypervisor.qemu", "kernel_params");
	_config_ struct config c;
	struct error e;

	(void)state;
	config_init(&c, NULL);
	assert_int_equal(read_line(&c, row, "\"a\\nb\"", &e), -EINVAL);
	assert_int_equal(read_line(&c, row, "\"a\\u0000b\"", &e), -EINVAL);
	assert_int_equal(read_line(&c, row, "\"\xc3\xa4\"", &e), -EINVAL);
}

static void test_path_with_dot_dot_is_refused(void **state)
{
	_config_ struct config c;
	struct error e;

	(void)state;
	config_init(&c, NULL);
	assert_int_equal(read_line(&c, field_find("hypervisor.qemu", "kernel"), "\"/a/../b\"", &e),
			 -EINVAL);
}

static void test_paths_below_opt_kata_mean_the_version(void **state)
{
	_config_ struct config c;
	struct error e;

	(void)state;
	config_init(&c, "/opt/kata/versions/1-abc");
	assert_string_equal(c.hypervisor.path, "/opt/kata/versions/1-abc/bin/qemu-system-x86_64");
	assert_int_equal(read_line(&c, field_find("hypervisor.qemu", "kernel"),
				   "\"/opt/kata/versions/0-old/vmlinux\"", &e),
			 0);
	assert_string_equal(c.hypervisor.kernel, "/opt/kata/versions/0-old/vmlinux");
}

static void test_load_without_files_in_etc_reads_the_version(void **state)
{
	const struct place *p = *state;
	_config_ struct config c;
	struct error e;

	assert_int_equal(load(p, NULL, &c, &e), 0);
	assert_int_equal(c.runtime.create_container_timeout, 7);
	assert_int_equal(strv_len(c.files), 1);
	assert_true(c.hypervisor.default_maxvcpus >= 1);
	assert_true(c.hypervisor.default_maxmemory >= c.hypervisor.default_memory);
}

static void test_load_prefers_etc_and_applies_drop_ins_in_order(void **state)
{
	const struct place *p = *state;
	_config_ struct config c;
	struct error e;

	place_file(p, "etc/configuration.toml",
		   "[agent.kata]\ndial_timeout = 1\n[runtime]\nenable_debug = true\n");
	place_file(p, "etc/config.d/20-b.toml", "[agent.kata]\ndial_timeout = 3\n");
	place_file(p, "etc/config.d/10-a.toml",
		   "[agent.kata]\ndial_timeout = 2\n[hypervisor.qemu]\nenable_annotations = "
		   "[\"a\"]\n");
	place_file(p, "etc/config.d/.hidden", "not toml at all");
	assert_int_equal(load(p, NULL, &c, &e), 0);
	assert_int_equal(c.agent.dial_timeout, 3);
	assert_true(c.runtime.enable_debug);
	assert_int_equal(c.runtime.create_container_timeout, 60);
	assert_int_equal(strv_len(c.files), 3);
	assert_string_equal(c.hypervisor.enable_annotations[0], "a");
}

/* What coreutils say of the files that C was read from. */
static char *digest_by_hand(const struct config *c)
{
	_free_ char *files = strv_join(c->files, " ");
	_free_ char *script = xasprintf("sha256sum %s | sha256sum", files);
	char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" }, script, NULL };
	const struct proc_spec spec = { .argv = argv };
	char *output = NULL;
	struct error e;
	int status;

	assert_int_equal(proc_run(&spec, deadline_in(60000), NULL, 4096, &status, &output, &e), 0);
	output[strcspn(output, " ")] = '\0';
	return output;
}

static void test_load_digest_is_that_of_all_files_in_order(void **state)
{
	const struct place *p = *state;
	_config_ struct config before = { 0 }, after = { 0 };
	_free_ char *expected = NULL;
	struct error e;

	place_file(p, "etc/configuration.toml", "[agent.kata]\ndial_timeout = 1\n");
	place_file(p, "etc/config.d/20-b.toml", "[agent.kata]\ndial_timeout = 3\n");
	place_file(p, "etc/config.d/10-a.toml", "");
	assert_int_equal(load(p, NULL, &before, &e), 0);
	expected = digest_by_hand(&before);
	assert_string_equal(before.digest, expected);
	place_file(p, "etc/config.d/10-a.toml", "# a comment\n");
	assert_int_equal(load(p, NULL, &after, &e), 0);
	assert_string_not_equal(after.digest, before.digest);
}

static void test_load_unknown_key_and_table_warn_with_file_and_line(void **state)
{
	const struct place *p = *state;
	_config_ struct config c;
	struct error e;

	place_file(p, "etc/configuration.toml",
		   "[runtime]\nenable_debug = true\nmisspelt = 1\n[factories]\nx = 1\n"
		   "[hypervisor.qemu.more]\npath = \"/x\"\n");
	assert_int_equal(load(p, NULL, &c, &e), 0);
	assert_int_equal(strv_len(c.warnings), 3);
	assert_non_null(strstr(c.warnings[0],
			       "configuration.toml:3: unknown key "
			       "'runtime.misspelt'"));
	assert_non_null(strstr(c.warnings[1], ":4: unknown table 'factories'"));
	assert_non_null(strstr(c.warnings[2], "unknown table 'hypervisor.qemu.more'"));
}

/* What upstream's file says of features that are not here must not keep pods from starting, nor
 * fill the log; what asks for one is refused. */
static void test_load_keys_without_effect_are_read_in_silence(void **state)
{
	const struct place *p = *state;
	_config_ struct config c;
	struct error e;

	place_file(p, "etc/configuration.toml",
		   "[runtime]\ndisable_new_netns = false\nsandbox_cgroup_only = false\n"
		   "[hypervisor.qemu]\nblock_device_driver = \"virtio-scsi\"\n");
	assert_int_equal(load(p, NULL, &c, &e), 0);
	assert_null(c.warnings);
	assert_true(c.runtime.sandbox_cgroup_only);
	config_done(&c);
	place_file(p, "etc/config.d/10.toml", "[hypervisor.qemu]\nenable_iommu = true\n");
	assert_int_equal(load(p, NULL, &c, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "config.d/10.toml:2: [hypervisor.qemu] enable_iommu asks"));
	place_file(p, "etc/config.d/10.toml", "");
	assert_int_equal(load(p, NULL, &c, &e), 0);
}

static void test_load_broken_toml_names_file_and_line(void **state)
{
	const struct place *p = *state;
	struct config c;
	struct error e;

	place_file(p, "etc/configuration.toml", "[runtime]\nenable_debug = maybe\n");
	assert_int_equal(load(p, NULL, &c, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "etc/configuration.toml:2:"));
}

static void test_load_explicit_path_outside_is_refused(void **state)
{
	const struct place *p = *state;
	_free_ char *outside = path_join(p->dir, "elsewhere.toml");
	_free_ char *link = path_join(p->version, "link.toml");
	struct config c;
	struct error e;

	place_file(p, "elsewhere.toml", "");
	assert_int_equal(load(p, outside, &c, &e), -EPERM);
	assert_int_equal(symlink(outside, link), 0);
	assert_int_equal(load(p, link, &c, &e), -EPERM);
	assert_int_equal(load(p, "/does/not/exist", &c, &e), -ENOENT);
}

static void test_load_file_others_can_write_is_refused(void **state)
{
	const struct place *p = *state;
	_free_ char *path = path_join(p->etc, "configuration.toml");
	struct config c;
	struct error e;

	place_file(p, "etc/configuration.toml", "");
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(load(p, NULL, &c, &e), -EPERM);
	assert_non_null(strstr(e.msg, "chmod go-w"));
}

static void test_load_folder_instead_of_a_file_is_refused(void **state)
{
	const struct place *p = *state;
	struct config c;
	struct error e;

	place_file(p, "etc/configuration.toml", "");
	place_file(p, "etc/config.d/10-folder/file", "");
	assert_int_equal(load(p, NULL, &c, &e), -EPERM);
	assert_non_null(strstr(e.msg, "not a regular file"));
}

static void test_trust_folder_others_can_write_is_refused_unless_sticky(void **state)
{
	const struct place *p = *state;
	_free_ char *path = path_join(p->dir, "open/file");
	_free_ char *folder = path_join(p->dir, "open");
	struct error e;

	place_file(p, "open/file", "");
	assert_int_equal(trust_check_path(path, S_IFREG, &e), 0);
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(trust_check_path(path, S_IFREG, &e), -EPERM);
	assert_int_equal(chmod(folder, 01777), 0);
	assert_int_equal(trust_check_path(path, S_IFREG, &e), 0);
	assert_int_equal(trust_check_path(folder, S_IFREG, &e), -EINVAL);
}

static void test_check_paths_names_the_missing_key(void **state)
{
	const struct place *p = *state;
	_config_ struct config c;
	struct error e;

	assert_int_equal(load(p, NULL, &c, &e), 0);
	assert_int_equal(config_check_paths(&c, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "[hypervisor.qemu] path"));
}

static void test_settle_image_replaces_the_default_initrd_only(void **state)
{
	_config_ struct config c;
	struct error e;

	(void)state;
	config_init(&c, "/v");
	str_set(&c.hypervisor.image, "/an.img");
	assert_int_equal(config_settle(&c, &e), 0);
	assert_string_equal(c.hypervisor.initrd, "");
	str_set(&c.hypervisor.initrd, "/another.initrd");
	assert_int_equal(config_settle(&c, &e), -EINVAL);
	str_set(&c.hypervisor.initrd, "");
	str_set(&c.hypervisor.image, "");
	assert_int_equal(config_settle(&c, &e), -EINVAL);
}

static void test_settle_contradictions_are_refused(void **state)
{
	_config_ struct config c;
	struct error e;

	(void)state;
	config_init(&c, "/v");
	c.hypervisor.virtio_fs_queue_size = 1000;
	assert_int_equal(config_settle(&c, &e), -EINVAL);
	c.hypervisor.virtio_fs_queue_size = 512;
	c.hypervisor.default_maxmemory = 128;
	c.hypervisor.default_memory = 256;
	assert_int_equal(config_settle(&c, &e), -EINVAL);
	c.hypervisor.default_memory = 128;
	c.hypervisor.default_vcpus = -1;
	assert_int_equal(config_settle(&c, &e), 0);
	assert_true(c.hypervisor.default_vcpus >= 1);
}

static char *rendered(void (*render)(FILE *out))
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	render(out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void check_kept(const char *name, const char *how, void (*render)(FILE *out))
{
	_free_ char *path = path_join(KATA_SOURCE_DIR, name);
	_free_ char *kept = NULL;
	_free_ char *now = rendered(render);
	struct error e;

	assert_int_equal(file_read(path, MIB, &kept, NULL, &e), 0);
	if (strcmp(kept, now) != 0)
		fail_msg("%s differs from the table; run: config-generate %s >%s", name, how, name);
}

static void test_shipped_file_is_what_the_table_says(void **state)
{
	(void)state;
	check_kept("runtime/config/configuration-qemu.toml", "file", render_file);
}

static void test_reference_page_is_what_the_table_says(void **state)
{
	(void)state;
	check_kept("docs/configuration.md", "reference", render_reference);
}

static void test_shipped_file_loads_without_a_warning_to_the_defaults(void **state)
{
	_free_ char *text = rendered(render_file);
	_config_ struct config c, defaults;
	struct error e;

	(void)state;
	config_init(&c, NULL);
	config_init(&defaults, NULL);
	assert_int_equal(config_read_text(&c, text, strlen(text), "shipped", &e), 0);
	assert_null(c.warnings);
	for (size_t i = 0; i < n_fields; i++) {
		_free_ char *a = field_text(&fields[i], &c);
		_free_ char *b = field_text(&fields[i], &defaults);

		assert_string_equal(a, b);
	}
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_rows_are_unique_and_complete),
		cmocka_unit_test(test_every_row_takes_its_own_default_from_a_file),
		cmocka_unit_test(test_every_number_row_takes_its_limits_and_no_more),
		cmocka_unit_test(test_every_row_refuses_other_types_with_file_and_line),
		cmocka_unit_test(test_choice_outside_the_words_is_refused),
		cmocka_unit_test(test_text_with_control_characters_is_refused),
		cmocka_unit_test(test_path_with_dot_dot_is_refused),
		cmocka_unit_test(test_paths_below_opt_kata_mean_the_version),
		WITH_PLACE(test_load_without_files_in_etc_reads_the_version),
		WITH_PLACE(test_load_prefers_etc_and_applies_drop_ins_in_order),
		WITH_PLACE(test_load_digest_is_that_of_all_files_in_order),
		WITH_PLACE(test_load_unknown_key_and_table_warn_with_file_and_line),
		WITH_PLACE(test_load_keys_without_effect_are_read_in_silence),
		WITH_PLACE(test_load_broken_toml_names_file_and_line),
		WITH_PLACE(test_load_explicit_path_outside_is_refused),
		WITH_PLACE(test_load_file_others_can_write_is_refused),
		WITH_PLACE(test_load_folder_instead_of_a_file_is_refused),
		WITH_PLACE(test_trust_folder_others_can_write_is_refused_unless_sticky),
		WITH_PLACE(test_check_paths_names_the_missing_key),
		cmocka_unit_test(test_settle_image_replaces_the_default_initrd_only),
		cmocka_unit_test(test_settle_contradictions_are_refused),
		cmocka_unit_test(test_shipped_file_is_what_the_table_says),
		cmocka_unit_test(test_reference_page_is_what_the_table_says),
		cmocka_unit_test(test_shipped_file_loads_without_a_warning_to_the_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
