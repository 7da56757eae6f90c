/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_filter - a process makes the system calls of its list and no other.
 */

#include "tests/unit/unit.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lib/filter.h"
#include "lib/proc.h"
#include "runtime/vmm/qemu/calls.h"
#include "runtime/vmm/vsock-daemon.h"

#define X32 0x40000000L

static const struct sock_filter table[] = {
	FILTER_BEGIN,
	FILTER_ALLOW(SYS_getppid),
	FILTER_ALLOW_IF(SYS_socket, 0, UINT32_MAX, AF_UNIX),
	FILTER_ALLOW_IF(SYS_socket, 1, SOCK_STREAM | SOCK_DGRAM, SOCK_DGRAM),
	FILTER_ALLOW(SYS_getuid),
	FILTER_ALLOW(SYS_exit_group),
	FILTER_END,
};
static const struct filter small = FILTER(table);

/* A call and its first arguments. */
struct call {
	const char *name;
	long number;
	long arguments[3];
};

/* Without what sanitizers do at an end. */
static void end(long status)
{
	(void)syscall(SYS_exit_group, status);
}

/* How a process of FILTER ends: with the errno of CALL, 0 or a signal. */
static int outcome(const struct filter *filter, const struct call *call)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || filter_enter(filter) < 0)
			end(255);
		end(syscall(call->number, call->arguments[0], call->arguments[1],
			    call->arguments[2], 0, 0) < 0
			    ? errno
			    : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_process_makes_the_calls_of_its_list(void **state)
{
	static const struct {
		struct call call;
		int outcome;
	} cases[] = {
		{ { "a listed call", SYS_getppid, { 0 } }, 0 },
		{ { "one behind conditions", SYS_getuid, { 0 } }, 0 },
		{ { "one that is not listed", SYS_getgid, { 0 } }, EPERM },
		{ { "the first condition", SYS_socket, { AF_UNIX, SOCK_STREAM } }, 0 },
		{ { "the second", SYS_socket, { AF_INET, SOCK_DGRAM } }, 0 },
		{ { "none", SYS_socket, { AF_INET, SOCK_STREAM } }, EPERM },
		{ { "a young call", SYS_close_range, { 3, 3 } }, ENOSYS },
		{ { "the first young one", SYS_clone3, { 0 } }, ENOSYS },
		{ { "another number of a listed call", X32 | SYS_getppid, { 0 } }, ENOSYS },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int got = outcome(&small, &cases[i].call);

		if (got != cases[i].outcome)
			fail_msg("%s: %d", cases[i].call.name, got);
	}
}

/* The numbers of i386 are other calls: that of getppid(2) is another one there. */
static void test_process_that_calls_as_another_architecture_ends(void **state)
{
	pid_t pid = fork();
	int status = 0;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		long number = SYS_getppid;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || filter_enter(&small) < 0)
			end(255);
		__asm__ volatile("int $0x80" : "+a"(number) : : "memory", "r8", "r9", "r10", "r11");
		end(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

/* What whoever takes over a VMM or its daemon would want next. */
static void test_what_a_guest_may_take_over_makes_no_call_against_the_host(void **state)
{
	static const struct call calls[] = {
		{ "make a process", SYS_clone, { SIGCHLD } },
		{ "make a process, as was done once", SYS_fork, { 0 } },
		{ "make a user namespace", SYS_unshare, { CLONE_NEWUSER } },
		{ "mount", SYS_mount, { 0 } },
		{ "change the root", SYS_chroot, { 0 } },
		{ "trace another process", SYS_ptrace, { 0 } },
		{ "read another's memory", SYS_process_vm_readv, { 0 } },
		{ "signal another process", SYS_kill, { 1, 0 } },
		{ "load a program into the kernel", SYS_bpf, { 0 } },
		{ "count events", SYS_perf_event_open, { 0 } },
		{ "wait in page faults", SYS_userfaultfd, { 0 } },
		{ "ask for keys", SYS_keyctl, { 0 } },
		{ "make a ring", SYS_io_uring_setup, { 0 } },
		{ "open by handle", SYS_open_by_handle_at, { 0 } },
		{ "make a device", SYS_mknodat, { 0 } },
		{ "make a folder", SYS_mkdirat, { 0 } },
		{ "make a link", SYS_symlinkat, { 0 } },
		{ "send from outside", SYS_socket, { AF_INET, SOCK_STREAM } },
		{ "ask the kernel's network", SYS_socket, { AF_NETLINK, SOCK_RAW } },
		{ "reach a guest", SYS_socket, { AF_VSOCK, SOCK_STREAM } },
		{ "outlive the shim", SYS_prctl, { PR_SET_PDEATHSIG, 0 } },
		{ "change its user", SYS_setresuid, { -1, -1, -1 } },
		{ "run first", SYS_sched_setscheduler, { 0 } },
		{ "stop the machine", SYS_reboot, { 0 } },
	};
	static const struct filter *const filters[] = { &qemu_calls, &vsock_daemon_calls };

	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(filters); f++)
		for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
			int got = outcome(filters[f], &calls[i]);

			if (got != EPERM)
				fail_msg("%s may %s: %d", f ? "the vsock daemon" : "QEMU",
					 calls[i].name, got);
		}
}

/* It is QEMU's, which has sockets by descriptor alone. */
static void test_vmm_makes_no_socket(void **state)
{
	static const struct call make = { "", SYS_socket, { AF_UNIX, SOCK_STREAM } };
	static const struct call reach = { "", SYS_connect, { -1, 0, 0 } };

	(void)state;
	assert_int_equal(outcome(&qemu_calls, &make), EPERM);
	assert_int_equal(outcome(&qemu_calls, &reach), EPERM);
}

static void test_started_process_has_its_filter(void **state)
{
	char *argv[] = { (char[]){ "/bin/grep" }, (char[]){ "^Seccomp:" },
			 (char[]){ "/proc/self/status" }, NULL };
	const struct proc_spec with = { .argv = argv, .no_new_privs = true, .filter = &qemu_calls };
	_free_ char *output = NULL;
	struct error e;
	int status = -1;

	(void)state;
	assert_int_equal(proc_run(&with, deadline_in(5000), NULL, 4096, &status, &output, &e), 0);
	assert_string_equal(output, "Seccomp:\t2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process_makes_the_calls_of_its_list),
		cmocka_unit_test(test_process_that_calls_as_another_architecture_ends),
		cmocka_unit_test(test_what_a_guest_may_take_over_makes_no_call_against_the_host),
		cmocka_unit_test(test_vmm_makes_no_socket),
		cmocka_unit_test(test_started_process_has_its_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
