/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agent_process - passwd, environment, program look-up, signal masks, seccomp, plans, an end
 * that a tracer withholds.
 */

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "agent/child/attributes.h"
#include "agent/child/caps.h"
#include "agent/child/lookup.h"
#include "agent/child/seccomp.h"
#include "agent/container/launch.h"
#include "agent/container/process.h"
#include "lib/file.h"
#include "lib/rpc/proto/oci.pb-c.h"

static void test_home_is_found_by_number(void **state)
{
	static const char passwd[] =
		"root:x:0:0:root:/root:/bin/sh\n"
		"# no: line\n"
		"short:x\n"
		"empty:x:7:7:::/bin/sh\n"
		"web:x:1000:1000::/home/web";
	static const struct {
		uid_t uid;
		const char *home;
	} cases[] = { { 0, "/root" }, { 1000, "/home/web" }, { 7, "/" }, { 100, "/" }, { 1, "/" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *home = lookup_home(passwd, cases[i].uid);

		assert_string_equal(home, cases[i].home);
	}
}

static void test_env_last_value_wins(void **state)
{
	char a[] = "PATH=/a", b[] = "PATHS=/b", c[] = "PATH=/c", *env[] = { a, b, c, NULL };

	(void)state;
	assert_string_equal(lookup_env(env, "PATH"), "/c");
	assert_null(lookup_env(env, "HOME"));
	assert_null(lookup_env(NULL, "HOME"));
}

/* Programs take the first of a name, engines mean the last; a home that is empty is none. */
static void test_environment_has_each_name_once(void **state)
{
	char a[] = "A=1", b[] = "AB=2", c[] = "HOME=", d[] = "B", f[] = "A=3", g[] = "HOMES=";
	char *entries[] = { a, b, c, d, f, g };
	_strv_ strv env = lookup_environment(entries, ARRAY_SIZE(entries));
	_free_ char *text = strv_join(env, " ");

	(void)state;
	assert_string_equal(text, "AB=2 B A=3 HOMES=");
	assert_null(lookup_environment(NULL, 0));
}

static void test_program_is_looked_up_in_path(void **state)
{
	_free_ char *program = NULL;
	struct error e;

	(void)state;
	assert_int_equal(lookup_program("sh", "/nosuch::/usr/bin:/bin", &program, &e), 0);
	assert_true(str_ends(program, "/sh"));
}

static void test_missing_program_is_named(void **state)
{
	char *program = NULL;
	struct error e;

	(void)state;
	assert_int_equal(lookup_program("nosuch", "/bin", &program, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "executable file not found in $PATH: 'nosuch'"));
	assert_int_equal(lookup_program("/nosuch/x", "/bin", &program, &e), -ENOENT);
	assert_int_equal(lookup_program("/bin", "/bin", &program, &e), -EACCES);
	assert_int_equal(lookup_program("", "/bin", &program, &e), -EINVAL);
	assert_null(program);
}

static void test_status_says_which_signals_are_handled(void **state)
{
	static const char status[] =
		"Name:\tsh\nSigQ:\t0/1\nSigPnd:\t0000000000004000\n"
		"SigBlk:\t0000000000000001\nSigIgn:\t0000000000000002\n"
		"SigCgt:\t0000000000004000\nCapInh:\t0\n";

	(void)state;
	assert_true(process_status_handles(status, SIGTERM));
	assert_true(process_status_handles(status, SIGHUP));
	assert_true(process_status_handles(status, SIGINT));
	assert_false(process_status_handles(status, SIGQUIT));
	assert_false(process_status_handles("", SIGTERM));
	assert_false(process_status_handles("\nSigBlk:\todd\n", SIGTERM));
}

static void test_capabilities_are_known_by_all_their_spellings(void **state)
{
	char kill[] = "CAP_KILL", chown[] = "CHOWN", small[] = "cap_setuid",
	     json[] = "\"CAP_SETGID\"";
	char *names[] = { kill, chown, small, json };
	Oci__LinuxCapabilities from = OCI__LINUX_CAPABILITIES__INIT;
	struct caps caps;
	struct error e;

	(void)state;
	from.bounding = names;
	from.n_bounding = ARRAY_SIZE(names);
	assert_int_equal(caps_parse(&from, &caps, &e), 0);
	assert_int_equal(caps.bounding, 1U << 5 | 1U << 0 | 1U << 7 | 1U << 6);
	assert_int_equal(caps.effective, 0);
	assert_int_equal(caps_parse(NULL, &caps, &e), 0);
	assert_int_equal(caps.bounding, 0);
}

static void test_an_unknown_capability_is_an_error_in_each_set(void **state)
{
	char odd[] = "CAP_ODD", *names[] = { odd };

	(void)state;
	for (int set = 0; set < 5; set++) {
		Oci__LinuxCapabilities from = OCI__LINUX_CAPABILITIES__INIT;
		char ***lists[] = { &from.bounding, &from.effective, &from.inheritable,
				    &from.permitted, &from.ambient };
		size_t *counts[] = { &from.n_bounding, &from.n_effective, &from.n_inheritable,
				     &from.n_permitted, &from.n_ambient };
		struct caps caps;
		struct error e;

		*lists[set] = names;
		*counts[set] = 1;
		assert_int_equal(caps_parse(&from, &caps, &e), -EINVAL);
		assert_string_equal(e.msg, "there is no capability 'CAP_ODD'");
	}
}

/* Runs the classic BPF program that libseccomp made, as far as it uses it. */
static uint32_t filter(int fd, uint32_t call, uint32_t first_arg)
{
	struct sock_filter insns[4096];
	const uint32_t data[] = { call, 0xc000003e /* x86-64 */, 0, 0, first_arg, 0 };
	ssize_t size = pread(fd, insns, sizeof(insns), 0);
	uint32_t a = 0;

	assert_true(size > 0);
	for (size_t pc = 0; pc < (size_t)size / sizeof(insns[0]); pc++) {
		const struct sock_filter *i = &insns[pc];

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(i->k / 4 < ARRAY_SIZE(data));
			a = data[i->k / 4];
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += a >= i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += a > i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			fail_msg("unknown instruction %#x", i->code);
		}
	}
	fail_msg("the filter runs over its end");
	return 0;
}

static int export_profile(Oci__LinuxSeccomp *profile, struct error *e, int *ret_fd)
{
	_close_ int fd = (int)syscall(SYS_memfd_create, "filter", MFD_CLOEXEC);
	int r = seccomp_export(profile, fd, e);

	*ret_fd = TAKE_FD(fd);
	return r;
}

/* Everything is allowed but NAME, which is refused with the error ERRNORET. */
struct refusal {
	char allow[16], refuse[16], name[16], *names[1];
	Oci__LinuxSyscall rule, *rules[1];
	Oci__LinuxSeccomp profile;
};

static void refuse_with(struct refusal *r, const char *name, uint32_t errnoret)
{
	*r = (struct refusal){ .allow = "SCMP_ACT_ALLOW",
			       .refuse = "SCMP_ACT_ERRNO",
			       .rule = OCI__LINUX_SYSCALL__INIT,
			       .profile = OCI__LINUX_SECCOMP__INIT };
	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	r->names[0] = r->name;
	r->rule.names = r->names;
	r->rule.n_names = 1;
	r->rule.action = r->refuse;
	r->rule.errno_ret_case = OCI__LINUX_SYSCALL__ERRNO_RET_ERRNORET;
	r->rule.errnoret = errnoret;
	r->rules[0] = &r->rule;
	r->profile.defaultaction = r->allow;
	r->profile.syscalls = r->rules;
	r->profile.n_syscalls = 1;
}

static void test_seccomp_rules_become_a_filter(void **state)
{
	char allow[] = "SCMP_ACT_ALLOW", refuse[] = "SCMP_ACT_ERRNO", eq[] = "SCMP_CMP_EQ";
	char mkdir_name[] = "mkdir", future[] = "call_of_the_future", kill_name[] = "kill";
	char *names[] = { mkdir_name, future }, *kills[] = { kill_name };
	Oci__LinuxSeccompArg one = OCI__LINUX_SECCOMP_ARG__INIT, two = one;
	Oci__LinuxSeccompArg *args[] = { &one, &two };
	Oci__LinuxSyscall a = OCI__LINUX_SYSCALL__INIT, b = a, *rules[] = { &a, &b };
	Oci__LinuxSeccomp profile = OCI__LINUX_SECCOMP__INIT;
	_close_ int fd = -1;
	struct error e;

	(void)state;
	one.op = two.op = eq;
	one.value = 1;
	two.value = 2;
	a.names = names;
	a.n_names = 2;
	a.action = refuse;
	a.errno_ret_case = OCI__LINUX_SYSCALL__ERRNO_RET_ERRNORET;
	a.errnoret = 28;
	b.names = kills;
	b.n_names = 1;
	b.action = refuse;
	b.args = args;
	b.n_args = 2;
	profile.defaultaction = allow;
	profile.syscalls = rules;
	profile.n_syscalls = 2;
	assert_int_equal(export_profile(&profile, &e, &fd), 0);
	assert_int_equal(filter(fd, SYS_mkdir, 0), 0x00050000 | 28);
	assert_int_equal(filter(fd, SYS_getpid, 0), 0x7fff0000);
	/* Two conditions on one argument: either is enough, and the errno is the usual one. */
	assert_int_equal(filter(fd, SYS_kill, 1), 0x00050000 | EPERM);
	assert_int_equal(filter(fd, SYS_kill, 2), 0x00050000 | EPERM);
	assert_int_equal(filter(fd, SYS_kill, 3), 0x7fff0000);
}

/* The child that only loads it; its exit status is the errno of a call that PROFILE refuses. */
static int status_under_filter(int fd, const Oci__LinuxSeccomp *profile)
{
	struct error e;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    seccomp_load_from(fd, profile, &e) < 0)
			_exit(255);
		_exit(syscall(SYS_mkdir, "/", 0755) < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

/* The first process of a container assembles it, and no later one may get another. */
static void test_seccomp_filter_of_a_memory_file_is_loaded_as_it_was_made(void **state)
{
	char log[] = "SECCOMP_FILTER_FLAG_LOG", *flags[] = { log };
	struct refusal r;
	struct error e;
	_close_ int fd = launch_filter(&e), odd = launch_filter(&e);

	(void)state;
	refuse_with(&r, "mkdir", 28);
	r.profile.flags = flags;
	r.profile.n_flags = 1;
	assert_int_equal(seccomp_load_from(fd, &r.profile, &e), -EINVAL);
	assert_int_equal(seccomp_assemble(&r.profile, fd, &e), 0);
	assert_int_equal(pwrite(fd, "", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(status_under_filter(fd, &r.profile), 28);
	assert_int_equal(status_under_filter(fd, &r.profile), 28);
	assert_int_equal(write(odd, "seven..", 7), 7);
	assert_int_equal(seccomp_load_from(odd, &r.profile, &e), -EINVAL);
}

/* While the container is created, not when it starts. */
static void test_seccomp_filter_that_is_too_large_is_not_assembled(void **state)
{
	char eq[] = "SCMP_CMP_EQ";
	static Oci__LinuxSeccompArg all[3000], *args[ARRAY_SIZE(all)];
	struct refusal r;
	struct error e;
	_close_ int fd = launch_filter(&e);

	(void)state;
	refuse_with(&r, "socket", 28);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		all[i] = (Oci__LinuxSeccompArg)OCI__LINUX_SECCOMP_ARG__INIT;
		all[i].op = eq;
		all[i].value = (uint64_t)i << 32 | i;
		args[i] = &all[i];
	}
	r.rule.args = args;
	r.rule.n_args = ARRAY_SIZE(all);
	assert_int_equal(seccomp_assemble(&r.profile, fd, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "the kernel takes 1 to 4096 times 8"));
}

/* An engine lists every value that an argument may have, and there are more than arguments. */
static void test_seccomp_rule_may_have_more_conditions_than_arguments(void **state)
{
	char allow[] = "SCMP_ACT_ALLOW", refuse[] = "SCMP_ACT_ERRNO", eq[] = "SCMP_CMP_EQ";
	char name[] = "socket", *names[] = { name };
	Oci__LinuxSeccompArg all[9], *args[ARRAY_SIZE(all)];
	Oci__LinuxSyscall rule = OCI__LINUX_SYSCALL__INIT, *rules[] = { &rule };
	Oci__LinuxSeccomp profile = OCI__LINUX_SECCOMP__INIT;
	_close_ int fd = -1, bad = -1;
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		all[i] = (Oci__LinuxSeccompArg)OCI__LINUX_SECCOMP_ARG__INIT;
		all[i].op = eq;
		all[i].value = 2 * i;
		args[i] = &all[i];
	}
	rule.names = names;
	rule.n_names = 1;
	rule.action = allow;
	rule.args = args;
	rule.n_args = ARRAY_SIZE(all);
	profile.defaultaction = refuse;
	profile.syscalls = rules;
	profile.n_syscalls = 1;
	assert_int_equal(export_profile(&profile, &e, &fd), 0);
	for (uint32_t value = 0; value < 20; value++)
		assert_int_equal(filter(fd, SYS_socket, value),
				 value % 2 == 0 && value < 18 ? 0x7fff0000 : 0x00050000 | EPERM);
	all[3].index = 6;
	assert_int_equal(export_profile(&profile, &e, &bad), -EINVAL);
}

/* What an earlier rule says of a value stays so. */
static void test_seccomp_condition_that_is_there_already_hides_none_behind_it(void **state)
{
	static const uint64_t values[] = { 4, 2, 4, 6 };
	char allow[] = "SCMP_ACT_ALLOW", refuse[] = "SCMP_ACT_ERRNO", eq[] = "SCMP_CMP_EQ";
	char end[] = "SCMP_ACT_KILL_PROCESS", name[] = "socket", *names[] = { name };
	Oci__LinuxSeccompArg all[ARRAY_SIZE(values)], *args[ARRAY_SIZE(values)];
	Oci__LinuxSyscall a = OCI__LINUX_SYSCALL__INIT, b, *rules[] = { &a, &b };
	Oci__LinuxSeccomp profile = OCI__LINUX_SECCOMP__INIT;
	_close_ int fd = -1;
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		all[i] = (Oci__LinuxSeccompArg)OCI__LINUX_SECCOMP_ARG__INIT;
		all[i].op = eq;
		all[i].value = values[i];
		args[i] = &all[i];
	}
	a.names = names;
	a.n_names = 1;
	b = a;
	a.action = end;
	a.args = args;
	a.n_args = 1;
	b.action = allow;
	b.args = &args[1];
	b.n_args = 3;
	profile.defaultaction = refuse;
	profile.syscalls = rules;
	profile.n_syscalls = 2;
	assert_int_equal(export_profile(&profile, &e, &fd), 0);
	assert_int_equal(filter(fd, SYS_socket, 2), 0x7fff0000);
	assert_int_equal(filter(fd, SYS_socket, 4), 0x80000000);
	assert_int_equal(filter(fd, SYS_socket, 6), 0x7fff0000);
	assert_int_equal(filter(fd, SYS_socket, 3), 0x00050000 | EPERM);
}

/* Upstream's shim in Rust sends zero where a rule has no error of its own, whatever the rule does.
 */
static void test_seccomp_zero_with_each_rule_is_no_error(void **state)
{
	char name[] = "getpid", *names[] = { name };
	Oci__LinuxSyscall allowed = OCI__LINUX_SYSCALL__INIT, *rules[2];
	struct refusal r;
	_close_ int fd = -1, one = -1, own = -1;
	struct error e;

	(void)state;
	refuse_with(&r, "mkdir", 0);
	assert_int_equal(export_profile(&r.profile, &e, &one), 0);
	assert_int_equal(filter(one, SYS_mkdir, 0), 0x00050000 | EPERM);
	allowed.names = names;
	allowed.n_names = 1;
	allowed.action = r.allow;
	allowed.errno_ret_case = OCI__LINUX_SYSCALL__ERRNO_RET_ERRNORET;
	rules[0] = &r.rule;
	rules[1] = &allowed;
	r.profile.syscalls = rules;
	r.profile.n_syscalls = 2;
	assert_int_equal(export_profile(&r.profile, &e, &fd), 0);
	assert_int_equal(filter(fd, SYS_mkdir, 0), 0x00050000 | EPERM);
	assert_int_equal(filter(fd, SYS_getpid, 0), 0x7fff0000);
	/* A profile may say that a call does nothing and succeeds. */
	allowed.errno_ret_case = OCI__LINUX_SYSCALL__ERRNO_RET__NOT_SET;
	assert_int_equal(export_profile(&r.profile, &e, &own), 0);
	assert_int_equal(filter(own, SYS_mkdir, 0), 0x00050000);
}

static void test_seccomp_default_has_its_own_errno(void **state)
{
	char refuse[] = "SCMP_ACT_ERRNO";
	Oci__LinuxSeccomp profile = OCI__LINUX_SECCOMP__INIT;
	_close_ int usual = -1, own = -1, bad = -1;
	struct error e;

	(void)state;
	profile.defaultaction = refuse;
	assert_int_equal(export_profile(&profile, &e, &usual), 0);
	assert_int_equal(filter(usual, SYS_mkdir, 0), 0x00050000 | EPERM);
	profile.has_default_case = OCI__LINUX_SECCOMP__HAS_DEFAULT_DEFAULT_ERRNO_RET;
	profile.defaulterrnoret = ENOSYS;
	assert_int_equal(export_profile(&profile, &e, &own), 0);
	assert_int_equal(filter(own, SYS_mkdir, 0), 0x00050000 | ENOSYS);
	profile.defaulterrnoret = 5000;
	assert_int_equal(export_profile(&profile, &e, &bad), -EINVAL);
}

static void test_processors_are_ranges_in_a_mask(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint8_t mask[2];
	} cases[] = {
		{ "0", 0, { 1, 0 } },          { "0-2,5", 0, { 0x27, 0 } },
		{ "7-8", 0, { 0x80, 1 } },     { "3-1", -EINVAL, { 0 } },
		{ "a", -EINVAL, { 0 } },       { "0-", -EINVAL, { 0 } },
		{ "0-15", 0, { 0xff, 0xff } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t mask[2];
		struct error e;
		int r = attributes_parse_cpus(cases[i].text, mask, sizeof(mask), &e);

		if (r != cases[i].result || (r == 0 && memcmp(mask, cases[i].mask, 2) != 0))
			fail_msg("'%s' gave %d, %#x %#x", cases[i].text, r, mask[0], mask[1]);
	}
	{
		uint8_t mask[2];
		struct error e;

		assert_true(attributes_parse_cpus("16", mask, sizeof(mask), &e) < 0);
	}
}

static void test_seccomp_unknown_words_are_refused(void **state)
{
	char allow[] = "SCMP_ACT_ALLOW", odd[] = "ODD", *words[] = { odd };
	Oci__LinuxSeccomp action = OCI__LINUX_SECCOMP__INIT, arch = action, flag = action;
	Oci__LinuxSeccomp *cases[] = { &action, &arch, &flag };

	(void)state;
	action.defaultaction = odd;
	arch.defaultaction = flag.defaultaction = allow;
	arch.architectures = flag.flags = words;
	arch.n_architectures = flag.n_flags = 1;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_close_ int fd = -1;
		struct error e;

		assert_int_equal(export_profile(cases[i], &e, &fd), -EINVAL);
		assert_non_null(strstr(e.msg, "'ODD'"));
	}
}

static void test_plan_is_read_as_written(void **state)
{
	char host[] = "box";
	Oci__Spec spec = OCI__SPEC__INIT, *got = NULL;
	enum launch_kind kind = LAUNCH_INIT;
	struct error e;
	_close_ int fd = -1;

	(void)state;
	spec.hostname = host;
	fd = launch_plan(LAUNCH_EXEC, &spec, &e);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(launch_plan_read(fd, &kind, &got, &e), 0);
	assert_int_equal(kind, LAUNCH_EXEC);
	assert_string_equal(got->hostname, "box");
	protobuf_c_message_free_unpacked(&got->base, NULL);
}

static void test_plan_that_is_none_is_refused(void **state)
{
	static const char text[] = "no plan at all";
	_close_ int fd = (int)syscall(SYS_memfd_create, "plan", MFD_CLOEXEC);
	enum launch_kind kind;
	Oci__Spec *spec = NULL;
	struct error e;

	(void)state;
	assert_int_equal(launch_plan_read(fd, &kind, &spec, &e), -EINVAL);
	assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
	assert_int_equal(launch_plan_read(fd, &kind, &spec, &e), -EINVAL);
	assert_null(spec);
}

/* A child that waits to be killed and lets anybody trace it. */
static pid_t start_victim(void)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	for (;;)
		(void)pause();
}

/* A child that seizes VICTIM, says through READY whether it could, and never looks at it; it goes
 * when END is closed. */
static pid_t start_tracer(pid_t victim, const int ready[2], const int end[2])
{
	pid_t pid = fork();
	char answer = 'n';

	if (pid != 0)
		return pid;
	(void)close(end[1]);
	for (int i = 0; i < 100 && answer == 'n'; i++) {
		if (ptrace(PTRACE_SEIZE, victim, NULL, NULL) == 0)
			answer = 'y';
		else
			(void)poll(NULL, 0, 10);
	}
	(void)!write(ready[1], &answer, 1);
	(void)!read(end[0], &answer, 1);
	_exit(0);
}

struct stopper {
	struct io io;
	struct loop *loop;
};

static void stop_loop(struct io *io, uint32_t events)
{
	(void)events;
	timer_read(io->fd);
	loop_stop(CONTAINER_OF(io, struct stopper, io)->loop, 0);
}

static void run_for(struct loop *loop, uint64_t ms)
{
	struct error e;
	struct stopper stopper = { .io = { .fd = timer_open(&e), .ready = stop_loop },
				   .loop = loop };

	assert_true(stopper.io.fd >= 0);
	assert_int_equal(loop_add(loop, &stopper.io, EPOLLIN, &e), 0);
	timer_arm(stopper.io.fd, ms, 0);
	(void)loop_run(loop);
	loop_del(loop, &stopper.io);
	(void)close(stopper.io.fd);
}

static uint64_t cpu_ms(void)
{
	struct timespec used;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

static void note_exit(struct process *p)
{
	loop_stop(p->loop, 0);
}

/* The kernel says that such a process has ended, but gives its status to the tracer first. */
static void test_an_end_the_tracer_withholds_is_waited_for_at_rest(void **state)
{
	struct error e;
	_cleanup_(loop_freep) struct loop *loop = loop_new(&e);
	struct process_pipes pipes;
	struct launched launched = { .pidfd = -1, .control = -1, .master = -1 };
	struct process *p;
	int ready[2], end[2];
	uint64_t before_ms;
	pid_t tracer;
	char answer;

	(void)state;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	launched.pid = start_victim();
	launched.pidfd = child_open(launched.pid, &e);
	assert_true(launched.pidfd >= 0);
	tracer = start_tracer(launched.pid, ready, end);
	assert_int_equal(read(ready[0], &answer, 1), 1);
	assert_int_equal(process_pipes_open(&pipes, PROCESS_INPUT_PIPE, 0, &e), 0);
	p = process_new(loop, "traced", &launched, &pipes, &e);
	assert_non_null(p);
	process_pipes_close(&pipes);
	process_adopt(p, note_exit, NULL);
	assert_int_equal(kill(p->pid, SIGKILL), 0);
	before_ms = cpu_ms();
	run_for(loop, 300);
	if (answer == 'y') {
		assert_false(p->has_exited);
		assert_true(cpu_ms() - before_ms < 30);
	}
	(void)close(end[1]);
	assert_int_equal(waitpid(tracer, NULL, 0), tracer);
	if (!p->has_exited)
		run_for(loop, 10000);
	assert_true(p->has_exited);
	assert_int_equal(p->status, 128 + SIGKILL);
	process_free(p);
	(void)close(ready[0]);
	(void)close(ready[1]);
	(void)close(end[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_home_is_found_by_number),
		cmocka_unit_test(test_env_last_value_wins),
		cmocka_unit_test(test_environment_has_each_name_once),
		cmocka_unit_test(test_program_is_looked_up_in_path),
		cmocka_unit_test(test_missing_program_is_named),
		cmocka_unit_test(test_status_says_which_signals_are_handled),
		cmocka_unit_test(test_capabilities_are_known_by_all_their_spellings),
		cmocka_unit_test(test_an_unknown_capability_is_an_error_in_each_set),
		cmocka_unit_test(test_seccomp_rules_become_a_filter),
		cmocka_unit_test(test_seccomp_filter_of_a_memory_file_is_loaded_as_it_was_made),
		cmocka_unit_test(test_seccomp_rule_may_have_more_conditions_than_arguments),
		cmocka_unit_test(test_seccomp_condition_that_is_there_already_hides_none_behind_it),
		cmocka_unit_test(test_seccomp_filter_that_is_too_large_is_not_assembled),
		cmocka_unit_test(test_seccomp_zero_with_each_rule_is_no_error),
		cmocka_unit_test(test_seccomp_default_has_its_own_errno),
		cmocka_unit_test(test_processors_are_ranges_in_a_mask),
		cmocka_unit_test(test_seccomp_unknown_words_are_refused),
		cmocka_unit_test(test_plan_is_read_as_written),
		cmocka_unit_test(test_plan_that_is_none_is_refused),
		cmocka_unit_test(test_an_end_the_tracer_withholds_is_waited_for_at_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
