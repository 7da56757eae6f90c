/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vmm - what can be said about a VM without running one: the ready signal, the end of helper
 * processes, and refusals.
 */

#include "tests/unit/folder.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "lib/file.h"
#include "lib/sock.h"
#include "runtime/vmm/driver.h"

#define SHORT_MS 50
#define LONG_MS  5000

struct guest {
	struct vsock vsock;
	struct vsock_ready ready;
	int fd; /* the guest's end of the ready signal */
};

/* A guest behind a hybrid vsock that has said TEXT. */
static void guest_open(struct guest *g, const char *dir, const char *text)
{
	struct sock_address a;
	_free_ char *url = NULL;
	struct error e;

	g->vsock = (struct vsock){ .kind = VSOCK_HYBRID, .cid = 3, .vhost_fd = -1 };
	g->vsock.path = path_join(dir, "vsock.sock");
	g->fd = -1;
	assert_int_equal(vsock_ready_open(&g->vsock, &g->ready, &e), 0);
	assert_true(g->ready.port > 1100);
	if (!text)
		return;
	url = xasprintf("unix://%s_%u", g->vsock.path, g->ready.port);
	assert_int_equal(sock_parse(url, &a, &e), 0);
	g->fd = sock_connect(&a, deadline_in(LONG_MS), NULL, &e);
	assert_true(g->fd >= 0);
	assert_int_equal(write_all(g->fd, text, strlen(text), "guest", &e), 0);
}

static void guest_close(struct guest *g)
{
	_free_ char *path = xstrdup(g->ready.path);

	g->fd = close_fd(g->fd);
	vsock_ready_done(&g->ready);
	assert_false(file_exists(path));
	vsock_done(&g->vsock);
}

static void test_ready_signal_carries_the_version(void **state)
{
	_free_ char *version = NULL;
	struct guest g;
	struct error e;

	guest_open(&g, *state, "READY 4.1.0\n");
	assert_int_equal(
		vsock_ready_wait(&g.ready, LONG_MS, deadline_in(LONG_MS), NULL, &version, &e), 1);
	assert_string_equal(version, "4.1.0");
	guest_close(&g);
}

static void test_ready_signal_of_a_liar_is_refused(void **state)
{
	static const char *const lies[] = { "HELLO\n", "READY \033[2J\n", "\n" };
	_free_ char *longest = xcalloc(1, 300);
	_free_ char *version = NULL;
	struct guest g;
	struct error e;

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		guest_open(&g, *state, lies[i]);
		assert_int_equal(vsock_ready_wait(&g.ready, LONG_MS, deadline_in(LONG_MS), NULL,
						  &version, &e),
				 -EPROTO);
		guest_close(&g);
	}
	memset(longest, 'R', 299);
	guest_open(&g, *state, longest);
	assert_int_equal(
		vsock_ready_wait(&g.ready, LONG_MS, deadline_in(LONG_MS), NULL, &version, &e),
		-EPROTO);
	guest_close(&g);
}

/* Without a path only a context id tells who is there; a unix socket has none. */
static void test_ready_signal_is_not_waited_for_longer_by_strangers(void **state)
{
	_free_ char *url = xasprintf("unix://%s/knock", (const char *)*state);
	struct vsock_ready ready = { .peer_cid = 7 };
	_free_ char *version = NULL;
	struct sock_address a;
	struct error e;
	int fds[3], fd;

	assert_int_equal(sock_parse(url, &a, &e), 0);
	ready.fd = sock_listen(&a, &e);
	assert_true(ready.fd >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = sock_connect(&a, deadline_in(LONG_MS), NULL, &e);
	assert_int_equal(vsock_ready_wait(&ready, LONG_MS, deadline_in(0), NULL, &version, &e),
			 -ETIMEDOUT);
	/* The others still wait to be turned away. */
	fd = accept(ready.fd, NULL, NULL);
	assert_return_code(fd, errno);
	(void)close_fd(fd);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		(void)close_fd(fds[i]);
	vsock_ready_done(&ready);
}

/* A loop that only tried again would take a processor until the deadline. */
static void test_ready_signal_without_descriptors_rests(void **state)
{
	_free_ char *version = NULL;
	struct timespec before, after;
	struct rlimit limit, none;
	struct guest g;
	struct error e;

	guest_open(&g, *state, "READY 4.1.0\n");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3; /* poll(2) takes as many as that */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	assert_int_equal(vsock_ready_wait(&g.ready, LONG_MS, deadline_in(400), NULL, &version, &e),
			 -ETIMEDOUT);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true((after.tv_sec - before.tv_sec) * 1000 +
			    (after.tv_nsec - before.tv_nsec) / 1000000 <
		    200);
	assert_int_equal(
		vsock_ready_wait(&g.ready, LONG_MS, deadline_in(LONG_MS), NULL, &version, &e), 1);
	guest_close(&g);
}

/* A busy guest gives its call up, and the daemon between may or may not tell. */
static void test_agent_whose_ready_signal_is_lost_is_dialled_all_the_same(void **state)
{
	static const struct {
		const char *said;
		bool ends;
	} cases[] = { { "", true }, { "READY 5", true }, { "", false }, { "READY", false } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *version = NULL;
		uint64_t deadline_ms = deadline_in(LONG_MS);
		struct guest g;
		struct error e;

		guest_open(&g, *state, cases[i].said);
		if (cases[i].ends)
			g.fd = close_fd(g.fd);
		assert_int_equal(
			vsock_ready_wait(&g.ready, SHORT_MS, deadline_ms, NULL, &version, &e), 1);
		assert_string_equal(version, "");
		if (now_ms() >= deadline_ms)
			fail_msg("case %zu took all the time", i);
		guest_close(&g);
	}
}

static void test_no_ready_signal_is_a_foreign_agent_after_a_while(void **state)
{
	char *version = NULL;
	struct guest g;
	struct error e;

	guest_open(&g, *state, NULL);
	assert_int_equal(
		vsock_ready_wait(&g.ready, SHORT_MS, deadline_in(LONG_MS), NULL, &version, &e), 0);
	assert_null(version);
	assert_int_equal(
		vsock_ready_wait(&g.ready, LONG_MS, deadline_in(SHORT_MS), NULL, &version, &e),
		-ETIMEDOUT);
	guest_close(&g);
}

static int hears_at_once(struct vmm *vmm)
{
	(void)vmm;
	return 1;
}

static bool has_knocked(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	return fd >= 0 && close_fd(fd) == -1;
}

/* An agent of ours calls in that moment. */
static void test_a_guest_whose_driver_is_just_up_is_not_dialled_yet(void **state)
{
	static const struct vmm_driver driver = { .hears = hears_at_once };
	_free_ char *path = path_join(*state, "early");
	_free_ char *url = xasprintf("unix://%s", path);
	struct vmm vmm = { .driver = &driver,
			   .console_fd = -1,
			   .vsock = { .kind = VSOCK_HYBRID, .path = path } };
	struct sock_address a;
	struct guest g;
	struct error e;
	int listener;

	for (size_t i = 0; i < N_VMM_PROCESS; i++)
		vmm.processes[i].proc.pidfd = -1;
	assert_int_equal(sock_parse(url, &a, &e), 0);
	listener = sock_listen(&a, &e);
	assert_true(listener >= 0);
	guest_open(&g, *state, NULL);
	vmm.ready = g.ready;
	assert_int_equal(vmm_wait_agent(&vmm, deadline_in(5 * SHORT_MS), NULL, &e), -ETIMEDOUT);
	assert_false(has_knocked(listener));
	assert_int_equal(vmm_wait_agent(&vmm, deadline_in(20 * SHORT_MS), NULL, &e), -ETIMEDOUT);
	assert_true(has_knocked(listener));
	(void)close_fd(listener);
	guest_close(&g);
}

static void test_address_is_written_as_upstream_does(void **state)
{
	const struct vsock hybrid = { .kind = VSOCK_HYBRID, .path = (char[]){ "/r/v" } };
	const struct vsock vhost = { .kind = VSOCK_VHOST, .cid = 7 };
	_free_ char *a = vsock_url(&hybrid, 1024);
	_free_ char *b = vsock_url(&vhost, 1026);

	(void)state;
	assert_string_equal(a, "hvsock:///r/v:1024");
	assert_string_equal(b, "vsock://7:1026");
}

static int spawn(struct daemon *d, struct loop *loop, char *const *argv, uint64_t wait_ms,
		 struct error *e)
{
	const struct proc_spec spec = { .argv = argv };

	return daemon_spawn(d, loop, &spec, deadline_in(wait_ms), NULL, e);
}

static void test_end_of_a_daemon_is_told_with_its_last_words(void **state)
{
	char *argv[] = { (char[]){ "/bin/ls" }, (char[]){ "/does/not/exist" }, NULL };
	struct daemon d = DAEMON_INIT("lister");
	struct error e;

	(void)state;
	assert_int_equal(spawn(&d, NULL, argv, LONG_MS, &e), 0);
	assert_true(wait_fd(d.proc.pidfd, POLLIN, "ls", deadline_in(LONG_MS), NULL, &e) > 0);
	assert_int_equal(daemon_end_reason(&d, &e), -EPIPE);
	assert_non_null(strstr(e.msg, "lister ended with status 2: "));
	assert_non_null(strstr(e.msg, "/does/not/exist"));
	daemon_stop(&d, 0);
	daemon_stop(&d, 0);
	assert_int_equal(d.proc.pidfd, -1);
}

static void test_daemon_that_ignores_everything_is_stopped(void **state)
{
	char *argv[] = { (char[]){ "/bin/cat" }, (char[]){ "/dev/zero" }, NULL };
	struct daemon d = DAEMON_INIT("cat");
	struct error e;

	(void)state;
	assert_int_equal(spawn(&d, NULL, argv, LONG_MS, &e), 0);
	assert_int_equal(daemon_end_reason(&d, &e), 0);
	assert_int_equal(proc_kill(&d.proc, SIGSTOP, &e), 0);
	daemon_stop(&d, 0);
	assert_int_equal(d.proc.pid, 0);
}

static void test_spawn_of_a_missing_program_names_it(void **state)
{
	char *argv[] = { (char[]){ "/does/not/exist" }, NULL };
	struct daemon d = DAEMON_INIT("ghost");
	struct error e;

	(void)state;
	assert_int_equal(spawn(&d, NULL, argv, LONG_MS, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "/does/not/exist"));
	daemon_stop(&d, 0);
}

static void *run_loop(void *loop)
{
	(void)loop_run(loop);
	return NULL;
}

struct stopper {
	struct loop_task task;
	struct loop *loop;
};

static void stop_loop(struct loop_task *task)
{
	loop_stop(CONTAINER_OF(task, struct stopper, task)->loop, 0);
}

static void test_spawn_through_the_io_thread_outlives_the_caller(void **state)
{
	char *argv[] = { (char[]){ "/bin/cat" }, (char[]){ "/dev/zero" }, NULL };
	struct stopper stopper = { .task.run = stop_loop };
	struct daemon d = DAEMON_INIT("cat");
	pthread_t thread;
	struct error e;

	(void)state;
	stopper.loop = loop_new(&e);
	assert_non_null(stopper.loop);
	assert_int_equal(pthread_create(&thread, NULL, run_loop, stopper.loop), 0);
	assert_int_equal(spawn(&d, stopper.loop, argv, LONG_MS, &e), 0);
	assert_int_equal(daemon_end_reason(&d, &e), 0);
	loop_post(stopper.loop, &stopper.task);
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* The io thread started it, so its end is the daemon's. */
	assert_true(wait_fd(d.proc.pidfd, POLLIN, "cat", deadline_in(LONG_MS), NULL, &e) > 0);
	daemon_stop(&d, 0);
	loop_free(stopper.loop);
}

static void test_spawn_given_up_before_the_io_thread_looks_starts_nothing(void **state)
{
	char *argv[] = { (char[]){ "/bin/cat" }, NULL };
	struct stopper stopper = { .task.run = stop_loop };
	struct daemon d = DAEMON_INIT("cat");
	struct error e;

	(void)state;
	stopper.loop = loop_new(&e);
	assert_int_equal(spawn(&d, stopper.loop, argv, SHORT_MS, &e), -ETIMEDOUT);
	loop_post(stopper.loop, &stopper.task);
	(void)loop_run(stopper.loop);
	assert_int_equal(d.proc.pid, 0);
	loop_free(stopper.loop);
}

static void test_new_vm_refuses_what_cannot_be(void **state)
{
	_free_ char *run_dir = path_join(*state, "vm");
	_free_ char *deep = xasprintf("%s/%090d", (char *)*state, 0);
	_config_ struct config c;
	struct vmm_params p = { .config = &c, .id = "sb1", .run_dir = run_dir };
	struct vmm *vmm = NULL;
	struct error e;

	config_init(&c, "/v");
	assert_int_equal(config_settle(&c, &e), 0);
	p.vcpus = 1000;
	assert_int_equal(vmm_new(&p, &vmm, &e), -EINVAL);
	p.vcpus = 0;
	p.memory_mib = c.hypervisor.default_maxmemory + 1;
	assert_int_equal(vmm_new(&p, &vmm, &e), -EINVAL);
	p.memory_mib = 0;
	p.id = "../x";
	assert_int_equal(vmm_new(&p, &vmm, &e), -EINVAL);
	p.id = "sb1";
	p.run_dir = deep;
	assert_int_equal(vmm_new(&p, &vmm, &e), -ENAMETOOLONG);
	p.run_dir = run_dir;
	c.hypervisor.name = "none";
	assert_int_equal(vmm_new(&p, &vmm, &e), -EINVAL);
}

static void assert_same(bool has_trait, bool has_operation)
{
	assert_int_equal(has_trait, has_operation);
}

static void test_every_driver_does_what_its_traits_say_and_is_configured(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_vmm_drivers; i++) {
		const struct vmm_driver *d = vmm_drivers[i];

		assert_non_null(config_vmm_find(d->name));
		assert_true(d->prepare && d->boot && d->quit && d->done);
		assert_true(d->traits.shares <= VMM_SHARES_MAX);
		assert_true(d->traits.vsocks && d->traits.runs_on);
		assert_same(d->traits.plugs & VMM_PLUG_VCPUS, d->resize_vcpus);
		assert_same(d->traits.plugs & VMM_PLUG_MEMORY, d->resize_memory);
		assert_same(d->traits.plugs & VMM_PLUG_PAGES, d->plug_pages);
		assert_same(d->traits.plugs & VMM_PLUG_BLOCK, d->plug_block);
		assert_same(d->traits.plugs & VMM_PLUG_BLOCK, d->unplug_block);
		assert_same(d->traits.plugs & VMM_PLUG_BLOCK, d->resize_block);
		assert_same(d->traits.plugs & VMM_PLUG_NIC, d->plug_nic);
		assert_same(d->traits.plugs & VMM_PLUG_NIC, d->unplug_nic);
	}
}

static void test_start_without_programs_names_the_missing_one_and_leaves_nothing(void **state)
{
	_free_ char *run_dir = path_join(*state, "vm");
	_config_ struct config c;
	const struct vmm_share share = { .tag = "t", .dir = "/" };
	struct vmm_params p = {
		.config = &c, .id = "sb1", .run_dir = run_dir, .shares = &share, .n_shares = 1
	};
	_cleanup_(vmm_freep) struct vmm *vmm = NULL;
	struct error e;

	config_init(&c, "/does-not-exist");
	c.hypervisor.allow_emulation = true;
	assert_int_equal(config_settle(&c, &e), 0);
	assert_int_equal(vmm_new(&p, &vmm, &e), 0);
	assert_int_equal(vmm_start(vmm, deadline_in(LONG_MS), NULL, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "starting vm 'sb1'"));
	assert_non_null(strstr(e.msg, "/does-not-exist/libexec/virtiofsd"));
	assert_false(file_exists(run_dir));
	assert_int_equal(vmm_pidfd(vmm, VMM_PROCESS_VMM), -1);
	assert_int_equal(vmm_remove_block(vmm, "b", deadline_in(SHORT_MS), NULL, &e), -ESRCH);
	assert_int_equal(vmm_remove_nic(vmm, "n", deadline_in(SHORT_MS), NULL, &e), -ESRCH);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ready_signal_carries_the_version),
		TEST(test_ready_signal_of_a_liar_is_refused),
		TEST(test_ready_signal_without_descriptors_rests),
		TEST(test_ready_signal_is_not_waited_for_longer_by_strangers),
		TEST(test_agent_whose_ready_signal_is_lost_is_dialled_all_the_same),
		TEST(test_a_guest_whose_driver_is_just_up_is_not_dialled_yet),
		TEST(test_no_ready_signal_is_a_foreign_agent_after_a_while),
		TEST(test_address_is_written_as_upstream_does),
		TEST(test_end_of_a_daemon_is_told_with_its_last_words),
		TEST(test_daemon_that_ignores_everything_is_stopped),
		TEST(test_spawn_of_a_missing_program_names_it),
		TEST(test_spawn_through_the_io_thread_outlives_the_caller),
		TEST(test_spawn_given_up_before_the_io_thread_looks_starts_nothing),
		TEST(test_new_vm_refuses_what_cannot_be),
		TEST(test_every_driver_does_what_its_traits_say_and_is_configured),
		TEST(test_start_without_programs_names_the_missing_one_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
