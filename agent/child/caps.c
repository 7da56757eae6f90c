/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caps - the capability sets of a container's process.
 *
 * The kernel's own interface is used: it takes two words per set, and what a library would add here
 * is a table of 41 names.  A name that is not in the table is left out, which only ever takes
 * privileges away.  Runs in the child that becomes the process; one thread.
 */
#include "agent/child/caps.h"

#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "lib/rpc/proto/oci.pb-c.h"

static const char *const cap_names[] = {
	[CAP_CHOWN] = "CAP_CHOWN",
	[CAP_DAC_OVERRIDE] = "CAP_DAC_OVERRIDE",
	[CAP_DAC_READ_SEARCH] = "CAP_DAC_READ_SEARCH",
	[CAP_FOWNER] = "CAP_FOWNER",
	[CAP_FSETID] = "CAP_FSETID",
	[CAP_KILL] = "CAP_KILL",
	[CAP_SETGID] = "CAP_SETGID",
	[CAP_SETUID] = "CAP_SETUID",
	[CAP_SETPCAP] = "CAP_SETPCAP",
	[CAP_LINUX_IMMUTABLE] = "CAP_LINUX_IMMUTABLE",
	[CAP_NET_BIND_SERVICE] = "CAP_NET_BIND_SERVICE",
	[CAP_NET_BROADCAST] = "CAP_NET_BROADCAST",
	[CAP_NET_ADMIN] = "CAP_NET_ADMIN",
	[CAP_NET_RAW] = "CAP_NET_RAW",
	[CAP_IPC_LOCK] = "CAP_IPC_LOCK",
	[CAP_IPC_OWNER] = "CAP_IPC_OWNER",
	[CAP_SYS_MODULE] = "CAP_SYS_MODULE",
	[CAP_SYS_RAWIO] = "CAP_SYS_RAWIO",
	[CAP_SYS_CHROOT] = "CAP_SYS_CHROOT",
	[CAP_SYS_PTRACE] = "CAP_SYS_PTRACE",
	[CAP_SYS_PACCT] = "CAP_SYS_PACCT",
	[CAP_SYS_ADMIN] = "CAP_SYS_ADMIN",
	[CAP_SYS_BOOT] = "CAP_SYS_BOOT",
	[CAP_SYS_NICE] = "CAP_SYS_NICE",
	[CAP_SYS_RESOURCE] = "CAP_SYS_RESOURCE",
	[CAP_SYS_TIME] = "CAP_SYS_TIME",
	[CAP_SYS_TTY_CONFIG] = "CAP_SYS_TTY_CONFIG",
	[CAP_MKNOD] = "CAP_MKNOD",
	[CAP_LEASE] = "CAP_LEASE",
	[CAP_AUDIT_WRITE] = "CAP_AUDIT_WRITE",
	[CAP_AUDIT_CONTROL] = "CAP_AUDIT_CONTROL",
	[CAP_SETFCAP] = "CAP_SETFCAP",
	[CAP_MAC_OVERRIDE] = "CAP_MAC_OVERRIDE",
	[CAP_MAC_ADMIN] = "CAP_MAC_ADMIN",
	[CAP_SYSLOG] = "CAP_SYSLOG",
	[CAP_WAKE_ALARM] = "CAP_WAKE_ALARM",
	[CAP_BLOCK_SUSPEND] = "CAP_BLOCK_SUSPEND",
	[CAP_AUDIT_READ] = "CAP_AUDIT_READ",
	[CAP_PERFMON] = "CAP_PERFMON",
	[CAP_BPF] = "CAP_BPF",
	[CAP_CHECKPOINT_RESTORE] = "CAP_CHECKPOINT_RESTORE",
};
_Static_assert(ARRAY_SIZE(cap_names) == CAP_CHECKPOINT_RESTORE + 1, "one name each");

uint64_t caps_known(void)
{
	uint64_t known = 0;

	for (unsigned cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		known |= UINT64_C(1) << cap;
	return known;
}

static uint64_t cap_bit(const char *name)
{
	for (size_t cap = 0; cap < ARRAY_SIZE(cap_names); cap++)
		if (!strcmp(cap_names[cap], name))
			return UINT64_C(1) << cap;
	return 0;
}

static uint64_t set_of(char *const *names, size_t n, uint64_t known)
{
	uint64_t set = 0;

	for (size_t i = 0; i < n; i++)
		set |= cap_bit(names[i]);
	return set & known;
}

void caps_parse(const Oci__LinuxCapabilities *from, struct caps *ret)
{
	uint64_t known = caps_known();

	*ret = (struct caps){ 0 };
	if (!from)
		return;
	ret->bounding = set_of(from->bounding, from->n_bounding, known);
	ret->effective = set_of(from->effective, from->n_effective, known);
	ret->inheritable = set_of(from->inheritable, from->n_inheritable, known);
	ret->permitted = set_of(from->permitted, from->n_permitted, known);
	ret->ambient = set_of(from->ambient, from->n_ambient, known);
}

int caps_drop_bounding(const struct caps *caps, struct error *e)
{
	uint64_t known = caps_known();

	for (unsigned cap = 0; cap < 64; cap++) {
		uint64_t bit = UINT64_C(1) << cap;

		if (!(known & bit) || caps->bounding & bit)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return fail(e, errno, "cannot drop capability %u from the bounding set: %m",
				    cap);
	}
	return 0;
}

static int set_sets(uint64_t effective, uint64_t permitted, uint64_t inheritable, struct error *e)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	for (unsigned word = 0; word < 2; word++) {
		data[word].effective = (uint32_t)(effective >> (32 * word));
		data[word].permitted = (uint32_t)(permitted >> (32 * word));
		data[word].inheritable = (uint32_t)(inheritable >> (32 * word));
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return fail(e, errno, "cannot set the capabilities %#jx: %m", (uintmax_t)permitted);
	return 0;
}

int caps_raise(struct error *e)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return fail(e, errno, "cannot read the capabilities: %m");
	data[0].effective = data[0].permitted;
	data[1].effective = data[1].permitted;
	if (syscall(SYS_capset, &header, data) < 0)
		return fail(e, errno, "cannot raise the capabilities: %m");
	return 0;
}

int caps_apply(const struct caps *caps, struct error *e)
{
	int r = set_sets(caps->effective & caps->permitted, caps->permitted, caps->inheritable, e);

	if (r < 0)
		return r;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (unsigned long cap = 0; cap < 64; cap++) {
		uint64_t bit = UINT64_C(1) << cap;

		/* Only what is permitted and inheritable can be ambient; the rest is refused. */
		if (!(caps->ambient & caps->permitted & caps->inheritable & bit))
			continue;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return fail(e, errno, "cannot make capability %lu ambient: %m", cap);
	}
	return 0;
}
