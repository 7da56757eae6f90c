/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_qemu_command - properties of QEMU's command line that something depends on.
 */

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "runtime/vmm/nic.h"
#include "runtime/vmm/qemu/command.h"

struct fixture {
	struct config config;
	struct vmm vmm;
	struct qemu_command cmd;
};

static char tags[2][16] = { "kataShared", "kataPrivate" };

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	config_init(&f->config, "/v");
	f->config.hypervisor.default_maxvcpus = 4;
	f->config.hypervisor.default_maxmemory = 4096;
	f->vmm = (struct vmm){
		.config = &f->config,
		.id = xstrdup("sb1"),
		.vcpus = 2,
		.memory_mib = 256,
		.vsock = { .kind = VSOCK_HYBRID, .cid = 3, .vhost_fd = -1 },
		.vsock_fd = 50,
		.shares = { { .tag = tags[0], .fd = 51 }, { .tag = tags[1], .fd = 52 } },
		.n_shares = 2,
		.ready = { .fd = -1, .port = 1101 },
	};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	qemu_command_done(&f->cmd);
	strv_free(f->vmm.agent_params);
	free(f->vmm.id);
	config_done(&f->config);
	free(f);
	return 0;
}

static void make(struct fixture *f)
{
	struct error e;

	assert_int_equal(qemu_command_make(&f->vmm, 40, 41, &f->cmd, &e), 0);
}

/* The value of the first OPTION that begins with PREFIX, or NULL. */
static const char *value_of(const struct fixture *f, const char *option, const char *prefix)
{
	for (size_t i = 0; f->cmd.argv[i] && f->cmd.argv[i + 1]; i++)
		if (!strcmp(f->cmd.argv[i], option) && str_starts(f->cmd.argv[i + 1], prefix))
			return f->cmd.argv[i + 1];
	return NULL;
}

static void test_guest_memory_is_shared_and_backs_the_machine(void **state)
{
	struct fixture *f = *state;

	make(f);
	assert_string_equal(value_of(f, "-m", ""), "size=256M,slots=10,maxmem=4096M");
	assert_non_null(
		strstr(value_of(f, "-object", "memory-backend-memfd"), "size=256M,share=on"));
	assert_non_null(strstr(value_of(f, "-machine", "q35"), "memory-backend=mem0"));
}

static void test_without_room_for_more_there_are_no_slots(void **state)
{
	struct fixture *f = *state;

	f->config.hypervisor.default_maxmemory = 256;
	make(f);
	assert_string_equal(value_of(f, "-m", ""), "size=256M");
}

static void test_accelerator_follows_what_works(void **state)
{
	struct fixture *f = *state;

	make(f);
	assert_string_equal(value_of(f, "-accel", ""), "kvm");
	assert_string_equal(value_of(f, "-cpu", ""), "host,pmu=off");
	assert_non_null(value_of(f, "-global", "kvm-pit"));
	qemu_command_done(&f->cmd);
	f->vmm.is_emulated = true;
	make(f);
	assert_string_equal(value_of(f, "-accel", ""), "tcg,thread=multi,tb-size=128");
	assert_string_equal(value_of(f, "-cpu", ""), "max,erms=off,fsrm=off,la57=off,pmu=off");
	assert_null(value_of(f, "-global", "kvm-pit"));
}

static void test_every_number_on_the_line_is_a_descriptor_handed_over(void **state)
{
	struct fixture *f = *state;

	make(f);
	assert_string_equal(value_of(f, "-chardev", "socket,id=qmp"), "socket,id=qmp,fd=3");
	assert_string_equal(value_of(f, "-chardev", "socket,id=console"), "socket,id=console,fd=4");
	assert_string_equal(value_of(f, "-chardev", "socket,id=vsock"), "socket,id=vsock,fd=5");
	assert_string_equal(value_of(f, "-chardev", "socket,id=fs0"), "socket,id=fs0,fd=6");
	assert_string_equal(value_of(f, "-chardev", "socket,id=fs1"), "socket,id=fs1,fd=7");
	assert_int_equal(f->cmd.n_fds, 5);
	assert_int_equal(f->cmd.fds[0].from, 40);
	assert_int_equal(f->cmd.fds[3].from, 51);
	assert_int_equal(f->cmd.fds[3].to, 6);
}

static void test_vhost_vsock_takes_the_place_of_the_daemon(void **state)
{
	struct fixture *f = *state;

	f->vmm.vsock = (struct vsock){ .kind = VSOCK_VHOST, .cid = 77, .vhost_fd = 60 };
	make(f);
	assert_non_null(strstr(value_of(f, "-device", "vhost-vsock-pci"), "guest-cid=77"));
	assert_null(value_of(f, "-device", "vhost-user-vsock-pci"));
}

static void test_without_sharing_there_is_no_file_system(void **state)
{
	struct fixture *f = *state;

	f->vmm.n_shares = 0;
	make(f);
	assert_null(value_of(f, "-device", "vhost-user-fs-pci"));
}

static void test_nothing_comes_from_the_users_files(void **state)
{
	struct fixture *f = *state;

	make(f);
	assert_true(strv_contains(f->cmd.argv, "-no-user-config"));
	assert_true(strv_contains(f->cmd.argv, "-nodefaults"));
	assert_true(strv_contains(f->cmd.argv, "-no-reboot"));
	assert_true(str_starts(value_of(f, "-sandbox", ""), "on,"));
}

static void test_guest_gives_back_what_it_frees(void **state)
{
	struct fixture *f = *state;
	const char *balloon;

	make(f);
	balloon = value_of(f, "-device", "virtio-balloon-pci");
	assert_non_null(strstr(balloon, ",free-page-reporting=on"));
	/* Or a guest without memory would take what its pod may not use. */
	assert_non_null(strstr(balloon, ",deflate-on-oom=off"));
}

static void test_memory_taken_for_good_has_no_balloon(void **state)
{
	struct fixture *f = *state;
	struct config_hypervisor *h = &f->config.hypervisor;
	bool *const keys[] = { &h->enable_mem_prealloc, &h->enable_hugepages };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		*keys[i] = true;
		make(f);
		assert_null(value_of(f, "-device", "virtio-balloon-pci"));
		qemu_command_done(&f->cmd);
		*keys[i] = false;
	}
	h->reclaim_guest_freed_memory = false;
	make(f);
	assert_null(value_of(f, "-device", "virtio-balloon-pci"));
}

static void test_every_port_is_a_slot_of_its_own(void **state)
{
	struct fixture *f = *state;

	f->config.hypervisor.pcie_root_port = 2;
	make(f);
	assert_non_null(strstr(value_of(f, "-device", "pcie-root-port,id=port0"), "addr=0x10"));
	assert_non_null(strstr(value_of(f, "-device", "pcie-root-port,id=port1"), "addr=0x11"));
	assert_null(value_of(f, "-device", "pcie-root-port,id=port2"));
}

/* Upstream's files say 0 and have disks all the same. */
static void test_there_is_a_port_for_the_controller_of_disks(void **state)
{
	struct fixture *f = *state;

	f->config.hypervisor.pcie_root_port = 0;
	make(f);
	assert_non_null(value_of(f, "-device", "pcie-root-port,id=port0"));
	assert_null(value_of(f, "-device", "pcie-root-port,id=port1"));
}

static void test_commas_in_paths_are_doubled(void **state)
{
	struct fixture *f = *state;

	str_set(&f->config.hypervisor.image, "/a,readonly=off/b.img");
	make(f);
	assert_non_null(strstr(value_of(f, "-blockdev", "driver=raw"), "/a,,readonly=off/b.img"));
}

static void test_kernel_line_has_what_the_agent_needs(void **state)
{
	struct fixture *f = *state;
	const char *line;

	strv_add(&f->vmm.agent_params, "agent.x=1");
	str_set(&f->config.hypervisor.kernel_params, "mine=1");
	f->config.agent.debug_console_enabled = true;
	make(f);
	line = value_of(f, "-append", "");
	assert_non_null(strstr(line, "agent.ready_vport=1101"));
	assert_non_null(strstr(line, "agent.debug_console_vport=1026"));
	assert_non_null(strstr(line, "nr_cpus=4"));
	assert_non_null(strstr(line, " quiet "));
	assert_non_null(strstr(line, " rcupdate.rcu_expedited=1 "));
	assert_non_null(strstr(line, " pcie_ports=compat "));
	assert_true(str_ends(line, "agent.x=1 mine=1"));
}

/* A guest that measures it under emulation is wrong where the machine is busy. */
static void test_kernel_line_has_the_counters_frequency_only_under_emulation(void **state)
{
	struct fixture *f = *state;
	struct tsc_mark mark;
	const char *word;
	long told, measured;

	f->vmm.tsc = mark = tsc_mark();
	f->vmm.is_emulated = true;
	make(f);
	word = strstr(value_of(f, "-append", ""), " tsc_early_khz=");
	assert_non_null(word);
	told = strtol(strchr(word, '=') + 1, NULL, 10);
	assert_int_equal(nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL), 0);
	measured = (long)tsc_khz(mark);
	assert_in_range(measured, 100000, 20000000);
	/* A hundredth of a per cent each way. */
	assert_true(labs(told - measured) <= measured / 10000);

	qemu_command_done(&f->cmd);
	f->vmm.is_emulated = false;
	make(f);
	assert_null(strstr(value_of(f, "-append", ""), "tsc_early_khz"));
}

static void test_kernel_line_turns_mitigations_off_only_under_emulation(void **state)
{
	struct fixture *f = *state;

	f->vmm.is_emulated = true;
	make(f);
	assert_non_null(strstr(value_of(f, "-append", ""), " mitigations=off "));
	assert_non_null(strstr(value_of(f, "-append", ""), " init_on_alloc=1 "));
	assert_non_null(strstr(value_of(f, "-append", ""), "=crc32c_intel_mod_init "));
	qemu_command_done(&f->cmd);
	f->vmm.is_emulated = false;
	make(f);
	assert_null(strstr(value_of(f, "-append", ""), "mitigations"));
}

static void test_kernel_looks_for_serial_ports_where_one_is_the_console(void **state)
{
	struct fixture *f = *state;

	make(f);
	assert_non_null(strstr(value_of(f, "-append", ""), "=serial8250_init "));
	assert_non_null(strstr(value_of(f, "-append", ""), " 8250.nr_uarts=0 "));
	qemu_command_done(&f->cmd);
	f->config.hypervisor.use_legacy_serial = true;
	make(f);
	assert_null(strstr(value_of(f, "-append", ""), "serial8250_init"));
	assert_non_null(strstr(value_of(f, "-append", ""), " 8250.nr_uarts=1 "));
}

static void test_network_device_at_boot_has_taps_mac_and_mtu(void **state)
{
	struct fixture *f = *state;
	int tap = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct vmm_nic nic = { .id = "eth0",
				     .mac = { 2, 0, 0, 0, 0, 0xab },
				     .mtu = 1450,
				     .tap_fds = &tap,
				     .n_tap_fds = 1 };
	const char *device;
	struct error e;

	assert_int_equal(nic_copy(&nic, NIC_BY_VMM, &f->vmm.nics[0], &e), 0);
	f->vmm.n_nics = 1;
	make(f);
	assert_string_equal(value_of(f, "-netdev", ""), "tap,id=eth0,fds=8,vhost=off");
	device = value_of(f, "-device", "virtio-net-pci");
	assert_non_null(strstr(device, "mac=02:00:00:00:00:ab"));
	assert_non_null(strstr(device, "host_mtu=1450"));
	assert_non_null(strstr(device, "mq=off,vectors=4"));
	nic_done(&f->vmm.nics[0]);
	(void)close(tap);
}

static void test_device_ids_cannot_carry_options(void **state)
{
	static const char *const bad[] = {
		"", "a,b", "A", "a b", "a=b", "aaaaaaaaaaaaaaaaaaaaaaaaa"
	};
	struct error e;

	(void)state;
	assert_int_equal(vmm_check_id("eth0-1", "device", &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(vmm_check_id(bad[i], "device", &e), -EINVAL);
	assert_int_equal(vmm_check_id(NULL, "device", &e), -EINVAL);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_guest_memory_is_shared_and_backs_the_machine),
		TEST(test_without_room_for_more_there_are_no_slots),
		TEST(test_accelerator_follows_what_works),
		TEST(test_every_number_on_the_line_is_a_descriptor_handed_over),
		TEST(test_vhost_vsock_takes_the_place_of_the_daemon),
		TEST(test_without_sharing_there_is_no_file_system),
		TEST(test_nothing_comes_from_the_users_files),
		TEST(test_guest_gives_back_what_it_frees),
		TEST(test_memory_taken_for_good_has_no_balloon),
		TEST(test_every_port_is_a_slot_of_its_own),
		TEST(test_there_is_a_port_for_the_controller_of_disks),
		TEST(test_commas_in_paths_are_doubled),
		TEST(test_kernel_line_has_what_the_agent_needs),
		TEST(test_kernel_line_has_the_counters_frequency_only_under_emulation),
		TEST(test_kernel_line_turns_mitigations_off_only_under_emulation),
		TEST(test_kernel_looks_for_serial_ports_where_one_is_the_console),
		TEST(test_network_device_at_boot_has_taps_mac_and_mtu),
		TEST(test_device_ids_cannot_carry_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
