/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup-device - which devices a container may use, as a BPF program.
 *
 * Version 2 has no device files: a program attached to the group answers for every mknod and open.
 * It is assembled here, rule by rule from the last to the first, and the first match decides, which
 * makes the last rule of the list win as the specification wants; no match is a refusal.  An
 * allowing rule matches when it allows all that is asked for, a denying one when it denies any of
 * it.  Work thread.
 */
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>

#include "agent/container/cgroup.h"
#include "agent/plan/devices.h"
#include "lib/device-rule.h"
#include "lib/rpc/proto/oci.pb-c.h"

enum {
	R_ANSWER = 0,
	R_CONTEXT = 1,
	R_ACCESS = 2,
	R_TYPE = 3,
	R_MAJOR = 4,
	R_MINOR = 5,
	R_WORK = 6
};

#define ALL_ACCESS (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

/* A program under construction; jumps lead to the end of the rule they are in. */
struct program {
	struct bpf_insn *insns;
	int n;
};

static void emit(struct program *p, unsigned code, unsigned dst, unsigned src, int offset,
		 int value)
{
	p->insns[p->n++] = (struct bpf_insn){
		.code = (uint8_t)code,
		.dst_reg = (uint8_t)(dst & 0xf),
		.src_reg = (uint8_t)(src & 0xf),
		.off = (int16_t)offset,
		.imm = value,
	};
}

static void load_context(struct program *p, unsigned dst, size_t offset)
{
	emit(p, BPF_LDX | BPF_MEM | BPF_W, dst, R_CONTEXT, (int)offset, 0);
}

static void answer(struct program *p, bool is_allowed)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, R_ANSWER, 0, 0, is_allowed);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* The offset is filled in when the rule is complete. */
static void skip_unless_equal(struct program *p, unsigned reg, int value)
{
	emit(p, BPF_JMP | BPF_JNE | BPF_K, reg, 0, 0, value);
}

static int parse_access(const char *letters, int *ret_access, struct error *e)
{
	int access = 0;

	for (const char *c = letters; *c; c++) {
		if (*c == 'r')
			access |= BPF_DEVCG_ACC_READ;
		else if (*c == 'w')
			access |= BPF_DEVCG_ACC_WRITE;
		else if (*c == 'm')
			access |= BPF_DEVCG_ACC_MKNOD;
		else
			return fail(e, EINVAL, "device rule has a bad access '%.16s'", letters);
	}
	*ret_access = access ? access : ALL_ACCESS;
	return 0;
}

static int add_type(struct program *p, const char *type, struct error *e)
{
	if (str_empty(type) || !strcmp(type, "a"))
		return 0;
	if (!strcmp(type, "b"))
		skip_unless_equal(p, R_TYPE, BPF_DEVCG_DEV_BLOCK);
	else if (!strcmp(type, "c") || !strcmp(type, "u"))
		skip_unless_equal(p, R_TYPE, BPF_DEVCG_DEV_CHAR);
	else
		return fail(e, EINVAL, "device rule has a bad type '%.16s'", type);
	return 0;
}

static void add_access(struct program *p, int access, bool is_allowed)
{
	if (access == ALL_ACCESS)
		return;
	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, R_WORK, R_ACCESS, 0, 0);
	emit(p, BPF_ALU64 | BPF_AND | BPF_K, R_WORK, 0, 0, is_allowed ? ~access : access);
	emit(p, BPF_JMP | (is_allowed ? BPF_JNE : BPF_JEQ) | BPF_K, R_WORK, 0, 0, 0);
}

static int add_number(struct program *p, unsigned reg, int64_t number, struct error *e)
{
	if (number < 0)
		return 0;
	if (number > INT32_MAX)
		return fail(e, EINVAL, "device rule has a bad number %jd", (intmax_t)number);
	skip_unless_equal(p, reg, (int)number);
	return 0;
}

/* Returns 1 if the rule decides about everything. */
static int add_rule(struct program *p, const Oci__LinuxDeviceCgroup *rule, struct error *e)
{
	int64_t major = device_rule_major(rule), minor = device_rule_minor(rule);
	int start = p->n, access = 0;
	bool has_jump = false;
	int r = parse_access(rule->access, &access, e);

	if (r >= 0)
		r = add_type(p, rule->type, e);
	if (r < 0)
		return r;
	add_access(p, access, rule->allow);
	r = add_number(p, R_MAJOR, major, e);
	if (r >= 0)
		r = add_number(p, R_MINOR, minor, e);
	if (r < 0)
		return r;
	answer(p, rule->allow);
	for (int i = start; i < p->n; i++)
		if (BPF_CLASS(p->insns[i].code) == BPF_JMP &&
		    BPF_OP(p->insns[i].code) != BPF_EXIT) {
			p->insns[i].off = (int16_t)(p->n - i - 1);
			has_jump = true;
		}
	return !has_jump;
}

/* How many of the rules matter: what only allows says nothing new behind one that allows all. */
static size_t count_rules(Oci__LinuxDeviceCgroup *const *rules, size_t n)
{
	for (size_t i = n; i > 0 && rules[i - 1]->allow; i--)
		if (device_rule_is_for_all(rules[i - 1]))
			return i;
	return n;
}

int cgroup_device_program(Oci__LinuxDeviceCgroup *const *rules, size_t n, struct bpf_insn *insns,
			  struct error *e)
{
	struct program p = { .insns = insns };

	if (n > CGROUP_DEVICE_RULES_MAX)
		return fail(e, E2BIG, "%zu device rules, at most %d are allowed", n,
			    CGROUP_DEVICE_RULES_MAX);
	n = count_rules(rules, n);
	load_context(&p, R_ACCESS, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit(&p, BPF_ALU64 | BPF_MOV | BPF_X, R_TYPE, R_ACCESS, 0, 0);
	emit(&p, BPF_ALU64 | BPF_AND | BPF_K, R_TYPE, 0, 0, 0xffff);
	emit(&p, BPF_ALU64 | BPF_RSH | BPF_K, R_ACCESS, 0, 0, 16);
	load_context(&p, R_MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	load_context(&p, R_MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	for (size_t i = n; i > 0; i--) {
		int r = add_rule(&p, rules[i - 1], e);

		if (r < 0)
			return r;
		/* The kernel refuses a program with instructions that are never reached. */
		if (r > 0)
			return p.n;
	}
	answer(&p, false);
	return p.n;
}

static int load(const struct bpf_insn *insns, int n, struct error *e)
{
	static const char license[] = "Apache-2.0";
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = (uint32_t)n;
	attr.license = (uintptr_t)license;
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	return fd < 0 ? fail(e, errno, "cannot load the device filter: %m") : fd;
}

int cgroup_allow_devices(struct cgroup *cg, Oci__LinuxDeviceCgroup *const *rules, size_t n,
			 struct error *e)
{
	_free_ struct bpf_insn *insns =
		xcalloc(CGROUP_DEVICE_INSNS(min_size(n, CGROUP_DEVICE_RULES_MAX)), sizeof(*insns));
	_close_ int program = -1;
	union bpf_attr attr;
	int count = cgroup_device_program(rules, n, insns, e);

	if (count < 0)
		return count;
	program = load(insns, count, e);
	if (program < 0)
		return program;
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cg->fd;
	attr.attach_bpf_fd = (uint32_t)program;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)) < 0)
		return fail(e, errno, "cannot attach the device filter: %m");
	return 0;
}
