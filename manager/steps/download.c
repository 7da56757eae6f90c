/* SPDX-License-Identifier: Apache-2.0 */
/*
 * download - bring what of the release is not here (lib/host/download.h).
 *
 * What comes lies in a cache until it is unpacked: a run that is cut off goes on there.  Nothing of
 * the machine is another for it, so there is nothing to take back.
 */
#include "lib/host/download.h"
#include "lib/host/store.h"
#include "lib/progress.h"
#include "manager/run.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct machine *k = &((const struct run *)context)->machine;
	_free_ char *needed = NULL, *archive = NULL, *why = NULL;
	struct download_sizes sizes;

	(void)others;
	(void)e;
	if (!k->download || store_has(k->root, k->folder))
		return 0;
	sizes = download_measure(k->download, &k->release, k->root);
	needed = progress_size(sizes.needed);
	archive = progress_size(sizes.archive);
	why = xasprintf("%s of %s are not on this machine", needed, archive);
	change_add(ret_change, EFFECT_PROBE, mirror_name(k->mirror), why);
	return 0;
}

static int run_it(void *context, const struct change *change, struct error *e)
{
	struct run *run = context;
	const struct machine *k = &run->machine;
	uint64_t archive = download_archive_size(k->download);
	_free_ char *moved = NULL, *saved = NULL;

	(void)change;
	if (download_run(k->download, &k->release, k->root, e) < 0)
		return -e->code;
	run->results.moved = mirror_moved(k->mirror);
	if (archive > run->results.moved)
		run->results.saved = archive - run->results.moved;
	moved = progress_size(run->results.moved);
	saved = progress_size(run->results.saved);
	view_say("download: %s moved, %s saved", moved, saved);
	return 0;
}

const struct step step_download = {
	.name = "download",
	.purpose = "bring what of the release is not here",
	.assess = assess,
	.run = run_it,
};
