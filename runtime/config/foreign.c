/* SPDX-License-Identifier: Apache-2.0 */
/*
 * foreign - keys of upstream's files whose feature is not here.
 *
 * Upstream ships some thirty files, for two runtimes and many machines; each writes all of its
 * defaults down.  So a key that is there says little, its value says what somebody wants.  The
 * names and the defaults are those of the 4.1 releases of both, and of some older ones.
 *
 * A key that neither this table nor fields.c has is a slip of the pen or newer than this: it is
 * warned about, unless its name speaks of protection.  Any thread.
 */

#include "runtime/config/foreign.h"

#include <string.h>

#include "lib/str.h"
#include "runtime/config/vmms.h"

#define HYPERVISOR CONFIG_HYPERVISOR
#define FACTORY    HYPERVISOR ".factory"
#define AGENT      "agent.kata"
#define MEM_AGENT  AGENT ".mem_agent"
#define RUNTIME    "runtime"
#define OFF        FOREIGN_OFF

/* What several keys ask for. */
#define CONFIDENTIAL "a confidential guest"
#define SELINUX      "SELinux in the guest"
#define RATE         "a limit of the network's rate"
#define DISK_RATE    "a limit of the disks' rate"
#define CACHE        "another cache of disks on the host"
#define SECTORS      "another size of sectors"
#define VFIO         "devices of the host in the guest (VFIO)"
#define NUMA         "NUMA nodes in the guest"
#define IOMMU        "an IOMMU in the guest"
#define VHOST_USER   "storage by vhost-user"
#define IOTHREADS    "threads of QEMU for its disks"
#define TEMPLATE     "guests that are copies of one"
#define SWAP         "swap in the guest"
#define VERIFIED     "a verified guest image"
#define JAILER       "a jailer"
#define DUMP         "a dump of a guest's memory"
#define TRACING      "traces"
#define GPUS         "graphics processors"
#define UEFI         "variables of firmware"

const struct foreign foreigns[] = {
	/* Protection. */
	{ HYPERVISOR, "confidential_guest", OFF, CONFIDENTIAL },
	{ HYPERVISOR, "sev_guest", OFF, CONFIDENTIAL },
	{ HYPERVISOR, "sev_snp_guest", OFF, CONFIDENTIAL },
	{ HYPERVISOR, "sev_guest_policy", OFF, CONFIDENTIAL },
	{ HYPERVISOR, "sev_cert_chain", OFF, CONFIDENTIAL },
	{ HYPERVISOR, "snp_guest_policy", OFF, CONFIDENTIAL },
	{ HYPERVISOR, "snp_id_block", OFF, CONFIDENTIAL },
	{ HYPERVISOR, "snp_id_auth", OFF, CONFIDENTIAL },
	{ HYPERVISOR, "snp_certs_path", OFF, CONFIDENTIAL },
	{ HYPERVISOR, "tdx_guest", OFF, CONFIDENTIAL },
	{ HYPERVISOR, "tdx_quote_generation_service_socket_port", OFF, CONFIDENTIAL },
	{ HYPERVISOR, "se_guest", OFF, CONFIDENTIAL },
	{ HYPERVISOR, "cca_guest", OFF, CONFIDENTIAL },
	{ HYPERVISOR, "guest_attestation", OFF, CONFIDENTIAL },
	{ HYPERVISOR, "initdata", OFF, CONFIDENTIAL },
	{ HYPERVISOR, "measurement_algo", NULL, NULL },
	{ HYPERVISOR, "firmware_volume", OFF, UEFI },
	{ HYPERVISOR, "pflashes", OFF, UEFI },
	{ HYPERVISOR, "kernel_verity_params", OFF, VERIFIED },
	{ HYPERVISOR, "verity_params", OFF, VERIFIED },
	{ HYPERVISOR, "guest_extension_images", OFF, "more images for the guest" },
	{ HYPERVISOR, "disable_guest_selinux", "true", SELINUX },
	{ RUNTIME, "guest_selinux_label", OFF, SELINUX },
	/* The VMM has the label of the shim, which the engine gives. */
	{ HYPERVISOR, "disable_selinux", NULL, NULL },
	{ HYPERVISOR, "disable_seccomp", OFF, "a hypervisor without a filter of system calls" },
	/* It never is root, which all of upstream's files let it be. */
	{ HYPERVISOR, "rootless", NULL, NULL },
	{ HYPERVISOR ".rootless_user", FOREIGN_ANY_KEY, OFF, "a certain user for the hypervisor" },
	{ HYPERVISOR, "jailer_path", OFF, JAILER },
	{ HYPERVISOR, "valid_jailer_paths", NULL, NULL },
	{ RUNTIME, "experimental_force_guest_pull", OFF, "images that the guest pulls" },

	/* What a workload is given or may take. */
	{ HYPERVISOR, "rx_rate_limiter_max_rate", OFF, RATE },
	{ HYPERVISOR, "tx_rate_limiter_max_rate", OFF, RATE },
	{ HYPERVISOR, "net_rate_limiter_bw_max_rate", OFF, RATE },
	{ HYPERVISOR, "net_rate_limiter_bw_one_time_burst", OFF, RATE },
	{ HYPERVISOR, "net_rate_limiter_ops_max_rate", OFF, RATE },
	{ HYPERVISOR, "net_rate_limiter_ops_one_time_burst", OFF, RATE },
	{ HYPERVISOR, "disk_rate_limiter_bw_max_rate", OFF, DISK_RATE },
	{ HYPERVISOR, "disk_rate_limiter_bw_one_time_burst", OFF, DISK_RATE },
	{ HYPERVISOR, "disk_rate_limiter_ops_max_rate", OFF, DISK_RATE },
	{ HYPERVISOR, "disk_rate_limiter_ops_one_time_burst", OFF, DISK_RATE },
	{ HYPERVISOR, "guest_hook_path", OFF, "hooks in the guest" },
	{ AGENT, "kernel_modules", OFF, "modules for the guest's kernel" },
	{ RUNTIME, "sandbox_bind_mounts", OFF, "folders of the host for every pod" },
	{ RUNTIME, "shared_mounts", OFF, "mounts that containers share" },
	{ RUNTIME, "enable_vcpus_pinning", OFF, "processors that are pinned" },
	{ HYPERVISOR, "enable_numa", OFF, NUMA },
	{ HYPERVISOR, "numa_mapping", OFF, NUMA },
	{ HYPERVISOR, "enable_iommu", OFF, IOMMU },
	{ HYPERVISOR, "enable_iommu_platform", OFF, IOMMU },
	{ HYPERVISOR, "cold_plug_vfio", "no-port", VFIO },
	{ HYPERVISOR, "hot_plug_vfio", "no-port", VFIO },
	{ HYPERVISOR, "hotplug_vfio_on_root_bus", OFF, VFIO },
	{ HYPERVISOR, "pcie_switch_port", OFF, VFIO },
	{ RUNTIME, "vfio_mode", "guest-kernel", VFIO },
	{ AGENT, "visible_cdi_devices", OFF, "CDI devices in the guest" },
	{ RUNTIME, "pod_resource_api_sock", NULL, NULL },
	{ HYPERVISOR, "default_gpus", OFF, GPUS },
	{ HYPERVISOR, "default_gpu_model", OFF, GPUS },
	{ HYPERVISOR, "enable_vhost_user_store", OFF, VHOST_USER },
	{ HYPERVISOR, "vhost_user_store_path", NULL, NULL },
	{ HYPERVISOR, "valid_vhost_user_store_paths", NULL, NULL },
	{ HYPERVISOR, "vhost_user_reconnect_timeout_sec", NULL, NULL },
	{ HYPERVISOR, "enable_guest_swap", OFF, SWAP },
	{ HYPERVISOR, "guest_swap_path", NULL, NULL },
	{ HYPERVISOR, "guest_swap_size_percent", NULL, NULL },
	{ HYPERVISOR, "guest_swap_create_threshold_secs", NULL, NULL },
	{ HYPERVISOR, "virtio_fs_cache_size", OFF, "shared files in the guest's memory (DAX)" },
	{ HYPERVISOR, "block_device_cache_set", OFF, CACHE },
	{ HYPERVISOR, "block_device_cache_direct", OFF, CACHE },
	{ HYPERVISOR, "block_device_cache_noflush", OFF, CACHE },
	{ HYPERVISOR, "block_device_logical_sector_size", OFF, SECTORS },
	{ HYPERVISOR, "block_device_physical_sector_size", OFF, SECTORS },
	{ HYPERVISOR, "enable_iothreads", OFF, IOTHREADS },
	{ HYPERVISOR, "indep_iothreads", OFF, IOTHREADS },
	{ HYPERVISOR, "guest_memory_dump_path", OFF, DUMP },
	{ HYPERVISOR, "guest_memory_dump_paging", OFF, DUMP },
	{ HYPERVISOR, "extra_monitor_socket", OFF, "another socket of the hypervisor's" },
	{ HYPERVISOR, "dbg_monitor_socket", OFF, "another socket of the hypervisor's" },
	{ HYPERVISOR, "disable_nested_virtualization", OFF, "a guest without virtualisation" },
	{ RUNTIME, "disable_new_netns", OFF, "pods in the host's network" },
	{ RUNTIME, "experimental", OFF, "experiments of upstream's" },
	{ RUNTIME, "keep_abnormal", OFF, "sandboxes that stay when they fail" },
	{ RUNTIME, "enable_tracing", OFF, TRACING },
	{ AGENT, "enable_tracing", OFF, TRACING },
	{ "factory", "enable_template", OFF, TEMPLATE },
	{ "factory", "vm_cache_number", OFF, TEMPLATE },
	{ "factory", "template_path", NULL, NULL },
	{ "factory", "vm_cache_endpoint", NULL, NULL },
	{ FACTORY, "enable_template", OFF, TEMPLATE },
	{ FACTORY, "vm_cache_number", OFF, TEMPLATE },
	{ FACTORY, FOREIGN_ANY_KEY, NULL, NULL },
	{ HYPERVISOR, "enable_template", OFF, TEMPLATE },
	{ HYPERVISOR, "template_path", NULL, NULL },
	{ MEM_AGENT, "mem_agent_enable", OFF, "the agent's care of memory" },
	{ MEM_AGENT, FOREIGN_ANY_KEY, NULL, NULL },
	{ AGENT, "mem_agent_enable", OFF, "the agent's care of memory" },
	{ "image", "service_offload", OFF, "images that the guest pulls" },
	{ "image", FOREIGN_ANY_KEY, NULL, NULL },
	{ "netmon", "enable_netmon", OFF, "a program that watches networks" },
	{ "netmon", FOREIGN_ANY_KEY, NULL, NULL },

	/* Who is meant. */
	{ RUNTIME, "name", "virt_container", "another kind of runtime" },
	{ RUNTIME, "agent_name", "kata", "another agent" },

	/* How something is done that is done in another way here. */
	{ HYPERVISOR, "default_bridges", NULL, NULL },
	{ HYPERVISOR, "memory_offset", NULL, NULL },
	{ HYPERVISOR, "enable_virtio_mem", NULL, NULL },
	{ HYPERVISOR, "block_device_driver", NULL, NULL },
	{ HYPERVISOR, "block_device_aio", NULL, NULL },
	{ HYPERVISOR, "vm_rootfs_driver", NULL, NULL },
	{ HYPERVISOR, "disable_image_nvdimm", NULL, NULL },
	{ HYPERVISOR, "disable_nesting_checks", NULL, NULL },
	{ HYPERVISOR, "msize_9p", NULL, NULL },
	{ HYPERVISOR, "queue_size", NULL, NULL },
	{ HYPERVISOR, "num_queues", NULL, NULL },
	{ HYPERVISOR, "network_queues", NULL, NULL },
	{ HYPERVISOR, "overhead_vcpus", NULL, NULL },
	{ HYPERVISOR, "overhead_memory", NULL, NULL },
	{ HYPERVISOR, "hypervisor_loglevel", NULL, NULL },
	{ HYPERVISOR, "log_level", NULL, NULL },
	{ HYPERVISOR, "ctlpath", NULL, NULL },
	{ HYPERVISOR, "valid_ctlpaths", NULL, NULL },
	{ AGENT, "launch_process_timeout", NULL, NULL },
	{ AGENT, "dial_timeout_ms", NULL, NULL },
	{ AGENT, "reconnect_timeout_ms", NULL, NULL },
	{ AGENT, "cdh_api_timeout", NULL, NULL },
	{ AGENT, "cdh_api_timeout_ms", NULL, NULL },
	{ AGENT, "container_pipe_size", NULL, NULL },
	{ AGENT, "log_level", NULL, NULL },
	{ AGENT, "debug_console_vport", NULL, NULL },
	{ RUNTIME, "jaeger_endpoint", NULL, NULL },
	{ RUNTIME, "jaeger_user", NULL, NULL },
	{ RUNTIME, "jaeger_password", NULL, NULL },
	{ RUNTIME, "disable_guest_empty_dir", NULL, NULL },
	{ RUNTIME, "enable_pprof", NULL, NULL },
	{ RUNTIME, "dan_conf", NULL, NULL },
	{ RUNTIME, "kubelet_root_dir", NULL, NULL },
	{ RUNTIME, "use_passfd_io", NULL, NULL },
	{ RUNTIME, "passfd_listener_port", NULL, NULL },
	{ RUNTIME, "log_level", NULL, NULL },
};
const size_t n_foreigns = ARRAY_SIZE(foreigns);

/* Words of a name, between its underlines, that speak of protection. */
static const char *const protections[] = {
	"apparmor", "attestation", "attester",     "cca",      "coco",       "confidential",
	"encrypt",  "encrypted",   "encryption",   "initdata", "integrity",  "isolation",
	"jail",     "jailed",      "jailer",       "landlock", "measured",   "measurement",
	"policy",   "protected",   "protection",   "rootless", "sandboxing", "se",
	"seccomp",  "secure",      "selinux",      "sev",      "signature",  "snp",
	"tdx",      "tee",         "unprivileged", "verified", "verity",
};

/* SECTION without the name of the hypervisor that is its second part. */
static char *plain_section(const char *section)
{
	size_t n = strlen(HYPERVISOR);
	const char *rest;

	if (!str_starts(section, HYPERVISOR) || section[n] != '.')
		return xstrdup(section);
	rest = strchr(section + n + 1, '.');
	return xasprintf("%s%s", HYPERVISOR, rest ? rest : "");
}

static const struct foreign *find(const char *plain, const char *key)
{
	for (size_t i = 0; i < n_foreigns; i++)
		if (!strcmp(foreigns[i].section, plain) && (!key || !strcmp(foreigns[i].key, key)))
			return &foreigns[i];
	return NULL;
}

const struct foreign *foreign_find(const char *section, const char *key)
{
	_free_ char *plain = plain_section(section);
	const struct foreign *row = find(plain, key);

	return row ? row : find(plain, FOREIGN_ANY_KEY);
}

bool foreign_has_section(const char *section)
{
	_free_ char *plain = plain_section(section);

	return find(plain, NULL) != NULL;
}

static bool is_off(const struct toml *value)
{
	switch (value->type) {
	case TOML_BOOL:
		return !value->boolean;
	case TOML_INTEGER:
		return value->integer == 0;
	case TOML_FLOAT:
		return !(value->real < 0 || value->real > 0);
	case TOML_STRING:
		return value->text.len == 0;
	case TOML_ARRAY:
	case TOML_TABLE:
		return !value->children;
	case TOML_DATETIME:
		break;
	}
	return false;
}

bool foreign_is_harmless(const struct foreign *row, const struct toml *value)
{
	if (!row->harmless)
		return true;
	if (!*row->harmless)
		return is_off(value);
	if (value->type == TOML_BOOL)
		return strcmp(row->harmless, value->boolean ? "true" : "false") == 0;
	return value->type == TOML_STRING && strcmp(row->harmless, value->text.s) == 0;
}

bool foreign_is_harmless_text(const struct foreign *row, const char *text)
{
	static const char *const offs[] = { "", "0", "false", "[]" };

	if (!row->harmless || (*row->harmless && !strcmp(row->harmless, text)))
		return true;
	for (size_t i = 0; !*row->harmless && i < ARRAY_SIZE(offs); i++)
		if (!strcmp(offs[i], text))
			return true;
	return false;
}

bool foreign_is_protection(const char *name)
{
	_strv_ strv words = strv_split(name, "_-");

	for (size_t i = 0; i < ARRAY_SIZE(protections); i++)
		if (strv_contains(words, protections[i]))
			return true;
	return false;
}
