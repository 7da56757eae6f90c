/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-recover - take back what an interrupted run left, for other versions and for people.
 */
#include "manager/run.h"

int cmd_recover(struct manager *m, struct error *e)
{
	return run_recover(m, e);
}
