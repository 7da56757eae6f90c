/* SPDX-License-Identifier: Apache-2.0 */
/*
 * devices - the devices every container has, and the rules by which it may use them and its own.
 *
 * Nodes and rules come from one table, so a node that is made can be opened and one that is not in
 * the table cannot become usable by mknod(2): making any node is allowed, as programs that unpack
 * archives need it, opening it is not.  Any thread.
 */
#include "agent/plan/devices.h"

#include <string.h>

#include "lib/device-rule.h"
#include "lib/rpc/proto/oci.pb-c.h"
#include "lib/str.h"

const struct default_device default_devices[] = {
	{ NULL, "c", -1, -1, "m" },           { NULL, "b", -1, -1, "m" },
	{ "/dev/null", "c", 1, 3, "rwm" },    { "/dev/zero", "c", 1, 5, "rwm" },
	{ "/dev/full", "c", 1, 7, "rwm" },    { "/dev/random", "c", 1, 8, "rwm" },
	{ "/dev/urandom", "c", 1, 9, "rwm" }, { "/dev/tty", "c", 5, 0, "rwm" },
	{ NULL, "c", 5, 1, "rwm" },    /* the console: a terminal's other name */
	{ NULL, "c", 5, 2, "rwm" },    /* ptmx, which devpts has */
	{ NULL, "c", 136, -1, "rwm" }, /* terminals */
	{ NULL, "c", 10, 200, "rwm" }, /* tun, for who may make its node and networks */
};

const size_t n_default_devices = ARRAY_SIZE(default_devices);

static void set_rule(Oci__LinuxDeviceCgroup *rule, const char *type, int64_t major, int64_t minor,
		     const char *access)
{
	_Static_assert(sizeof(char *) == sizeof(uintptr_t), "literals are kept as pointers");
	*rule = (Oci__LinuxDeviceCgroup)OCI__LINUX_DEVICE_CGROUP__INIT;
	rule->allow = true;
	rule->type = (char *)(uintptr_t)type;
	device_rule_set_numbers(rule, major, minor);
	rule->access = (char *)(uintptr_t)access;
}

bool device_rule_is_for_all(const Oci__LinuxDeviceCgroup *rule)
{
	const char *access = rule->access;

	return device_rule_major(rule) == DEVICE_RULE_ANY &&
	       device_rule_minor(rule) == DEVICE_RULE_ANY &&
	       (str_empty(rule->type) || !strcmp(rule->type, "a")) &&
	       (str_empty(access) ||
		(strchr(access, 'r') && strchr(access, 'w') && strchr(access, 'm')));
}

bool devices_are_all_allowed(const Oci__Spec *spec)
{
	const Oci__LinuxResources *r = spec->linux->resources;

	for (size_t i = r ? r->n_devices : 0; i > 0; i--)
		if (device_rule_is_for_all(r->devices[i - 1]))
			return r->devices[i - 1]->allow;
	return false;
}

/* Whether SPEC says itself how its device D may be used. */
static bool has_rule(const Oci__Spec *spec, const Oci__LinuxDevice *d)
{
	const Oci__LinuxResources *r = spec->linux->resources;

	for (size_t i = 0; r && i < r->n_devices; i++)
		if (strcmp(r->devices[i]->type, d->type) == 0 &&
		    device_rule_major(r->devices[i]) == d->major &&
		    device_rule_minor(r->devices[i]) == d->minor)
			return true;
	return false;
}

size_t device_rules(const Oci__Spec *spec, Oci__LinuxDeviceCgroup ***ret_rules)
{
	size_t n_spec = spec->linux->resources ? spec->linux->resources->n_devices : 0;
	size_t n_own = ARRAY_SIZE(default_devices) + spec->linux->n_devices;
	size_t n = n_spec + n_own;
	Oci__LinuxDeviceCgroup **rules =
		xmalloc(n * sizeof(*rules) + n_own * sizeof(Oci__LinuxDeviceCgroup));
	Oci__LinuxDeviceCgroup *own = (Oci__LinuxDeviceCgroup *)(void *)(rules + n);

	for (size_t i = 0; i < n_spec; i++)
		rules[i] = spec->linux->resources->devices[i];
	for (size_t i = 0; i < n_own; i++)
		rules[n_spec + i] = &own[i];
	for (size_t i = 0; i < ARRAY_SIZE(default_devices); i++, own++)
		set_rule(own, default_devices[i].type, default_devices[i].major,
			 default_devices[i].minor, default_devices[i].access);
	for (size_t i = 0; i < spec->linux->n_devices; i++) {
		const Oci__LinuxDevice *d = spec->linux->devices[i];

		if (has_rule(spec, d)) {
			n--;
			continue;
		}
		/* A fifo is no device: its rule allows nothing that is not allowed. */
		set_rule(own++, strcmp(d->type, "p") ? d->type : "c", d->major, d->minor,
			 strcmp(d->type, "p") ? "rwm" : "m");
	}
	*ret_rules = rules;
	return n;
}
