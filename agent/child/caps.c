/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caps - the capability sets of a container's process.
 *
 * The kernel's own interface is used: it takes two words per set, and what a library would add here
 * is a table of 41 names.  Engines and shims write them with CAP_ before and without, in capitals
 * and not; upstream's agent takes them in quotation marks, as JSON has them, as well.  A name that
 * is not in the table is an error, since a program that lacks what was asked for fails later and
 * says less; one that this kernel does not have is left out.  Runs in the child that becomes the
 * process; one thread.
 */
#include "agent/child/caps.h"

#include <linux/capability.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "lib/rpc/proto/oci.pb-c.h"

static const char *const cap_names[] = {
	[CAP_CHOWN] = "CHOWN",
	[CAP_DAC_OVERRIDE] = "DAC_OVERRIDE",
	[CAP_DAC_READ_SEARCH] = "DAC_READ_SEARCH",
	[CAP_FOWNER] = "FOWNER",
	[CAP_FSETID] = "FSETID",
	[CAP_KILL] = "KILL",
	[CAP_SETGID] = "SETGID",
	[CAP_SETUID] = "SETUID",
	[CAP_SETPCAP] = "SETPCAP",
	[CAP_LINUX_IMMUTABLE] = "LINUX_IMMUTABLE",
	[CAP_NET_BIND_SERVICE] = "NET_BIND_SERVICE",
	[CAP_NET_BROADCAST] = "NET_BROADCAST",
	[CAP_NET_ADMIN] = "NET_ADMIN",
	[CAP_NET_RAW] = "NET_RAW",
	[CAP_IPC_LOCK] = "IPC_LOCK",
	[CAP_IPC_OWNER] = "IPC_OWNER",
	[CAP_SYS_MODULE] = "SYS_MODULE",
	[CAP_SYS_RAWIO] = "SYS_RAWIO",
	[CAP_SYS_CHROOT] = "SYS_CHROOT",
	[CAP_SYS_PTRACE] = "SYS_PTRACE",
	[CAP_SYS_PACCT] = "SYS_PACCT",
	[CAP_SYS_ADMIN] = "SYS_ADMIN",
	[CAP_SYS_BOOT] = "SYS_BOOT",
	[CAP_SYS_NICE] = "SYS_NICE",
	[CAP_SYS_RESOURCE] = "SYS_RESOURCE",
	[CAP_SYS_TIME] = "SYS_TIME",
	[CAP_SYS_TTY_CONFIG] = "SYS_TTY_CONFIG",
	[CAP_MKNOD] = "MKNOD",
	[CAP_LEASE] = "LEASE",
	[CAP_AUDIT_WRITE] = "AUDIT_WRITE",
	[CAP_AUDIT_CONTROL] = "AUDIT_CONTROL",
	[CAP_SETFCAP] = "SETFCAP",
	[CAP_MAC_OVERRIDE] = "MAC_OVERRIDE",
	[CAP_MAC_ADMIN] = "MAC_ADMIN",
	[CAP_SYSLOG] = "SYSLOG",
	[CAP_WAKE_ALARM] = "WAKE_ALARM",
	[CAP_BLOCK_SUSPEND] = "BLOCK_SUSPEND",
	[CAP_AUDIT_READ] = "AUDIT_READ",
	[CAP_PERFMON] = "PERFMON",
	[CAP_BPF] = "BPF",
	[CAP_CHECKPOINT_RESTORE] = "CHECKPOINT_RESTORE",
};
_Static_assert(ARRAY_SIZE(cap_names) == CAP_CHECKPOINT_RESTORE + 1, "one name each");

static bool is_known(unsigned cap)
{
	return cap < 64 && prctl(PR_CAPBSET_READ, cap) >= 0;
}

/* Every capability this kernel knows, asked of the kernel and not of /proc, which a container may
 * have covered.  There are no gaps, and a guest's kernel ends where the table does: two calls. */
static uint64_t all_known(void)
{
	unsigned n = ARRAY_SIZE(cap_names);

	while (n > 0 && !is_known(n - 1))
		n--;
	while (is_known(n))
		n++;
	return n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

static int cap_of(const char *name, uint64_t *ret_bit, struct error *e)
{
	size_t len = strlen(name);
	bool is_quoted = len >= 2 && name[0] == '"' && name[len - 1] == '"';
	_free_ char *text = is_quoted ? xstrndup(name + 1, len - 2) : xstrdup(name);
	const char *bare = strncasecmp(text, "CAP_", 4) == 0 ? text + 4 : text;

	for (size_t cap = 0; cap < ARRAY_SIZE(cap_names); cap++)
		if (!strcasecmp(cap_names[cap], bare)) {
			*ret_bit = UINT64_C(1) << cap;
			return 0;
		}
	return fail(e, EINVAL, "there is no capability '%.64s'", name);
}

static int set_of(char *const *names, size_t n, uint64_t known, uint64_t *ret, struct error *e)
{
	uint64_t bit;
	int r = 0;

	*ret = 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		r = cap_of(names[i], &bit, e);
		if (r == 0)
			*ret |= bit;
	}
	*ret &= known;
	return r;
}

int caps_parse(const Oci__LinuxCapabilities *from, struct caps *ret, struct error *e)
{
	uint64_t known;

	*ret = (struct caps){ 0 };
	if (!from)
		return 0;
	known = all_known();
	if (set_of(from->bounding, from->n_bounding, known, &ret->bounding, e) < 0 ||
	    set_of(from->effective, from->n_effective, known, &ret->effective, e) < 0 ||
	    set_of(from->inheritable, from->n_inheritable, known, &ret->inheritable, e) < 0 ||
	    set_of(from->permitted, from->n_permitted, known, &ret->permitted, e) < 0 ||
	    set_of(from->ambient, from->n_ambient, known, &ret->ambient, e) < 0)
		return -e->code;
	return 0;
}

int caps_drop_bounding(const struct caps *caps, struct error *e)
{
	uint64_t known = all_known();

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
