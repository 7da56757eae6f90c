/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agent_guest - what the agent reads of a machine: sysfs, /proc and uevents, made by hand.
 */

#include "tests/unit/folder.h"

#include <string.h>

#include "agent/device/bus.h"
#include "agent/device/uevent.h"
#include "agent/guest/clock.h"
#include "agent/guest/guest.h"
#include "agent/guest/limits.h"
#include "agent/guest/metrics.h"
#include "agent/guest/swap.h"
#include "lib/file.h"
#include "lib/str.h"

static char *root;

static int make_root(void **state)
{
	(void)state;
	root = folder_new();
	return 0;
}

static int remove_root(void **state)
{
	(void)state;
	folder_remove(root);
	return 0;
}

static void make_dir(const char *path)
{
	_free_ char *whole = path_join(root, path);
	struct error e;

	assert_int_equal(dir_make(whole, 0755, &e), 0);
}

static void make_file(const char *path, const char *text)
{
	folder_put(root, path, text);
}

static void expect_file(const char *path, const char *wanted)
{
	_free_ char *whole = path_join(root, path), *text = NULL;
	struct error e;

	assert_int_equal(file_read(whole, 4096, &text, NULL, &e), 0);
	assert_string_equal(text, wanted);
}

static void expect_pci(const char *path, int wanted, const char *dir)
{
	_free_ char *found = NULL;
	struct error e;
	int r = pci_path_resolve(root, path, &found, &e);

	if (r != wanted)
		fail_msg("'%s': wanted %d, got %d: %s", path, wanted, r, r < 0 ? e.msg : found);
	if (r == 0)
		assert_string_equal(found + strlen(root), dir);
}

static void test_pci_path_on_root_bus_is_found(void **state)
{
	(void)state;
	make_dir("devices/pci0000:00/0000:00:02.0");
	make_dir("devices/pci0000:00/0000:00:1f.2");
	expect_pci("02", 0, "/devices/pci0000:00/0000:00:02.0");
	expect_pci("1f.2", 0, "/devices/pci0000:00/0000:00:1f.2");
	expect_pci("03", -ENOENT, NULL);
}

static void test_pci_path_behind_bridges_follows_bus_numbers(void **state)
{
	(void)state;
	make_dir("devices/pci0000:00/0000:00:02.0/pci_bus/0000:01");
	make_dir("devices/pci0000:00/0000:00:02.0/0000:01:05.0/pci_bus/0000:0a");
	make_dir("devices/pci0000:00/0000:00:02.0/0000:01:05.0/0000:0a:00.1");
	expect_pci("02/05/00.1", 0, "/devices/pci0000:00/0000:00:02.0/0000:01:05.0/0000:0a:00.1");
	expect_pci("02/06", -ENOENT, NULL);
	expect_pci("03/05", -ENOENT, NULL);
}

static void test_pci_path_with_other_root_bus_is_found(void **state)
{
	(void)state;
	make_dir("devices/pci0000:20/0000:20:01.0/pci_bus/0000:21");
	make_dir("devices/pci0000:20/0000:20:01.0/0000:21:00.0");
	expect_pci("20/01/00", 0, "/devices/pci0000:20/0000:20:01.0/0000:21:00.0");
}

static void test_pci_path_that_is_none_is_refused(void **state)
{
	static const char *const cases[] = { "",
					     "/",
					     "20",
					     "02/20",
					     "g",
					     "02.8",
					     "-1",
					     "../../etc",
					     "02/../03",
					     "02.0.0",
					     "0x",
					     "2 3",
					     "1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *dir = NULL;
		struct error e;
		int r = pci_path_resolve(root, cases[i], &dir, &e);

		if (r != -EINVAL && r != -ERANGE)
			fail_msg("'%s' gives %d", cases[i], r);
	}
}

static void test_a_disk_to_swap_to_is_known_by_its_slots(void **state)
{
	static const uint32_t behind[] = { 2, 31 }, wrong[] = { 2, 32 }, many[9] = { 1 };
	struct address address;
	struct error e;

	(void)state;
	assert_int_equal(swap_pci_text(behind, 2, &address, &e), 0);
	assert_int_equal(address.bus, ADDRESS_PCI);
	assert_string_equal(address.text, "02/1f");
	assert_int_equal(swap_pci_text(behind, 1, &address, &e), 0);
	assert_string_equal(address.text, "02");
	assert_int_equal(swap_pci_text(wrong, 2, &address, &e), -EINVAL);
	assert_string_equal(e.msg, "there is no slot 32 on a PCI bus");
	assert_int_equal(swap_pci_text(many, 9, &address, &e), -EINVAL);
	assert_int_equal(swap_pci_text(NULL, 0, &address, &e), -EINVAL);
}

static void test_online_cpus_writes_where_off(void **state)
{
	unsigned online;
	struct error e;

	(void)state;
	make_dir("devices/system/cpu/cpu0");
	make_file("devices/system/cpu/cpu1/online", "1\n");
	make_file("devices/system/cpu/cpu2/online", "0\n");
	make_file("devices/system/cpu/cpufreq/online", "0\n");
	assert_int_equal(guest_online_cpus(root, &online, &e), 0);
	assert_int_equal(online, 3);
	expect_file("devices/system/cpu/cpu2/online", "1\n");
	expect_file("devices/system/cpu/cpufreq/online", "0\n");
}

static void test_online_memory_without_hotplug_is_an_error(void **state)
{
	unsigned online;
	struct error e;

	(void)state;
	assert_int_equal(guest_online_memory(root, &online, &e), -ENOENT);
}

static void expect_line(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("'%s' is missing in:\n%s", line, text);
}

static void test_metrics_print_known_files(void **state)
{
	_free_ char *text = NULL;

	(void)state;
	make_file("loadavg", "0.10 0.20 0.30 2/48 120\n");
	make_file(
		"meminfo",
		"MemTotal:   123 kB\nMemFree:  45 kB\nActive(anon): 1 kB\nKReclaimable: 2 kB\n"
		"Committed_AS: 3 kB\nNFS_Unstable: 4 kB\nHugePages_Total: 5\nDirectMap2M: 6 kB\n");
	make_file("stat", "cpu  1 2 3\ncpu0 1 2 3\nintr 5\n");
	make_file("self/status", "VmRSS:\t 77 kB\nvoluntary_ctxt_switches:\t8\n");
	make_file("self/mountinfo",
		  "1 0 0:1 / / rw - rootfs none rw\n2 1 8:1 / / rw shared:1 - ext4 /dev/vda rw\n"
		  "3 1 8:1 / /proc rw - ext4 /dev/vda rw\n4 1 8:2 / / ro - ext4 /dev/vdb ro\n");
	make_file("net/dev", "Inter-|x\n face |y\n  eth0: 11 12 13 0 0 0 0 0 21 22 0 0 0 0 0 0\n");
	make_file("diskstats", " 253 0 vda 7 0 9 1\n");
	text = metrics_text(root, 7);
	expect_line(text, "kata_agent_scrape_count 7\n");
	expect_line(text, "kata_guest_load{item=\"load5\"} 0.20\n");
	expect_line(text, "kata_guest_tasks{item=\"max\"} 48\n");
	expect_line(text, "kata_guest_meminfo{item=\"mem_free\"} 46080\n");
	expect_line(text, "kata_guest_meminfo{item=\"active_anon\"} 1024\n");
	expect_line(text, "kata_guest_meminfo{item=\"k_reclaimable\"} 2048\n");
	expect_line(text, "kata_guest_meminfo{item=\"committed_as\"} 3072\n");
	expect_line(text, "kata_guest_meminfo{item=\"nfs_unstable\"} 4096\n");
	expect_line(text, "kata_guest_meminfo{item=\"hugepages_total\"} 5\n");
	expect_line(text, "kata_guest_meminfo{item=\"direct_map_2M\"} 6144\n");
	expect_line(text, "kata_agent_proc_status{item=\"vmrss\"} 77\n");
	expect_line(text,
		    "kata_guest_filesystem_bytes{mount=\"/\",device=\"vda\",item=\"total\"} ");
	expect_line(text,
		    "kata_guest_filesystem_inodes{mount=\"/\",device=\"vda\",item=\"used\"} ");
	assert_null(strstr(text, "vdb"));
	assert_null(strstr(text, "mount=\"/proc\""));
	expect_line(text, "kata_guest_cpu_time{cpu=\"total\",item=\"user\"} 10\n");
	expect_line(text, "kata_guest_cpu_time{cpu=\"0\",item=\"system\"} 30\n");
	expect_line(text, "kata_guest_netdev_stat{interface=\"eth0\",item=\"sent_packets\"} 22\n");
	expect_line(text, "kata_guest_diskstat{disk=\"vda\",item=\"sectors_read\"} 9\n");
	assert_null(strstr(text, "kata_guest_vm_stat"));
}

static void test_metrics_of_broken_files_stay_well_formed(void **state)
{
	_free_ char *text = NULL;

	(void)state;
	make_file("meminfo", "a\"b\\c: 1\n:\n: :\nx\n");
	make_file("self/stat", "1 (a) b) R\n");
	make_file("stat", "cpu\ncpu0 x y\n");
	make_file("diskstats", "1 2\n");
	text = metrics_text(root, 1);
	expect_line(text, "kata_guest_meminfo{item=\"a_b_c\"} 1\n");
}

static void test_uevent_is_split(void **state)
{
	static const char text[] =
		"add@/devices/x\0ACTION=add\0DEVPATH=/devices/x\0SUBSYSTEM=block\0"
		"DEVNAME=vda\0INTERFACE=eth0";
	struct uevent event;
	struct error e;

	(void)state;
	assert_int_equal(uevent_parse(text, sizeof(text), &event, &e), 0);
	assert_string_equal(event.action, "add");
	assert_string_equal(event.devpath, "/devices/x");
	assert_string_equal(event.subsystem, "block");
	assert_string_equal(event.devname, "vda");
	assert_string_equal(event.interface, "eth0");
}

static void test_uevent_that_is_cut_is_refused(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
		{ "", 0 },
		{ "", 1 },
		{ "add@/x", 6 },
		{ "add@/x\0ACTION=add", 18 },
		{ "x\0DEVPATH=/x", 13 },
	};
	struct uevent event;
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(uevent_parse(cases[i].text, cases[i].len, &event, &e), -EPROTO);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)

static void test_limits_are_those_of_a_host(void **state)
{
	(void)state;
	make_file("sys/kernel/threads-max", "1854");
	make_file("sys/fs/inotify/max_user_watches", "8192");
	make_file("sys/fs/file-max", "9669");
	make_file("sys/net/ipv4/tcp_mem", "1 2 3");
	{
		_free_ char *sys = path_join(root, "sys");

		limits_set(sys);
		expect_file("sys/kernel/threads-max", "1048576");
		expect_file("sys/fs/inotify/max_user_watches", "1048576");
		expect_file("sys/fs/file-max", "9223372036854775807");
		expect_file("sys/net/ipv4/tcp_mem", "1 2 3");
		limits_follow_memory(sys, 1024 * 1024);
		expect_file("sys/net/ipv4/tcp_mem", "12288 16384 24576");
	}
}

static void test_clock_in_use_does_not_run_backwards(void **state)
{
	static const struct {
		int64_t offset_ms;
		bool is_in_use;
		enum clock_change change;
	} cases[] = {
		{ 0, false, CLOCK_LEAVE }, { 1, false, CLOCK_STEP },   { -500, false, CLOCK_STEP },
		{ 0, true, CLOCK_LEAVE },  { 2, true, CLOCK_SLEW },    { 500, true, CLOCK_STEP },
		{ -2, true, CLOCK_SLEW },  { -100, true, CLOCK_SLEW }, { -500, true, CLOCK_STEP },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(clock_change_for(cases[i].offset_ms * 1000000, cases[i].is_in_use),
				 cases[i].change);
}

static void test_memory_is_read_in_kib(void **state)
{
	_free_ char *path = path_join(root, "meminfo");
	uint64_t kib = 0;
	struct error e;

	(void)state;
	make_file("meminfo", "MemTotal:         251904 kB\nMemFree: 7 kB\n");
	assert_int_equal(limits_memory_kib(path, &kib, &e), 0);
	assert_int_equal(kib, 251904);
	make_file("meminfo", "nothing");
	assert_int_equal(limits_memory_kib(path, &kib, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pci_path_on_root_bus_is_found),
		TEST(test_pci_path_behind_bridges_follows_bus_numbers),
		TEST(test_pci_path_with_other_root_bus_is_found),
		TEST(test_pci_path_that_is_none_is_refused),
		cmocka_unit_test(test_a_disk_to_swap_to_is_known_by_its_slots),
		TEST(test_online_cpus_writes_where_off),
		TEST(test_online_memory_without_hotplug_is_an_error),
		TEST(test_limits_are_those_of_a_host),
		cmocka_unit_test(test_clock_in_use_does_not_run_backwards),
		TEST(test_memory_is_read_in_kib),
		TEST(test_metrics_print_known_files),
		TEST(test_metrics_of_broken_files_stay_well_formed),
		cmocka_unit_test(test_uevent_is_split),
		cmocka_unit_test(test_uevent_that_is_cut_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
