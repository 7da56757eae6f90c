/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agent_cgroup - conversions of limits, files of statistics, and the device program, which is
 * run.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>

#include "agent/container/cgroup.h"
#include "agent/plan/devices.h"
#include "lib/device-rule.h"
#include "lib/file.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/oci.pb-c.h"

#define RULES_MAX 32
#define INSNS_MAX CGROUP_DEVICE_INSNS(RULES_MAX)

static void test_shares_become_weight(void **state)
{
	static const struct {
		uint64_t shares, weight;
	} cases[] = { { 0, 0 },     { 1, 1 },          { 2, 1 },         { 512, 20 },
		      { 1024, 39 }, { 262144, 10000 }, { 300000, 10000 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(cgroup_weight_of_shares(cases[i].shares), cases[i].weight);
}

static void test_swap_is_what_exceeds_memory(void **state)
{
	struct error e;
	int64_t swap = 7;

	(void)state;
	assert_int_equal(cgroup_swap_of(100, 150, &swap, &e), 0);
	assert_int_equal(swap, 50);
	assert_int_equal(cgroup_swap_of(100, 100, &swap, &e), 0);
	assert_int_equal(swap, 0);
	assert_int_equal(cgroup_swap_of(100, -1, &swap, &e), 0);
	assert_int_equal(swap, -1);
	assert_int_equal(cgroup_swap_of(100, 50, &swap, &e), -EINVAL);
	assert_int_equal(cgroup_swap_of(0, 50, &swap, &e), -EINVAL);
}

static void test_value_finds_whole_keys(void **state)
{
	static const char text[] = "oom 1\noom_kill 22\nodd\nlast 18446744073709551615";

	(void)state;
	assert_int_equal(cgroup_value(text, "oom_kill", 0), 22);
	assert_int_equal(cgroup_value(text, "oom", 0), 1);
	assert_int_equal(cgroup_value(text, "kill", 5), 5);
	assert_int_equal(cgroup_value(text, "odd", 5), 5);
	assert_int_equal(cgroup_value(text, "last", 0), UINT64_MAX);
	assert_int_equal(cgroup_value("", "last", 3), 3);
}

/* A machine for the few instructions the program uses. */
static bool run(const struct bpf_insn *insns, int n, unsigned type, unsigned access, unsigned major,
		unsigned minor)
{
	uint64_t r[11] = { 0 };
	const uint32_t context[] = { access << 16 | type, major, minor };

	for (int pc = 0; pc < n; pc++) {
		const struct bpf_insn *i = &insns[pc];
		uint64_t imm = (uint64_t)(int64_t)i->imm;

		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			r[i->dst_reg] = context[i->off / 4];
			break;
		case BPF_ALU64 | BPF_MOV | BPF_X:
			r[i->dst_reg] = r[i->src_reg];
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			r[i->dst_reg] = imm;
			break;
		case BPF_ALU64 | BPF_AND | BPF_K:
			r[i->dst_reg] &= imm;
			break;
		case BPF_ALU64 | BPF_RSH | BPF_K:
			r[i->dst_reg] >>= imm;
			break;
		case BPF_JMP | BPF_JNE | BPF_K:
			pc += r[i->dst_reg] != imm ? i->off : 0;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += r[i->dst_reg] == imm ? i->off : 0;
			break;
		case BPF_JMP | BPF_EXIT:
			return r[0] != 0;
		default:
			fail_msg("unknown instruction %#x", i->code);
		}
	}
	fail_msg("the program runs over its end");
	return false;
}

enum { B = BPF_DEVCG_DEV_BLOCK, C = BPF_DEVCG_DEV_CHAR };
enum { M = BPF_DEVCG_ACC_MKNOD, R = BPF_DEVCG_ACC_READ, W = BPF_DEVCG_ACC_WRITE };

/* What the kernel asks of a program first. */
static void assert_all_reachable(const struct bpf_insn *insns, int n)
{
	bool is_reached[INSNS_MAX] = { true };

	for (int i = 0; i < n; i++) {
		const struct bpf_insn *insn = &insns[i];
		bool is_jump = BPF_CLASS(insn->code) == BPF_JMP;
		bool is_exit = is_jump && BPF_OP(insn->code) == BPF_EXIT;

		assert_true(is_reached[i]);
		if (!is_exit) {
			assert_true(i + 1 < n);
			is_reached[i + 1] = true;
		}
		if (is_jump && !is_exit) {
			assert_true(i + 1 + insn->off < n);
			is_reached[i + 1 + insn->off] = true;
		}
	}
}

static void test_devices_of_every_container(void **state)
{
	Oci__Spec spec = OCI__SPEC__INIT;
	Oci__Linux linux_part = OCI__LINUX__INIT;
	Oci__LinuxDevice disk = OCI__LINUX_DEVICE__INIT, *devices[] = { &disk };
	char type[] = "b", path[] = "/dev/xvda";
	_free_ Oci__LinuxDeviceCgroup **rules = NULL;
	struct bpf_insn insns[INSNS_MAX];
	struct error e;
	size_t n_rules;
	int n;

	(void)state;
	disk.path = path;
	disk.type = type;
	disk.major = 254;
	disk.minor = 16;
	linux_part.devices = devices;
	linux_part.n_devices = 1;
	spec.linux = &linux_part;
	n_rules = device_rules(&spec, &rules);
	n = cgroup_device_program(rules, n_rules, insns, &e);
	assert_true(n > 0);
	assert_true(run(insns, n, C, R | W, 1, 3));
	assert_true(run(insns, n, C, R | W, 136, 77));
	assert_true(run(insns, n, B, M, 254, 0));
	assert_false(run(insns, n, B, R, 254, 0));
	assert_false(run(insns, n, B, R | M, 254, 0));
	assert_true(run(insns, n, B, R | W, 254, 16));
	assert_false(run(insns, n, C, R, 254, 16));
	assert_false(run(insns, n, C, R, 1, 1));
	assert_true(run(insns, n, C, R | W, 10, 200));
	assert_false(run(insns, n, C, W, 10, 201));
	assert_all_reachable(insns, n);
}

static Oci__LinuxDeviceCgroup rule_of(bool is_allowed, char *type, int64_t major, int64_t minor,
				      char *access)
{
	Oci__LinuxDeviceCgroup rule = OCI__LINUX_DEVICE_CGROUP__INIT;

	rule.allow = is_allowed;
	rule.type = type;
	device_rule_set_numbers(&rule, major, minor);
	rule.access = access;
	return rule;
}

static void test_last_matching_device_rule_decides(void **state)
{
	char all[] = "a", block[] = "b", rw[] = "rw", w[] = "w", rwm[] = "rwm";
	Oci__LinuxDeviceCgroup rules[] = {
		rule_of(true, all, -1, -1, rwm),
		rule_of(false, block, 8, -1, w),
		rule_of(true, block, 8, 1, rw),
	};
	Oci__LinuxDeviceCgroup *list[] = { &rules[0], &rules[1], &rules[2] };
	struct bpf_insn insns[INSNS_MAX];
	struct error e;
	int n = cgroup_device_program(list, 3, insns, &e);

	(void)state;
	assert_true(n > 0);
	assert_true(run(insns, n, C, R | W | M, 1, 1));
	assert_true(run(insns, n, B, R, 8, 0));
	assert_false(run(insns, n, B, W, 8, 0));
	assert_false(run(insns, n, B, R | W, 8, 0));
	assert_true(run(insns, n, B, R | W, 8, 1));
}

/* What another shim sends: a number it was not given is not sent, and 0 is a number. */
static void test_a_number_of_a_device_rule_is_every_one_only_when_not_sent(void **state)
{
	char character[] = "c", rw[] = "rw", none[] = "";
	struct {
		bool has_major, has_minor;
		int64_t major, minor;
		bool is_for_5_1, is_for_5_0, is_for_6_0;
	} cases[] = {
		{ false, false, 0, 0, true, true, true },
		{ true, false, 5, 0, true, true, false },
		{ true, true, 5, 0, false, true, false },
		{ false, true, 0, 0, false, true, true },
		{ true, false, 0, 0, false, false, false },
		{ true, true, 0, 1, false, false, false },
		{ true, true, -1, 1, true, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		Oci__LinuxDeviceCgroup rule =
			rule_of(true, character, cases[i].major, cases[i].minor, rw);
		Oci__LinuxDeviceCgroup *list[] = { &rule };
		struct bpf_insn insns[INSNS_MAX];
		struct error e;
		int n;

		if (!cases[i].has_major)
			rule.has_major_case = OCI__LINUX_DEVICE_CGROUP__HAS_MAJOR__NOT_SET;
		if (!cases[i].has_minor)
			rule.has_minor_case = OCI__LINUX_DEVICE_CGROUP__HAS_MINOR__NOT_SET;
		n = cgroup_device_program(list, 1, insns, &e);
		assert_true(n > 0);
		assert_int_equal(run(insns, n, C, R, 5, 1), cases[i].is_for_5_1);
		assert_int_equal(run(insns, n, C, R, 5, 0), cases[i].is_for_5_0);
		assert_int_equal(run(insns, n, C, R, 6, 0), cases[i].is_for_6_0);
		rule.type = rule.access = none;
		assert_int_equal(device_rule_is_for_all(&rule),
				 cases[i].is_for_6_0 && cases[i].is_for_5_1);
	}
}

static void test_no_device_rule_allows_nothing(void **state)
{
	struct bpf_insn insns[INSNS_MAX];
	struct error e;
	int n = cgroup_device_program(NULL, 0, insns, &e);

	(void)state;
	assert_false(run(insns, n, C, R, 1, 3));
}

static void test_nothing_follows_a_device_rule_for_all(void **state)
{
	char all[] = "a", block[] = "b", rwm[] = "rwm", none[] = "";
	Oci__LinuxDeviceCgroup refuse = rule_of(false, none, -1, -1, rwm);
	Oci__LinuxDeviceCgroup allow = rule_of(true, all, -1, -1, rwm);
	Oci__LinuxDeviceCgroup disk = rule_of(true, block, 8, 1, rwm);
	Oci__LinuxDeviceCgroup *cases[][3] = { { &refuse, &disk, &disk },
					       { &disk, &refuse, &disk },
					       { &disk, &disk, &allow } };
	static const bool allows_others[] = { false, false, true };
	struct bpf_insn insns[INSNS_MAX];
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int n = cgroup_device_program(cases[i], 3, insns, &e);

		assert_true(n > 0);
		assert_all_reachable(insns, n);
		assert_true(run(insns, n, B, R, 8, 1));
		assert_int_equal(run(insns, n, B, R, 8, 2), allows_others[i]);
	}
}

static void test_a_thousand_device_rules_are_one_when_all_is_allowed(void **state)
{
	enum { MANY = 1000 };
	char all[] = "a", block[] = "b", rwm[] = "rwm", none[] = "";
	Oci__LinuxDeviceCgroup refuse = rule_of(false, none, -1, -1, rwm);
	Oci__LinuxDeviceCgroup allow = rule_of(true, all, -1, -1, rwm);
	Oci__LinuxDeviceCgroup disk = rule_of(true, block, 8, 1, rwm);
	_free_ Oci__LinuxDeviceCgroup **rules = xcalloc(MANY, sizeof(*rules));
	_free_ struct bpf_insn *insns = xcalloc(CGROUP_DEVICE_INSNS(MANY), sizeof(*insns));
	struct error e;
	int n;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		rules[i] = &disk;
	assert_true(cgroup_device_program(rules, MANY, insns, &e) > MANY);
	rules[0] = &refuse;
	rules[1] = &allow;
	n = cgroup_device_program(rules, MANY, insns, &e);
	assert_in_range(n, 1, INSNS_MAX);
	assert_true(run(insns, n, B, R | W | M, 252, 7));
	rules[2] = &refuse;
	n = cgroup_device_program(rules, MANY, insns, &e);
	assert_false(run(insns, n, B, R, 252, 7));
}

static void test_bad_device_rules_are_refused(void **state)
{
	char odd[] = "z", character[] = "c", r[] = "r";
	Oci__LinuxDeviceCgroup bad_type = rule_of(true, odd, 1, 1, r);
	Oci__LinuxDeviceCgroup bad_access = rule_of(true, character, 1, 1, odd);
	Oci__LinuxDeviceCgroup bad_number = rule_of(true, character, INT64_MAX, 1, r);
	Oci__LinuxDeviceCgroup *cases[] = { &bad_type, &bad_access, &bad_number };
	struct bpf_insn insns[INSNS_MAX];
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(cgroup_device_program(&cases[i], 1, insns, &e), -EINVAL);
}

/* A folder that looks like a group. */
struct fake {
	char *path;
	struct cgroup cg;
};

static int make_fake(void **state)
{
	struct fake *fake = xcalloc(1, sizeof(*fake));

	fake->path = folder_new();
	fake->cg.fd = open(fake->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = fake;
	return 0;
}

static int remove_fake(void **state)
{
	struct fake *fake = *state;

	cgroup_done(&fake->cg);
	folder_remove(fake->path);
	free(fake);
	return 0;
}

static void put(const struct fake *fake, const char *file, const char *text)
{
	_free_ char *path = path_join(fake->path, file);
	struct error e;

	assert_int_equal(file_replace(path, text, strlen(text), 0600, &e), 0);
}

static char *get(const struct fake *fake, const char *file)
{
	_free_ char *path = path_join(fake->path, file);
	struct error e;
	char *text;

	assert_int_equal(file_read(path, 4096, &text, NULL, &e), 0);
	return text;
}

static void test_group_outside_the_root_is_refused(void **state)
{
	static const char *const paths[] = { "/../out", "/in/../../out", "..", "/in/./deep" };
	struct fake *fake = *state;
	struct cgroup cg;
	struct error e;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_int_equal(cgroup_make(fake->cg.fd, paths[i], "name", &cg, &e), -EINVAL);
	assert_int_equal(cgroup_make(fake->cg.fd, "/in/deep", "name", &cg, &e), 0);
	cgroup_done(&cg);
}

static void test_limit_writes_the_files_of_version_2(void **state)
{
	struct fake *fake = *state;
	Oci__LinuxResources r = OCI__LINUX_RESOURCES__INIT;
	Oci__LinuxMemory memory = OCI__LINUX_MEMORY__INIT;
	Oci__LinuxCPU cpu = OCI__LINUX_CPU__INIT;
	_free_ char *max = NULL, *swap = NULL, *quota = NULL;
	struct error e;

	put(fake, "memory.max", "");
	put(fake, "memory.swap.max", "");
	put(fake, "cpu.max", "");
	memory.limit = 1000;
	memory.swap = 1500;
	cpu.quota = 20000;
	r.memory = &memory;
	r.cpu = &cpu;
	assert_int_equal(cgroup_limit(&fake->cg, &r, &e), 0);
	max = get(fake, "memory.max");
	swap = get(fake, "memory.swap.max");
	quota = get(fake, "cpu.max");
	assert_string_equal(max, "1000");
	assert_string_equal(swap, "500");
	assert_string_equal(quota, "20000 100000");
}

static void test_limit_without_its_controller_is_refused(void **state)
{
	struct fake *fake = *state;
	Oci__LinuxResources r = OCI__LINUX_RESOURCES__INIT;
	Oci__LinuxPids pids = OCI__LINUX_PIDS__INIT;
	struct error e;

	pids.limit = 10;
	r.pids = &pids;
	assert_int_equal(cgroup_limit(&fake->cg, &r, &e), -ENOTSUP);
	assert_non_null(strstr(e.msg, "'pids.max'"));
}

static void test_limits_by_name_are_written_last(void **state)
{
	struct fake *fake = *state;
	Oci__LinuxResources r = OCI__LINUX_RESOURCES__INIT;
	Oci__LinuxMemory memory = OCI__LINUX_MEMORY__INIT;
	Oci__LinuxResources__UnifiedEntry entry = OCI__LINUX_RESOURCES__UNIFIED_ENTRY__INIT;
	Oci__LinuxResources__UnifiedEntry *entries[] = { &entry };
	static const char *const bad[] = { "memory", "../memory.max", "cgroup.kill", ".max" };
	char name[16] = "memory.max", value[] = "7777";
	_free_ char *max = NULL;
	struct error e;

	put(fake, "memory.max", "");
	memory.limit = 1000;
	r.memory = &memory;
	entry.key = name;
	entry.value = value;
	r.unified = entries;
	r.n_unified = 1;
	assert_int_equal(cgroup_limit(&fake->cg, &r, &e), 0);
	max = get(fake, "memory.max");
	assert_string_equal(max, "7777");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_free_ char *copy = xstrdup(bad[i]);

		entry.key = copy;
		assert_int_equal(cgroup_limit(&fake->cg, &r, &e), -EINVAL);
	}
}

static void test_limit_below_use_is_refused_when_asked(void **state)
{
	struct fake *fake = *state;
	Oci__LinuxResources r = OCI__LINUX_RESOURCES__INIT;
	Oci__LinuxMemory memory = OCI__LINUX_MEMORY__INIT;
	struct error e;

	put(fake, "memory.max", "");
	put(fake, "memory.current", "5000\n");
	memory.limit = 1000;
	r.memory = &memory;
	assert_int_equal(cgroup_limit(&fake->cg, &r, &e), 0);
	memory.checkbeforeupdate = true;
	assert_int_equal(cgroup_limit(&fake->cg, &r, &e), -EBUSY);
	memory.limit = 6000;
	assert_int_equal(cgroup_limit(&fake->cg, &r, &e), 0);
}

static void test_bad_limits_are_refused_before_any_is_set(void **state)
{
	struct fake *fake = *state;
	Oci__LinuxResources r = OCI__LINUX_RESOURCES__INIT;
	Oci__LinuxMemory memory = OCI__LINUX_MEMORY__INIT;
	_free_ char *max = NULL;
	struct error e;

	put(fake, "memory.max", "old");
	memory.limit = 1000;
	memory.swap = 500;
	r.memory = &memory;
	assert_int_equal(cgroup_limit(&fake->cg, &r, &e), -EINVAL);
	max = get(fake, "memory.max");
	assert_string_equal(max, "old");
}

static void test_stats_read_what_is_there(void **state)
{
	struct fake *fake = *state;
	Agent__CgroupStats *stats = NULL;
	struct error e;

	put(fake, "cpu.stat", "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_throttled 4\n");
	put(fake, "memory.current", "4096\n");
	put(fake, "memory.max", "max\n");
	put(fake, "memory.swap.max", "max\n");
	put(fake, "memory.stat", "anon 1\nfile 2\ninactive_file 3\n");
	put(fake, "pids.max", "max\n");
	put(fake, "io.stat", "254:0 rbytes=1 wbytes=2 rios=3 wios=4\nodd\n");
	put(fake, "hugetlb.2MB.current", "7\n");
	put(fake, "hugetlb.2MB.rsvd.current", "8\n");
	put(fake, "hugetlb.current", "9\n");
	assert_int_equal(cgroup_stats(&fake->cg, &stats, &e), 0);
	assert_int_equal(stats->cpu_stats->cpu_usage->total_usage, 5000);
	assert_int_equal(stats->cpu_stats->throttling_data->throttled_periods, 4);
	assert_int_equal(stats->memory_stats->usage->usage, 4096);
	assert_int_equal(stats->memory_stats->usage->limit, UINT64_MAX);
	assert_int_equal(stats->memory_stats->swap_usage->limit, 0);
	assert_int_equal(stats->memory_stats->cache, 2);
	assert_int_equal(stats->memory_stats->n_stats, 3);
	assert_int_equal(stats->pids_stats->limit, 0);
	assert_int_equal(stats->blkio_stats->n_io_serviced_recursive, 2);
	assert_int_equal(stats->blkio_stats->io_service_bytes_recursive[1]->value, 2);
	assert_int_equal(stats->n_hugetlb_stats, 1);
	assert_string_equal(stats->hugetlb_stats[0]->key, "2MB");
	protobuf_c_message_free_unpacked(&stats->base, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares_become_weight),
		cmocka_unit_test(test_swap_is_what_exceeds_memory),
		cmocka_unit_test(test_value_finds_whole_keys),
		cmocka_unit_test(test_devices_of_every_container),
		cmocka_unit_test(test_last_matching_device_rule_decides),
		cmocka_unit_test(test_a_number_of_a_device_rule_is_every_one_only_when_not_sent),
		cmocka_unit_test(test_no_device_rule_allows_nothing),
		cmocka_unit_test(test_nothing_follows_a_device_rule_for_all),
		cmocka_unit_test(test_a_thousand_device_rules_are_one_when_all_is_allowed),
		cmocka_unit_test(test_bad_device_rules_are_refused),
		cmocka_unit_test_setup_teardown(test_group_outside_the_root_is_refused, make_fake,
						remove_fake),
		cmocka_unit_test_setup_teardown(test_limit_writes_the_files_of_version_2, make_fake,
						remove_fake),
		cmocka_unit_test_setup_teardown(test_limit_without_its_controller_is_refused,
						make_fake, remove_fake),
		cmocka_unit_test_setup_teardown(test_limits_by_name_are_written_last, make_fake,
						remove_fake),
		cmocka_unit_test_setup_teardown(test_limit_below_use_is_refused_when_asked,
						make_fake, remove_fake),
		cmocka_unit_test_setup_teardown(test_bad_limits_are_refused_before_any_is_set,
						make_fake, remove_fake),
		cmocka_unit_test_setup_teardown(test_stats_read_what_is_there, make_fake,
						remove_fake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
