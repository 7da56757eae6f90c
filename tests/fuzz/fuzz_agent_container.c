/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_agent_container - what a container's specification and image make the agent parse.
 *
 * The first byte chooses: a packed specification (its mount options, device rules, seccomp profile
 * and capabilities are translated), or text that an image or the kernel hands over.
 */

#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/child/caps.h"
#include "agent/child/lookup.h"
#include "agent/child/rootfs.h"
#include "agent/child/seccomp.h"
#include "agent/container/cgroup.h"
#include "agent/container/process.h"
#include "agent/plan/devices.h"
#include "lib/mount.h"
#include "lib/rpc/proto/oci.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void translate_linux(const Oci__Spec *spec)
{
	static struct bpf_insn insns[CGROUP_DEVICE_INSNS(CGROUP_DEVICE_RULES_MAX)];
	_free_ Oci__LinuxDeviceCgroup **rules = NULL;
	_close_ int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct cgroup none = { .fd = fd, .rootfd = -1 };
	struct error e;
	size_t n = device_rules(spec, &rules);

	(void)cgroup_device_program(rules, n, insns, &e);
	(void)cgroup_limit(&none, spec->linux->resources, &e);
	if (spec->linux->seccomp)
		(void)seccomp_export(spec->linux->seccomp, fd, &e);
}

static void translate(const uint8_t *data, size_t size)
{
	Oci__Spec *spec = (Oci__Spec *)(void *)protobuf_c_message_unpack(&oci__spec__descriptor,
									 NULL, size, data);
	struct caps caps;
	struct error e;

	if (!spec)
		return;
	for (size_t i = 0; i < spec->n_mounts; i++) {
		_mount_options_ struct mount_options o = { 0 };

		(void)mount_options_parse(spec->mounts[i]->options, spec->mounts[i]->n_options, &o,
					  &e);
	}
	(void)caps_parse(spec->process ? spec->process->capabilities : NULL, &caps, &e);
	if (spec->linux)
		translate_linux(spec);
	protobuf_c_message_free_unpacked(&spec->base, NULL);
}

static void read_text(const uint8_t *data, size_t size)
{
	_free_ char *text = xstrndup((const char *)data, size);
	_free_ char *home = lookup_home(text, 1000);
	_strv_ strv siblings = rootfs_siblings(text, 30);
	_strv_ strv lines = strv_split(text, "\n");
	_strv_ strv env = lookup_environment(lines, strv_len(lines));

	if (!home[0])
		abort();
	(void)strv_len(siblings);
	(void)lookup_env(env, "PATH");
	(void)process_status_handles(text, 15);
	(void)cgroup_value(text, "oom_kill", 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		translate(data + 1, size - 1);
	else
		read_text(data + 1, size - 1);
	return 0;
}
