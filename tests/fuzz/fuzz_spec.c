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
	for (size_t i = 0; i < spec->n_mounts; i++) {
		(void)spec_mount_is_shared(spec->mounts[i]);
		(void)spec_mount_is_read_only(spec->mounts[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_message_ Oci__Spec *spec = NULL;
	struct error e;

	log_set_level(LOG_LEVEL_ERROR);
	if (spec_parse((const char *)data, size, "config.json", &spec, &e) < 0)
		return 0;
	ask(spec);
	spec_constrain(spec, SPEC_SECCOMP_KEEP);
	ask(spec);
	return 0;
}
