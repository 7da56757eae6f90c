/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_manager - this machine's own configuration of sandboxes, as kata-manager keeps it.
 */

#include "tests/unit/folder.h"

#include "manager/configuration.h"

#define DELIVERED "share/defaults/kata-containers/configuration-qemu.toml"
#define TEXT      "[hypervisor.qemu]\nallow_emulation = false\n"
#define KEY       "hypervisor.qemu.default_memory"

/* A machine below DIR, with version 1 among its versions as one that shall be current. */
static void machine_in(const char *dir, struct machine *k)
{
	_free_ char *root = path_join(dir, "kata");
	_free_ char *etc = path_join(dir, "etc");
	const struct options o = { .root = root, .etc = etc };
	char digest[SHA256_HEX + 1];
	_free_ char *body = NULL;
	_free_ char *text = NULL;
	_free_ char *file = NULL;
	struct error e;

	assert_int_equal(machine_open(&o, k, &e), 0);
	sha256_bytes(TEXT, strlen(TEXT), digest);
	body = xasprintf("kata-manifest 1\nversion 1\narch x86_64\nfile 644 %zu %s " DELIVERED "\n",
			 strlen(TEXT), digest);
	sha256_bytes(body, strlen(body), digest);
	text = xasprintf("%sdigest %s\n", body, digest);
	if (manifest_parse(text, strlen(text), "MANIFEST", &k->release, &e) < 0)
		fail_msg("%s", e.msg);
	k->folder = xstrdup("1-aaaaaaaaaaaa");
	k->version_dir = path_join(root, "versions/1-aaaaaaaaaaaa");
	file = xasprintf("kata/versions/1-aaaaaaaaaaaa/" DELIVERED);
	folder_put(dir, file, TEXT);
}

/* The text of the file NAME in ETC as planned; NULL: none. */
static const char *planned(const struct machine *k, const char *name)
{
	for (size_t i = 0; i < k->configuration.n_files; i++)
		if (str_ends(k->configuration.files[i].path, name))
			return k->configuration.files[i].new_text;
	return NULL;
}

static void test_a_copy_is_there_while_something_differs(void **state)
{
	static const struct {
		const char *own;    /* our drop-in */
		const char *others; /* somebody's */
		bool is_copied;
	} cases[] = {
		{ NULL, NULL, false },
		{ "[hypervisor.qemu]\nallow_emulation = true\n", NULL, true },
		{ NULL, "[agent.kata]\nenable_debug = true\n", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *dir = folder_new();
		_machine_ struct machine k = { 0 };
		struct error e;

		machine_in(dir, &k);
		if (cases[i].own)
			folder_put(dir, "etc/config.d/50-kata-manager.toml", cases[i].own);
		if (cases[i].others)
			folder_put(dir, "etc/config.d/70-theirs.toml", cases[i].others);
		assert_int_equal(configuration_plan(&k, HANDLERS_PRESENT, &e), 0);
		assert_int_equal(planned(&k, "/configuration.toml") != NULL, cases[i].is_copied);
		if (cases[i].is_copied)
			assert_true(str_ends(planned(&k, "/configuration.toml"), TEXT));
		assert_int_equal(configuration_allows_emulation(&k), cases[i].own != NULL);
		folder_remove(dir);
	}
}

static void test_a_file_of_somebody_elses_stays_as_it_is(void **state)
{
	static const enum presence presences[] = { HANDLERS_PRESENT, HANDLERS_ABSENT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(presences); i++) {
		char *dir = folder_new();
		_machine_ struct machine k = { 0 };
		_candidate_ struct candidate c = { 0 };
		struct error e;

		machine_in(dir, &k);
		folder_put(dir, "etc/configuration.toml", "# mine\n");
		folder_put(dir, "etc/config.d/50-kata-manager.toml", "[runtime]\n");
		assert_int_equal(configuration_plan(&k, presences[i], &e), 0);
		assert_string_equal(planned(&k, "/configuration.toml"), "# mine\n");
		assert_int_equal(planned(&k, "50-kata-manager.toml") != NULL,
				 presences[i] == HANDLERS_PRESENT);
		assert_int_equal(configuration_candidate(&k, &c, &e), 0);
		assert_true(strv_contains(c.texts, "# mine\n"));
		folder_remove(dir);
	}
}

static int config(const char *dir, const char *line, struct error *e)
{
	_free_ char *root = path_join(dir, "kata");
	_free_ char *etc = path_join(dir, "etc");
	struct options o = { .root = root, .etc = etc };
	struct manager m = { .options = &o, .out = stdout };
	int r;

	o.arguments = strv_split(line, " ");
	r = cmd_config(&m, e);
	strv_free(o.arguments);
	return r;
}

static void test_a_value_is_set_checked_and_unset(void **state)
{
	char *dir = folder_new();
	_free_ char *path = path_join(dir, "etc/config.d/50-kata-manager.toml");
	_free_ char *text = NULL;
	_free_ char *after = NULL;
	struct error e;

	(void)state;
	assert_int_equal(config(dir, "config set " KEY " 512", &e), 0);
	assert_int_equal(file_read(path, KIB, &text, NULL, &e), 0);
	assert_non_null(strstr(text, "[hypervisor.qemu]\ndefault_memory = 512\n"));
	assert_int_equal(config(dir, "config set " KEY " lots", &e), -EINVAL);
	assert_int_equal(config(dir, "config set hypervisor.qemu.defaultmemory 1", &e), -EINVAL);
	assert_non_null(strstr(e.msg, "did you mean '" KEY "'?"));
	assert_int_equal(file_read(path, KIB, &after, NULL, &e), 0);
	assert_string_equal(after, text);
	assert_int_equal(config(dir, "config unset hypervisor.qemu.default_vcpus", &e), -ENOENT);
	assert_int_equal(config(dir, "config unset " KEY, &e), 0);
	assert_false(file_exists(path));
	assert_int_equal(config(dir, "config frobnicate", &e), -EINVAL);
	folder_remove(dir);
}

/* An installation of kata-deploy is not taken over, not even in a plan. */
static void test_root_of_another_program_is_refused_by_name(void **state)
{
	static const char *const lines[] = { "rollback", "remove" };
	static manager_run *const runs[] = { cmd_rollback, cmd_remove };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		char *dir = folder_new();
		_free_ char *root = path_join(dir, "kata");
		_free_ char *etc = path_join(dir, "etc");
		struct options o = { .root = root, .etc = etc, .is_dry = true };
		struct manager m = { .options = &o, .out = stdout };
		struct error e;

		folder_put(dir, "kata/versions/1-aaaaaaaaaaaa/MANIFEST", "");
		o.arguments = strv_split(lines[i], " ");
		assert_int_equal(runs[i](&m, &e), -EEXIST);
		assert_true(m.is_refused);
		assert_non_null(strstr(e.msg, "an installation of kata-deploy"));
		strv_free(o.arguments);
		folder_remove(dir);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_copy_is_there_while_something_differs),
		cmocka_unit_test(test_a_file_of_somebody_elses_stays_as_it_is),
		cmocka_unit_test(test_a_value_is_set_checked_and_unset),
		cmocka_unit_test(test_root_of_another_program_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
