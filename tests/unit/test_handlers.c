/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_handlers - which configurations the engines of a machine give to sandboxes, in the files of
 * each engine and version.
 */

#include "tests/unit/folder.h"

#include <string.h>

#include "lib/host/handlers.h"

#define RUNC "runtime_type = 'io.containerd.runc.v2'\n"

static void assert_config(const struct handlers_found *found, size_t i, const char *path,
			  const char *used_by)
{
	_free_ char *all = NULL;

	assert_true(i < found->n);
	all = strv_join(found->list[i].used_by, ", ");
	if (!str_equal(found->list[i].path, path) || !strstr(all, used_by))
		fail_msg("wanted '%s' of '%s', got '%s' of '%s'", path, used_by,
			 found->list[i].path, all);
}

static void import(const char *dir, const char *main, const char *path)
{
	_free_ char *text = xasprintf("version = 3\nimports = [\"%s*\"]\n", path);

	folder_put(dir, main, text);
}

/* What an engine was told once, or is still to be told, is not what it has. */
static void test_file_that_nobody_imports_has_no_handlers(void **state)
{
	_handlers_found_ struct handlers_found found = { 0 };

	folder_put(*state, "etc/containerd/config.toml", "version = 3\n");
	folder_put(*state, "etc/containerd/conf.d/kata.toml",
		   "version = 3\n[plugins.x.containerd.runtimes.kata]\n"
		   "runtime_type = 'io.containerd.kata.v2'\n");
	handlers_find(*state, &found);
	assert_int_equal(found.n, 0);
	assert_null(found.problems);
}

static void test_configuration_of_every_format_is_found(void **state)
{
	static const struct {
		const char *file;
		const char *text;
		const char *main; /* the one that imports it; NULL: none need */
	} cases[] = {
		{ "etc/containerd/config.toml",
		  "[plugins.cri.containerd.runtimes.kata-qemu]\n"
		  "runtime_type = 'io.containerd.kata-qemu.v2'\n"
		  "[plugins.cri.containerd.runtimes.kata-qemu.options]\nConfigPath = '/c'\n",
		  NULL },
		{ "etc/containerd/config.toml",
		  "version = 2\n"
		  "[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc]\n" RUNC
		  "[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.kata-qemu]\n"
		  "runtime_type = '/opt/kata/bin/containerd-shim-kata-v2'\n"
		  "options.ConfigPath = '/c'\n",
		  NULL },
		{ "etc/containerd/conf.d/kata.toml",
		  "version = 3\n"
		  "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.kata-qemu]\n"
		  "runtime_type = 'io.containerd.kata-qemu.v2'\n"
		  "runtime_path = '/opt/kata/bin/containerd-shim-kata-v2'\n"
		  "options = { ConfigPath = '/c' }\n",
		  "etc/containerd/config.toml" },
		{ "var/lib/rancher/k3s/agent/etc/containerd/config-v3.toml.d/kata.toml",
		  "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.kata-qemu]\n"
		  "runtime_type = 'io.containerd.kata-qemu.v2'\noptions.ConfigPath = '/c'\n",
		  "var/lib/rancher/k3s/agent/etc/containerd/config.toml" },
		{ "etc/crio/crio.conf.d/50-kata.conf",
		  "[crio.runtime.runtimes.kata-qemu]\nruntime_type = 'vm'\n"
		  "runtime_path = '/opt/kata/bin/containerd-shim-kata-v2'\n"
		  "runtime_config_path = '/c'\n",
		  NULL },
		{ "etc/crio/crio.conf.d/more/.kata",
		  "[crio.runtime.runtimes.kata-qemu]\nruntime_type = 'vm'\n"
		  "runtime_path = '/opt/kata/bin/containerd-shim-kata-v2'\n"
		  "runtime_config_path = '/c'\n",
		  NULL },
		{ "etc/docker/daemon.json",
		  "{\"runtimes\":{\"kata-qemu\":{\"runtimeType\":"
		  "\"/opt/kata/bin/containerd-shim-kata-v2\",\"options\":{\"ConfigPath\":\"/c\"}},"
		  "\"crun\":{\"path\":\"/usr/bin/crun\"}}}",
		  NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_handlers_found_ struct handlers_found found = { 0 };
		_free_ char *path = path_join(*state, cases[i].file);

		folder_put(*state, cases[i].file, cases[i].text);
		if (cases[i].main)
			import(*state, cases[i].main, path);
		handlers_find(*state, &found);
		assert_int_equal(found.n, 1);
		assert_null(found.problems);
		assert_config(&found, 0, "/c", "kata-qemu");
		assert_config(&found, 0, "/c", path);
		assert_int_equal(unlink(path), 0);
		if (cases[i].main)
			import(*state, cases[i].main, "/nothing");
	}
}

static void test_configuration_of_a_launcher_is_found(void **state)
{
	_handlers_found_ struct handlers_found found = { 0 };

	folder_put(*state, "etc/containerd/config.toml",
		   "version = 3\n[plugins.x.containerd.runtimes.kata]\n"
		   "runtime_path = '/etc/kata-containers/kata/containerd-shim-kata-v2'\n");
	folder_put(*state, "etc/kata-containers/kata/containerd-shim-kata-v2",
		   "#!/opt/kata/bin/containerd-shim-kata-v2 -config=/opt/kata/c.toml\nmore\n");
	handlers_find(*state, &found);
	assert_int_equal(found.n, 1);
	assert_config(&found, 0, "/opt/kata/c.toml", "kata");
}

static void test_later_file_changes_a_handler_and_equal_ones_are_one(void **state)
{
	_handlers_found_ struct handlers_found found = { 0 };

	folder_put(*state, "etc/containerd/config.toml",
		   "imports = ['one.toml', 'two.toml']\n"
		   "[plugins.cri.containerd.runtimes.a]\n"
		   "runtime_type = 'io.containerd.kata.v2'\noptions.ConfigPath = '/old'\n"
		   "[plugins.cri.containerd.runtimes.b]\nruntime_type = 'io.containerd.kata.v2'\n");
	folder_put(*state, "etc/containerd/one.toml",
		   "[plugins.cri.containerd.runtimes.a]\n"
		   "runtime_type = 'io.containerd.kata.v2'\noptions.ConfigPath = '/new'\n");
	folder_put(*state, "etc/containerd/two.toml",
		   "[plugins.cri.containerd.runtimes.c]\n"
		   "runtime_type = 'io.containerd.kata.v2'\noptions.ConfigPath = '/new'\n");
	handlers_find(*state, &found);
	assert_int_equal(found.n, 2);
	assert_config(&found, 0, "/new", "c (");
	assert_config(&found, 1, NULL, "b (");
	assert_int_equal(strv_len(found.list[0].used_by), 2);
}

static void test_later_file_leads_a_handler_elsewhere_or_changes_its_configuration(void **state)
{
	_handlers_found_ struct handlers_found found = { 0 };

	folder_put(*state, "etc/containerd/config.toml",
		   "version = 3\nimports = ['later.toml']\n"
		   "[plugins.x.containerd.runtimes.gone]\nruntime_type = 'io.containerd.kata.v2'\n"
		   "[plugins.x.containerd.runtimes.same]\nruntime_type = 'io.containerd.kata.v2'\n"
		   "options.ConfigPath = '/old'\n"
		   "[plugins.x.containerd.runtimes.rest]\nruntime_type = 'io.containerd.kata.v2'\n"
		   "options.ConfigPath = '/rest'\n");
	folder_put(*state, "etc/containerd/later.toml",
		   "[plugins.x.containerd.runtimes.gone]\n" RUNC
		   "[plugins.x.containerd.runtimes.same]\noptions.ConfigPath = '/new'\n"
		   "[plugins.x.containerd.runtimes.rest]\nsnapshotter = 'native'\n");
	handlers_find(*state, &found);
	assert_int_equal(found.n, 2);
	assert_config(&found, 0, "/new", "same (");
	assert_config(&found, 1, "/rest", "rest (");
}

static void test_what_cannot_be_read_is_named(void **state)
{
	_handlers_found_ struct handlers_found found = { 0 };

	folder_put(*state, "etc/containerd/config.toml", "version = \n");
	folder_put(*state, "etc/docker/daemon.json", "{");
	handlers_find(*state, &found);
	assert_int_equal(found.n, 0);
	assert_int_equal(strv_len(found.problems), 2);
}

static void test_machine_without_engines_has_no_handlers(void **state)
{
	_handlers_found_ struct handlers_found found = { 0 };

	handlers_find(*state, &found);
	assert_int_equal(found.n, 0);
	assert_null(found.problems);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_configuration_of_every_format_is_found),
		TEST(test_file_that_nobody_imports_has_no_handlers),
		TEST(test_configuration_of_a_launcher_is_found),
		TEST(test_later_file_changes_a_handler_and_equal_ones_are_one),
		TEST(test_later_file_leads_a_handler_elsewhere_or_changes_its_configuration),
		TEST(test_what_cannot_be_read_is_named),
		TEST(test_machine_without_engines_has_no_handlers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
