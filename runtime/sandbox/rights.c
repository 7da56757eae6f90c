/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights - read and write the device rules of a specification.
 *
 * The last rule that matches decides, for reading, writing and making apart.  Any thread.
 */

#include "runtime/sandbox/rights.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "lib/device-rule.h"
#include "lib/rpc/message.h"
#include "lib/str.h"
#include "runtime/sandbox/spec.h"

#define ALL "rwm"

static bool is_exact(const Oci__LinuxDeviceCgroup *rule, char type, dev_t device)
{
	return rule->type[0] == type && device_rule_major(rule) == major(device) &&
	       device_rule_minor(rule) == minor(device);
}

static bool is_of(int64_t number, unsigned int its_number)
{
	return number == DEVICE_RULE_ANY || number == its_number;
}

static bool matches(const Oci__LinuxDeviceCgroup *rule, char type, dev_t device)
{
	if (rule->type[0] && rule->type[0] != 'a' && rule->type[0] != type)
		return false;
	return is_of(device_rule_major(rule), major(device)) &&
	       is_of(device_rule_minor(rule), minor(device));
}

struct rights rights_of(const Oci__Spec *spec, char type, dev_t device)
{
	const Oci__LinuxResources *r = spec->linux->resources;
	bool is_privileged = !r && spec_is_privileged(spec);
	bool has[sizeof(ALL) - 1] = { is_privileged, is_privileged, is_privileged };
	struct rights rights = { "" };
	size_t n = 0;

	for (size_t i = 0; r && i < r->n_devices; i++) {
		const Oci__LinuxDeviceCgroup *rule = r->devices[i];

		for (size_t k = 0; matches(rule, type, device) && k < sizeof(has); k++)
			if (str_empty(rule->access) || strchr(rule->access, ALL[k]))
				has[k] = rule->allow;
	}
	for (size_t k = 0; k < sizeof(has); k++)
		if (has[k])
			rights.text[n++] = ALL[k];
	return rights;
}

bool rights_have(struct rights rights, char letter)
{
	return strchr(rights.text, letter) != NULL;
}

bool rights_are_named(const Oci__Spec *spec, char type, dev_t device)
{
	const Oci__LinuxResources *r = spec->linux->resources;

	for (size_t i = 0; r && i < r->n_devices; i++)
		if (is_exact(r->devices[i], type, device))
			return true;
	return false;
}

static void add(Oci__LinuxResources *r, char type, dev_t device, const char *access, bool allow)
{
	Oci__LinuxDeviceCgroup *rule = message_new(&oci__linux_device_cgroup__descriptor);

	rule->allow = allow;
	rule->type = xstrndup(&type, 1);
	device_rule_set_numbers(rule, major(device), minor(device));
	rule->access = xstrdup(access);
	r->devices = xrealloc(r->devices, r->n_devices + 1, sizeof(*r->devices));
	r->devices[r->n_devices++] = rule;
}

void rights_set(Oci__Spec *spec, char type, dev_t device, struct rights rights)
{
	if (!spec->linux->resources)
		spec->linux->resources = message_new(&oci__linux_resources__descriptor);
	add(spec->linux->resources, type, device, ALL, false);
	if (rights.text[0])
		add(spec->linux->resources, type, device, rights.text, true);
}
