/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_DEVICE_RULE_H
#define LIB_DEVICE_RULE_H

#include <stdint.h>

#include "lib/rpc/proto/oci.pb-c.h"

/*
 * The numbers of a device rule as they are sent (oci.proto, LinuxDeviceCgroup): a number that was
 * not sent, and any below 0, means every one and is DEVICE_RULE_ANY here.  0 is a number like
 * others: the major number 0 is of no device, so such a rule is about none.
 */
enum { DEVICE_RULE_ANY = -1 };

static inline int64_t device_rule_major(const Oci__LinuxDeviceCgroup *rule)
{
	return rule->has_major_case && rule->major >= 0 ? rule->major : DEVICE_RULE_ANY;
}

static inline int64_t device_rule_minor(const Oci__LinuxDeviceCgroup *rule)
{
	return rule->has_minor_case && rule->minor >= 0 ? rule->minor : DEVICE_RULE_ANY;
}

static inline void device_rule_set_numbers(Oci__LinuxDeviceCgroup *rule, int64_t major,
					   int64_t minor)
{
	rule->has_major_case = OCI__LINUX_DEVICE_CGROUP__HAS_MAJOR_MAJOR;
	rule->has_minor_case = OCI__LINUX_DEVICE_CGROUP__HAS_MINOR_MINOR;
	rule->major = major;
	rule->minor = minor;
}

#endif
