/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_spec - any config.json is refused or becomes a specification for a guest.
 *
 * Everything the shim asks of a specification before there is a VM is asked here.
 */

#include <string.h>

#include "lib/log.h"
#include "lib/rpc/message.h"
#include "runtime/sandbox/cgroup.h"
#include "runtime/sandbox/size.h"
#include "runtime/sandbox/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const Oci__Spec *spec)
{
	_free_ char *path = NULL;
	enum spec_type type;
	struct size pod;
	struct error e;

	(void)spec_type(spec, &type, &e);
	(void)spec_sandbox_id(spec);
	(void)spec_namespace_path(spec, "network");
	(void)spec_check_namespaces(spec, SPEC_SINGLE, SPEC_NETWORK_AS_ASKED, &e);
	(void)spec_mount_at(spec, "/etc/resolv.conf");
	(void)size_of_pod(spec, &pod, &e);
	(void)size_of_resources(spec->linux->resources);
	(void)cgroup_path(spec->linux->cgroupspath, "box", &path, &e);
	(void)spec_check_fields(spec, &e);
	(void)spec_is_privileged(spec);
	for (size_t i = 0; i < spec->n_mounts; i++) {
		struct idmap map;

		(void)spec_mount_is_shared(spec->mounts[i]);
		(void)spec_mount_is_read_only(spec->mounts[i]);
		(void)spec_mount_follows(spec->mounts[i]);
		(void)spec_mount_idmap(spec, spec->mounts[i], &map);
	}
}

static void change(Oci__Spec *spec)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		struct idmap map;

		spec_mount_add_option(spec->mounts[i], "nosuid");
		spec_mount_forget_idmap(spec->mounts[i]);
		if (spec_mount_idmap(spec, spec->mounts[i], &map) != MOUNT_IDMAP_NONE)
			abort();
	}
	spec_constrain(spec, SPEC_SECCOMP_KEEP);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_message_ Oci__Spec *spec = NULL;
	struct error e;

	log_set_level(LOG_LEVEL_ERROR);
	if (spec_parse((const char *)data, size, "config.json", &spec, &e) < 0)
		return 0;
	ask(spec);
	change(spec);
	ask(spec);
	spec_constrain(spec, SPEC_SECCOMP_DROP);
	return 0;
}
