/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main - kata-manager, the program; all of it is in a library, for the tests.
 */
#include "manager/manager.h"

int main(int argc, char **argv)
{
	return manager_main(argc, argv);
}
