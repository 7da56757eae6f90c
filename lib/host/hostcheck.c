/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostcheck - find out before the first change what would fail after the last.
 *
 * Every check is a row: it fills the error with what is wrong and what to do; the row says whether
 * that ends the installation or is only a warning.  Facts come from /proc and /sys, which a
 * container sees as the node has them; device nodes it does not see.  Read only.  May block on the
 * disk, no longer.
 */
#include "lib/host/hostcheck.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include "lib/file.h"

#define CPUINFO_MAX (4 * MIB)
/* openat2(2), pidfds with waitid(2), close_range(2) */
#define KERNEL_MAJOR 5
#define KERNEL_MINOR 10

enum severity { MUST, SHOULD };

static bool exists_below(const char *dir, const char *name)
{
	_free_ char *path = path_join(dir, name);

	return file_exists(path);
}

static int check_arch(const struct host_facts *f, struct error *e)
{
	struct utsname name;

	(void)uname(&name);
	return strcmp(name.machine, f->arch) == 0
		       ? 0
		       : fail(e, ENOEXEC,
			      "the release is for %s, the node is %s; use the image "
			      "for its architecture",
			      f->arch, name.machine);
}

static int check_kernel(const struct host_facts *f, struct error *e)
{
	struct utsname name;
	unsigned major = 0, minor = 0;

	(void)f;
	(void)uname(&name);
	/* The format is the kernel's own: "6.1.0-13-amd64". */
	if (sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	    (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR)))
		return 0;
	return fail(e, ENOTSUP, "Linux %s is too old, %d.%d is needed", name.release, KERNEL_MAJOR,
		    KERNEL_MINOR);
}

static bool has_cpu_flag(const struct host_facts *f, const char *const *flags)
{
	_free_ char *path = path_join(f->proc, "cpuinfo");
	_free_ char *text = NULL;
	_strv_ strv words = NULL;
	struct error ignored;

	if (file_read(path, CPUINFO_MAX, &text, NULL, &ignored) < 0)
		return false;
	words = strv_split(text, " \t\n");
	for (; *flags; flags++)
		if (strv_contains(words, *flags))
			return true;
	return false;
}

/* KVM is usable when the device exists and hardware is behind it: the module kvm_pvm makes the same
 * device without, for guests that know about it, and ours do not. */
static int check_kvm(const struct host_facts *f, struct error *e)
{
	static const char *const flags[] = { "vmx", "svm", NULL };
	static const char *const other_archs[] = { "aarch64", "s390x", "ppc64le", "riscv64" };
	bool has_device = exists_below(f->sys, "class/misc/kvm");

	if (f->allow_emulation)
		return 0;
	if (!has_device)
		return fail(
			e, ENODEV,
			"the node has no /dev/kvm: enable virtualization in its firmware or in "
			"the VM it is, load kvm_intel or kvm_amd, or set allow_emulation = true "
			"for tests");
	for (size_t i = 0; i < ARRAY_SIZE(other_archs); i++)
		if (strcmp(f->arch, other_archs[i]) == 0)
			return 0;
	if (exists_below(f->sys, "module/kvm_pvm") || !has_cpu_flag(f, flags))
		return fail(
			e, ENODEV,
			"the node has /dev/kvm but no hardware virtualization behind it (no "
			"vmx or svm in /proc/cpuinfo, or the module kvm_pvm); enable it, or set "
			"allow_emulation = true for tests");
	return 0;
}

bool hostcheck_has_kvm(const struct host_facts *facts)
{
	struct host_facts strict = *facts;
	struct error ignored;

	strict.allow_emulation = false;
	return check_kvm(&strict, &ignored) >= 0;
}

static int warn_emulation(const struct host_facts *f, struct error *e)
{
	if (!f->allow_emulation || hostcheck_has_kvm(f))
		return 0;
	return fail(e, ENODEV,
		    "VMs will be emulated, which is slow: KVM is not usable and the "
		    "configuration allows emulation");
}

static int check_vsock(const struct host_facts *f, struct error *e)
{
	return exists_below(f->sys, "class/misc/vhost-vsock")
		       ? 0
		       : fail(e, ENODEV,
			      "the node has no /dev/vhost-vsock: vhost-device-vsock will "
			      "stand in; load the module vhost_vsock to save a process "
			      "per pod");
}

static int check_vhost_net(const struct host_facts *f, struct error *e)
{
	return exists_below(f->sys, "class/misc/vhost-net")
		       ? 0
		       : fail(e, ENODEV,
			      "the node has no /dev/vhost-net: the network will be slower; "
			      "load the module vhost_net");
}

static int check_tun(const struct host_facts *f, struct error *e)
{
	return exists_below(f->sys, "class/misc/tun") ||
			       exists_below(f->sys, "devices/virtual/misc/tun")
		       ? 0
		       : fail(e, ENODEV, "the node has no /dev/net/tun; load the module tun");
}

/* Of the folder that PATH will be made in, if it is not there yet. */
static int look_at_file_system(const char *path, struct statvfs *ret_fs)
{
	_free_ char *dir = xstrdup(path);

	while (statvfs(dir, ret_fs) < 0) {
		_free_ char *parent = path_parent(dir);

		if (errno != ENOENT || strcmp(parent, dir) == 0)
			return -1;
		str_set(&dir, parent);
	}
	return 0;
}

static int check_exec(const struct host_facts *f, struct error *e)
{
	struct statvfs fs;

	if (look_at_file_system(f->root, &fs) < 0)
		return fail(e, errno, "cannot look at '%s': %m", f->root);
	if (fs.f_flag & ST_RDONLY)
		return fail(e, EROFS, "'%s' is mounted read-only", f->root);
	return fs.f_flag & ST_NOEXEC ? fail(e, EACCES,
					    "'%s' is mounted noexec; mount it without, or set "
					    "INSTALLATION_PREFIX to another file system",
					    f->root)
				     : 0;
}

static const struct {
	const char *name;
	enum severity severity;
	int (*check)(const struct host_facts *f, struct error *e);
} checks[] = {
	{ "architecture", MUST, check_arch },
	{ "kernel", MUST, check_kernel },
	{ "kvm", MUST, check_kvm },
	{ "emulation", SHOULD, warn_emulation },
	{ "tun", SHOULD, check_tun },
	{ "vhost-vsock", SHOULD, check_vsock },
	{ "vhost-net", SHOULD, check_vhost_net },
	{ "executable", MUST, check_exec },
};

int hostcheck_run(const struct host_facts *facts, strv *ret_warnings, struct error *e)
{
	struct error found;

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		if (checks[i].check(facts, &found) >= 0)
			continue;
		if (checks[i].severity == MUST)
			return fail(e, found.code, "check '%s': %s", checks[i].name, found.msg);
		strv_addf(ret_warnings, "check '%s': %s", checks[i].name, found.msg);
	}
	return 0;
}
