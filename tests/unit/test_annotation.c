/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_annotation - what a pod may change, and above all what it may not.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "runtime/config/config.h"
#include "runtime/config/fields.h"

#define HV "io.katacontainers.config.hypervisor."
#define RT "io.katacontainers.config.runtime."
#define AG "io.katacontainers.config.agent."

static int setup(void **state)
{
	struct config *c = xcalloc(1, sizeof(*c));

	config_init(c, "/v");
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	config_done(*state);
	free(*state);
	return 0;
}

static void allow(struct config *c, const char *expression)
{
	strv_add(&c->hypervisor.enable_annotations, expression);
}

static void test_foreign_annotation_is_ignored(void **state)
{
	struct error e;

	assert_int_equal(config_annotate(*state, "example.com/x", "y", &e), 0);
	assert_int_equal(config_annotate(*state, "io.katacontainers.pkg.oci.bundle_path", "y", &e),
			 0);
}

static void test_every_annotation_is_refused_by_default(void **state)
{
	struct error e;

	for (size_t i = 0; i < n_fields; i++) {
		const char *group = str_starts(fields[i].section, "hyper")   ? "hypervisor"
				    : str_starts(fields[i].section, "agent") ? "agent"
									     : "runtime";
		_free_ char *key = NULL;

		if (!fields[i].annotation || fields[i].is_for_pods)
			continue;
		key = xasprintf("io.katacontainers.config.%s.%s", group, fields[i].annotation);
		assert_int_equal(config_annotate(*state, key, "1", &e), -EPERM);
		assert_non_null(strstr(e.msg, "enable_annotations"));
	}
}

static void test_what_costs_nobody_else_needs_no_list(void **state)
{
	struct config *c = *state;
	struct error e;

	assert_int_equal(config_annotate(c, RT "internetworking_model", "none", &e), 1);
	assert_string_equal(c->runtime.internetworking_model, "none");
	assert_int_equal(config_annotate(c, RT "create_container_timeout", "90", &e), 1);
	assert_int_equal(c->runtime.create_container_timeout, 90);
	assert_int_equal(config_annotate(c, RT "create_container_timeout", "0", &e), -EINVAL);
	assert_int_equal(config_annotate(c, RT "disable_guest_seccomp", "true", &e), -EPERM);
	assert_false(c->runtime.disable_guest_seccomp);
}

/* Upstream's list has enable_iommu in it, and its charts write some of the others down. */
static void test_upstreams_annotation_passes_if_it_asks_for_nothing(void **state)
{
	struct config *c = *state;
	struct error e;

	assert_int_equal(config_annotate(c, HV "enable_iommu", "false", &e), -EPERM);
	allow(c, "enable_iommu");
	assert_int_equal(config_annotate(c, HV "enable_iommu", "false", &e), 1);
	assert_int_equal(config_annotate(c, HV "enable_iommu", "true", &e), -EPERM);
	assert_non_null(strstr(e.msg, "asks for an IOMMU in the guest, which is not here"));
	assert_int_equal(config_annotate(c, RT "enable_pprof", "true", &e), 1);
	assert_int_equal(config_annotate(c, RT "vfio_mode", "guest-kernel", &e), 1);
	assert_int_equal(config_annotate(c, RT "vfio_mode", "vfio", &e), -EPERM);
	assert_int_equal(config_annotate(c, AG "kernel_modules", "", &e), 1);
	assert_int_equal(config_annotate(c, AG "kernel_modules", "e1000e", &e), -EPERM);
	assert_int_equal(config_annotate(c, RT "enable_iommu", "false", &e), -EPERM);
}

static void test_unknown_annotation_is_refused_even_if_all_are_enabled(void **state)
{
	struct error e;

	allow(*state, ".*");
	assert_int_equal(config_annotate(*state, HV "no_such_thing", "1", &e), -EPERM);
	assert_int_equal(config_annotate(*state, HV "enable_annotations", "[\".*\"]", &e), -EPERM);
	assert_int_equal(config_annotate(*state, HV "virtio_fs_extra_args", "--x", &e), -EPERM);
	assert_int_equal(config_annotate(*state, HV "allow_emulation", "true", &e), -EPERM);
	assert_int_equal(config_annotate(*state, "io.katacontainers.config.", "1", &e), -EPERM);
}

static void test_enabled_annotation_sets_the_value(void **state)
{
	struct config *c = *state;
	struct error e;

	allow(c, "default_.*");
	assert_int_equal(config_annotate(c, HV "default_memory", "512", &e), 1);
	assert_int_equal(c->hypervisor.default_memory, 512);
	assert_int_equal(config_annotate(c, HV "default_vcpus", "1.5", &e), 1);
	assert_true(c->hypervisor.default_vcpus > 1.4);
	assert_int_equal(config_annotate(c, HV "default_max_vcpus", "1", &e), 1);
	assert_int_equal(c->hypervisor.default_maxvcpus, 1);
}

static void test_expression_must_match_the_whole_name(void **state)
{
	struct error e;

	allow(*state, "memory");
	allow(*state, "(");
	assert_int_equal(config_annotate(*state, HV "default_memory", "512", &e), -EPERM);
}

static void test_bad_values_are_refused_and_change_nothing(void **state)
{
	static const struct {
		const char *key;
		const char *value;
	} cases[] = {
		{ HV "default_memory", "63" },      { HV "default_memory", "-1" },
		{ HV "default_memory", "512 " },    { HV "default_memory", "0x200" },
		{ HV "default_memory", "" },        { HV "default_vcpus", "nan" },
		{ HV "default_vcpus", "1e2" },      { HV "default_vcpus", "241" },
		{ HV "enable_hugepages", "maybe" }, { HV "virtio_fs_cache", "sometimes" },
		{ HV "kernel_params", "a\nb" },
	};
	struct config *c = *state;
	struct error e;

	allow(c, ".*");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = config_annotate(c, cases[i].key, cases[i].value, &e);

		assert_true(r == -EINVAL || r == -ERANGE);
		assert_non_null(strstr(e.msg, cases[i].key));
	}
	assert_int_equal(c->hypervisor.default_memory, 2048);
	assert_false(c->hypervisor.enable_hugepages);
	assert_string_equal(c->hypervisor.virtio_fs_cache, "auto");
}

static void test_path_must_match_a_valid_pattern(void **state)
{
	struct config *c = *state;
	struct error e;

	allow(c, ".*");
	assert_int_equal(config_annotate(c, HV "kernel", "/boot/vmlinux", &e), -EPERM);
	strv_add(&c->hypervisor.valid_kernel_paths, "/kernels/*");
	assert_int_equal(config_annotate(c, HV "kernel", "/kernels/../etc/shadow", &e), -EPERM);
	assert_int_equal(config_annotate(c, HV "kernel", "/kernels/deep/a", &e), -EPERM);
	assert_int_equal(config_annotate(c, HV "kernel", "/kernels/a", &e), 1);
	assert_string_equal(c->hypervisor.kernel, "/kernels/a");
}

static void test_kernel_params_are_added(void **state)
{
	struct config *c = *state;
	struct error e;

	allow(c, "kernel_params");
	str_set(&c->hypervisor.kernel_params, "a=1");
	assert_int_equal(config_annotate(c, HV "kernel_params", "b=2", &e), 1);
	assert_string_equal(c->hypervisor.kernel_params, "a=1 b=2");
}

static void test_other_groups_have_their_own_names(void **state)
{
	struct config *c = *state;
	struct error e;

	allow(c, ".*");
	assert_int_equal(
		config_annotate(c, "io.katacontainers.config.runtime.create_container_timeout",
				"90", &e),
		1);
	assert_int_equal(c->runtime.create_container_timeout, 90);
	assert_int_equal(config_annotate(c, HV "create_container_timeout", "90", &e), -EPERM);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_foreign_annotation_is_ignored),
		TEST(test_every_annotation_is_refused_by_default),
		TEST(test_what_costs_nobody_else_needs_no_list),
		TEST(test_upstreams_annotation_passes_if_it_asks_for_nothing),
		TEST(test_unknown_annotation_is_refused_even_if_all_are_enabled),
		TEST(test_enabled_annotation_sets_the_value),
		TEST(test_expression_must_match_the_whole_name),
		TEST(test_bad_values_are_refused_and_change_nothing),
		TEST(test_path_must_match_a_valid_pattern),
		TEST(test_kernel_params_are_added),
		TEST(test_other_groups_have_their_own_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
