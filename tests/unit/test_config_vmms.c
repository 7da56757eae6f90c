/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_config_vmms - a configuration that knows two hypervisors: whose rows count, whose defaults
 * are taken, and which of them a file is for.
 */

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "runtime/config/config.h"
#include "runtime/config/fields.h"
#include "runtime/config/render.h"

static const struct config_default other_defaults[] = {
	{ "path", "/opt/kata/bin/other" },
	{ "default_memory", "512" },
};

/* In the place of the table of vmms.c, which is not linked. */
const struct config_vmm config_vmms[] = {
	{ "qemu", CONFIG_QEMU, NULL, 0 },
	{ "other", 1U << 30, other_defaults, ARRAY_SIZE(other_defaults) },
};
const size_t n_config_vmms = ARRAY_SIZE(config_vmms);

static int add_text(struct config *c, const char *text, struct error *e)
{
	return config_read_text(c, text, strlen(text), "t.toml", e);
}

static int read_text(struct config *c, const char *text, struct error *e)
{
	config_init(c, "/v");
	return add_text(c, text, e);
}

static void test_the_table_chooses_and_brings_its_defaults(void **state)
{
	_config_ struct config c;
	struct error e;

	(void)state;
	assert_int_equal(read_text(&c, "[hypervisor.other]\nenable_debug = true\n", &e), 0);
	assert_string_equal(c.hypervisor.name, "other");
	assert_string_equal(c.hypervisor.path, "/v/bin/other");
	assert_int_equal(c.hypervisor.default_memory, 512);
	assert_int_equal(c.hypervisor.default_vcpus, 1);
	assert_true(c.hypervisor.enable_debug);
	assert_int_equal(config_settle(&c, &e), 0);
}

static void test_the_name_chooses_and_skips_other_tables(void **state)
{
	_config_ struct config c;
	struct error e;

	(void)state;
	assert_int_equal(read_text(&c,
				   "[hypervisor.qemu]\ndefault_memory = 4096\nconfidential_guest = "
				   "true\n[hypervisor.other]\ndefault_vcpus = 2\n"
				   "[runtime]\nhypervisor_name = \"other\"\n",
				   &e),
			 0);
	assert_string_equal(c.hypervisor.name, "other");
	assert_int_equal(c.hypervisor.default_memory, 512);
	assert_int_equal(c.hypervisor.default_vcpus, 2);
	assert_null(c.warnings);
	/* A drop-in for the other one is skipped as well. */
	assert_int_equal(add_text(&c, "[hypervisor.qemu]\ndefault_memory = 1024\n", &e), 0);
	assert_int_equal(c.hypervisor.default_memory, 512);
}

static void test_two_tables_without_a_name_are_refused(void **state)
{
	_config_ struct config c, dropped;
	struct error e;

	(void)state;
	assert_int_equal(read_text(&c, "[hypervisor.qemu]\n[hypervisor.other]\n", &e), -EINVAL);
	assert_non_null(strstr(e.msg, "t.toml:2: hypervisor 'other', but"));
	/* So is a drop-in of another. */
	assert_int_equal(read_text(&dropped, "[hypervisor.qemu]\n", &e), 0);
	assert_int_equal(add_text(&dropped, "[hypervisor.other]\n", &e), -EINVAL);
	assert_int_equal(add_text(&dropped, "[runtime]\nhypervisor_name = \"other\"\n", &e),
			 -EINVAL);
	assert_string_equal(dropped.hypervisor.name, "qemu");
}

static void test_a_key_of_another_hypervisor_is_unknown(void **state)
{
	_config_ struct config c;
	struct error e;

	(void)state;
	assert_non_null(field_find("hypervisor.qemu", "machine_type"));
	assert_null(field_find("hypervisor.other", "machine_type"));
	assert_null(field_find("hypervisor.third", "kernel"));
	assert_int_equal(read_text(&c, "[hypervisor.other]\nmachine_type = \"q35\"\n", &e), 0);
	assert_int_equal(strv_len(c.warnings), 1);
	assert_non_null(strstr(c.warnings[0], ":2: unknown key 'hypervisor.other.machine_type'"));
	strv_add(&c.hypervisor.enable_annotations, ".*");
	assert_int_equal(
		config_annotate(&c, "io.katacontainers.config.hypervisor.machine_type", "q35", &e),
		-EPERM);
	assert_int_equal(config_annotate(&c, "io.katacontainers.config.hypervisor.default_memory",
					 "256", &e),
			 1);
}

static char *values_of(const struct config *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	render_values(out, c, "");
	assert_int_equal(fclose(out), 0);
	return text;
}

static void test_what_is_shown_is_read_again(void **state)
{
	_config_ struct config c, again;
	_free_ char *text = NULL, *same = NULL;
	struct error e;

	(void)state;
	assert_int_equal(read_text(&c, "[hypervisor.other]\ndefault_memory = 300\n", &e), 0);
	text = values_of(&c);
	assert_non_null(strstr(text, "[hypervisor.other]\n"));
	assert_null(strstr(text, "machine_type"));
	assert_int_equal(read_text(&again, text, &e), 0);
	assert_null(again.warnings);
	same = values_of(&again);
	assert_string_equal(text, same);
}

static void test_names_are_those_of_all_hypervisors_once(void **state)
{
	_strv_ strv names = field_names();
	size_t n = 0;

	(void)state;
	assert_true(strv_contains(names, "hypervisor.qemu.machine_type"));
	assert_true(strv_contains(names, "hypervisor.other.kernel"));
	assert_false(strv_contains(names, "hypervisor.other.machine_type"));
	for (char *const *name = names; *name; name++)
		n += strcmp(*name, "runtime.enable_debug") == 0;
	assert_int_equal(n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_table_chooses_and_brings_its_defaults),
		cmocka_unit_test(test_the_name_chooses_and_skips_other_tables),
		cmocka_unit_test(test_two_tables_without_a_name_are_refused),
		cmocka_unit_test(test_a_key_of_another_hypervisor_is_unknown),
		cmocka_unit_test(test_what_is_shown_is_read_again),
		cmocka_unit_test(test_names_are_those_of_all_hypervisors_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
