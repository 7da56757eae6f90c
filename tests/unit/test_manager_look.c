/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_manager_look - what kata-manager finds on a machine, and tells of it.
 */

#include "tests/unit/folder.h"

#include <sys/stat.h>

#include "manager/image.h"
#include "manager/machine.h"

#define MAIN_FILE "kata/current/share/defaults/kata-containers/configuration.toml"

/* What RUN says below DIR, with a MIRROR if there is one, as JSON, and its status.  Caller owns. */
static struct json_object *said_by(const char *dir, const char *mirror, manager_run *run,
				   int *ret_status)
{
	_free_ char *root = path_join(dir, "kata");
	_free_ char *etc = path_join(dir, "etc");
	char verb[] = "verb";
	char *words[] = { verb, NULL };
	const struct options o = { .root = root,
				   .etc = etc,
				   .mirror = mirror,
				   .takes_unsigned = true,
				   .arguments = words };
	struct manager m = { .options = &o, .format = VIEW_JSON };
	struct json_object *object = NULL;
	_free_ char *text = NULL;
	size_t size = 0;
	struct error e;

	m.out = open_memstream(&text, &size);
	*ret_status = run(&m, &e);
	(void)fclose(m.out);
	if (*ret_status < 0)
		fail_msg("%s", e.msg);
	if (json_parse(text, strlen(text), "it", &object, &e) < 0)
		fail_msg("%s", e.msg);
	return object;
}

/* ---- audit ---- */

static bool has_finding_by(const char *dir, const char *mirror, const char *kind, const char *where)
{
	int status;
	_json_ struct json_object *all = said_by(dir, mirror, cmd_audit, &status);
	struct json_object *items = json_at(all, "items");
	bool has = false;

	assert_int_equal(status, json_len(items) > 0 ? EXIT_FOUND : 0);
	for (size_t i = 0; i < json_len(items); i++)
		has |= strcmp(json_get_str(json_item(items, i), "kind"), kind) == 0 &&
		       strstr(json_get_str(json_item(items, i), "where"), where);
	return has;
}

static bool has_finding(const char *dir, const char *kind, const char *where)
{
	return has_finding_by(dir, NULL, kind, where);
}

static void test_annotations_that_allow_too_much_are_found(void **state)
{
	static const struct {
		const char *text;
		const char *where; /* NULL: nothing is found */
	} cases[] = {
		{ "enable_annotations = []", NULL },
		{ "enable_annotations = [\"default_memory\", \"default_.*\"]", NULL },
		{ "enable_annotations = [\".*\"]", "enable_annotations" },
		{ "enable_annotations = [\"kernel_params\"]", "kernel_params" },
		{ "enable_annotations = [\"entropy_source\"]", NULL },
		{ "enable_annotations = [\"entropy_source\"]\nvalid_entropy_sources = [\"*\"]",
		  "entropy_source" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = xasprintf("[hypervisor.qemu]\n%s\n", cases[i].text);

		folder_put(*state, MAIN_FILE, text);
		assert_int_equal(
			has_finding(*state, "annotations", cases[i].where ? cases[i].where : ""),
			cases[i].where != NULL);
	}
}

static void test_configuration_that_others_can_write_is_found(void **state)
{
	_free_ char *path = path_join(*state, MAIN_FILE);

	folder_put(*state, MAIN_FILE, "[runtime]\n");
	assert_false(has_finding(*state, "files", ""));
	assert_int_equal(chmod(path, 0666), 0);
	assert_true(has_finding(*state, "files", ""));
}

/* Whoever can add a drop-in configures as well as who can change one. */
static void test_folder_and_key_that_others_can_write_are_found(void **state)
{
	_free_ char *drop_ins = path_join(*state, "etc/config.d");
	_free_ char *keys = path_join(*state, "kata/trusted-keys");

	folder_put(*state, MAIN_FILE, "[runtime]\n");
	folder_put(*state, "etc/config.d/x.toml", "");
	folder_put(*state, "kata/trusted-keys", "a key\n");
	assert_false(has_finding(*state, "files", ""));
	assert_int_equal(chmod(drop_ins, 0777), 0);
	assert_true(has_finding(*state, "files", "config.d"));
	assert_int_equal(chmod(drop_ins, 0755), 0);
	assert_int_equal(chmod(keys, 0666), 0);
	assert_true(has_finding(*state, "files", "trusted-keys"));
}

static void test_versions_that_a_mirror_warns_of_are_found(void **state)
{
	static const char index[] =
		"kata-index 1\nserial 1\nadvisory 1.2.0 it leaks\n"
		"withdrawn 1.3.0 it is worse\n";
	_free_ char *mirror = path_join(*state, "mirror");
	_free_ char *text = NULL;
	char digest[SHA256_HEX + 1];

	sha256_bytes(index, strlen(index), digest);
	text = xasprintf("%sdigest %s\n", index, digest);
	folder_put(*state, "mirror/kata-index", text);
	folder_put(*state, "kata/versions/1.2.0-77aa01f0b3c4/MANIFEST", "");
	folder_put(*state, "kata/versions/1.3.0-77aa01f0b3c4/MANIFEST", "");
	folder_put(*state, "kata/versions/1.4.0-77aa01f0b3c4/MANIFEST", "");
	assert_false(has_finding(*state, "versions", ""));
	assert_true(has_finding_by(*state, mirror, "versions", "1.2.0-77aa01f0b3c4"));
	assert_true(has_finding_by(*state, mirror, "versions", "1.3.0-77aa01f0b3c4"));
	assert_false(has_finding_by(*state, mirror, "versions", "1.4.0-77aa01f0b3c4"));
}

static void test_settings_and_versions_that_are_a_risk_are_found(void **state)
{
	folder_put(*state, MAIN_FILE, "[agent.kata]\ndebug_console_enabled = true\n");
	folder_put(*state, "kata/versions/1.2.0-77aa01f0b3c4/MANIFEST", "");
	assert_true(has_finding(*state, "settings", "debug_console_enabled"));
	assert_false(has_finding(*state, "versions", ""));
	assert_true(has_finding(*state, "trust", "trusted-keys"));
	assert_int_equal(setenv("KATA_WITHDRAWN", "1.2.0=it-leaks", 1), 0);
	assert_true(has_finding(*state, "versions", "1.2.0-77aa01f0b3c4"));
	assert_int_equal(unsetenv("KATA_WITHDRAWN"), 0);
	folder_put(*state, "kata/trusted-keys", "a key\n");
	assert_false(has_finding(*state, "trust", ""));
}

/* ---- test ---- */

static void test_without_a_version_there_is_nothing_to_test(void **state)
{
	_free_ char *root = path_join(*state, "kata");
	const struct options o = { .root = root };
	struct manager m = { .options = &o, .out = stdout };
	struct error e;

	assert_int_equal(cmd_test(&m, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "nothing is installed"));
}

/* ---- the image of test ---- */

static void test_an_image_names_its_layer_by_digest(void **state)
{
	_free_ char *dir = path_join(*state, "image");
	_free_ char *path = NULL;
	_free_ char *bytes = NULL;
	_free_ char *wanted = NULL;
	char digest[SHA256_HEX + 1];
	const char *config;
	size_t len, layer = 0;
	struct error e;

	assert_int_equal(image_write(dir, "a.example/b:c", &path, &e), 0);
	assert_int_equal(file_read(path, GIB, &bytes, &len, &e), 0);
	assert_string_equal(bytes, "layer.tar");
	for (const char *digit = bytes + 124; *digit; digit++)
		layer = layer * 8 + (size_t)(*digit - '0');
	assert_true(layer > 0 && layer + 4 * 512 <= len && len % 512 == 0);
	sha256_bytes(bytes + 512, layer, digest);
	wanted = xasprintf("sha256:%s", digest);
	config = bytes + 512 + layer;
	assert_string_equal(config, "config.json");
	assert_non_null(strstr(config + 512, wanted));
	assert_non_null(strstr(config + 512, "\"diff_ids\""));
	assert_string_equal(config + 1024, "manifest.json");
	assert_non_null(strstr(config + 1536, "[\"a.example/b:c\"]"));
}

/* ---- remove ---- */

static void test_what_another_program_installed_is_not_ours_to_remove(void **state)
{
	int status;
	_json_ struct json_object *all = NULL;
	_free_ char *version = path_join(*state, "kata/versions/9-aaaaaaaaaaaa/MANIFEST");

	folder_put(*state, "kata/versions/9-aaaaaaaaaaaa/MANIFEST", "");
	all = said_by(*state, NULL, cmd_remove, &status);
	assert_int_equal(status, 0);
	assert_string_equal(json_get_str(all, "holder"), "kata-deploy");
	assert_int_equal(json_get_int(all, "steps", -1), 0);
	assert_true(file_exists(version));
}

/* As in the middle of a removal: there is a version, and nothing leads to it any more. */
static void test_engine_has_no_handler_where_no_version_is_current(void **state)
{
	_json_ struct json_object *all = NULL;
	struct json_object *engines;
	int status;

	folder_put(*state, "kata/versions/.new-1.0-digest/bin/shim", "half");
	all = said_by(*state, NULL, cmd_status, &status);
	assert_int_equal(status, 0);
	assert_null(json_get_str(all, "current"));
	engines = json_at(all, "engines");
	for (size_t i = 0; i < json_len(engines); i++)
		assert_false(json_get_bool(json_item(engines, i), "configured", true));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)
		TEST(test_annotations_that_allow_too_much_are_found),
		TEST(test_configuration_that_others_can_write_is_found),
		TEST(test_folder_and_key_that_others_can_write_are_found),
		TEST(test_versions_that_a_mirror_warns_of_are_found),
		TEST(test_settings_and_versions_that_are_a_risk_are_found),
		TEST(test_without_a_version_there_is_nothing_to_test),
		TEST(test_an_image_names_its_layer_by_digest),
		TEST(test_what_another_program_installed_is_not_ours_to_remove),
		TEST(test_engine_has_no_handler_where_no_version_is_current),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
