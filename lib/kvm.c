/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvm - whether hardware virtualisation really works.
 *
 * That /dev/kvm opens and makes virtual CPUs proves little: kvm_pvm does so without a processor
 * behind it, and Linux never gets up in it.  So the question is asked in three places: a processor
 * that has the extension, the module that drives it, and the device.  Who does not see device nodes
 * takes the kernel's list of them.  Other processors than x86 have no flag and no module to ask.
 * Any thread.
 */

#include "lib/kvm.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/kvm.h>

#include "lib/file.h"

#define CPUINFO_MAX (16 * MIB)

#if defined(__x86_64__) || defined(__i386__)
static const bool is_x86 = true;
#else
static const bool is_x86 = false;
#endif

static bool has_below(const char *dir, const char *name)
{
	_free_ char *path = path_join(dir, name);

	return file_exists(path);
}

/* Whether the first processor's flags contain WORD. */
static bool has_flag(const char *cpuinfo, const char *word)
{
	const char *line = str_starts(cpuinfo, "flags") ? cpuinfo : strstr(cpuinfo, "\nflags");
	_free_ char *flags = NULL;
	_strv_ strv words = NULL;

	if (!line)
		return false;
	flags = xstrndup(line + 1, strcspn(line + 1, "\n"));
	words = strv_split(flags, " \t");
	return strv_contains(words, word);
}

/* The module for what the processor has; NULL if that is nothing. */
static const char *find_module(const struct kvm_places *places)
{
	_free_ char *path = path_join(places->proc, "cpuinfo");
	_free_ char *text = NULL;
	struct error ignored;

	if (file_read(path, CPUINFO_MAX, &text, NULL, &ignored) < 0)
		return NULL;
	return has_flag(text, "vmx") ? "kvm_intel" : has_flag(text, "svm") ? "kvm_amd" : NULL;
}

static int check_x86(const struct kvm_places *places, struct error *e)
{
	const char *module = find_module(places);

	if (!module)
		return fail(e, ENODEV,
			    "the processor offers no virtualisation (no vmx or svm flag; turn it "
			    "on in the firmware, or nested virtualisation in the outer "
			    "hypervisor)");
	if (has_below(places->sys, "module/kvm_intel") || has_below(places->sys, "module/kvm_amd"))
		return 0;
	if (has_below(places->sys, "module/kvm_pvm"))
		return fail(e, ENODEV,
			    "the module behind /dev/kvm is kvm_pvm, which cannot run Linux");
	return fail(e, ENODEV,
		    "the processor offers virtualisation, but its module is not loaded; load it "
		    "with modprobe %s",
		    module);
}

static int check_device(const struct kvm_places *places, struct error *e)
{
	_free_ char *path = places->dev ? path_join(places->dev, "kvm") : NULL;
	_close_ int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (!path)
		return has_below(places->sys, "class/misc/kvm")
			       ? 0
			       : fail(e, ENODEV, "the kernel offers no /dev/kvm");
	if (fd < 0)
		return fail(e, ENODEV, "cannot open %s: %m", path);
	if (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return fail(e, ENODEV, "%s does not speak version %d of its interface", path,
			    KVM_API_VERSION);
	return 0;
}

int kvm_find(const struct kvm_places *places, struct error *e)
{
	int r = is_x86 ? check_x86(places, e) : 0;

	return r < 0 ? r : check_device(places, e);
}

bool kvm_works(struct error *why_not)
{
	static const struct kvm_places here = { "/sys", "/proc", "/dev" };

	return kvm_find(&here, why_not) >= 0;
}
