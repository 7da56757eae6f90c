/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_scope - whose a handler, a container and a sandbox are, where two installations share a
 * node.
 */

#include "tests/unit/folder.h"
#include "tests/unit/owner.h"

#include "lib/host/scope.h"
#include "lib/mountinfo.h"

static struct scope plain(void)
{
	struct scope s = { .owner = &test_owner, .root = "/opt/kata" };

	strv_add(&s.others, "kata-qemu-blue");
	strv_add(&s.others, "/etc/kata-containers/kata-qemu-blue/containerd-shim-kata-v2");
	strv_add(&s.others, "/opt/kata-blue/bin/containerd-shim-kata-v2");
	return s;
}

static struct scope blue(void)
{
	struct scope s = { .owner = &other_owner, .root = "/opt/kata-blue" };

	strv_add(&s.mine, "kata-qemu-blue");
	strv_add(&s.mine, "/etc/kata-containers/kata-qemu-blue/containerd-shim-kata-v2");
	return s;
}

static void test_handlers_have_one_installation_each(void **state)
{
	static const struct {
		const char *name;
		bool is_plain;
		bool is_blue;
	} cases[] = {
		{ "kata-qemu", true, false },
		{ "kata", true, false },
		{ "kata-clh", true, false },
		{ "kata-qemu-blue", false, true },
		{ "kata-qemu-blues", true, false },
		{ "runc", false, false },
		{ "", false, false },
	};
	struct scope p = plain();
	struct scope b = blue();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (scope_has_handler(&p, cases[i].name) != cases[i].is_plain ||
		    scope_has_handler(&b, cases[i].name) != cases[i].is_blue)
			fail_msg("handler '%s'", cases[i].name);
	assert_true(scope_has_handler(NULL, "kata-qemu-blue"));
	assert_false(scope_has_handler(NULL, "runc"));
	scope_done(&p);
	scope_done(&b);
}

static void test_containers_have_one_installation_each(void **state)
{
	static const struct {
		const char *namespace;
		const char *runtime;
		bool is_plain;
		bool is_blue;
	} cases[] = {
		{ "k8s.io", "io.containerd.kata-qemu.v2", true, false },
		{ "k8s.io", "io.containerd.kata-qemu-blue.v2", false, true },
		/* As containerd 1 says it, and tools. */
		{ "k8s.io", "/opt/kata/bin/containerd-shim-kata-v2", true, false },
		{ "k8s.io", "/opt/kata-blue/bin/containerd-shim-kata-v2", false, true },
		{ "default", "/opt/kata/versions/1/bin/containerd-shim-kata-v2", true, false },
		{ "default", "/opt/kata-blue/versions/1/bin/containerd-shim-kata-v2", true, true },
		{ "default", "/etc/kata-containers/kata-qemu-blue/containerd-shim-kata-v2", false,
		  true },
		{ "default", "io.containerd.kata.v2", true, false },
		{ "default", "/usr/local/bin/containerd-shim-kata-v2", true, false },
		{ "k8s.io", "io.containerd.runc.v2", false, false },
		/* Canaries, of a killed run. */
		{ "kata-deploy", "io.containerd.kata-qemu.v2", true, false },
		{ "kata-deploy-blue", "io.containerd.kata-qemu-blue.v2", false, true },
		{ "kata-deploy-blue", "io.containerd.kata-qemu.v2", false, false },
		{ "kata-deployments", "io.containerd.kata-qemu.v2", true, false },
		{ "k8s.io", "io.containerd..v2", false, false },
		{ "k8s.io", "", false, false },
	};
	struct scope p = plain();
	struct scope b = blue();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (scope_has_runtime(&p, cases[i].namespace, cases[i].runtime) !=
			    cases[i].is_plain ||
		    scope_has_runtime(&b, cases[i].namespace, cases[i].runtime) != cases[i].is_blue)
			fail_msg("'%s' in '%s'", cases[i].runtime, cases[i].namespace);
	assert_true(scope_has_runtime(NULL, "any", "io.containerd.kata-qemu.v2"));
	scope_done(&p);
	scope_done(&b);
}

static void test_place_is_told_by_the_mounts(void **state)
{
	static const struct {
		const char *mounts; /* root and point of each */
		const char *path;
		const char *place;
	} cases[] = {
		{ "1 0 8:1 / / rw - ext4 d rw\n", "/opt/kata", "/opt/kata" },
		{ "1 0 8:1 / / rw - ext4 d rw\n2 1 8:2 / /opt rw - ext4 d rw\n", "/opt/kata",
		  "/kata" },
		{ "1 0 8:1 / / rw - ext4 d rw\n2 1 8:2 / /op rw - ext4 d rw\n", "/opt/kata",
		  "/opt/kata" },
		/* A pod has a folder of the machine. */
		{ "1 0 0:9 / / rw - overlay d rw\n2 1 8:1 /opt/kata /opt/kata rw - ext4 d rw\n",
		  "/opt/kata", "/opt/kata" },
		{ "1 0 0:9 / / rw - overlay d rw\n2 1 8:1 /data/k /opt/kata rw - ext4 d rw\n",
		  "/opt/kata", "/data/k" },
		{ "1 0 0:9 / / rw - overlay d rw\n2 1 8:1 / /opt/kata rw - ext4 d rw\n",
		  "/opt/kata", "/" },
		{ "", "/opt/kata", "/opt/kata" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_mountinfo_ struct mountinfo info = { 0 };
		_free_ char *place = NULL;

		mountinfo_parse(cases[i].mounts, &info);
		place = scope_place(&info, cases[i].path);
		assert_string_equal(place, cases[i].place);
	}
}

static void test_path_on_the_machine_ends_as_the_place_does(void **state)
{
	static const struct {
		const char *place;
		const char *path;
		bool can_be;
	} cases[] = {
		{ "/opt/kata", "/opt/kata", true },
		{ "/opt/kata", "/opt/kata-blue", false },
		{ "/opt/kata-blue", "/opt/kata", false },
		/* The file system is mounted on /opt, or is a part of another. */
		{ "/kata", "/opt/kata", true },
		{ "/kata", "/opt/kata-blue", false },
		{ "/@/opt/kata", "/opt/kata", true },
		{ "/@/opt/kata", "/opt/kata-blue", false },
		/* A link led there. */
		{ "/data/k", "/data/k", true },
		{ "/data/k", "/data/b", false },
		/* Nothing is known. */
		{ "/", "/opt/kata-blue", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (scope_is_place(cases[i].place, cases[i].path) != cases[i].can_be)
			fail_msg("'%s' at '%s'", cases[i].path, cases[i].place);
}

static void test_versions_have_one_installation_each(void **state)
{
	char *dir = folder_new();
	_free_ char *root = path_join(dir, "kata");
	_free_ char *mine = path_join(root, "versions/1-abc");
	_free_ char *theirs = path_join(dir, "kata-blue/versions/1-abc");
	const struct scope s = { .owner = &test_owner, .root = root };
	struct error e;

	(void)state;
	/* Without a folder it has no versions. */
	assert_false(scope_has_version(&s, mine));
	assert_int_equal(dir_make(mine, 0755, &e), 0);
	assert_true(scope_has_version(&s, mine));
	assert_false(scope_has_version(&s, theirs));
	assert_true(scope_has_version(NULL, theirs));
	folder_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handlers_have_one_installation_each),
		cmocka_unit_test(test_containers_have_one_installation_each),
		cmocka_unit_test(test_place_is_told_by_the_mounts),
		cmocka_unit_test(test_path_on_the_machine_ends_as_the_place_does),
		cmocka_unit_test(test_versions_have_one_installation_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
