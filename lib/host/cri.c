/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cri - choose the driver for the node's container runtime.
 *
 * Limits: containerd 1.x and 2.x; a runtime that is none of these is refused before anything is
 * touched.  Any thread.
 */
#include "lib/host/cri.h"

#include <string.h>

#include "lib/host/cri-containerd.h"

static const struct cri_driver *const drivers[] = { &cri_containerd1, &cri_containerd2 };

/* "containerd://1.6.20~ds1" and "v2.4.2" have the major version 1 and 2. */
static int parse_major(const char *version, unsigned *ret_major, struct error *e)
{
	const char *colon = strstr(version, "://");
	const char *number = colon ? colon + 3 : version;
	_free_ char *digits = NULL;
	uint32_t major;
	int r;

	if (colon && !str_starts(version, "containerd://"))
		return fail(e, ENOTSUP, "container runtime '%s' is not supported; containerd is",
			    version);
	number += *number == 'v';
	digits = xstrndup(number, strspn(number, "0123456789"));
	r = parse_u32(digits, "containerd version", 1000, &major, e);
	if (r < 0)
		return fail_wrap(e, "container runtime version '%s'", version);
	*ret_major = major;
	return 0;
}

int cri_driver_for(const char *version, const struct cri_driver **ret_driver, struct error *e)
{
	unsigned major = 0;
	int r = parse_major(version, &major, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		if (major >= drivers[i]->min_major && major <= drivers[i]->max_major) {
			*ret_driver = drivers[i];
			return 0;
		}
	}
	return fail(e, ENOTSUP, "containerd '%s' is not supported; 1.x and 2.x are", version);
}
