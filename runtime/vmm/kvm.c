/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvm - whether hardware virtualisation really works.
 *
 * That /dev/kvm opens and makes virtual CPUs proves little: kvm_pvm does so without a processor
 * behind it, and Linux never gets up in it.  So the question is asked in three places: a processor
 * that has the extension, the module that drives it, and the device.  Any thread.
 */

#include "runtime/vmm/kvm.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/kvm.h>

#include "lib/file.h"
#include "runtime/vmm/vmm.h"

#define CPUINFO_MAX (16 * MIB)

static bool has_module(const struct kvm_places *places, const char *name)
{
	_free_ char *path = path_join(places->modules, name);

	return file_exists(path);
}

/* Whether the first processor's flags contain WORD. */
static bool has_flag(const char *cpuinfo, const char *word)
{
	const char *line = strstr(cpuinfo, "\nflags");
	_free_ char *flags = NULL;
	_strv_ strv words = NULL;

	if (!line)
		return false;
	flags = xstrndup(line + 1, strcspn(line + 1, "\n"));
	words = strv_split(flags, " \t");
	return strv_contains(words, word);
}

static bool has_extension(const struct kvm_places *places)
{
	_free_ char *text = NULL;
	struct error ignored;

	if (file_read(places->cpuinfo, CPUINFO_MAX, &text, NULL, &ignored) < 0)
		return false;
	return has_flag(text, "vmx") || has_flag(text, "svm");
}

static bool no(char *ret_reason, size_t size, const char *reason)
{
	(void)snprintf(ret_reason, size, "%s", reason);
	return false;
}

bool kvm_judge(const struct kvm_places *places, char *ret_reason, size_t size)
{
	_close_ int fd = -1;

	if (!has_extension(places))
		return no(ret_reason, size,
			  "the processor offers no virtualisation (no vmx or svm flag; turn it on "
			  "in the firmware, or nested virtualisation in the outer hypervisor)");
	if (!has_module(places, "kvm_intel") && !has_module(places, "kvm_amd"))
		return no(
			ret_reason, size,
			has_module(places, "kvm_pvm")
				? "the module behind /dev/kvm is kvm_pvm, which cannot run Linux"
				: "neither kvm_intel nor kvm_amd is loaded; run modprobe kvm_intel "
				  "or modprobe kvm_amd");
	fd = open(places->device, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		(void)snprintf(ret_reason, size, "cannot open %s: %s", places->device,
			       strerror(errno));
		return false;
	}
	if (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return no(ret_reason, size, "/dev/kvm does not speak version 12 of its interface");
	return true;
}

bool vmm_kvm_works(char *ret_reason, size_t size)
{
	static const struct kvm_places host = { "/dev/kvm", "/sys/module", "/proc/cpuinfo" };

	return kvm_judge(&host, ret_reason, size);
}
