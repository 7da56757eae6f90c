/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_state - any bytes as a sandbox's record, for the shim that cleans up by it and for the
 * installer that only looks.
 *
 * What could be read is the same once it was written.  No process that is named is one that nobody
 * may end.
 */

#include <string.h>

#include "lib/file.h"
#include "lib/rpc/message.h"
#include "runtime/sandbox/state.h"
#include "tests/fuzz/folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check(struct state *s, const char *top)
{
	_state_ struct state again = { 0 };
	struct error e;

	for (size_t i = 0; i < N_STATE_ROLE; i++)
		require(s->processes[i].pid == 0 || s->processes[i].pid > 1);
	s->assets[STATE_ASSET_VMM] = (struct state_asset){
		.path = xstrdup(s->bundle),
		.sha256 = xstrdup(s->config_digest),
	};
	require(state_save(s, top, &e) == 0);
	require(state_load(&again, top, "box", &e) == 0);
	require(!memcmp(again.processes, s->processes, sizeof(s->processes)));
	require(strv_len(again.taps) == strv_len(s->taps));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_folder_ char *top = folder_new((const uint8_t *)"", 0);
	_free_ char *dir = state_dir(top, "box");
	_free_ char *path = path_join(dir, "state.json");
	_state_ struct state s = { 0 };
	struct error e;

	require(dir_make(dir, 0700, &e) >= 0);
	require(file_replace(path, data, size, 0600, &e) == 0);
	if (state_load(&s, top, "box", &e) == 0)
		check(&s, top);
	return 0;
}
