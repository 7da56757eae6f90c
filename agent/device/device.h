/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DEVICE_DEVICE_H
#define AGENT_DEVICE_DEVICE_H

#include "lib/str.h"
#include "lib/wait.h"

struct Agent__Device;
struct sandbox;

#define DEVICE_MAX_PER_CALL 64

/* A device of the guest that a container gets under CONTAINER_PATH: CreateContainer gives the node
 * of the spec with that path these numbers, and allows them in the device cgroup ("rwm"). */
struct device {
	char *container_path;
	char type; /* 'b' or 'c' */
	unsigned major;
	unsigned minor;
};

struct device_list {
	struct device *items;
	size_t n;
};

void device_list_done(struct device_list *l);
#define _device_list_ _cleanup_(device_list_done)

/* Waits for each of the N devices to appear in the guest (agent.hotplug_timeout at most, sooner
 * when DEADLINE_MS or CANCEL says so) and finds its numbers.  *ret_list is the caller's.  Work
 * thread. */
int devices_resolve(struct sandbox *sb, struct Agent__Device *const *list, size_t n,
		    uint64_t deadline_ms, const struct cancel *cancel, struct device_list *ret_list,
		    struct error *e);

#endif
