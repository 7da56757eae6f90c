/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init - the least a guest can do: say "up" and wait.
 *
 * The limit against which the agent's start is measured: same kernel, same QEMU, nothing else.
 */

#include <unistd.h>

int main(void)
{
	if (write(STDOUT_FILENO, "up\n", 3) != 3)
		return 1;
	for (;;)
		(void)pause();
}
