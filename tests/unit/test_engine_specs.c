/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_specs - specifications as engines write them become ones for a guest.
 *
 * The files of specs/ have the shape of what a real engine gave: nothing of them is refused or
 * unknown, and what the runtime must find in them is found.
 */

#include "tests/unit/unit.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/child/seccomp.h"
#include "lib/file.h"
#include "lib/rpc/message.h"
#include "runtime/sandbox/cgroup.h"
#include "runtime/sandbox/spec.h"

#define SANDBOX "5b0c6f0d3e1a4c7f9d2e8a6b4c1f0e9d8b7a6c5d4e3f2a1b0c9d8e7f6a5b4c3d"

static Oci__Spec *read_spec(const char *name)
{
	_free_ char *path = xasprintf("%s/tests/unit/specs/%s", KATA_SOURCE_DIR, name);
	_free_ char *text = NULL;
	Oci__Spec *spec = NULL;
	struct error e;
	size_t len;

	if (file_read(path, MIB, &text, &len, &e) < 0 || spec_parse(text, len, path, &spec, &e) < 0)
		fail_msg("%s", e.msg);
	return spec;
}

static const struct {
	const char *file;
	enum spec_type type;
	bool shares_pidns;
	const char *netns;
	const char *cgroup;
} cases[] = {
	{ "crio-sandbox.json", SPEC_SANDBOX, false,
	  "/var/run/netns/0f6a2c1e-7b3d-4e59-8a10-6c2f9d4b7e31", "/kubepods/podweb/kata_box" },
	{ "crio-container.json", SPEC_MEMBER, true,
	  "/var/run/netns/0f6a2c1e-7b3d-4e59-8a10-6c2f9d4b7e31", "/kubepods/podweb/kata_box" },
};

static void test_specification_says_what_the_runtime_asks(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_message_ Oci__Spec *spec = read_spec(cases[i].file);
		_free_ char *cgroup = NULL;
		enum spec_type type;
		struct error e;

		assert_int_equal(spec_type(spec, &type, &e), 0);
		assert_int_equal(type, cases[i].type);
		assert_string_equal(spec_sandbox_id(spec), SANDBOX);
		assert_string_equal(spec_namespace_path(spec, "network"), cases[i].netns);
		assert_int_equal(spec_namespace_path(spec, "pid") != NULL, cases[i].shares_pidns);
		assert_int_equal(cgroup_path(spec->linux->cgroupspath, "box", &cgroup, &e), 0);
		assert_string_equal(cgroup, cases[i].cgroup);
		if (spec_check_fields(spec, &e) < 0)
			fail_msg("%s: %s", cases[i].file, e.msg);
	}
}

static void test_specification_for_a_guest_has_nothing_of_the_host(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_message_ Oci__Spec *spec = read_spec(cases[i].file);

		spec_constrain(spec, SPEC_SECCOMP_KEEP);
		for (size_t n = 0; n < spec->linux->n_namespaces; n++) {
			assert_string_equal(spec->linux->namespaces[n]->path, "");
			assert_string_not_equal(spec->linux->namespaces[n]->type, "network");
		}
		assert_non_null(spec->linux->seccomp);
	}
}

/* Its rule for clone() has seven conditions on one argument. */
static void test_profile_becomes_a_filter(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_message_ Oci__Spec *spec = read_spec(cases[i].file);
		_close_ int fd = (int)syscall(SYS_memfd_create, "filter", MFD_CLOEXEC);
		struct error e;

		if (seccomp_export(spec->linux->seccomp, fd, &e) < 0)
			fail_msg("%s: %s", cases[i].file, e.msg);
		assert_true(lseek(fd, 0, SEEK_END) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_specification_says_what_the_runtime_asks),
		cmocka_unit_test(test_specification_for_a_guest_has_nothing_of_the_host),
		cmocka_unit_test(test_profile_becomes_a_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
