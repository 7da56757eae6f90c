/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory - whether the machine has more memory than one guest is given.  Any thread.
 */
#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "lib/host/hostcheck.h"

#define MEMINFO_MAX (64 * KIB)

static uint64_t total_mib(const struct host_facts *f)
{
	_free_ char *path = path_join(f->proc, "meminfo");
	_free_ char *text = NULL;
	unsigned long long kib = 0;
	struct error ignored;

	/* The format is the kernel's own: the first line is "MemTotal:   16384 kB". */
	if (file_read(path, MEMINFO_MAX, &text, NULL, &ignored) < 0 ||
	    sscanf(text, "MemTotal: %llu kB", &kib) != 1)
		return UINT64_MAX;
	return kib / KIB;
}

static enum check_answer look(const struct host_facts *f, struct error *e)
{
	uint64_t mib = total_mib(f);

	if (f->guest_mib == 0 || mib > f->guest_mib)
		return CHECK_HOLDS;
	(void)fail(e, ENOMEM, "the machine has %llu MiB of memory, and each guest %llu MiB",
		   (unsigned long long)mib, (unsigned long long)f->guest_mib);
	return CHECK_FAILS;
}

const struct host_check check_memory = {
	.name = "memory",
	.weight = CHECK_HELPFUL,
	.look = look,
	.remedy = "lower default_memory in [hypervisor.qemu]",
};
