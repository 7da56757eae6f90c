/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm-cases - real virtual machines through runtime/vmm, from start to every kind of end.
 *
 * KATA_VERSION_DIR is a version directory whose initrd runs vmm-guest.c.  Needs root (taps,
 * virtiofsd's sandbox) and works in namespaces of its own.  Guests are emulated where KVM does not
 * work, so times are generous; what must be quick is bounded by name.
 */

#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <linux/if.h>
#include <linux/if_tun.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "lib/sock.h"
#include "runtime/sandbox/state.h"
#include "runtime/vmm/vmm.h"

#define START_MS       30000
#define READY_MS       60000
#define CALL_MS        20000
#define STOP_MS        3000
#define EARLY_MS       5
#define EARLY_PAUSE_US 50 /* between its memory and its rings is less than a millisecond */
#define DISK_MIB       8
#define GIVEN_UP       25 /* times each way */
#define IDLE_MS        1000

struct fixture {
	struct config config;
	char dir[64];
	char *run_dir;
	char *share_dir;
	struct vmm_nic nic;
	struct vmm *vmm;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	_free_ char *hello = NULL;
	struct error e;

	config_init(&f->config, getenv("KATA_VERSION_DIR"));
	f->config.hypervisor.allow_emulation = true;
	f->config.hypervisor.default_memory = 256;
	if (config_settle(&f->config, &e) < 0)
		return -1;
	f->config.hypervisor.default_maxvcpus = 4;
	f->config.hypervisor.default_maxmemory = 2048;
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/vmm-cases.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	f->run_dir = path_join(f->dir, "run");
	f->share_dir = path_join(f->dir, "share");
	hello = path_join(f->share_dir, "hello");
	if (dir_make(f->share_dir, 0755, &e) < 0 || file_replace(hello, "shared", 6, 0644, &e) < 0)
		return -1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct error e;

	vmm_free(f->vmm);
	assert_false(file_exists(f->run_dir));
	(void)tree_remove(f->dir, &e);
	free(f->run_dir);
	free(f->share_dir);
	config_done(&f->config);
	free(f);
	return 0;
}

static int start(struct fixture *f, struct error *e)
{
	_close_ int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	const struct vmm_share share = { .tag = "kataShared", .dir = f->share_dir };
	const struct vmm_params params = {
		.config = &f->config,
		.id = "vmm-cases",
		.run_dir = f->run_dir,
		.shares = &share,
		.n_shares = 1,
		.nics = &f->nic,
		.n_nics = f->nic.n_tap_fds > 0 ? 1 : 0,
		.netns_fd = netns,
	};
	int r = vmm_new(&params, &f->vmm, e);

	return r < 0 ? r : vmm_start(f->vmm, deadline_in(START_MS), NULL, e);
}

static void must(int r, const struct error *e)
{
	if (r < 0)
		fail_msg("%s", e->msg);
}

/* Dials the guest's program again and again: one that has much to do turns callers away. */
static int reach(struct fixture *f)
{
	uint64_t deadline_ms = deadline_in(CALL_MS);
	struct error e;
	int fd;

	for (;;) {
		fd = vsock_dial(vmm_vsock(f->vmm), VSOCK_PORT_AGENT, deadline_ms, NULL, &e);
		if (fd >= 0 || wait_pause(50, "the guest", deadline_ms, NULL, &e) < 0)
			break;
	}
	must(fd, &e);
	return fd;
}

/* What the guest answers to QUESTION, without the end of the line. */
static char *ask(struct fixture *f, const char *question)
{
	_free_ char *line = xasprintf("%s\n", question);
	_close_ int fd = reach(f);
	struct error e;
	char *answer = xcalloc(1, 4096);
	size_t n = 0;
	ssize_t got;

	must(write_all(fd, line, strlen(line), "guest", &e), &e);
	do {
		must(wait_fd(fd, POLLIN, question, deadline_in(CALL_MS), NULL, &e), &e);
		got = read(fd, answer + n, 4095 - n);
		n += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	answer[strcspn(answer, "\n")] = '\0';
	return answer;
}

static void boot(struct fixture *f)
{
	struct error e;
	_close_ int fd = -1;

	must(start(f, &e), &e);
	fd = vmm_wait_agent(f->vmm, deadline_in(READY_MS), NULL, &e);
	must(fd, &e);
}

/* Asks until the answer contains WANTED: the guest needs a moment after a device was plugged in. */
static void expect(struct fixture *f, const char *question, const char *wanted, bool is_there)
{
	uint64_t deadline_ms = deadline_in(CALL_MS);
	_free_ char *answer = NULL;
	struct error e;

	for (;;) {
		free(answer);
		answer = ask(f, question);
		if ((strstr(answer, wanted) != NULL) == is_there)
			return;
		if (wait_pause(50, question, deadline_ms, NULL, &e) < 0)
			fail_msg("'%s' is answered with '%s'; wanted: %s%s", question, answer,
				 is_there ? "" : "not ", wanted);
	}
}

struct early {
	const struct vsock *vsock;
	atomic_bool is_over;
};

static void test_guest_boots_and_sees_the_shared_folder(void **state)
{
	struct fixture *f = *state;
	_free_ char *text = NULL;

	boot(f);
	text = ask(f, "file /mnt/hello");
	assert_string_equal(text, "shared");
	assert_true(vmm_pid(f->vmm, VMM_PROCESS_VMM) > 0);
	assert_true(vmm_pid(f->vmm, VMM_PROCESS_FS) > 0);
	/* As a sandbox asks: after the agent has answered, who may have been dialled before it
	 * told. */
	assert_true(vmm_has_own_agent(f->vmm));
}

/* A port where nobody listens, so that the guest is asked and not kept busy. */
static void *dial_all_the_time(void *argument)
{
	struct early *early = argument;
	struct error ignored;

	while (!atomic_load(&early->is_over)) {
		(void)close_fd(vsock_dial(early->vsock, VSOCK_PORT_LOG, deadline_in(EARLY_MS), NULL,
					  &ignored));
		(void)usleep(EARLY_PAUSE_US);
	}
	return NULL;
}

/* Before it has memory, has rings, or listens. */
static void test_guest_is_reached_though_somebody_dials_too_early(void **state)
{
	struct fixture *f = *state;
	struct early early = { 0 };
	_free_ char *text = NULL;
	struct error e;
	pthread_t dialler;
	int fd;

	must(start(f, &e), &e);
	early.vsock = vmm_vsock(f->vmm);
	assert_int_equal(pthread_create(&dialler, NULL, dial_all_the_time, &early), 0);
	fd = vmm_wait_agent(f->vmm, deadline_in(READY_MS), NULL, &e);
	atomic_store(&early.is_over, true);
	(void)pthread_join(dialler, NULL);
	must(fd, &e);
	(void)close_fd(fd);
	text = ask(f, "file /mnt/hello");
	assert_string_equal(text, "shared");
}

static void knock_and_go(struct fixture *f, const char *line, unsigned stay_us)
{
	_free_ char *url = xasprintf("unix://%s", vmm_vsock(f->vmm)->path);
	_close_ int fd = -1;
	struct sock_address a;
	struct error e;

	must(sock_parse(url, &a, &e), &e);
	fd = sock_connect(&a, deadline_in(CALL_MS), NULL, &e);
	must(fd, &e);
	must(write_all(fd, line, strlen(line), "guest", &e), &e);
	(void)usleep(stay_us);
}

/* What PID has run so far. */
static uint64_t clock_ticks_of(pid_t pid)
{
	_free_ char *path = xasprintf("/proc/%d/stat", pid);
	char text[1024] = "";
	unsigned long user = 0, system = 0;
	FILE *in = fopen(path, "re");

	assert_non_null(in);
	assert_non_null(fgets(text, sizeof(text), in));
	(void)fclose(in);
	/* Fields 14 and 15, proc(5); the name, field 2, ends with the last bracket. */
	assert_int_equal(sscanf(strrchr(text, ')'),
				") %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user,
				&system),
			 2);
	return user + system;
}

static size_t files_of(pid_t pid)
{
	_free_ char *path = xasprintf("/proc/%d/fd", pid);
	DIR *dir = opendir(path);
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

/* Before they have said where to, before the guest has answered, or before they have read that. */
static void test_callers_that_give_up_harm_no_guest(void **state)
{
	static const char *const lines[] = { "", "CONNECT", "CONNECT 1024\n", "CONNECT 1025\n" };
	struct fixture *f = *state;
	uint64_t deadline_ms, ticks;
	_free_ char *text = NULL;
	size_t n_files;
	struct error e;
	pid_t daemon;

	boot(f);
	daemon = vmm_pid(f->vmm, VMM_PROCESS_VSOCK);
	if (daemon <= 0)
		skip();
	n_files = files_of(daemon);
	for (unsigned round = 0; round < GIVEN_UP; round++)
		for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
			knock_and_go(f, lines[i], round % 8 * 250);
	text = ask(f, "file /mnt/hello");
	assert_string_equal(text, "shared");
	/* Nor does anything of them stay, or keep the host busy. */
	deadline_ms = deadline_in(CALL_MS);
	while (files_of(daemon) > n_files)
		must(wait_pause(50, "the daemon's files", deadline_ms, NULL, &e), &e);
	ticks = clock_ticks_of(daemon);
	(void)usleep(IDLE_MS * 1000);
	assert_true(clock_ticks_of(daemon) - ticks <
		    (uint64_t)sysconf(_SC_CLK_TCK) * IDLE_MS / 4000);
}

/* It is dialled, but not before the guest's driver is up, and reached as soon as it listens: half
 * of the time that it has was waited once. */
static void test_agent_that_gives_no_signal_is_reached(void **state)
{
	struct fixture *f = *state;
	_free_ char *params = xasprintf("%s mute", f->config.hypervisor.kernel_params);
	_free_ char *text = NULL;
	uint64_t begin = now_ms();

	str_set(&f->config.hypervisor.kernel_params, params);
	boot(f);
	assert_true(now_ms() - begin < READY_MS / 2);
	text = ask(f, "file /mnt/hello");
	assert_string_equal(text, "shared");
	assert_false(vmm_has_own_agent(f->vmm));
}

static void test_processors_and_memory_grow_while_it_runs(void **state)
{
	struct fixture *f = *state;
	uint64_t mib = 0;
	unsigned vcpus = 0;
	struct error e;

	boot(f);
	must(vmm_set_vcpus(f->vmm, 2, &vcpus, deadline_in(CALL_MS), NULL, &e), &e);
	assert_int_equal(vcpus, 2);
	expect(f, "cpus", "2", true);
	must(vmm_set_vcpus(f->vmm, 99, &vcpus, deadline_in(CALL_MS), NULL, &e), &e);
	assert_int_equal(vcpus, 4);
	/* Memory comes in blocks of 128 MiB; the balloon has what is too much. */
	must(vmm_set_memory(f->vmm, 300, &mib, deadline_in(CALL_MS), NULL, &e), &e);
	assert_int_equal(mib, 300);
	must(vmm_set_memory(f->vmm, 200, &mib, deadline_in(CALL_MS), NULL, &e), &e);
	assert_int_equal(mib, 200);
	must(vmm_set_memory(f->vmm, 1 << 20, &mib, deadline_in(CALL_MS), NULL, &e), &e);
	assert_int_equal(mib, 2048);
	/* 14 blocks of 128 MiB, from 4 GiB on. */
	expect(f, "list /sys/devices/system/memory", "memory45", true);
	expect(f, "file /sys/devices/system/memory/memory45/state", "online", true);
}

static int open_disk(struct fixture *f, const char *name)
{
	_free_ char *path = path_join(f->dir, name);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, DISK_MIB << 20), 0);
	return fd;
}

/* Makes the disk behind FD, which is ID's and the guest's NODE, larger by as much as it had at
 * first. */
static void grow_disk(struct fixture *f, int fd, const char *id, const char *node)
{
	_free_ char *question = xasprintf("file /sys/block/%s/size", node);
	_free_ char *sectors = NULL;
	struct error e;
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	st.st_size += DISK_MIB << 20;
	sectors = xasprintf("%lld", (long long)st.st_size / 512);
	assert_int_equal(ftruncate(fd, st.st_size), 0);
	must(vmm_resize_block(f->vmm, id, (uint64_t)st.st_size, deadline_in(CALL_MS), NULL, &e),
	     &e);
	expect(f, question, sectors, true);
}

static void test_block_device_comes_and_goes(void **state)
{
	struct fixture *f = *state;
	_close_ int fd = open_disk(f, "disk");
	const struct vmm_block block = { .id = "disk-1", .fd = fd };
	_free_ char *question = NULL;
	struct address address;
	struct error e;

	boot(f);
	for (int round = 0; round < 2; round++) {
		must(vmm_add_block(f->vmm, &block, &address, deadline_in(CALL_MS), NULL, &e), &e);
		expect(f, "list /sys/block", "vda", true);
		free(question);
		question = xasprintf("pci %s", address.text);
		expect(f, question, ":00.0", true);
		assert_int_equal(
			vmm_add_block(f->vmm, &block, &address, deadline_in(CALL_MS), NULL, &e),
			-EEXIST);
		grow_disk(f, fd, "disk-1", "vda");
		must(vmm_remove_block(f->vmm, "disk-1", deadline_in(CALL_MS), NULL, &e), &e);
		expect(f, "list /sys/block", "vda", false);
	}
	assert_int_equal(vmm_remove_block(f->vmm, "disk-1", deadline_in(CALL_MS), NULL, &e),
			 -ENOENT);
	assert_int_equal(vmm_resize_block(f->vmm, "disk-1", 4096, deadline_in(CALL_MS), NULL, &e),
			 -ENOENT);
}

/* The last port is taken by a controller, which has room for all that follow. */
static void test_disks_never_run_out_of_ports(void **state)
{
	static const char *const ids[] = { "a", "b", "c", "d" };
	static const char *const nodes[] = { "vda", "sda", "sdb", "sdc" };
	struct fixture *f = *state;
	_close_ int fd = open_disk(f, "disk"), own = open_disk(f, "own");
	struct vmm_block block = { .fd = fd, .read_only = true };
	const struct vmm_block last = { .id = "e", .fd = own };
	struct address address;
	struct error e;

	f->config.hypervisor.pcie_root_port = 2;
	boot(f);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		block.id = ids[i];
		must(vmm_add_block(f->vmm, &block, &address, deadline_in(CALL_MS), NULL, &e), &e);
		assert_int_equal(address.bus, i == 0 ? ADDRESS_PCI : ADDRESS_SCSI);
		expect(f, "list /sys/block", nodes[i], true);
	}
	assert_string_equal(address.text, "0:2");
	must(vmm_add_block(f->vmm, &last, &address, deadline_in(CALL_MS), NULL, &e), &e);
	expect(f, "list /sys/block", "sdd", true);
	grow_disk(f, own, "e", "sdd");
	must(vmm_remove_block(f->vmm, "c", deadline_in(CALL_MS), NULL, &e), &e);
	expect(f, "list /sys/block", "sdb", false);
	must(vmm_remove_block(f->vmm, "a", deadline_in(CALL_MS), NULL, &e), &e);
	expect(f, "list /sys/block", "vda", false);
}

static int open_tap(const char *name)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	assert_true(fd >= 0);
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	return fd;
}

static void test_network_device_is_as_it_was_described(void **state)
{
	struct fixture *f = *state;
	_close_ int tap = open_tap("cases0");

	f->nic = (struct vmm_nic){ .id = "net-1",
				   .mac = { 2, 0, 0, 0, 0, 7 },
				   .mtu = 1400,
				   .tap_fds = &tap,
				   .n_tap_fds = 1 };
	boot(f);
	expect(f, "list /sys/class/net", "eth0", true);
	expect(f, "file /sys/class/net/eth0/address", "02:00:00:00:00:07", true);
	expect(f, "file /sys/class/net/eth0/mtu", "1400", true);
}

static void test_network_device_comes_and_goes(void **state)
{
	struct fixture *f = *state;
	_close_ int tap = open_tap("cases1");
	const struct vmm_nic nic = {
		.id = "net-2", .mac = { 2, 0, 0, 0, 0, 8 }, .tap_fds = &tap, .n_tap_fds = 1
	};
	struct address address;
	struct error e;

	boot(f);
	for (int round = 0; round < 2; round++) {
		must(vmm_add_nic(f->vmm, &nic, &address, deadline_in(CALL_MS), NULL, &e), &e);
		expect(f, "list /sys/class/net", "eth0", true);
		must(vmm_remove_nic(f->vmm, "net-2", deadline_in(CALL_MS), NULL, &e), &e);
		expect(f, "list /sys/class/net", "eth0", false);
	}
	assert_int_equal(vmm_remove_nic(f->vmm, "net-2", deadline_in(CALL_MS), NULL, &e), -ENOENT);
}

/* As upstream's files have it. */
static void test_no_port_leaves_one_for_the_controller(void **state)
{
	struct fixture *f = *state;
	_close_ int fd = open_disk(f, "disk");
	const struct vmm_block block = { .id = "disk-1", .fd = fd, .read_only = true };
	struct address address;
	struct error e;

	f->config.hypervisor.pcie_root_port = 0;
	boot(f);
	must(vmm_add_block(f->vmm, &block, &address, deadline_in(CALL_MS), NULL, &e), &e);
	assert_int_equal(address.bus, ADDRESS_SCSI);
	expect(f, "list /sys/block", "sda", true);
}

static void expect_end(struct fixture *f, enum vmm_process which, const char *reason)
{
	struct error e;

	must(wait_fd(vmm_pidfd(f->vmm, which), POLLIN, "end", deadline_in(CALL_MS), NULL, &e), &e);
	assert_int_equal(vmm_end_reason(f->vmm, which, &e), -EPIPE);
	if (!strstr(e.msg, reason))
		fail_msg("'%s' does not say '%s'", e.msg, reason);
}

static void stop_in_time(struct fixture *f)
{
	uint64_t began_ms = now_ms();

	vmm_stop(f->vmm);
	assert_true(now_ms() - began_ms < STOP_MS);
	assert_false(file_exists(f->run_dir));
	assert_int_equal(vmm_pidfd(f->vmm, VMM_PROCESS_VMM), -1);
}

static void test_killed_vmm_is_noticed(void **state)
{
	struct fixture *f = *state;
	uint64_t mib;
	struct error e;

	boot(f);
	assert_int_equal(kill(vmm_pid(f->vmm, VMM_PROCESS_VMM), SIGKILL), 0);
	expect_end(f, VMM_PROCESS_VMM, "killed by signal 9");
	assert_int_equal(vmm_set_memory(f->vmm, 1024, &mib, deadline_in(CALL_MS), NULL, &e),
			 -EPIPE);
	stop_in_time(f);
}

static void test_killed_virtiofsd_is_noticed(void **state)
{
	struct fixture *f = *state;

	boot(f);
	assert_int_equal(kill(vmm_pid(f->vmm, VMM_PROCESS_FS), SIGKILL), 0);
	expect_end(f, VMM_PROCESS_FS, "virtiofsd was killed by signal 9");
	stop_in_time(f);
}

static void test_guest_that_powers_off_is_noticed(void **state)
{
	struct fixture *f = *state;
	_close_ int fd = -1;
	struct error e;

	boot(f);
	fd = vsock_dial(vmm_vsock(f->vmm), VSOCK_PORT_AGENT, deadline_in(CALL_MS), NULL, &e);
	must(fd, &e);
	assert_int_equal(write(fd, "off\n", 4), 4);
	expect_end(f, VMM_PROCESS_VMM, "ended with status 0");
	stop_in_time(f);
}

static void test_hanging_vmm_is_stopped_in_time(void **state)
{
	struct fixture *f = *state;
	_close_ int disk = open_disk(f, "disk");
	const struct vmm_block block = { .id = "disk-1", .fd = disk };
	struct address address;
	unsigned vcpus;
	struct error e;

	boot(f);
	/* With a writable disk the stop asks QEMU first, and gets no answer. */
	must(vmm_add_block(f->vmm, &block, &address, deadline_in(CALL_MS), NULL, &e), &e);
	assert_int_equal(kill(vmm_pid(f->vmm, VMM_PROCESS_VMM), SIGSTOP), 0);
	assert_int_equal(vmm_set_vcpus(f->vmm, 2, &vcpus, deadline_in(200), NULL, &e), -ETIMEDOUT);
	stop_in_time(f);
}

static void test_wait_for_the_agent_can_be_cancelled(void **state)
{
	struct fixture *f = *state;
	struct cancel c;
	struct error e;

	must(start(f, &e), &e);
	assert_int_equal(cancel_init(&c, &e), 0);
	cancel_raise(&c);
	assert_int_equal(vmm_wait_agent(f->vmm, deadline_in(READY_MS), &c, &e), -ECANCELED);
	cancel_done(&c);
	stop_in_time(f);
}

static void test_panicking_guest_shows_its_console(void **state)
{
	struct fixture *f = *state;
	struct error e;

	str_set(&f->config.hypervisor.kernel_params, "rdinit=/does-not-exist");
	must(start(f, &e), &e);
	assert_int_equal(vmm_wait_agent(f->vmm, deadline_in(READY_MS), NULL, &e), -EPIPE);
	if (!strstr(e.msg, "console says: Kernel panic"))
		fail_msg("'%s' does not show the panic", e.msg);
}

static void test_missing_kernel_is_named(void **state)
{
	struct fixture *f = *state;
	struct error e;

	str_set(&f->config.hypervisor.kernel, "/does/not/exist");
	assert_true(start(f, &e) < 0);
	if (!strstr(e.msg, "the VMM is to use '/does/not/exist'"))
		fail_msg("'%s' does not name the kernel", e.msg);
	assert_false(file_exists(f->run_dir));
}

static void test_debugged_guest_has_a_readable_console(void **state)
{
	struct fixture *f = *state;
	char text[256];
	struct error e;

	f->config.hypervisor.enable_debug = true;
	boot(f);
	must(wait_fd(vmm_console_fd(f->vmm), POLLIN, "console", deadline_in(CALL_MS), NULL, &e),
	     &e);
	assert_true(read(vmm_console_fd(f->vmm), text, sizeof(text)) > 0);
}

/* A file of DIR that contains TEXT, open for reading. */
static int open_text(struct fixture *f, const char *text)
{
	_free_ char *path = path_join(f->dir, "question");
	struct error e;
	int fd;

	must(file_replace(path, text, strlen(text), 0600, &e), &e);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void test_kata_runtime_exec_reaches_a_port_of_the_guest(void **state)
{
	struct fixture *f = *state;
	struct state record = { 0 };
	char *const argv[] = { getenv("KATA_RUNTIME"),          (char[]){ "exec" },
			       (char[]){ "--kata-debug-port" }, (char[]){ "1024" },
			       (char[]){ "vmm-cases" },         NULL };
	struct proc_fd input = { .to = STDIN_FILENO };
	const struct proc_spec spec = { .argv = argv, .fds = &input, .n_fds = 1 };
	_free_ char *output = NULL;
	struct error e;
	int status = -1;

	if (!argv[0])
		skip();
	boot(f);
	record.id = (char[]){ "vmm-cases" };
	record.namespace_ = record.bundle = record.version_dir = (char[]){ "" };
	record.config_path = record.config_digest = record.netns = (char[]){ "" };
	record.agent_url = vsock_url(vmm_vsock(f->vmm), VSOCK_PORT_AGENT);
	must(state_save(&record, NULL, &e), &e);
	free(record.agent_url);
	input.from = open_text(f, "cpus\n");
	must(proc_run(&spec, deadline_in(CALL_MS), NULL, 4096, &status, &output, &e), &e);
	(void)close(input.from);
	if (status != 0 || strcmp(output, "1\n") != 0)
		fail_msg("status %d: %s", status, output);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* Taps and records of sandboxes are ours alone. */
static int isolate(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return -1;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	return mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_guest_boots_and_sees_the_shared_folder),
		TEST(test_guest_is_reached_though_somebody_dials_too_early),
		TEST(test_callers_that_give_up_harm_no_guest),
		TEST(test_agent_that_gives_no_signal_is_reached),
		TEST(test_processors_and_memory_grow_while_it_runs),
		TEST(test_block_device_comes_and_goes),
		TEST(test_no_port_leaves_one_for_the_controller),
		TEST(test_disks_never_run_out_of_ports),
		TEST(test_network_device_is_as_it_was_described),
		TEST(test_network_device_comes_and_goes),
		TEST(test_killed_vmm_is_noticed),
		TEST(test_killed_virtiofsd_is_noticed),
		TEST(test_guest_that_powers_off_is_noticed),
		TEST(test_hanging_vmm_is_stopped_in_time),
		TEST(test_wait_for_the_agent_can_be_cancelled),
		TEST(test_panicking_guest_shows_its_console),
		TEST(test_missing_kernel_is_named),
		TEST(test_debugged_guest_has_a_readable_console),
		TEST(test_kata_runtime_exec_reaches_a_port_of_the_guest),
	};

	log_open("vmm-cases", STDERR_FILENO, LOG_TEXT,
		 getenv("KATA_DEBUG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN);
	if (!getenv("KATA_VERSION_DIR") || isolate() < 0) {
		fprintf(stderr, "vmm-cases: needs KATA_VERSION_DIR and root\n");
		return 77;
	}
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
