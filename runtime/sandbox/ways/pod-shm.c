/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pod-shm - /dev/shm of a pod, one tmpfs of the guest.
 *
 * Shared memory cannot cross a file system protocol, so the host's, which the engine made for the
 * pod, stays empty and its containers share the one that the sandbox has in the guest, as large as
 * the host's.  A volume that a container has on its /dev/shm instead is a volume like any other.
 *
 * Work thread.
 */

#include <string.h>

#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/way.h"

#define HOST_SHM "/dev/shm" /* what a pod has that shares the host's (hostIPC) */

static int match(const struct arrival *a, struct error *e)
{
	const char *pods = sandbox_shm_source(a->sandbox);

	(void)e;
	return strcmp(a->mount->source, HOST_SHM) == 0 ||
	       (pods && strcmp(a->mount->source, pods) == 0);
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
