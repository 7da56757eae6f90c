/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block-refused - block devices that cannot be given to a guest.
 *
 * A container that may use every device was given all there are, and wants none by name: they are
 * left out.  One that names a block device needs it, and is told so.
 *
 * Work thread.
 */

#include <string.h>

#include "lib/log.h"
#include "lib/rpc/message.h"
#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/way.h"

static int match(const struct arrival *a, struct error *e)
{
	(void)e;
	return strcmp(a->device->type, "b") == 0;
}

static int give(const struct arrival *a, struct gifts *g, struct error *e)
{
	(void)g;
	if (!spec_gives_all_devices(a->spec))
		return fail(e, ENOTSUP,
			    "the block device '%s' cannot be given to a guest "
			    "(volumeMode: Block is not supported)",
			    a->device->path);
	log_warn("the block device '%s' is not given to the guest", a->device->path);
	message_free(TAKE_PTR(a->spec->linux->devices[a->number]));
	return 0;
}

const struct way way_block_refused = {
	.name = "block device without a way",
	.kind = WAY_DEVICE,
	.match = match,
	.give = give,
};
