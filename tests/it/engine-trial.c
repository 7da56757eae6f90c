/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine-trial - run a sandbox of a handler through an engine's CRI service.
 *
 * Arguments: SOCKET HANDLER VERSION-DIR, or only SOCKET for what CRI-O is asked before a change.
 *
 * Its exit status is 0 if a shim of that version ran it, 3 if the engine runs no sandbox of others
 * either, else 1, with the reason.  Run by tests of it/ where that engine is.
 */
#include <stdio.h>

#include "lib/host/crio.h"
#include "lib/host/live.h"
#include "lib/host/trial.h"
#include "lib/owner.h"

#define WAIT_MS 180000

static int try_handler(char **argv, struct error *e)
{
	const struct trial trial = {
		.socket = argv[1],
		.handler = argv[2],
		.version_dir = argv[3],
		.records = LIVE_RECORDS,
		.owner = "test",
	};

	return trial_run(&trial, deadline_in(WAIT_MS), NULL, e);
}

static int prepare(const char *socket, struct error *e)
{
	static const struct owner owner = { .name = "test" };
	const struct engine engine = { .socket = socket, .owner = &owner };

	return crio_driver.prepare(&engine, deadline_in(WAIT_MS), NULL, e);
}

int main(int argc, char **argv)
{
	struct error e = { 0 };
	int r;

	if (argc != 2 && argc != 4)
		return 64;
	r = argc == 4 ? try_handler(argv, &e) : prepare(argv[1], &e);
	if (r < 0)
		fprintf(stderr, "%s\n", e.msg);
	return r >= 0 ? 0 : r == -ENODATA ? 3 : 1;
}
