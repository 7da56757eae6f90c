/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sandbox_parts - sizes, cgroup paths, mount options and the record of a sandbox.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "lib/file.h"
#include "lib/rpc/message.h"
#include "runtime/sandbox/cgroup.h"
#include "runtime/sandbox/lastwords.h"
#include "runtime/sandbox/record.h"
#include "runtime/sandbox/rootfs.h"
#include "runtime/sandbox/size.h"
#include "runtime/sandbox/state.h"

static Oci__Spec *pod(const char *annotations)
{
	_free_ char *text = xasprintf(
		"{\"process\":{\"args\":[\"x\"]},\"root\":{\"path\":\"r\"},"
		"\"linux\":{},\"annotations\":{%s}}",
		annotations);
	Oci__Spec *spec = NULL;
	struct error e = { 0 };

	if (spec_parse(text, strlen(text), "config.json", &spec, &e) < 0)
		fail_msg("%s", e.msg);
	return spec;
}

#define A(name, value) "\"io.kubernetes.cri.sandbox-" name "\":\"" value "\""

static void test_size_of_pod_follows_quota_then_shares(void **state)
{
	static const struct {
		const char *annotations;
		uint64_t milli;
		uint64_t bytes;
	} cases[] = {
		{ "", 0, 0 },
		{ A("cpu-quota", "150000") "," A("cpu-period", "100000"), 1500, 0 },
		{ A("cpu-quota", "50000"), 500, 0 },
		{ A("cpu-quota", "-1") "," A("cpu-shares", "4096"), 4000, 0 },
		{ A("cpu-shares", "4096"), 0, 0 },
		{ A("memory", "268435456"), 0, 268435456 },
		{ A("memory", "-1"), 0, 0 },
		{ A("cpu-quota", "9223372036854775807") "," A("cpu-period", "1"), 4096000, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_message_ Oci__Spec *spec = pod(cases[i].annotations);
		struct size size;
		struct error e;

		assert_int_equal(size_of_pod(spec, &size, &e), 0);
		if (size.cpu_milli != cases[i].milli || size.memory_bytes != cases[i].bytes)
			fail_msg("%s: %lu, %lu", cases[i].annotations, size.cpu_milli,
				 size.memory_bytes);
	}
}

static void test_size_follows_limits_by_name(void **state)
{
	Oci__LinuxResources r = OCI__LINUX_RESOURCES__INIT;
	Oci__LinuxResources__UnifiedEntry cpu = OCI__LINUX_RESOURCES__UNIFIED_ENTRY__INIT;
	Oci__LinuxResources__UnifiedEntry memory = OCI__LINUX_RESOURCES__UNIFIED_ENTRY__INIT;
	Oci__LinuxResources__UnifiedEntry *entries[] = { &cpu, &memory };
	char cpu_key[] = "cpu.max", memory_key[] = "memory.max", max[] = "max";
	char quota[] = "150000 50000", bytes[] = "4096";
	struct size size;

	(void)state;
	cpu.key = cpu_key;
	cpu.value = quota;
	memory.key = memory_key;
	memory.value = bytes;
	r.unified = entries;
	r.n_unified = 2;
	size = size_of_resources(&r);
	assert_int_equal(size.cpu_milli, 3000);
	assert_int_equal(size.memory_bytes, 4096);
	cpu.value = memory.value = max;
	size = size_of_resources(&r);
	assert_int_equal(size.cpu_milli, 0);
	assert_int_equal(size.memory_bytes, 0);
}

static void test_size_of_pod_refuses_what_is_no_number(void **state)
{
	_message_ Oci__Spec *spec = pod(A("memory", "lots"));
	struct size size;
	struct error e;

	(void)state;
	assert_int_equal(size_of_pod(spec, &size, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "sandbox-memory"));
}

static void test_vm_has_no_more_than_the_limit_of_its_pod_leaves(void **state)
{
	static const struct overhead overhead = { .host_mib = 64, .guest_mib = 96 };
	static const struct {
		uint64_t default_mib, pod_mib, announced_mib;
		uint64_t room_mib, limits_mib;
	} cases[] = {
		{ 2048, 0, 0, 2048, 0 },        /* no limit */
		{ 2048, 0, 128, 2048, 128 },    /* of some containers only */
		{ 2048, 288, 128, 96, 128 },    /* the limit is limits and overhead */
		{ 2048, 1000, 128, 808, 128 },  /* a larger overhead */
		{ 2048, 9000, 128, 2048, 128 }, /* much larger */
		{ 256, 1000, 128, 256, 128 },   /* never more than is configured */
		{ 2048, 128, 128, 96, 128 },    /* no overhead: it must boot all the same */
		{ 2048, 1, 128, 96, 128 },      /* absurd */
		{ 64, 288, 128, 64, 128 },      /* configured small */
		{ 2048, 1184, 0, 96, 1024 },    /* of the pod as a whole */
		{ 2048, 100, 0, 96, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config config = { .hypervisor.default_memory = cases[i].default_mib };
		struct size announced = { .memory_bytes = cases[i].announced_mib * MIB };
		uint64_t room = size_room(&config, &overhead, cases[i].pod_mib * MIB, &announced);

		if (room != cases[i].room_mib ||
		    announced.memory_bytes != cases[i].limits_mib * MIB)
			fail_msg("case %zu: %lu MiB beside %lu", i, room,
				 announced.memory_bytes / MIB);
	}
}

static void put(const char *dir, const char *name, const char *text)
{
	_free_ char *path = path_join(dir, name);
	struct error e;

	assert_int_equal(file_replace(path, text, strlen(text), 0600, &e), 0);
}

static void test_cgroups_of_both_versions_tell_limit_and_kills(void **state)
{
	static const struct {
		const char *pod_file, *pod_text, *own_file, *own_text;
		uint64_t limit, kills;
	} cases[] = {
		{ "memory.max", "301989888\n", "memory.events", "oom 3\noom_kill 1\n", 301989888,
		  1 },
		{ "memory.max", "max\n", "memory.events", "oom_kill 0\n", 0, 0 },
		/* The controller is not turned on below the pod. */
		{ "memory.events", "oom 3\noom_kill 2\noom_group_kill 9\n", "x", "", 0, 2 },
		{ "memory.limit_in_bytes", "301989888\n", "memory.oom_control",
		  "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", 301989888, 1 },
		{ "memory.limit_in_bytes", "9223372036854771712\n", "x", "", 0, 0 },
		{ "x", "", "x", "", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *root = folder_new();
		_free_ char *pod = path_join(root, "pod");
		_free_ char *own = path_join(pod, "kata_x");
		char *dirs[] = { (char[]){ "/nonexistent/cpu/kata_x" }, own, NULL };
		struct error e;

		assert_int_equal(dir_make(own, 0700, &e), 0);
		put(pod, cases[i].pod_file, cases[i].pod_text);
		put(own, cases[i].own_file, cases[i].own_text);
		assert_int_equal(cgroup_memory_limit(dirs), cases[i].limit);
		assert_int_equal(cgroup_oom_kills(dirs), cases[i].kills);
		folder_remove(root);
	}
}

static void test_cgroups_of_both_versions_tell_huge_pages(void **state)
{
	static const struct {
		const char *file, *text;
		uint64_t limit;
	} cases[] = {
		{ "hugetlb.2MB.max", "16777216\n", 16777216 },
		{ "hugetlb.2MB.max", "max\n", 0 },
		{ "hugetlb.2MB.limit_in_bytes", "16777216\n", 16777216 },
		{ "hugetlb.2MB.limit_in_bytes", "9223372036852678656\n", 0 },
		{ "hugetlb.1GB.max", "1073741824\n", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *root = folder_new();
		_free_ char *own = path_join(root, "kata_x");
		char *dirs[] = { (char[]){ "/nonexistent/cpu/kata_x" }, own, NULL };

		put(root, cases[i].file, cases[i].text);
		assert_int_equal(cgroup_pages_limit(dirs, "2MB"), cases[i].limit);
		folder_remove(root);
	}
}

static void test_cgroups_of_both_versions_tell_what_is_used(void **state)
{
	static const struct {
		const char *file, *text, *other, *other_text;
		uint64_t cpu_ns, memory;
	} cases[] = {
		{ "cpu.stat", "usage_usec 7\nuser_usec 3\n", "memory.current", "4096\n", 7000,
		  4096 },
		{ "cpuacct.usage", "7\n", "memory.usage_in_bytes", "4096\n", 7, 4096 },
		{ "cpu.stat", "nr_periods 7\n", "x", "", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *root = folder_new();
		_free_ char *leaf = path_join(root, "vm");
		char *dirs[] = { (char[]){ "/nonexistent/cpu/kata_x" }, root, leaf, NULL };
		uint64_t cpu_ns, memory;
		struct error e;

		assert_int_equal(dir_make(leaf, 0700, &e), 0);
		put(root, cases[i].file, cases[i].text);
		put(leaf, cases[i].other, cases[i].other_text);
		cgroup_usage(dirs, &cpu_ns, &memory);
		assert_int_equal(cpu_ns, cases[i].cpu_ns);
		assert_int_equal(memory, cases[i].memory);
		folder_remove(root);
	}
}

static void test_last_words_go_where_the_kubelet_looks(void **state)
{
	char *root = folder_new();
	_free_ char *own = path_join(root, "pods/uid/containers/c");
	_free_ char *words = path_join(own, "0a1b2c3d");
	_free_ char *spec = xasprintf(
		"{\"ociVersion\":\"1.0\",\"process\":{\"args\":[\"x\"]},\"root\":{\"path\":\"r\"},"
		"\"linux\":{},\"annotations\":{\"io.kubernetes.cri.container-name\":\"c\"},"
		"\"mounts\":[{\"destination\":\"/v\",\"source\":\"%s/pods/uid/volumes/x\"},"
		"{\"destination\":\"/dev/termination-log\",\"source\":\"%s\"}]}",
		root, words);
	_free_ char *text = NULL;
	struct error e;

	(void)state;
	assert_int_equal(dir_make(own, 0700, &e), 0);
	put(root, "config.json", spec);
	lastwords_write(root, "no file to write to\n");
	assert_false(file_exists(words));
	put(own, "0a1b2c3d", "");
	lastwords_write(root, "first\n");
	lastwords_write(root, "second\n");
	assert_int_equal(file_read(words, 100, &text, NULL, &e), 0);
	assert_string_equal(text, "first\n");
	folder_remove(root);
}

/* CRI-O has the container's name under the kubelet's key, and looks for the file "oom". */
static void test_last_words_reach_who_uses_cri_o(void **state)
{
	_message_ Oci__Spec *spec = pod("\"io.kubernetes.container.name\":\"c\"");
	char *root = folder_new();
	_free_ char *note = path_join(root, "oom");
	Oci__Mount mount = OCI__MOUNT__INIT;
	Oci__Mount *mounts[] = { &mount };

	(void)state;
	mount.source = (char[]){ "/var/lib/kubelet/pods/uid/containers/c/0a1b2c3d" };
	spec->mounts = mounts;
	spec->n_mounts = 1;
	assert_string_equal(lastwords_path(spec), mount.source);
	spec->mounts = NULL;
	spec->n_mounts = 0;
	lastwords_note_oom(root);
	lastwords_note_oom(root);
	assert_true(file_exists(note));
	folder_remove(root);
	lastwords_note_oom(note);
}

static void test_process_from_above_the_root_goes_back_to_the_root(void **state)
{
	static const struct {
		const char *path;
		const char *home;
	} cases[] = {
		{ "/", "/m/cpu" },
		{ "/a/b", "/m/cpu/a/b" },
		{ "/../..", "/m/cpu" },
		{ "/../system.slice/crio.service", "/m/cpu" },
		{ "/..a/b..", "/m/cpu/..a/b.." },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *home = cgroup_home("/m/cpu", cases[i].path);
		_free_ char *tidied = path_tidy(home);

		assert_string_equal(tidied, cases[i].home);
	}
}

/* The container's file is under the guest's reach. */
static void test_last_words_go_through_no_link(void **state)
{
	char *root = folder_new();
	_free_ char *link = path_join(root, "link");
	_free_ char *target = path_join(root, "target");
	_free_ char *text = NULL;
	struct error e;

	(void)state;
	put(root, "target", "");
	assert_return_code(symlink(target, link), errno);
	lastwords_put(link, "words", 5);
	assert_int_equal(file_read(target, 100, &text, NULL, &e), 0);
	assert_string_equal(text, "");
	folder_remove(root);
}

static void test_vm_adds_limits_to_the_defaults_within_maxima(void **state)
{
	static const struct {
		struct size limits;
		struct size_vm vm;
	} cases[] = {
		{ { 0, 0, { 0 } }, { 1, 256, { 0 } } },
		{ { 250, 0, { 0 } }, { 2, 256, { 0 } } },
		{ { 1000, 64 * MIB, { 0 } }, { 2, 320, { 0 } } },
		{ { 9000, 0, { 0 } }, { 4, 256, { 0 } } },
		{ { 0, UINT64_MAX, { 0 } }, { 1, 1024, { 0 } } },
		/* Huge pages: whole blocks of 128 MiB are modules of their own, and an ordinary
		 * one comes before pages of 1 GiB. */
		{ { 0, 0, { 16, 0 } }, { 1, 272, { 0, 0 } } },
		{ { 0, 64 * MIB, { 320, 0 } }, { 1, 384, { 256, 0 } } },
		{ { 0, 64 * MIB, { 0, 1024 } }, { 1, 384, { 0, 1024 } } },
		{ { 0, 512 * MIB, { 0, 2048 } }, { 1, 768, { 0, 2048 } } },
	};
	struct config config = { .hypervisor = { .default_vcpus = 1,
						 .default_maxvcpus = 4,
						 .default_memory = 256,
						 .default_maxmemory = 1024 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct size_vm vm = size_vm(&config, config.hypervisor.default_memory,
					    SIZE_BLOCK_MIB, cases[i].limits);

		assert_int_equal(vm.vcpus, cases[i].vm.vcpus);
		assert_int_equal(vm.memory_mib, cases[i].vm.memory_mib);
		for (size_t k = 0; k < N_SIZE_PAGES; k++)
			assert_int_equal(vm.pages_mib[k], cases[i].vm.pages_mib[k]);
	}
}

/* A large guest takes memory by 2 GiB: less of small pages is other memory. */
static void test_vm_of_a_large_guest_grows_by_its_blocks(void **state)
{
	const struct size limits = { .memory_bytes = 256 * MIB, .pages_mib = { 3072, 1024 } };
	struct config config = { .hypervisor = { .default_maxvcpus = 1,
						 .default_maxmemory = 262144 } };
	struct size_vm vm = size_vm(&config, 65536, 2048, limits);

	(void)state;
	assert_int_equal(vm.pages_mib[SIZE_PAGES_2M], 2048);
	assert_int_equal(vm.pages_mib[SIZE_PAGES_1G], 2048);
	assert_int_equal(vm.memory_mib, 65536 + 2048 + 1024);
}

/* What comes before pages of 1 GiB is not there yet; a VM that does not grow has all at once. */
static void test_vm_begins_without_what_is_plugged_in(void **state)
{
	const struct size limits = { .memory_bytes = 512 * MIB, .pages_mib = { 16, 1024 } };
	struct config config = { .hypervisor = { .default_maxvcpus = 1,
						 .default_maxmemory = 4096 } };

	(void)state;
	assert_int_equal(size_vm_at_boot(&config, 256, limits).memory_mib, 256 + 512 - 128);
	assert_int_equal(size_vm_at_boot(&config, 256, limits).pages_mib[SIZE_PAGES_1G], 0);
	config.runtime.static_sandbox_resource_mgmt = true;
	assert_int_equal(size_vm_at_boot(&config, 256, limits).memory_mib, 256 + 512 + 16 + 1024);
	assert_int_equal(size_vm(&config, 256, SIZE_BLOCK_MIB, limits).memory_mib,
			 256 + 512 + 16 + 1024);
}

static void test_guest_keeps_the_pages_that_were_plugged_in(void **state)
{
	static const struct {
		struct size_vm before, is;
		struct size limits;
		struct size_news news;
	} cases[] = {
		{ { 1, 256, { 0 } }, { 1, 256, { 0 } }, { 0 }, { 0, false, 256, { 0 } } },
		{ { 1, 256, { 0 } }, { 2, 256, { 0 } }, { 0 }, { 2, false, 256, { 0 } } },
		{ { 2, 256, { 0 } }, { 1, 320, { 0 } }, { 0 }, { 0, true, 320, { 0 } } },
		{ { 1, 256, { 0 } },
		  { 1, 272, { 0 } },
		  { .pages_mib = { 16 } },
		  { 0, true, 272, { 16 } } },
		{ { 1, 256, { 0 } },
		  { 1, 384, { 256, 1024 } },
		  { .pages_mib = { 320, 1024 } },
		  { 0, true, 384 + 256 + 1024, { 320, 1024 } } },
		/* Whoever had them has gone, and somebody else needs more memory. */
		{ { 1, 384, { 256, 1024 } },
		  { 1, 512, { 256, 1024 } },
		  { 0 },
		  { 0, true, 512 + 256 + 1024, { 256, 1024 } } },
		{ { 1, 384, { 0, 1024 } },
		  { 1, 384, { 0, 2048 } },
		  { .pages_mib = { 0, 2048 } },
		  { 0, true, 384 + 2048, { 0, 2048 } } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct size_news news = size_news(cases[i].before, cases[i].is, cases[i].limits);

		assert_int_equal(news.vcpus, cases[i].news.vcpus);
		assert_int_equal(news.has_memory, cases[i].news.has_memory);
		assert_int_equal(news.memory_mib, cases[i].news.memory_mib);
		for (size_t k = 0; k < N_SIZE_PAGES; k++)
			assert_int_equal(news.pages_mib[k], cases[i].news.pages_mib[k]);
	}
}

static void test_size_update_keeps_what_it_does_not_name(void **state)
{
	const struct size before = { .cpu_milli = 500, .memory_bytes = 64 * MIB };
	Oci__LinuxCPU cpu = OCI__LINUX_CPU__INIT;
	Oci__LinuxMemory memory = OCI__LINUX_MEMORY__INIT;
	Oci__LinuxResources resources = OCI__LINUX_RESOURCES__INIT;
	struct size after = size_update(before, &resources);

	(void)state;
	assert_int_equal(after.cpu_milli, before.cpu_milli);
	assert_int_equal(after.memory_bytes, before.memory_bytes);
	resources.cpu = &cpu;
	resources.memory = &memory;
	memory.limit = 128 * MIB;
	after = size_update(before, &resources);
	assert_int_equal(after.cpu_milli, before.cpu_milli);
	assert_int_equal(after.memory_bytes, 128 * MIB);
	cpu.quota = memory.limit = -1;
	after = size_update(before, &resources);
	assert_int_equal(after.cpu_milli, 0);
	assert_int_equal(after.memory_bytes, 0);
}

static void test_cgroup_is_beside_the_container(void **state)
{
	static const struct {
		const char *given;
		const char *path;
	} cases[] = {
		{ "", "/kata/kata_s" },
		{ "/default/x", "/default/kata_s" },
		{ "/x", "/kata_s" },
		{ "/kubepods/burstable/podab/cd", "/kubepods/burstable/podab/kata_s" },
		{ "a-b.slice:cri-containerd:x", "/a.slice/a-b.slice/kata_s" },
		{ "kubepods-burstable-pod1.slice:cri-containerd:x",
		  "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/kata_s" },
		{ ":cri:x", "/system.slice/kata_s" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *path = NULL;
		struct error e;

		assert_int_equal(cgroup_path(cases[i].given, "s", &path, &e), 0);
		assert_string_equal(path, cases[i].path);
	}
}

static void test_cgroup_outside_its_root_is_refused(void **state)
{
	char *path = NULL;
	struct error e;

	(void)state;
	assert_int_equal(cgroup_path("/a/../../etc", "s", &path, &e), -EINVAL);
	assert_null(path);
}

static void test_mount_options_become_flags_and_data(void **state)
{
	char *const options[] = { (char[]){ "rbind" },          (char[]){ "ro" },
				  (char[]){ "nosuid" },         (char[]){ "suid" },
				  (char[]){ "nosuid" },         (char[]){ "noexec" },
				  (char[]){ "nodev" },          (char[]){ "exec" },
				  (char[]){ "lowerdir=/a:/b" }, (char[]){ "index=off" } };
	unsigned long flags;
	_free_ char *data = rootfs_options(options, ARRAY_SIZE(options), &flags);

	(void)state;
	assert_string_equal(data, "lowerdir=/a:/b,index=off");
	assert_true(flags == (MS_BIND | MS_REC | MS_RDONLY | MS_NOSUID | MS_NODEV));
}

static void fill(struct state *s)
{
	*s = (struct state){ .id = xstrdup("box"),
			     .namespace_ = xstrdup("default"),
			     .bundle = xstrdup("/b"),
			     .version_dir = xstrdup("/opt/kata/versions/1"),
			     .config_path = xstrdup("/c"),
			     .config_digest = xstrdup("0123"),
			     .agent_url = xstrdup("vsock://3:1024"),
			     .netns = xstrdup("/run/netns/a") };
	strv_add(&s->links, "eth0");
	strv_add(&s->taps, "tap0_kata");
	strv_add(&s->rootfs, "/b/rootfs");
	state_set_process(s, STATE_VMM, getpid());
}

static void test_record_is_read_as_it_was_written(void **state)
{
	char *root = folder_new();
	_state_ struct state written = { 0 };
	_state_ struct state read = { 0 };
	struct error e;

	(void)state;
	fill(&written);
	assert_int_equal(state_save(&written, root, &e), 0);
	assert_int_equal(state_load(&read, root, "box", &e), 0);
	assert_string_equal(read.agent_url, "vsock://3:1024");
	assert_string_equal(read.version_dir, "/opt/kata/versions/1");
	assert_string_equal(read.config_digest, "0123");
	assert_string_equal(read.links[0], "eth0");
	assert_string_equal(read.rootfs[0], "/b/rootfs");
	assert_true(state_is_alive(&read.processes[STATE_VMM]));
	assert_int_equal(read.processes[STATE_FS].pid, 0);
	folder_remove(root);
}

/* A release that adds members to the record, or has not yet those of ours. */
static void test_record_of_another_form_is_read(void **state)
{
	static const char *const texts[] = {
		"{\"id\":\"box\",\"version_dir\":\"/v\",\"netns\":\"/n\"}",
		"{\"version\":99,\"id\":\"box\",\"version_dir\":\"/v\",\"netns\":\"/n\","
		"\"assets\":[1],\"what\":{\"is\":\"this\"}}",
	};
	char *root = folder_new();
	_free_ char *dir = path_join(root, "box");
	_free_ char *path = path_join(dir, "state.json");
	struct error e;

	(void)state;
	assert_int_equal(dir_make(dir, 0700, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_state_ struct state read = { 0 };

		assert_int_equal(file_replace(path, texts[i], strlen(texts[i]), 0600, &e), 0);
		assert_int_equal(state_load(&read, root, "box", &e), 0);
		assert_string_equal(read.version_dir, "/v");
		assert_string_equal(read.netns, "/n");
		assert_string_equal(read.pod_name, "");
	}
	folder_remove(root);
}

static bool is_held(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_GETLK, &lock), 0);
	return lock.l_type != F_UNLCK;
}

static void test_lock_of_a_sandbox_ends_with_its_holder(void **state)
{
	char *root = folder_new();
	_free_ char *path = path_join(root, "box/alive");
	struct error e;
	int fd, next;

	(void)state;
	fd = state_hold(root, "box", &e);
	assert_true(fd >= 0);
	assert_true(is_held(path));
	assert_int_equal(state_hold(root, "box", &e), -EAGAIN);
	/* It is forgotten, and there is a next one while the first still ends. */
	state_forget(fd, root, "box");
	assert_false(file_exists(path));
	next = state_hold(root, "box", &e);
	assert_true(next >= 0);
	state_forget(fd, root, "box");
	assert_true(is_held(path));
	assert_int_equal(close(fd), 0);
	assert_true(is_held(path));
	assert_int_equal(close(next), 0);
	assert_false(is_held(path));
	state_forget(-1, root, "box");
	assert_false(file_exists(path));
	folder_remove(root);
}

/* The manifest alone is read: the digest it has is noted even of a file that is another. */
static void test_record_names_what_the_sandbox_runs(void **state)
{
	static Oci__Spec__AnnotationsEntry entries[3];
	Oci__Spec__AnnotationsEntry *annotations[] = { &entries[0], &entries[1], &entries[2] };
	Oci__Spec spec = OCI__SPEC__INIT;
	char *root = folder_new();
	_free_ char *kernel = path_join(root, "v/share/vmlinux");
	_free_ char *manifest = path_join(root, "v/MANIFEST");
	_free_ char *version = path_join(root, "v");
	_free_ char *written = path_join(root, "box/" RECORD_CONFIGURATION);
	_free_ char *text = NULL;
	_config_ struct config config;
	_state_ struct state s = { .id = xstrdup("box") };
	char digest[SHA256_HEX + 1];
	_free_ char *lines = NULL;
	struct error e;

	(void)state;
	sha256_bytes("x", 1, digest);
	text = xasprintf("kata-manifest 1\nfile 644 5 %s share/vmlinux\nlink a b\n", digest);
	folder_put(root, "v/share/vmlinux", "other");
	assert_int_equal(file_replace(manifest, text, strlen(text), 0644, &e), 0);
	config_init(&config, version);
	config.path = xstrdup("/etc/c.toml");
	str_set(&config.source, "/opt/c.toml");
	strv_add(&config.files, "/etc/c.toml");
	assert_int_equal(config_read_text(&config, "[a]\nb = 0x10 # c\n", 17, "c", &e), 0);
	str_set(&config.hypervisor.kernel, kernel);
	str_set(&config.hypervisor.initrd, "/elsewhere/initrd");
	str_set(&config.hypervisor.firmware, "");
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		static const char *const keys[] = { "namespace", "name", "uid" };

		entries[i] = (Oci__Spec__AnnotationsEntry)OCI__SPEC__ANNOTATIONS_ENTRY__INIT;
		entries[i].key = xasprintf("io.kubernetes.cri.sandbox-%s", keys[i]);
		entries[i].value = xasprintf("the-%s", keys[i]);
	}
	spec.annotations = annotations;
	spec.n_annotations = ARRAY_SIZE(annotations);
	record_fill(&s, &config, &spec);
	assert_string_equal(s.pod_namespace, "the-namespace");
	assert_string_equal(s.pod_name, "the-name");
	assert_string_equal(s.pod_uid, "the-uid");
	assert_string_equal(s.config_source, "/opt/c.toml");
	assert_int_equal(strlen(s.started), strlen("2026-01-31T23:59:59Z"));
	assert_string_equal(s.assets[STATE_ASSET_KERNEL].sha256, digest);
	assert_int_equal(s.assets[STATE_ASSET_KERNEL].size, 5);
	assert_string_equal(s.assets[STATE_ASSET_INITRD].sha256, "");
	assert_null(s.assets[STATE_ASSET_FIRMWARE].path);
	assert_int_equal(record_configuration(&s, root, &config, &e), 0);
	assert_int_equal(file_read(written, 4096, &lines, NULL, &e), 0);
	assert_string_equal(lines, "/etc/c.toml\na.b = 16\n");
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		free(entries[i].key);
		free(entries[i].value);
	}
	folder_remove(root);
}

static void test_process_of_another_start_time_is_not_alive(void **state)
{
	struct state s = { 0 };

	(void)state;
	state_set_process(&s, STATE_VMM, getpid());
	s.processes[STATE_VMM].start_ticks++;
	assert_false(state_is_alive(&s.processes[STATE_VMM]));
	state_set_process(&s, STATE_VMM, 0);
	assert_false(state_is_alive(&s.processes[STATE_VMM]));
}

/* It would be killed: everything by -1, this machine's first process by 1. */
static void test_record_of_no_single_process_names_none(void **state)
{
	static const char *const pids[] = { "1", "0", "-1", "-7", "2147483648", "\"7\"" };
	char *root = folder_new();
	_free_ char *dir = path_join(root, "box");
	struct error e;

	(void)state;
	assert_int_equal(dir_make(dir, 0700, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		_state_ struct state read = { 0 };
		_free_ char *text = xasprintf(
			"{\"id\":\"box\",\"processes\":{\"vmm\":{\"pid\":%s,\"start_ticks\":1}}}",
			pids[i]);

		put(dir, "state.json", text);
		assert_int_equal(state_load(&read, root, "box", &e), 0);
		assert_int_equal(read.processes[STATE_VMM].pid, 0);
	}
	folder_remove(root);
}

static void test_record_damaged_or_missing_is_refused(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "{\"id\":\"other\"}" };
	char *root = folder_new();
	_free_ char *dir = path_join(root, "box");
	_free_ char *path = path_join(dir, "state.json");
	struct state s = { 0 };
	struct error e;

	(void)state;
	assert_int_equal(state_load(&s, root, "box", &e), -ENOENT);
	assert_int_equal(dir_make(dir, 0700, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(file_replace(path, texts[i], strlen(texts[i]), 0600, &e), 0);
		assert_int_equal(state_load(&s, root, "box", &e), -EINVAL);
	}
	folder_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size_of_pod_follows_quota_then_shares),
		cmocka_unit_test(test_size_follows_limits_by_name),
		cmocka_unit_test(test_size_of_pod_refuses_what_is_no_number),
		cmocka_unit_test(test_vm_adds_limits_to_the_defaults_within_maxima),
		cmocka_unit_test(test_vm_of_a_large_guest_grows_by_its_blocks),
		cmocka_unit_test(test_vm_begins_without_what_is_plugged_in),
		cmocka_unit_test(test_vm_has_no_more_than_the_limit_of_its_pod_leaves),
		cmocka_unit_test(test_cgroups_of_both_versions_tell_limit_and_kills),
		cmocka_unit_test(test_cgroups_of_both_versions_tell_huge_pages),
		cmocka_unit_test(test_cgroups_of_both_versions_tell_what_is_used),
		cmocka_unit_test(test_last_words_go_where_the_kubelet_looks),
		cmocka_unit_test(test_guest_keeps_the_pages_that_were_plugged_in),
		cmocka_unit_test(test_size_update_keeps_what_it_does_not_name),
		cmocka_unit_test(test_cgroup_is_beside_the_container),
		cmocka_unit_test(test_cgroup_outside_its_root_is_refused),
		cmocka_unit_test(test_mount_options_become_flags_and_data),
		cmocka_unit_test(test_record_is_read_as_it_was_written),
		cmocka_unit_test(test_record_of_another_form_is_read),
		cmocka_unit_test(test_lock_of_a_sandbox_ends_with_its_holder),
		cmocka_unit_test(test_record_names_what_the_sandbox_runs),
		cmocka_unit_test(test_process_of_another_start_time_is_not_alive),
		cmocka_unit_test(test_record_damaged_or_missing_is_refused),
		cmocka_unit_test(test_last_words_go_through_no_link),
		cmocka_unit_test(test_last_words_reach_who_uses_cri_o),
		cmocka_unit_test(test_process_from_above_the_root_goes_back_to_the_root),
		cmocka_unit_test(test_record_of_no_single_process_names_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
