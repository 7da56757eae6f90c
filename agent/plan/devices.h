/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PLAN_DEVICES_H
#define AGENT_PLAN_DEVICES_H

#include "lib/base.h"

struct Oci__LinuxDeviceCgroup;
struct Oci__Spec;

/* Without a path: a rule only.  A number of -1 means every one. */
struct default_device {
	const char *path;
	const char *type; /* "c" or "b" */
	int major;
	int minor;
	const char *access; /* of "rwm" */
};

/* What every container has. */
extern const struct default_device default_devices[];
extern const size_t n_default_devices;

/* Whether RULE is about every device and every use of it. */
bool device_rule_is_for_all(const struct Oci__LinuxDeviceCgroup *rule);
/* Whether SPEC lets a container use every device there is, as that of a privileged one does. */
bool devices_are_all_allowed(const struct Oci__Spec *spec);

/* What SPEC says, then what every container may use, then SPEC's devices that it has no rule for.
 * *ret_rules and what it points to are one allocation, caller frees. */
size_t device_rules(const struct Oci__Spec *spec, struct Oci__LinuxDeviceCgroup ***ret_rules);

#endif
