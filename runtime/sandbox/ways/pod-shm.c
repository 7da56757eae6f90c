/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pod-shm - /dev/shm of a pod, one tmpfs of the guest.
 *
 * Shared memory cannot cross a file system protocol, so the host's, which the engine made for the
 * pod, stays empty and its containers share the one that the sandbox has in the guest.
 *
 * Work thread.
 */

#include <string.h>

#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/way.h"

static int match(const struct arrival *a, struct error *e)
{
	(void)e;
	return strcmp(a->mount->destination, "/dev/shm") == 0 && a->mount->source[0] == '/';
}

static int give(const struct arrival *a, struct gifts *g, struct error *e)
{
	(void)g;
	(void)e;
	spec_set(&a->mount->source, SANDBOX_GUEST_SHM);
	return 0;
}

const struct way way_pod_shm = {
	.name = "the pod's shared memory",
	.kind = WAY_MOUNT,
	.match = match,
	.give = give,
};
