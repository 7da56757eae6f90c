/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host-device - character devices of the host that a privileged container is given along with all.
 *
 * They have numbers of the host, of which the guest may have other devices.  The agent makes the
 * nodes of the guest's own devices where a container may use every one, so these are left out.
 *
 * Work thread.
 */

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/rpc/message.h"
#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/way.h"

static int match(const struct arrival *a, struct error *e)
{
	struct stat st;

	(void)e;
	return spec_gives_all_devices(a->spec) && stat(a->device->path, &st) == 0 &&
	       st.st_rdev == makedev((unsigned)a->device->major, (unsigned)a->device->minor);
}

static int give(const struct arrival *a, struct gifts *g, struct error *e)
{
	(void)g;
	(void)e;
	message_free(TAKE_PTR(a->spec->linux->devices[a->number]));
	return 0;
}

const struct way way_host_device = {
	.name = "left to the guest's own devices",
	.kind = WAY_DEVICE,
	.match = match,
	.give = give,
};
