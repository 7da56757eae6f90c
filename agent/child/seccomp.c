/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp - from the profile of an OCI specification to a filter.
 *
 * libseccomp assembles the program; here are the names.  A system call this library does not know
 * is skipped: profiles list the calls of many kernels and architectures, and a call without a name
 * falls under the default action.  Actions, operators, flags and architectures are not optional:
 * an unknown one is an error, since guessing would weaken or break the filter.  The kernel of a
 * guest has no BPF compiler, so large filters are sorted as a tree.
 *
 * Runs in the child that becomes the process; one thread.
 */
#include "agent/child/seccomp.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/rpc/proto/oci.pb-c.h"

#define ARGS_MAX      6
#define TREE_FROM     32 /* rules */
#define DEFAULT_ERRNO EPERM
#define ERRNO_MAX     4095
#define DATA_MASK     0xffffU
#define _seccomp_     _cleanup_(releasep)

struct name_value {
	const char *name;
	uint32_t value;
};

static const struct name_value actions[] = {
	{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
	{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
	{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0) },
	{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0) },
	{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
	{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
};

static const struct name_value operators[] = {
	{ "SCMP_CMP_NE", SCMP_CMP_NE },
	{ "SCMP_CMP_LT", SCMP_CMP_LT },
	{ "SCMP_CMP_LE", SCMP_CMP_LE },
	{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
	{ "SCMP_CMP_GE", SCMP_CMP_GE },
	{ "SCMP_CMP_GT", SCMP_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
};

static const struct name_value architectures[] = {
	{ "SCMP_ARCH_NATIVE", SCMP_ARCH_NATIVE },
	{ "SCMP_ARCH_X86", SCMP_ARCH_X86 },
	{ "SCMP_ARCH_X86_64", SCMP_ARCH_X86_64 },
	{ "SCMP_ARCH_X32", SCMP_ARCH_X32 },
	{ "SCMP_ARCH_ARM", SCMP_ARCH_ARM },
	{ "SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64 },
	{ "SCMP_ARCH_MIPS", SCMP_ARCH_MIPS },
	{ "SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64 },
	{ "SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32 },
	{ "SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL },
	{ "SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64 },
	{ "SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32 },
	{ "SCMP_ARCH_PPC", SCMP_ARCH_PPC },
	{ "SCMP_ARCH_PPC64", SCMP_ARCH_PPC64 },
	{ "SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE },
	{ "SCMP_ARCH_S390", SCMP_ARCH_S390 },
	{ "SCMP_ARCH_S390X", SCMP_ARCH_S390X },
	{ "SCMP_ARCH_PARISC", SCMP_ARCH_PARISC },
	{ "SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64 },
	{ "SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64 },
};

static const struct name_value flags[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
	{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
};

static int find(const struct name_value *table, size_t n, const char *what, const char *name,
		uint32_t *ret_value, struct error *e)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(table[i].name, name) != 0)
			continue;
		*ret_value = table[i].value;
		return 0;
	}
	return fail(e, EINVAL, "seccomp profile has an unknown %s '%s'", what, name);
}

static void releasep(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

static int find_action(const char *name, uint32_t data, uint32_t *ret_action, struct error *e)
{
	int r = find(actions, ARRAY_SIZE(actions), "action", name, ret_action, e);

	if (r < 0)
		return r;
	if (*ret_action == SCMP_ACT_ERRNO(0) || *ret_action == SCMP_ACT_TRACE(0))
		*ret_action |= data & DATA_MASK;
	return 0;
}

static int add_architectures(scmp_filter_ctx filter, const Oci__LinuxSeccomp *profile,
			     struct error *e)
{
	for (size_t i = 0; i < profile->n_architectures; i++) {
		uint32_t arch = 0;
		int r = find(architectures, ARRAY_SIZE(architectures), "architecture",
			     profile->architectures[i], &arch, e);

		if (r < 0)
			return r;
		r = seccomp_arch_add(filter, arch);
		if (r < 0 && r != -EEXIST)
			return fail(e, -r, "cannot filter for architecture '%s': %m",
				    profile->architectures[i]);
	}
	return 0;
}

/* They are no part of the program. */
static int flags_of(const Oci__LinuxSeccomp *profile, uint32_t *ret_flags, struct error *e)
{
	*ret_flags = 0;
	for (size_t i = 0; i < profile->n_flags; i++) {
		uint32_t flag = 0;
		int r = find(flags, ARRAY_SIZE(flags), "flag", profile->flags[i], &flag, e);

		if (r < 0)
			return r;
		*ret_flags |= flag;
	}
	return 0;
}

static int parse_args(const Oci__LinuxSyscall *rule, struct scmp_arg_cmp *args, struct error *e)
{
	for (size_t i = 0; i < rule->n_args; i++) {
		const Oci__LinuxSeccompArg *arg = rule->args[i];
		uint32_t op = 0;
		int r = find(operators, ARRAY_SIZE(operators), "operator", arg->op, &op, e);

		if (r < 0)
			return r;
		if (arg->index >= ARGS_MAX)
			return fail(e, EINVAL, "seccomp rule compares argument %ju",
				    (uintmax_t)arg->index);
		args[i] = (struct scmp_arg_cmp){
			.arg = (unsigned)arg->index,
			.op = (enum scmp_compare)op,
			.datum_a = arg->value,
			.datum_b = arg->valuetwo,
		};
	}
	return 0;
}

static bool has_argument_twice(const struct scmp_arg_cmp *args, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++)
			if (args[i].arg == args[j].arg)
				return true;
	return false;
}

/* What an earlier rule says stays so. */
static int add_conditions(scmp_filter_ctx filter, uint32_t action, int call,
			  const struct scmp_arg_cmp *args, unsigned n)
{
	int r = seccomp_rule_add_array(filter, action, call, n, args);

	return r == -EEXIST ? 0 : r;
}

/* Two conditions on one argument cannot be one rule: each is a rule of its own then, as engines
 * mean it which list every value that an argument may have (CRI-O). */
static int add_call(scmp_filter_ctx filter, uint32_t action, int call,
		    const struct scmp_arg_cmp *args, unsigned n)
{
	int r = 0;

	if (!has_argument_twice(args, n))
		return add_conditions(filter, action, call, args, n);
	for (unsigned i = 0; i < n && r >= 0; i++)
		r = add_conditions(filter, action, call, &args[i], 1);
	return r;
}

static bool sends_errno(const Oci__LinuxSyscall *rule)
{
	return rule->errno_ret_case == OCI__LINUX_SYSCALL__ERRNO_RET_ERRNORET;
}

/* Upstream's shim in Rust sends an error with every rule, zero where the profile has none.  A call
 * that is refused must not succeed, so a zero counts only beside a rule that sends none. */
static bool is_zero_for_none(const Oci__LinuxSeccomp *profile)
{
	for (size_t i = 0; i < profile->n_syscalls; i++)
		if (!sends_errno(profile->syscalls[i]))
			return false;
	return true;
}

static int add_rule(scmp_filter_ctx filter, const Oci__LinuxSyscall *rule, bool zero_is_none,
		    uint32_t default_action, struct error *e)
{
	bool has_own = sends_errno(rule) && (rule->errnoret != 0 || !zero_is_none);
	_free_ struct scmp_arg_cmp *args = NULL;
	uint32_t action = 0;
	int r;

	if (has_own && rule->errnoret > ERRNO_MAX)
		return fail(e, EINVAL, "seccomp rule returns errno %u", rule->errnoret);
	r = find_action(rule->action, has_own ? rule->errnoret : DEFAULT_ERRNO, &action, e);
	if (r < 0)
		return r;
	args = xcalloc(rule->n_args, sizeof(*args));
	r = parse_args(rule, args, e);
	/* The library refuses a rule that says what happens anyway. */
	if (r < 0 || action == default_action)
		return r;
	for (size_t i = 0; i < rule->n_names; i++) {
		int call = seccomp_syscall_resolve_name(rule->names[i]);

		if (call == __NR_SCMP_ERROR)
			continue;
		r = add_call(filter, action, call, args, (unsigned)rule->n_args);
		if (r < 0)
			return fail(e, -r, "cannot add the seccomp rule for '%s': %m",
				    rule->names[i]);
	}
	return 0;
}

static int add_rules(scmp_filter_ctx filter, const Oci__LinuxSeccomp *profile,
		     uint32_t default_action, struct error *e)
{
	bool zero_is_none = is_zero_for_none(profile);
	size_t n = 0;

	for (size_t i = 0; i < profile->n_syscalls; i++)
		n += profile->syscalls[i]->n_names *
		     (profile->syscalls[i]->n_args > 0 ? profile->syscalls[i]->n_args : 1);
	if (n > SECCOMP_SYSCALLS_MAX)
		return fail(e, E2BIG,
			    "seccomp profile has %zu rules for system calls, at most %d are "
			    "allowed",
			    n, SECCOMP_SYSCALLS_MAX);
	if (n > TREE_FROM)
		(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; i < profile->n_syscalls; i++) {
		int r = add_rule(filter, profile->syscalls[i], zero_is_none, default_action, e);

		if (r < 0)
			return r;
	}
	return 0;
}

static int build(const Oci__LinuxSeccomp *profile, scmp_filter_ctx *ret_filter, struct error *e)
{
	_seccomp_ scmp_filter_ctx filter = NULL;
	bool has_errno = profile->has_default_case;
	uint32_t default_action = 0, ignored;
	int r;

	if (has_errno && profile->defaulterrnoret > ERRNO_MAX)
		return fail(e, EINVAL, "seccomp profile returns errno %u",
			    profile->defaulterrnoret);
	r = find_action(profile->defaultaction,
			has_errno ? profile->defaulterrnoret : DEFAULT_ERRNO, &default_action, e);
	if (r < 0)
		return r;
	filter = seccomp_init(default_action);
	if (!filter)
		return fail(e, EINVAL, "cannot make a seccomp filter with the default action '%s'",
			    profile->defaultaction);
	r = add_architectures(filter, profile, e);
	if (r >= 0)
		r = flags_of(profile, &ignored, e);
	if (r >= 0)
		r = add_rules(filter, profile, default_action, e);
	if (r >= 0)
		*ret_filter = TAKE_PTR(filter);
	return r;
}

bool seccomp_is_supported(void)
{
	/* With no program this fails: EFAULT where filters exist, EINVAL where not. */
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) < 0 && errno == EFAULT;
}

int seccomp_export(const Oci__LinuxSeccomp *profile, int fd, struct error *e)
{
	_seccomp_ scmp_filter_ctx filter = NULL;
	int r = build(profile, &filter, e);

	if (r < 0)
		return r;
	r = seccomp_export_bpf(filter, fd);
	return r < 0 ? fail(e, -r, "cannot export the seccomp filter: %m") : 0;
}

/* How many bytes the program in FD has, if the kernel takes as many. */
static int program_size(int fd, size_t *ret_size, struct error *e)
{
	const size_t one = sizeof(struct sock_filter);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail(e, errno, "cannot look at the seccomp filter: %m");
	*ret_size = (size_t)st.st_size;
	if (*ret_size == 0 || *ret_size % one || *ret_size / one > BPF_MAXINSNS)
		return fail(e, EINVAL,
			    "the seccomp filter has %zu bytes; the kernel takes 1 to %d times %zu",
			    *ret_size, BPF_MAXINSNS, one);
	return 0;
}

int seccomp_assemble(const Oci__LinuxSeccomp *profile, int fd, struct error *e)
{
	size_t size;

	if (seccomp_export(profile, fd, e) < 0 || program_size(fd, &size, e) < 0)
		return -e->code;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return fail(e, errno, "cannot seal the seccomp filter: %m");
	return 0;
}

int seccomp_load_from(int fd, const Oci__LinuxSeccomp *profile, struct error *e)
{
	_free_ struct sock_filter *filter = NULL;
	struct sock_fprog program;
	uint32_t with = 0;
	size_t size;

	if (flags_of(profile, &with, e) < 0 || program_size(fd, &size, e) < 0)
		return -e->code;
	filter = xmalloc(size);
	if (pread(fd, filter, size, 0) != (ssize_t)size)
		return fail(e, EIO, "cannot read the seccomp filter");
	program.filter = filter;
	program.len = (unsigned short)(size / sizeof(*filter));
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, with, &program) != 0)
		return fail(e, errno, "cannot load the seccomp filter: %m");
	return 0;
}
