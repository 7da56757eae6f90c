/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_config_foreign - files with the tables and keys that upstream ships, and what is asked of
 * us that is not here.
 *
 * The texts are ours: the names and values that upstream's files have, put together from what they
 * share and what is theirs alone.
 */

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "runtime/config/config.h"
#include "runtime/config/fields.h"
#include "runtime/config/foreign.h"

/* ---- what the shipped files share ---- */

#define SHARED_QEMU                                                                              \
	"[hypervisor.qemu]\npath = \"/usr/bin/qemu\"\nkernel = \"/usr/share/k\"\n"               \
	"machine_type = \"q35\"\nrootless = false\nenable_annotations = [\"enable_iommu\"]\n"    \
	"valid_hypervisor_paths = [\"/usr/bin/qemu\"]\nkernel_params = \"\"\n"                   \
	"kernel_verity_params = \"\"\nmachine_accelerators = \"\"\ncpu_features = \"pmu=off\"\n" \
	"default_vcpus = 1\ndefault_maxvcpus = 0\ndefault_bridges = 1\ndefault_memory = 2048\n"  \
	"memory_slots = 10\ndefault_maxmemory = 0\nmemory_offset = 0\n"                          \
	"enable_virtio_mem = false\ndisable_block_device_use = true\n"                           \
	"virtio_fs_daemon = \"/usr/libexec/virtiofsd\"\nvirtio_fs_cache_size = 0\n"              \
	"valid_virtio_fs_daemon_paths = [\"/usr/libexec/virtiofsd\"]\n"                          \
	"virtio_fs_queue_size = 1024\nvirtio_fs_extra_args = [\"--thread-pool-size=1\"]\n"       \
	"virtio_fs_cache = \"auto\"\nblock_device_driver = \"virtio-scsi\"\n"                    \
	"block_device_aio = \"io_uring\"\nblock_device_cache_set = false\n"                      \
	"block_device_cache_direct = false\nblock_device_cache_noflush = false\n"                \
	"enable_iothreads = false\nindep_iothreads = 0\nenable_mem_prealloc = false\n"           \
	"reclaim_guest_freed_memory = false\nenable_hugepages = false\n"                         \
	"enable_vhost_user_store = false\nvhost_user_store_path = \"/var/run/vhost-user\"\n"     \
	"valid_vhost_user_store_paths = [\"/var/run/vhost-user\"]\nenable_iommu = false\n"       \
	"enable_iommu_platform = false\npflashes = []\nenable_debug = false\n"                   \
	"disable_nesting_checks = true\ndisable_image_nvdimm = false\npcie_root_port = 0\n"      \
	"disable_vhost_net = false\nentropy_source = \"/dev/urandom\"\n"                         \
	"valid_entropy_sources = [\"/dev/urandom\", \"/dev/random\", \"\"]\n"                    \
	"guest_hook_path = \"\"\nrx_rate_limiter_max_rate = 0\ntx_rate_limiter_max_rate = 0\n"   \
	"guest_memory_dump_path = \"\"\nguest_memory_dump_paging = false\n"                      \
	"enable_guest_swap = false\nuse_legacy_serial = false\ndisable_selinux = false\n"        \
	"disable_guest_selinux = true\n"
#define GO_QEMU                                                                 \
	SHARED_QEMU                                                             \
	"msize_9p = 8192\nseccompsandbox = \"\"\nextra_monitor_socket = \"\"\n" \
	"block_device_logical_sector_size = 0\n"                                \
	"block_device_physical_sector_size = 0\n"                               \
	"vhost_user_reconnect_timeout_sec = 0\nimage = \"/usr/share/i\"\n"
#define RS_QEMU                                                                \
	SHARED_QEMU                                                            \
	"seccomp_sandbox = \"\"\nvm_rootfs_driver = \"virtio-blk-pci\"\n"      \
	"queue_size = 128\nnum_queues = 1\nnetwork_queues = 1\n"               \
	"overhead_vcpus = 0.2\noverhead_memory = 32\nfirmware_volume = \"\"\n" \
	"image = \"/usr/share/i\"\n"
#define GO_REST                                                                                   \
	"[factory]\nenable_template = false\ntemplate_path = \"/run/vc/vm/template\"\n"           \
	"vm_cache_number = 0\nvm_cache_endpoint = \"/var/run/kata-containers/cache.sock\"\n"      \
	"[agent.kata]\nenable_debug = false\nenable_tracing = false\nkernel_modules = []\n"       \
	"debug_console_enabled = false\ndial_timeout = 45\ncdh_api_timeout = 50\n" SHARED_RUNTIME \
	"sandbox_cgroup_only = false\nstatic_sandbox_resource_mgmt = false\n"                     \
	"guest_selinux_label = \"\"\ndisable_guest_empty_dir = true\nenable_pprof = false\n"      \
	"sandbox_bind_mounts = []\n"
#define RS_REST                                                                              \
	"[agent.kata]\nenable_debug = false\nenable_tracing = false\nkernel_modules = []\n"  \
	"debug_console_enabled = false\ndial_timeout_ms = 10\nreconnect_timeout_ms = 3000\n" \
	"create_container_timeout = 30\ncontainer_pipe_size = 1\n[agent.kata.mem_agent]\n"   \
	"mem_agent_enable = false\nmemcg_disable = false\ncompact_force_times = "            \
	"9\n" SHARED_RUNTIME                                                                 \
	"name = \"virt_container\"\nagent_name = \"kata\"\n"                                 \
	"sandbox_cgroup_only = true\nstatic_sandbox_resource_mgmt = true\n"                  \
	"keep_abnormal = false\n"
#define SHARED_RUNTIME                                                                      \
	"[runtime]\nenable_debug = false\ninternetworking_model = \"tcfilter\"\n"           \
	"disable_guest_seccomp = true\nenable_vcpus_pinning = false\n"                      \
	"enable_tracing = false\njaeger_endpoint = \"\"\njaeger_user = \"\"\n"              \
	"jaeger_password = \"\"\ndisable_new_netns = false\nvfio_mode = \"guest-kernel\"\n" \
	"experimental = []\ndan_conf = \"/run/kata-containers/dans\"\n"                     \
	"kubelet_root_dir = \"/var/lib/kubelet\"\npod_resource_api_sock = \"\"\n"
#define NAMED(name) "hypervisor_name = \"" name "\"\n"
#define VIRTIO_FS   "shared_fs = \"virtio-fs\"\n"
#define UNSHARED    "shared_fs = \"none\"\n"
#define NO_VFIO     "cold_plug_vfio = \"no-port\"\nhot_plug_vfio = \"no-port\"\n"
#define GPU         "cold_plug_vfio = \"root-port\"\npcie_switch_port = 0\n"
#define NO_NUMA     "enable_numa = false\nnuma_mapping = []\n"
#define TEE         "confidential_guest = true\nfirmware = \"/usr/share/ovmf/fw\"\n"
#define SNP         TEE "sev_snp_guest = true\nsnp_id_block = \"\"\nsnp_guest_policy = 196608\n"
#define TDX         TEE "tdx_quote_generation_service_socket_port = 4050\n"
#define MORE_IMAGES "[[hypervisor.qemu.guest_extension_images]]\nname = \"coco\"\npath = \"/i\"\n"
#define ENCRYPTED   "emptydir_mode = \"block-encrypted\"\n"
#define SHARED      "emptydir_mode = \"shared-fs\"\ncreate_container_timeout = 60\n"
#define PLAIN       "emptydir_mode = \"block-plain\"\n"
#define OTHER(name) "[hypervisor." name "]\npath = \"/usr/bin/vmm\"\n"
#define RS_FACTORY  "[hypervisor.qemu.factory]\nenable_template = false\ntemplate_path = \"/t\"\n"

static const struct {
	const char *name;
	const char *text;
	const char *refusal; /* NULL: it loads without a word */
} files[] = {
	{ "qemu", GO_QEMU VIRTIO_FS NO_VFIO NO_NUMA GO_REST SHARED, NULL },
	{ "qemu-coco-dev", GO_QEMU UNSHARED GO_REST ENCRYPTED, "emptydir_mode" },
	{ "qemu-nvidia-cpu", GO_QEMU VIRTIO_FS "firmware_volume = \"\"\n" NO_VFIO GO_REST SHARED,
	  NULL },
	{ "qemu-nvidia-gpu", GO_QEMU VIRTIO_FS GPU GO_REST SHARED, "cold_plug_vfio" },
	{ "qemu-nvidia-gpu-snp", GO_QEMU UNSHARED SNP GPU GO_REST, "confidential_guest" },
	{ "qemu-nvidia-gpu-tdx", GO_QEMU UNSHARED TDX GPU GO_REST, "confidential_guest" },
	{ "qemu-se", GO_QEMU UNSHARED TEE GO_REST "\n", "confidential_guest" },
	{ "qemu-snp", GO_QEMU UNSHARED SNP GO_REST ENCRYPTED, "confidential_guest" },
	{ "qemu-tdx", GO_QEMU UNSHARED TDX GO_REST ENCRYPTED, "confidential_guest" },
	{ "clh", OTHER("clh") GO_REST, "hypervisor 'clh'" },
	{ "clh-azure", OTHER("clh") GO_REST, "hypervisor 'clh'" },
	{ "fc", OTHER("firecracker") GO_REST, "hypervisor 'firecracker'" },
	{ "remote", OTHER("remote") GO_REST, "hypervisor 'remote'" },
	{ "stratovirt", OTHER("stratovirt") GO_REST, "hypervisor 'stratovirt'" },
	{ "qemu-runtime-rs",
	  RS_QEMU VIRTIO_FS NO_VFIO NO_NUMA RS_FACTORY RS_REST NAMED("qemu") SHARED, NULL },
	{ "qemu-coco-dev-runtime-rs",
	  RS_QEMU UNSHARED "confidential_guest = false\n" MORE_IMAGES RS_REST NAMED("qemu"),
	  "guest_extension_images" },
	{ "qemu-nvidia-cpu-runtime-rs", RS_QEMU UNSHARED RS_FACTORY RS_REST NAMED("qemu") PLAIN,
	  NULL },
	{ "qemu-nvidia-gpu-runtime-rs", RS_QEMU UNSHARED GPU RS_FACTORY RS_REST NAMED("qemu") PLAIN,
	  "cold_plug_vfio" },
	{ "qemu-nvidia-gpu-snp-runtime-rs", RS_QEMU UNSHARED SNP GPU MORE_IMAGES RS_REST,
	  "confidential_guest" },
	{ "qemu-nvidia-gpu-tdx-runtime-rs", RS_QEMU UNSHARED TDX GPU MORE_IMAGES RS_REST,
	  "confidential_guest" },
	{ "qemu-se-runtime-rs", RS_QEMU UNSHARED TEE MORE_IMAGES RS_REST, "confidential_guest" },
	{ "qemu-snp-runtime-rs", RS_QEMU UNSHARED SNP MORE_IMAGES RS_REST, "confidential_guest" },
	{ "qemu-tdx-runtime-rs", RS_QEMU UNSHARED TDX MORE_IMAGES RS_REST, "confidential_guest" },
	{ "clh-runtime-rs", OTHER("clh") RS_REST NAMED("clh"), "hypervisor 'clh'" },
	{ "clh-azure-runtime-rs", OTHER("cloud-hypervisor") RS_REST NAMED("cloud-hypervisor"),
	  "hypervisor 'cloud-hypervisor'" },
	{ "dragonball", OTHER("dragonball") RS_REST NAMED("dragonball"),
	  "hypervisor 'dragonball'" },
	{ "openvmm-azure-runtime-rs", OTHER("openvmm") RS_REST NAMED("openvmm"),
	  "hypervisor 'openvmm'" },
	{ "rs-fc", OTHER("firecracker") RS_REST NAMED("firecracker"), "hypervisor 'firecracker'" },
	{ "rs-remote", OTHER("remote") RS_REST NAMED("remote"), "hypervisor 'remote'" },
};

static int read_text(struct config *c, const char *text, struct error *e)
{
	config_init(c, "/v");
	return config_read_text(c, text, strlen(text), "t.toml", e);
}

static void test_each_file_of_upstream_loads_in_silence_or_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_config_ struct config c;
		struct error e = { 0 };
		int r = read_text(&c, files[i].text, &e);

		if (c.warnings)
			fail_msg("%s: %s", files[i].name, c.warnings[0]);
		if (r < 0 && !files[i].refusal)
			fail_msg("%s: %s", files[i].name, e.msg);
		if (r == 0 && files[i].refusal)
			fail_msg("%s loads", files[i].name);
		if (r == 0)
			continue;
		assert_int_equal(r, -EINVAL);
		assert_ptr_equal(strstr(e.msg, "t.toml:"), e.msg);
		if (!strstr(e.msg, files[i].refusal))
			fail_msg("%s: %s", files[i].name, e.msg);
	}
}

static void test_what_a_file_of_upstream_says_is_what_is_had(void **state)
{
	_config_ struct config c;
	struct error e;

	(void)state;
	assert_int_equal(read_text(&c, files[0].text, &e), 0);
	assert_string_equal(c.hypervisor.path, "/usr/bin/qemu");
	assert_string_equal(c.hypervisor.image, "/usr/share/i");
	assert_true(c.hypervisor.disable_block_device_use);
	assert_true(c.runtime.disable_guest_seccomp);
	assert_false(c.hypervisor.reclaim_guest_freed_memory);
	/* Always so. */
	assert_true(c.runtime.sandbox_cgroup_only);
	assert_int_equal(config_settle(&c, &e), 0);
	assert_string_equal(c.hypervisor.initrd, "");
}

static void test_names_of_the_other_runtime_mean_ours(void **state)
{
	_config_ struct config c;
	struct error e;

	(void)state;
	assert_int_equal(read_text(&c,
				   "[hypervisor.qemu]\nseccomp_sandbox = \"on\"\n"
				   "[agent.kata]\ncreate_container_timeout = 30\n",
				   &e),
			 0);
	assert_string_equal(c.hypervisor.seccompsandbox, "on");
	assert_int_equal(c.runtime.create_container_timeout, 30);
	assert_null(c.warnings);
}

/* A value of each type that is neither off nor a word of ours. */
static const char *wish_of(const struct foreign *row)
{
	if (*row->harmless)
		return strcmp(row->harmless, "true") == 0 ? "false" : "\"something\"";
	return strstr(row->key, "path") ? "\"/x\"" : "true";
}

static void test_every_key_that_asks_for_more_is_refused_with_file_and_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_foreigns; i++) {
		const struct foreign *row = &foreigns[i];
		size_t n = strlen(CONFIG_HYPERVISOR);
		_free_ char *section = str_starts(row->section, CONFIG_HYPERVISOR)
					       ? xasprintf("hypervisor.qemu%s", row->section + n)
					       : xstrdup(row->section);
		const char *key = strcmp(row->key, FOREIGN_ANY_KEY) == 0 ? "anything" : row->key;
		_free_ char *text = xasprintf("\n[%s]\n%s = %s\n", section, key,
					      row->harmless ? wish_of(row) : "[\"what it likes\"]");
		_config_ struct config c;
		struct error e = { 0 };
		int r = read_text(&c, text, &e);

		assert_null(c.warnings);
		assert_null(field_find(section, key));
		if (!row->harmless) {
			assert_int_equal(r, 0);
			continue;
		}
		assert_int_equal(r, -EINVAL);
		assert_ptr_equal(strstr(e.msg, "t.toml:3: ["), e.msg);
		assert_non_null(strstr(e.msg, key));
		assert_non_null(strstr(e.msg, row->asks));
	}
}

static void test_every_kind_of_wish_counts(void **state)
{
	static const struct {
		const char *value;
		bool is_off;
	} cases[] = {
		{ "false", true },      { "true", false },       { "0", true },    { "1", false },
		{ "-1", false },        { "0.0", true },         { "0.1", false }, { "\"\"", true },
		{ "\"x\"", false },     { "[]", true },          { "[0]", false }, { "{}", true },
		{ "{ x = 1 }", false }, { "1979-05-27", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = xasprintf("[hypervisor.qemu]\nrx_rate_limiter_max_rate = %s\n",
					      cases[i].value);
		_config_ struct config c;
		struct error e;

		assert_int_equal(read_text(&c, text, &e), cases[i].is_off ? 0 : -EINVAL);
	}
}

static void test_unknown_protection_is_refused_and_other_unknown_keys_warn(void **state)
{
	static const struct {
		const char *text;
		bool is_refused;
	} cases[] = {
		{ "[hypervisor.qemu]\nsev_es_guest = true\n", true },
		{ "[hypervisor.qemu]\ncca_measurement = \"x\"\n", true },
		{ "[hypervisor.qemu]\nguest_policy = false\n", true },
		{ "[agent.kata]\nimage-verity = 1\n", true },
		{ "[runtime]\nseccomp_profile = \"x\"\n", true },
		{ "[hypervisor.qemu.tdx]\nx = 1\n", true },
		{ "[attestation]\nx = 1\n", true },
		{ "[hypervisor]\nconfidential_guest = true\n", true },
		{ "[hypervisor.qemu]\nrootless_user = { uid = 5 }\n", true },
		{ "[hypervisor.qemu]\nguest_extension_images = { x = 1 }\n", true },
		{ "[hypervisor.qemu]\nsevere = true\n", false },
		{ "[runtime]\nmisspelt = 1\n", false },
		{ "[proxy.kata]\npath = \"/x\"\n", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_config_ struct config c;
		struct error e;

		assert_int_equal(read_text(&c, cases[i].text, &e),
				 cases[i].is_refused ? -EINVAL : 0);
		assert_int_equal(strv_len(c.warnings), cases[i].is_refused ? 0 : 1);
	}
}

static void test_the_hypervisor_is_one_that_there_is(void **state)
{
	static const struct {
		const char *text;
		const char *refusal;
	} cases[] = {
		{ "[runtime]\nhypervisor_name = \"qemu\"\n", NULL },
		{ "[runtime]\nhypervisor_name = 1\n", "t.toml:2: [runtime] hypervisor_name" },
		{ "[runtime]\nhypervisor_name = \"firecracker\"\n", "t.toml:2: hypervisor 'fire" },
		{ "[runtime]\nhypervisor_name = \"qemu\"\n[hypervisor.clh]\n",
		  "t.toml:3: hypervisor 'clh'" },
		{ "[hypervisor.qemu]\n[hypervisor.remote]\n", "t.toml:2: hypervisor 'remote'" },
		{ "[hypervisor.clh.factory]\nx = 1\n", "t.toml:1: hypervisor 'clh'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_config_ struct config c;
		struct error e;
		int r = read_text(&c, cases[i].text, &e);

		assert_int_equal(r, cases[i].refusal ? -EINVAL : 0);
		if (r < 0)
			assert_ptr_equal(strstr(e.msg, cases[i].refusal), e.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_file_of_upstream_loads_in_silence_or_is_refused),
		cmocka_unit_test(test_what_a_file_of_upstream_says_is_what_is_had),
		cmocka_unit_test(test_names_of_the_other_runtime_mean_ours),
		cmocka_unit_test(test_every_key_that_asks_for_more_is_refused_with_file_and_line),
		cmocka_unit_test(test_every_kind_of_wish_counts),
		cmocka_unit_test(test_unknown_protection_is_refused_and_other_unknown_keys_warn),
		cmocka_unit_test(test_the_hypervisor_is_one_that_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
