/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine-trial - run a sandbox of a handler through an engine's CRI service.
 *
 * Arguments: SOCKET HANDLER VERSION-DIR.
 *
 * Its exit status is 0 if a shim of that version ran it, 3 if the engine runs no sandbox of others
 * either, else 1, with the reason.  Run by tests of it/ where that engine is.
 */
#include <stdio.h>

#include "lib/host/live.h"
#include "lib/host/trial.h"

#define WAIT_MS 180000

int main(int argc, char **argv)
{
	struct trial trial = { .records = LIVE_RECORDS, .owner = "test" };
	struct error e = { 0 };
	int r;

	if (argc != 4)
		return 64;
	trial.socket = argv[1];
	trial.handler = argv[2];
	trial.version_dir = argv[3];
	r = trial_run(&trial, deadline_in(WAIT_MS), NULL, &e);
	if (r < 0)
		fprintf(stderr, "%s\n", e.msg);
	return r >= 0 ? 0 : r == -ENODATA ? 3 : 1;
}
