/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel-init - first process of a guest that only boots: say what the kernel keeps for itself,
 * power off.
 *
 * "memory N": bytes of the 256 MiB the VMM gave that are not free.  What the processes hold is this
 * program, some pages.
 */

#include <stdio.h>
#include <sys/reboot.h>
#include <sys/sysinfo.h>

#define GIVEN (256UL << 20)

int main(void)
{
	struct sysinfo info;

	if (sysinfo(&info) < 0)
		return 1;
	(void)printf("memory %lu\n", GIVEN - info.freeram * info.mem_unit);
	(void)fflush(stdout);
	return reboot(RB_POWER_OFF);
}
