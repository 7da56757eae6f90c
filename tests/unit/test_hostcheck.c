/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_hostcheck - which machines are refused, and that the reason says what to do.
 */

#include "tests/unit/folder.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include "lib/file.h"
#include "lib/host/hostcheck.h"

static unsigned long mount_flags; /* of every file system, besides its own */
static const char *kernel;        /* NULL: the real one */

static int landlock = 3; /* version */

int __wrap_landlock_version(void);
int __real_statvfs(const char *path, struct statvfs *ret_fs);
int __wrap_statvfs(const char *path, struct statvfs *ret_fs);
int __real_uname(struct utsname *ret_name);
int __wrap_uname(struct utsname *ret_name);

int __wrap_statvfs(const char *path, struct statvfs *ret_fs)
{
	int r = __real_statvfs(path, ret_fs);

	if (r == 0)
		ret_fs->f_flag |= mount_flags;
	return r;
}

int __wrap_uname(struct utsname *ret_name)
{
	int r = __real_uname(ret_name);

	if (kernel)
		(void)snprintf(ret_name->release, sizeof(ret_name->release), "%s", kernel);
	return r;
}

int __wrap_landlock_version(void)
{
	return landlock;
}

/* A machine made of files. */
struct machine {
	char *dir;
	char *sys;
	char *proc;
	struct utsname name;
	struct host_facts facts;
};

static void put(const struct machine *m, const char *path, const char *text)
{
	folder_put(m->dir, path, text);
}

static void start(struct machine *m)
{
	*m = (struct machine){ .dir = folder_new() };
	(void)uname(&m->name);
	m->sys = path_join(m->dir, "sys");
	m->proc = path_join(m->dir, "proc");
	m->facts = (struct host_facts){
		.arch = m->name.machine,
		.root = m->dir,
		.sys = m->sys,
		.proc = m->proc,
	};
	put(m, "sys/class/misc/kvm/dev", "10:232");
	put(m, "sys/class/misc/tun/dev", "10:200");
	put(m, "sys/class/misc/vhost-vsock/dev", "10:241");
	put(m, "sys/class/misc/vhost-net/dev", "10:238");
	put(m, "sys/module/kvm_intel/refcnt", "0");
	put(m, "proc/cpuinfo", "flags\t\t: fpu vmx sse\n");
	put(m, "proc/meminfo", "MemTotal:        4194304 kB\nMemFree: 1 kB\n");
}

static void stop(struct machine *m)
{
	folder_remove(m->dir);
	free(m->sys);
	free(m->proc);
}

/* The check that refuses, "" if none; *ret_warnings counts. */
static char *refusal(const struct machine *m, size_t *ret_warnings)
{
	_strv_ strv warnings = NULL;
	struct error e;
	int r = hostcheck_run(&m->facts, &warnings, &e);

	*ret_warnings = strv_len(warnings);
	return xstrdup(r < 0 ? e.msg : "");
}

static void assert_refused(const struct machine *m, const char *check, size_t n_warnings)
{
	size_t warnings;
	_free_ char *why = refusal(m, &warnings);

	if (check ? !strstr(why, check) : *why != '\0')
		fail_msg("wanted '%s', got '%s'", check ? check : "", why);
	assert_int_equal(warnings, n_warnings);
}

static void drop(const struct machine *m, const char *path)
{
	_free_ char *full = path_join(m->dir, path);
	struct error e;

	assert_int_equal(tree_remove(full, &e), 0);
}

static void test_machine_with_everything_is_accepted(void **state)
{
	struct machine m;

	(void)state;
	start(&m);
	assert_refused(&m, NULL, 0);
	stop(&m);
}

static void test_machine_without_kvm_is_refused_or_emulates(void **state)
{
	struct machine m;

	(void)state;
	start(&m);
	drop(&m, "sys/class/misc/kvm");
	assert_refused(&m, "check 'kvm'", 0);
	m.facts.allow_emulation = true;
	assert_refused(&m, NULL, 1);
	stop(&m);
}

static void test_machine_whose_kvm_has_no_hardware_is_refused(void **state)
{
	struct machine m;

	(void)state;
	start(&m);
	if (strcmp(m.name.machine, "x86_64") == 0) {
		put(&m, "proc/cpuinfo", "flags\t\t: fpu sse vmxnet\n");
		assert_refused(&m, "check 'kvm'", 0);
		put(&m, "proc/cpuinfo", "flags\t\t: fpu svm\n");
		drop(&m, "sys/module/kvm_intel");
		assert_refused(&m, "load it with modprobe kvm_amd", 0);
		put(&m, "sys/module/kvm_pvm/refcnt", "0");
		assert_refused(&m, "kvm_pvm", 0);
	}
	stop(&m);
}

static void test_machine_of_another_kind_is_unsuitable_not_faulty(void **state)
{
	char other[] = "vax";
	struct machine m;
	struct error e;

	(void)state;
	start(&m);
	assert_null(hostcheck_unsuitable(&m.facts, &e));
	drop(&m, "sys/class/misc/kvm");
	assert_string_equal(hostcheck_unsuitable(&m.facts, &e), "NoVirtualization");
	m.facts.allow_emulation = true;
	assert_null(hostcheck_unsuitable(&m.facts, &e));
	m.facts.arch = other;
	assert_string_equal(hostcheck_unsuitable(&m.facts, &e), "WrongArchitecture");
	assert_non_null(strstr(e.msg, "the image for its architecture"));
	stop(&m);
}

static void test_machine_without_helpers_is_only_warned(void **state)
{
	struct machine m;

	(void)state;
	start(&m);
	drop(&m, "sys/class/misc/vhost-vsock");
	drop(&m, "sys/class/misc/vhost-net");
	drop(&m, "sys/class/misc/tun");
	landlock = 0;
	assert_refused(&m, NULL, 4);
	landlock = 3;
	stop(&m);
}

static void test_machine_smaller_than_a_guest_is_warned(void **state)
{
	struct machine m;

	(void)state;
	start(&m);
	m.facts.guest_mib = 4095;
	assert_refused(&m, NULL, 0);
	m.facts.guest_mib = 4096;
	assert_refused(&m, NULL, 1);
	stop(&m);
}

/* The same machine with and without device nodes in sight: what one place cannot see is never said
 * to be otherwise. */
static void test_every_place_gives_the_same_answers(void **state)
{
	static const char *const gone[] = { "sys/class/misc/kvm", "sys/class/misc/tun",
					    "sys/module/kvm_intel", "proc/meminfo" };
	struct check_result here, there;
	_free_ char *dev = NULL;
	struct machine m;

	(void)state;
	start(&m);
	dev = path_join(m.dir, "dev");
	put(&m, "dev/net/tun", "");
	put(&m, "dev/vhost-vsock", "");
	put(&m, "dev/vhost-net", "");
	for (size_t g = 0; g <= ARRAY_SIZE(gone); g++) {
		for (size_t i = 0;; i++) {
			struct host_facts seen = m.facts;

			seen.dev = dev;
			if (!hostcheck_at(i, &m.facts, &here) || !hostcheck_at(i, &seen, &there))
				break;
			/* A file is no /dev/kvm. */
			if (here.verdict != VERDICT_WARNING && !str_equal(here.check->name, "kvm"))
				assert_int_equal(here.verdict, there.verdict);
		}
		if (g < ARRAY_SIZE(gone))
			drop(&m, gone[g]);
	}
	stop(&m);
}

static void test_release_for_another_machine_is_refused(void **state)
{
	struct machine m;

	(void)state;
	start(&m);
	m.facts.arch = "vax";
	assert_refused(&m, "for vax", 0);
	stop(&m);
}

static void test_place_where_no_program_runs_is_refused(void **state)
{
	_free_ char *unmade = NULL;
	struct machine m;

	(void)state;
	start(&m);
	unmade = path_join(m.dir, "not/made/yet");
	m.facts.root = unmade;
	assert_refused(&m, NULL, 0);
	mount_flags = ST_NOEXEC;
	assert_refused(&m, "noexec", 0);
	mount_flags = ST_RDONLY;
	assert_refused(&m, "read-only", 0);
	m.facts.only_looks = true;
	assert_refused(&m, NULL, 0);
	mount_flags = ST_RDONLY | ST_NOEXEC;
	assert_refused(&m, "noexec", 0);
	mount_flags = 0;
	put(&m, "file", "");
	free(unmade);
	m.facts.root = unmade = path_join(m.dir, "file/below");
	assert_refused(&m, "cannot look at", 0);
	stop(&m);
}

static void test_old_kernel_is_unsuitable(void **state)
{
	static const struct {
		const char *release;
		bool is_old;
	} cases[] = {
		{ "5.9.16-rc1", true }, { "4.19.0-27-amd64", true }, { "custom", true },
		{ "5.10.0", false },    { "6.1.0-13-amd64", false }, { "10.0", false },
	};
	struct machine m;
	struct error e;

	(void)state;
	start(&m);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		kernel = cases[i].release;
		if (!str_equal(hostcheck_unsuitable(&m.facts, &e),
			       cases[i].is_old ? "KernelTooOld" : NULL))
			fail_msg("%s", kernel);
	}
	kernel = NULL;
	stop(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_machine_with_everything_is_accepted),
		cmocka_unit_test(test_machine_without_kvm_is_refused_or_emulates),
		cmocka_unit_test(test_machine_whose_kvm_has_no_hardware_is_refused),
		cmocka_unit_test(test_machine_of_another_kind_is_unsuitable_not_faulty),
		cmocka_unit_test(test_machine_without_helpers_is_only_warned),
		cmocka_unit_test(test_machine_smaller_than_a_guest_is_warned),
		cmocka_unit_test(test_every_place_gives_the_same_answers),
		cmocka_unit_test(test_release_for_another_machine_is_refused),
		cmocka_unit_test(test_place_where_no_program_runs_is_refused),
		cmocka_unit_test(test_old_kernel_is_unsuitable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
