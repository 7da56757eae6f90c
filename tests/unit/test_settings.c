/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_settings - the environment of kata-deploy, and what the shims make of it.
 */

#include "tests/unit/folder.h"

#include <stdio.h>
#include <string.h>

#include "deploy/settings.h"
#include "deploy/shim.h"
#include "lib/file.h"

static strv synced; /* folders */

int __real_file_sync_parent(const char *path, struct error *e);
int __wrap_file_sync_parent(const char *path, struct error *e);

int __wrap_file_sync_parent(const char *path, struct error *e)
{
	_free_ char *folder = path_parent(path);
	int r = __real_file_sync_parent(path, e);

	if (r >= 0)
		strv_add(&synced, folder);
	return r;
}

/* Sets exactly the given NAME, VALUE pairs. */
static int with(const char *const *pairs, struct settings *s, struct error *e)
{
	assert_int_equal(clearenv(), 0);
	for (; *pairs; pairs += 2)
		assert_int_equal(setenv(pairs[0], pairs[1], 1), 0);
	return settings_read(s, e);
}

static void test_settings_have_defaults(void **state)
{
	static const char *const env[] = { "NODE_NAME", "n1", NULL };
	_settings_ struct settings s = { 0 };
	_free_ char *root = NULL;
	struct error e;

	(void)state;
	assert_int_equal(with(env, &s, &e), 0);
	root = settings_root(&s);
	assert_string_equal(root, "/opt/kata");
	assert_string_equal(settings_instance(&s), "default");
	assert_string_equal(s.shims[0], "qemu");
	assert_int_equal(s.health_port, 8090);
	assert_true(s.create_runtimeclasses);
	assert_false(s.debug);
}

static void test_withdrawn_versions_are_those_of_both(void **state)
{
	const char *const env[] = { "NODE_NAME", "n1", "KATA_WITHDRAWN", "1.0.0", "KATA_POD_INFO",
				    *state,      NULL };
	_settings_ struct settings before = { 0 };
	_settings_ struct settings s = { 0 };
	_free_ char *all = NULL;
	struct error e;

	assert_int_equal(with(env, &before, &e), 0);
	assert_int_equal(strv_len(before.withdrawn), 1);
	folder_put(*state, "withdrawn", "1.1.0=CVE-2026-1,1.2.0-77aa01f0b3c4");
	assert_int_equal(with(env, &s, &e), 0);
	all = strv_join(s.withdrawn, " ");
	assert_string_equal(all, "1.0.0 1.1.0=CVE-2026-1 1.2.0-77aa01f0b3c4");
}

static void test_prefix_loses_its_last_slashes(void **state)
{
	static const char *const cases[][2] = {
		{ "/data", "/data/opt/kata" },
		{ "/data/", "/data/opt/kata" },
		{ "/data//", "/data/opt/kata" },
		{ "/", "/opt/kata" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const env[] = { "NODE_NAME", "n1", "INSTALLATION_PREFIX", cases[i][0],
					    NULL };
		_settings_ struct settings s = { 0 };
		_free_ char *root = NULL;
		struct error e;

		assert_int_equal(with(env, &s, &e), 0);
		root = settings_root(&s);
		assert_string_equal(root, cases[i][1]);
	}
}

static void test_settings_of_the_architecture_win(void **state)
{
	static const char *const env[] = { "NODE_NAME",
					   "n1",
					   "ALLOWED_HYPERVISOR_ANNOTATIONS",
					   "a",
					   "ALLOWED_HYPERVISOR_ANNOTATIONS_X86_64",
					   "b c",
					   "ALLOWED_HYPERVISOR_ANNOTATIONS_AARCH64",
					   "b c",
					   "DEBUG",
					   "",
					   NULL };
	_settings_ struct settings s = { 0 };
	struct error e;

	(void)state;
	assert_int_equal(with(env, &s, &e), 0);
	assert_int_equal(strv_len(s.annotations), 2);
}

static void test_snapshotter_of_a_shim_is_its_handlers(void **state)
{
	static const char *const env[] = {
		"NODE_NAME",      "n1", "SHIMS", "qemu", "SNAPSHOTTER_HANDLER_MAPPING",
		"qemu:devmapper", NULL
	};
	_settings_ struct settings s = { 0 };
	struct offer o = { 0 };
	struct error e;

	(void)state;
	assert_int_equal(with(env, &s, &e), 0);
	assert_int_equal(offer_init(&o, &s, "/opt/kata", "qemu", &e), 0);
	assert_string_equal(offer_handler(&o).snapshotter, "devmapper");
	offer_done(&o);
}

static void test_settings_that_are_wrong_name_the_variable(void **state)
{
	static const char *const cases[][2] = {
		{ "DEBUG", "maybe" },
		{ "KATA_DEPLOY_DRIFT", "fight" },
		{ "HEALTH_PORT", "99999" },
		{ "HEALTH_PORT", "x" },
		{ "MULTI_INSTALL_SUFFIX", "../x" },
		{ "MULTI_INSTALL_SUFFIX", "UPPER" },
		{ "KATA_POOL", "a b" },
		{ "INSTALLATION_PREFIX", "relative" },
		{ "INSTALLATION_PREFIX", "/a/../b" },
		{ "DEFAULT_SHIM", "clh" },
		{ "SHIMS", "qemu qemu" },
		{ "SHIMS", " " },
		{ "SNAPSHOTTER_HANDLER_MAPPING", "nydus" },
		{ "SNAPSHOTTER_HANDLER_MAPPING", "qemu:" },
		{ "SNAPSHOTTER_HANDLER_MAPPING", "qemu:a:b" },
		{ "SNAPSHOTTER_HANDLER_MAPPING", "qemu:nydus,clh:nydus" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const env[] = { "NODE_NAME", "n1", cases[i][0], cases[i][1], NULL };
		_settings_ struct settings s = { 0 };
		struct error e;

		assert_true(with(env, &s, &e) < 0);
		if (!strstr(e.msg, cases[i][0]))
			fail_msg("'%s' does not name %s", e.msg, cases[i][0]);
	}
}

static void test_settings_without_a_node_are_refused(void **state)
{
	static const char *const env[] = { NULL };
	_settings_ struct settings s = { 0 };
	struct error e;

	(void)state;
	assert_int_equal(with(env, &s, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "NODE_NAME"));
}

struct place {
	char *dir;
	char *custom;
	char *version;
};

static int setup(void **state)
{
	static const char delivered[] =
		"[hypervisor.qemu]\nallow_emulation = false\ndefault_memory = 2048\n"
		"enable_annotations = [\"kernel_params\"]\n";
	struct place *p = xcalloc(1, sizeof(*p));
	_free_ char *defaults = NULL;
	_free_ char *file = NULL;
	struct error e;

	p->dir = folder_new();
	p->custom = path_join(p->dir, "dropin-qemu.toml");
	p->version = path_join(p->dir, "version");
	defaults = path_join(p->version, "share/defaults/kata-containers");
	file = path_join(defaults, "configuration-qemu.toml");
	*state = p;
	return dir_make(defaults, 0755, &e) < 0
		       ? -1
		       : file_replace(file, delivered, strlen(delivered), 0644, &e);
}

static int teardown(void **state)
{
	struct place *p = *state;

	folder_remove(p->dir);
	free(p->custom);
	free(p->version);
	free(p);
	return 0;
}

static void read_place(const struct place *p, struct settings *s, const char *annotations)
{
	const char *const env[] = { "NODE_NAME",
				    "n1",
				    "KATA_CUSTOM_CONFIGS",
				    p->dir,
				    "KATA_ETC",
				    p->dir,
				    "ALLOWED_HYPERVISOR_ANNOTATIONS",
				    annotations,
				    NULL };
	struct error e;

	assert_int_equal(with(env, s, &e), 0);
}

static void read_delivered(const struct place *p, struct offer *o)
{
	_free_ char *name = offer_delivered(o);
	_free_ char *path = path_join(p->version, name);
	struct error e;

	assert_int_equal(file_read(path, 1 * MIB, &o->text, NULL, &e), 0);
}

static void test_offer_without_wishes_uses_the_delivered_file(void **state)
{
	struct place *p = *state;
	_settings_ struct settings s = { 0 };
	_cleanup_(offer_done) struct offer o = { 0 };
	_edit_ struct edit edit = { 0 };
	struct error e;

	read_place(p, &s, "");
	assert_int_equal(offer_init(&o, &s, "/opt/kata", "qemu", &e), 0);
	assert_int_equal(offer_read(&o, &s, &e), 0);
	read_delivered(p, &o);
	assert_string_equal(o.handler, "kata-qemu");
	assert_string_equal(o.config_path,
			    "/opt/kata/share/defaults/kata-containers/configuration-qemu.toml");
	assert_int_equal(offer_plan(&o, &s, &edit, &e), 0);
	assert_int_equal(edit_changes(&edit), 1);
	assert_string_equal(edit.files[0].path, o.launcher);
	assert_int_equal(edit.files[0].mode, 0755);
	assert_string_equal(edit.files[0].new_text,
			    "#!/opt/kata/bin/containerd-shim-kata-v2 -config=/opt/kata/share/"
			    "defaults/kata-containers/configuration-qemu.toml\n");
	assert_int_equal(offer_int(&o, "default_memory", 0), 2048);
}

static void test_offer_with_a_drop_in_gets_a_copy_of_its_own(void **state)
{
	static const char text[] =
		"[hypervisor.qemu]\nallow_emulation = true\n"
		"default_memory = 256\n";
	struct place *p = *state;
	_settings_ struct settings s = { 0 };
	_cleanup_(offer_done) struct offer o = { 0 };
	_edit_ struct edit edit = { 0 };
	struct error e;

	assert_int_equal(file_replace(p->custom, text, strlen(text), 0644, &e), 0);
	read_place(p, &s, "qemu:default_vcpus,kernel_params other:x");
	assert_int_equal(offer_init(&o, &s, "/opt/kata", "qemu", &e), 0);
	assert_int_equal(offer_read(&o, &s, &e), 0);
	read_delivered(p, &o);
	assert_true(str_starts(o.config_path, p->dir));
	assert_true(offer_bool(&o, "allow_emulation", false));
	assert_int_equal(offer_int(&o, "default_memory", 0), 256);
	assert_int_equal(offer_plan(&o, &s, &edit, &e), 0);
	/* Written last: it leads to the others. */
	assert_string_equal(edit.files[0].path, o.launcher);
	assert_non_null(strstr(edit.files[1].new_text,
			       "enable_annotations = [\"kernel_params\", \"default_vcpus\"]"));
	assert_string_equal(edit.files[3].new_text, text);
	assert_int_equal(edit_apply(&edit, &e), 0);
	{
		_edit_ struct edit again = { 0 };

		assert_int_equal(offer_plan(&o, &s, &again, &e), 0);
		assert_false(edit_is_needed(&again));
	}
}

/* Nobody would look for it where no version is left. */
static void test_offer_that_is_removed_is_gone_for_good(void **state)
{
	const struct place *p = *state;
	static const struct {
		const char *theirs;
		size_t folders; /* that are left */
	} cases[] = { { NULL, 1 }, { "mine", 2 }, { "config.d/mine.toml", 3 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_settings_ struct settings s = { 0 };
		_cleanup_(offer_done) struct offer o = { 0 };
		_free_ char *folder = path_join(p->dir, "kata-qemu");
		struct error e;

		read_place(p, &s, "");
		assert_int_equal(offer_init(&o, &s, "/opt/kata", "qemu", &e), 0);
		folder_put(folder, "configuration-qemu.toml", "x");
		folder_put(folder, "config.d/20-debug.toml", "x");
		if (cases[i].theirs)
			folder_put(folder, cases[i].theirs, "theirs");
		strv_free(TAKE_PTR(synced));
		assert_int_equal(offer_remove(&o, &s, &e), 0);
		assert_int_equal(strv_len(synced), cases[i].folders);
		assert_string_equal(synced[cases[i].folders - 1], p->dir);
		/* Where nothing is to be done nothing is. */
		strv_free(TAKE_PTR(synced));
		assert_int_equal(offer_remove(&o, &s, &e), 0);
		assert_null(synced);
	}
}

static void test_offer_with_a_broken_drop_in_is_refused(void **state)
{
	struct place *p = *state;
	_settings_ struct settings s = { 0 };
	_cleanup_(offer_done) struct offer o = { 0 };
	struct error e;

	assert_int_equal(file_replace(p->custom, "[x\n", 3, 0644, &e), 0);
	read_place(p, &s, "");
	assert_int_equal(offer_init(&o, &s, "/opt/kata", "qemu", &e), 0);
	assert_true(offer_read(&o, &s, &e) < 0);
	assert_non_null(strstr(e.msg, "dropin-qemu.toml:1"));
}

static void test_launchers_of_other_installations_are_found(void **state)
{
	struct place *p = *state;
	_settings_ struct settings s = { 0 };
	_strv_ strv names = NULL;

	folder_put(p->dir, "kata-qemu/containerd-shim-kata-v2",
		   "#!/opt/kata/bin/containerd-shim-kata-v2 -config=/a\n");
	folder_put(p->dir, "kata-qemu-blue/containerd-shim-kata-v2",
		   "#!/opt/kata-blue/bin/containerd-shim-kata-v2 -config=/b\n");
	folder_put(p->dir, "kata-empty/containerd-shim-kata-v2", "");
	folder_put(p->dir, "kata-none/configuration.toml", "");
	read_place(p, &s, "");
	launchers_of_others(&s, "/opt/kata", &names);
	assert_int_equal(strv_len(names), 3);
	assert_true(strv_contains(names, "kata-qemu-blue"));
	assert_true(strv_contains(names, "/opt/kata-blue/bin/containerd-shim-kata-v2"));
	launchers_of_others(&s, "/opt/kata-blue", &names);
	assert_true(strv_contains(names, "kata-qemu"));
}

static void test_installation_with_a_suffix_has_names_of_its_own(void **state)
{
	static const struct {
		const char *suffix;
		const char *pool;
		const char *name;
		const char *label;
		const char *condition;
	} cases[] = {
		{ "", "", "kata-deploy", "kata-deploy.katacontainers.io/default", "KataReady" },
		{ "blue", "", "kata-deploy-blue", "kata-deploy.katacontainers.io/blue",
		  "KataReady-blue" },
		{ "", "slow", "kata-deploy", "kata-deploy.katacontainers.io/slow", "KataReady" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const env[] = {
			"NODE_NAME",   "n1", "MULTI_INSTALL_SUFFIX", cases[i].suffix, "KATA_POOL",
			cases[i].pool, NULL
		};
		_settings_ struct settings s = { 0 };
		struct error e;

		assert_int_equal(with(env, &s, &e), 0);
		assert_string_equal(s.owner.program, "kata-deploy");
		assert_string_equal(s.owner.name, cases[i].name);
		assert_string_equal(s.owner.label, cases[i].label);
		assert_string_equal(s.owner.condition, cases[i].condition);
		assert_string_equal(s.daemonset_name, cases[i].name);
		assert_int_equal(strv_len(s.owner.locks), 2);
	}
}

static void test_suffix_that_is_no_name_is_refused(void **state)
{
	static const char *const cases[] = {
		"-a", "a-", "default", "A", "a.b", "a/b", "a23456789012345678901234567890123"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const env[] = { "NODE_NAME", "n1", "MULTI_INSTALL_SUFFIX", cases[i],
					    NULL };
		_settings_ struct settings s = { 0 };
		struct error e;

		assert_int_equal(with(env, &s, &e), -EINVAL);
		assert_non_null(strstr(e.msg, "MULTI_INSTALL_SUFFIX"));
	}
}

static void test_offer_of_an_unknown_shim_names_the_known(void **state)
{
	struct place *p = *state;
	_settings_ struct settings s = { 0 };
	_cleanup_(offer_done) struct offer o = { 0 };
	struct error e;

	read_place(p, &s, "");
	assert_int_equal(offer_init(&o, &s, "/opt/kata", "clh", &e), -EINVAL);
	assert_non_null(strstr(e.msg, "qemu"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings_have_defaults),
		cmocka_unit_test_setup_teardown(test_withdrawn_versions_are_those_of_both,
						folder_setup, folder_teardown),
		cmocka_unit_test(test_prefix_loses_its_last_slashes),
		cmocka_unit_test(test_settings_of_the_architecture_win),
		cmocka_unit_test(test_snapshotter_of_a_shim_is_its_handlers),
		cmocka_unit_test(test_settings_that_are_wrong_name_the_variable),
		cmocka_unit_test(test_settings_without_a_node_are_refused),
		cmocka_unit_test_setup_teardown(test_offer_without_wishes_uses_the_delivered_file,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_offer_with_a_drop_in_gets_a_copy_of_its_own,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_offer_that_is_removed_is_gone_for_good, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_offer_with_a_broken_drop_in_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_launchers_of_other_installations_are_found,
						setup, teardown),
		cmocka_unit_test(test_installation_with_a_suffix_has_names_of_its_own),
		cmocka_unit_test(test_suffix_that_is_no_name_is_refused),
		cmocka_unit_test_setup_teardown(test_offer_of_an_unknown_shim_names_the_known,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
