/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main - kubectl-kata, the program; kata-deploy has the same commands as "kata-deploy kubectl".
 */
#include "deploy/kubectl/kubectl.h"

int main(int argc, char **argv)
{
	return kubectl_main(argc, argv);
}
