/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kvm - that hardware virtualisation is believed only when all places agree, and the reason.
 */

#include "tests/unit/folder.h"

#include <string.h>

#include "lib/kvm.h"

/* A machine of files: CPUINFO and the MODULE that is loaded. */
static char *machine(const char *dir, const char *name, const char *cpuinfo, const char *module)
{
	_free_ char *info = xasprintf("%s/cpuinfo", name);
	_free_ char *loaded = xasprintf("%s/module/%s/refcnt", name, module);

	folder_put(dir, info, cpuinfo);
	folder_put(dir, loaded, "0");
	return path_join(dir, name);
}

static void test_kvm_needs_processor_module_and_device(void **state)
{
	static const char plain_flags[] = "processor: 0\nflags\t\t: fpu svme vmxx\n";
	static const char flags[] = "processor: 0\nflags\t\t: fpu svm lm\n";
	_free_ char *plain = machine(*state, "plain", plain_flags, "kvm_amd");
	_free_ char *none = machine(*state, "none", flags, "loop");
	_free_ char *intel = machine(*state, "intel", "flags\t: fpu vmx\n", "loop");
	_free_ char *pvm = machine(*state, "pvm", flags, "kvm_pvm");
	_free_ char *amd = machine(*state, "amd", flags, "kvm_amd");
	_free_ char *dev = path_join(*state, "dev");
	const struct {
		struct kvm_places places;
		const char *reason;
	} cases[] = {
		{ { plain, plain, NULL }, "no vmx or svm flag" },
		{ { amd, "/does/not/exist", dev }, "no vmx or svm flag" },
		{ { pvm, pvm, dev }, "kvm_pvm" },
		{ { none, none, dev }, "load it with modprobe kvm_amd" },
		{ { intel, intel, dev }, "load it with modprobe kvm_intel" },
		{ { amd, amd, "/does/not/exist" }, "cannot open /does/not/exist/kvm" },
		{ { amd, amd, dev }, "version 12" },
		{ { amd, amd, NULL }, "the kernel offers no /dev/kvm" },
	};
	struct error e;

	folder_put(*state, "dev/kvm", "");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(kvm_find(&cases[i].places, &e), -ENODEV);
		if (!strstr(e.msg, cases[i].reason))
			fail_msg("wanted '%s', got '%s'", cases[i].reason, e.msg);
	}
}

static void test_kvm_is_found_where_device_nodes_are_not_visible(void **state)
{
	_free_ char *amd = machine(*state, "amd", "flags: svm\n", "kvm_amd");
	const struct kvm_places places = { amd, amd, NULL };
	struct error e;

	folder_put(*state, "amd/class/misc/kvm/dev", "10:232");
	assert_int_equal(kvm_find(&places, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kvm_needs_processor_module_and_device,
						folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(
			test_kvm_is_found_where_device_nodes_are_not_visible, folder_setup,
			folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
