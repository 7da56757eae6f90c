/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields - the one table of configuration keys.
 *
 * A new key is one row here and one member in config.h.  Loading, the annotation gate, the dump of
 * `kata-runtime env`, the shipped configuration file, the reference page and the tests of defaults
 * and limits read this table.  Names are upstream's where upstream has the key; those of upstream's
 * whose feature is not here are in foreign.c.  A row of a hypervisor says which have it; what is
 * another default with one of them is in vmms.c.  Any thread.
 */

#include "runtime/config/fields.h"

#include <string.h>

#include "runtime/config/config.h"

#define HYPERVISOR CONFIG_HYPERVISOR
#define AGENT      "agent.kata"
#define RUNTIME    "runtime"

#define QEMU    CONFIG_QEMU
#define ANY_VMM CONFIG_ANY_VMM

#define HV(member) offsetof(struct config, hypervisor.member)
#define AG(member) offsetof(struct config, agent.member)
#define RT(member) offsetof(struct config, runtime.member)

const struct field fields[] = {
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "path",
		.type = FIELD_PATH,
		.offset = HV(path),
		.fallback = "",
		.annotation = "path",
		.allowed = HV(valid_hypervisor_paths),
		.help = "Program that runs the virtual machines.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "kernel",
		.type = FIELD_PATH,
		.offset = HV(kernel),
		.fallback = "/opt/kata/share/kata-containers/vmlinux.container",
		.annotation = "kernel",
		.allowed = HV(valid_kernel_paths),
		.help = "Guest kernel: an ELF image with a PVH note, or a bzImage.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "initrd",
		.type = FIELD_PATH,
		.offset = HV(initrd),
		.fallback = "/opt/kata/share/kata-containers/kata-containers-initrd.img",
		.annotation = "initrd",
		.allowed = HV(valid_kernel_paths),
		.help = "Guest root as an initial ram disk. Ignored at its default when image is "
			"set.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "image",
		.type = FIELD_PATH,
		.offset = HV(image),
		.fallback = "",
		.annotation = "image",
		.allowed = HV(valid_kernel_paths),
		.help = "Guest root as a disk image; instead of initrd.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "rootfs_type",
		.type = FIELD_TEXT,
		.offset = HV(rootfs_type),
		.fallback = "ext4",
		.choices = "ext4 xfs erofs",
		.help = "File system of image.",
	},
	{
		.section = HYPERVISOR,
		.vmms = QEMU,
		.key = "machine_type",
		.type = FIELD_TEXT,
		.offset = HV(machine_type),
		.fallback = "q35",
		.choices = "q35",
		.annotation = "machine_type",
		.help = "Kind of machine.",
	},
	{
		.section = HYPERVISOR,
		.vmms = QEMU,
		.key = "machine_accelerators",
		.type = FIELD_TEXT,
		.offset = HV(machine_accelerators),
		.fallback = "",
		.help = "Properties added to the machine, separated by commas.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "firmware",
		.type = FIELD_PATH,
		.offset = HV(firmware),
		.fallback = "/opt/kata/share/kata-qemu/qemu/qboot.rom",
		.annotation = "firmware",
		.allowed = HV(valid_kernel_paths),
		.help = "Firmware; \"\" takes the one that QEMU prefers.",
	},
	{
		.section = HYPERVISOR,
		.vmms = QEMU,
		.key = "firmware_directory",
		.type = FIELD_PATH,
		.offset = HV(firmware_directory),
		.fallback = "/opt/kata/share/kata-qemu/qemu",
		.help = "Where QEMU finds its other firmware files.",
	},
	{
		.section = HYPERVISOR,
		.vmms = QEMU,
		.key = "cpu_features",
		.type = FIELD_TEXT,
		.offset = HV(cpu_features),
		.fallback = "pmu=off",
		.help = "Properties added to the processor, separated by commas.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "kernel_params",
		.type = FIELD_TEXT,
		.offset = HV(kernel_params),
		.fallback = "cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1",
		.annotation = "kernel_params",
		.help = "Added to the guest's kernel command line. An annotation is added to "
			"this value.",
	},
	{
		.section = HYPERVISOR,
		.vmms = QEMU,
		.key = "seccompsandbox",
		.type = FIELD_TEXT,
		.offset = HV(seccompsandbox),
		.fallback =
			"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		.help = "System call filter of QEMU (its option -sandbox); \"\" turns it off.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "vmm_first_uid",
		.type = FIELD_UINT,
		.offset = HV(vmm_first_uid),
		.fallback = "2000000000",
		.min = 65536,
		.max = 4294000000,
		.help = "The first of the user ids that VMMs run as, one for each VM, never one of "
			"/etc/passwd. Nothing else of the machine shall use them: subordinate ids "
			"of containers neither.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "vmm_uids",
		.type = FIELD_UINT,
		.offset = HV(vmm_uids),
		.fallback = "65536",
		.min = 1,
		.max = 65536,
		.help = "How many such user ids there are, so how many VMs at once.",
	},
	{
		.section = HYPERVISOR,
		.vmms = QEMU,
		.key = "allow_emulation",
		.type = FIELD_BOOL,
		.offset = HV(allow_emulation),
		.fallback = "false",
		.help = "Run guests without hardware virtualisation where KVM does not work. Slow "
			"(ten times and more), and emulation is not a security boundary of the "
			"same strength: for tests only.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "default_vcpus",
		.type = FIELD_REAL,
		.offset = HV(default_vcpus),
		.fallback = "1",
		.min = -1,
		.max = 240,
		.annotation = "default_vcpus",
		.help = "Virtual CPUs at boot, rounded up; below 0 as many as the host has.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "default_maxvcpus",
		.type = FIELD_UINT,
		.offset = HV(default_maxvcpus),
		.fallback = "0",
		.max = 240,
		.annotation = "default_max_vcpus",
		.help = "Most virtual CPUs that can be added; 0 or too many: as many as the host "
			"has.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "default_memory",
		.type = FIELD_UINT,
		.offset = HV(default_memory),
		.fallback = "2048",
		.min = 64,
		.max = 16777216,
		.annotation = "default_memory",
		.help = "MiB of memory at boot. The host gives it page by page as the guest uses "
			"it.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "default_maxmemory",
		.type = FIELD_UINT,
		.offset = HV(default_maxmemory),
		.fallback = "0",
		.max = 16777216,
		.help = "Most MiB of memory after additions; 0 or too much: what the host has.",
	},
	{
		.section = HYPERVISOR,
		.vmms = QEMU,
		.key = "memory_slots",
		.type = FIELD_UINT,
		.offset = HV(memory_slots),
		.fallback = "10",
		.min = 1,
		.max = 64,
		.annotation = "memory_slots",
		.help = "How many times memory can be added.",
	},
	{
		.section = HYPERVISOR,
		.vmms = QEMU,
		.key = "pcie_root_port",
		.type = FIELD_UINT,
		.offset = HV(pcie_root_port),
		.fallback = "4",
		.max = 16,
		.annotation = "pcie_root_port",
		.help = "PCIe ports kept free for devices that are plugged into a running guest; "
			"each takes one. The last is for a controller of disks, so 0 is as 1.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "disable_block_device_use",
		.type = FIELD_BOOL,
		.offset = HV(disable_block_device_use),
		.fallback = "false",
		.annotation = "disable_block_device_use",
		.help = "Mount root file systems that are disks (devmapper, blockfile) on the host "
			"and "
			"share them, instead of giving the guest the disk.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "enable_mem_prealloc",
		.type = FIELD_BOOL,
		.offset = HV(enable_mem_prealloc),
		.fallback = "false",
		.annotation = "enable_mem_prealloc",
		.help = "Take all memory from the host at once.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "reclaim_guest_freed_memory",
		.type = FIELD_BOOL,
		.offset = HV(reclaim_guest_freed_memory),
		.fallback = "true",
		.annotation = "reclaim_guest_freed_memory",
		.help = "The host has back what the guest frees, and a VM shrinks with its pod's "
			"limits; not with enable_mem_prealloc or enable_hugepages.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "enable_hugepages",
		.type = FIELD_BOOL,
		.offset = HV(enable_hugepages),
		.fallback = "false",
		.annotation = "enable_hugepages",
		.help = "Guest memory from the host's huge pages.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "shared_fs",
		.type = FIELD_TEXT,
		.offset = HV(shared_fs),
		.fallback = "virtio-fs",
		.choices = "virtio-fs none",
		.annotation = "shared_fs",
		.help = "How files of the host reach the guest: virtio-fs shares them; with none "
			"root file systems must be disks (snapshotters blockfile and devmapper) "
			"and small read-only volumes are copied.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "virtio_fs_daemon",
		.type = FIELD_PATH,
		.offset = HV(virtio_fs_daemon),
		.fallback = "/opt/kata/libexec/virtiofsd",
		.annotation = "virtio_fs_daemon",
		.allowed = HV(valid_virtio_fs_daemon_paths),
		.help = "Program that serves the shared folder.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "virtio_fs_cache",
		.type = FIELD_TEXT,
		.offset = HV(virtio_fs_cache),
		.fallback = "auto",
		.choices = "never metadata auto always",
		.annotation = "virtio_fs_cache",
		.help = "What the guest may remember about files of the host. With \"always\" it "
			"does not see changes made by the host, such as updated configMaps.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "virtio_fs_private",
		.type = FIELD_BOOL,
		.offset = HV(virtio_fs_private),
		.fallback = "true",
		.help = "Whether root file systems and emptyDir volumes, which nobody but the pod "
			"changes, get a virtio_fs_daemon of their own and are cached like a disk. "
			"Only with virtio_fs_cache \"auto\" or \"always\".",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "virtio_fs_queue_size",
		.type = FIELD_UINT,
		.offset = HV(virtio_fs_queue_size),
		.fallback = "1024",
		.min = 128,
		.max = 1024,
		.help = "Requests that may be under way; a power of two.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "virtio_fs_extra_args",
		.type = FIELD_LIST,
		.offset = HV(virtio_fs_extra_args),
		.fallback = "--thread-pool-size=0 --announce-submounts",
		.help = "More arguments for virtio_fs_daemon. They take the place of ours of the "
			"same name, such as --xattrmap.",
	},
	{
		.section = HYPERVISOR,
		.vmms = QEMU,
		.key = "vsock_daemon",
		.type = FIELD_PATH,
		.offset = HV(vsock_daemon),
		.fallback = "/opt/kata/libexec/vhost-device-vsock",
		.help = "Program that connects host and guest where the host's kernel has no "
			"/dev/vhost-vsock.",
	},
	{
		.section = HYPERVISOR,
		.vmms = QEMU,
		.key = "disable_vhost_net",
		.type = FIELD_BOOL,
		.offset = HV(disable_vhost_net),
		.fallback = "false",
		.annotation = "disable_vhost_net",
		.help = "Let QEMU move network packets even where the host's kernel could.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "entropy_source",
		.type = FIELD_PATH,
		.offset = HV(entropy_source),
		.fallback = "/dev/urandom",
		.annotation = "entropy_source",
		.allowed = HV(valid_entropy_sources),
		.help = "Where the guest's random numbers come from.",
	},
	{
		.section = HYPERVISOR,
		.vmms = QEMU,
		.key = "use_legacy_serial",
		.type = FIELD_BOOL,
		.offset = HV(use_legacy_serial),
		.fallback = "false",
		.annotation = "use_legacy_serial",
		.help = "Console on the first serial port instead of virtio: slower, but it shows "
			"the kernel's first lines.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "enable_debug",
		.type = FIELD_BOOL,
		.offset = HV(enable_debug),
		.fallback = "false",
		.help = "The guest's console goes to the log.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "enable_annotations",
		.type = FIELD_LIST,
		.offset = HV(enable_annotations),
		.fallback = "",
		.help = "Annotations that pods may set, as extended regular expressions for the "
			"whole last part of the name (\"default_.*\"). Everything else below "
			"io.katacontainers.config is refused.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "valid_hypervisor_paths",
		.type = FIELD_LIST,
		.offset = HV(valid_hypervisor_paths),
		.fallback = "",
		.help = "Shell patterns of the paths that an annotation may set path to.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "valid_kernel_paths",
		.type = FIELD_LIST,
		.offset = HV(valid_kernel_paths),
		.fallback = "",
		.help = "The same for kernel, initrd, image and firmware.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "valid_virtio_fs_daemon_paths",
		.type = FIELD_LIST,
		.offset = HV(valid_virtio_fs_daemon_paths),
		.fallback = "/opt/kata/libexec/virtiofsd",
		.help = "The same for virtio_fs_daemon.",
	},
	{
		.section = HYPERVISOR,
		.vmms = ANY_VMM,
		.key = "valid_entropy_sources",
		.type = FIELD_LIST,
		.offset = HV(valid_entropy_sources),
		.fallback = "/dev/urandom /dev/random",
		.help = "The same for entropy_source.",
	},
	{
		.section = AGENT,
		.key = "enable_debug",
		.type = FIELD_BOOL,
		.offset = AG(enable_debug),
		.fallback = "false",
		.help = "Debug messages of the agent.",
	},
	{
		.section = AGENT,
		.key = "debug_console_enabled",
		.type = FIELD_BOOL,
		.offset = AG(debug_console_enabled),
		.fallback = "false",
		.help = "A root shell in the guest for `kata-runtime exec`, which the guest must "
			"contain. Open to every root process of the host.",
	},
	{
		.section = AGENT,
		.key = "dial_timeout",
		.type = FIELD_UINT,
		.offset = AG(dial_timeout),
		.fallback = "45",
		.min = 1,
		.max = 3600,
		.help = "Seconds until the agent of a new guest must have answered.",
	},
	{
		.section = AGENT,
		.key = "health_check_request_timeout_ms",
		.type = FIELD_UINT,
		.offset = AG(health_check_request_timeout_ms),
		.fallback = "90000",
		.max = 3600000,
		.help = "Milliseconds that the agent of a running guest may take to say that it "
			"lives, which it is asked every 30 s; a guest that does not is ended. 0: "
			"it is not asked.",
	},
	{
		.section = RUNTIME,
		.key = "enable_debug",
		.type = FIELD_BOOL,
		.offset = RT(enable_debug),
		.fallback = "false",
		.help = "Debug messages of the runtime.",
	},
	{
		.section = RUNTIME,
		.key = "internetworking_model",
		.type = FIELD_TEXT,
		.offset = RT(internetworking_model),
		.fallback = "tcfilter",
		.choices = "tcfilter none",
		.annotation = "internetworking_model",
		.is_for_pods = true,
		.help = "How the pod's network reaches the guest: tcfilter joins each interface to "
			"a tap; none leaves the guest without network, which is also the only "
			"way to run a pod that asks for the host's (hostNetwork).",
	},
	{
		.section = RUNTIME,
		.key = "emptydir_mode",
		.type = FIELD_TEXT,
		.offset = RT(emptydir_mode),
		.fallback = "shared-fs",
		.choices = "shared-fs block-plain",
		.help = "What an emptyDir on the node's disk is: shared-fs shares the folder; "
			"block-plain gives a file in it as a disk, which only the guest "
			"uses: much faster with many small files, and with all that a local "
			"file system can.",
	},
	{
		.section = RUNTIME,
		.key = "disable_guest_seccomp",
		.type = FIELD_BOOL,
		.offset = RT(disable_guest_seccomp),
		.fallback = "false",
		.annotation = "disable_guest_seccomp",
		.help = "Drop the containers' seccomp profiles.",
	},
	{
		.section = RUNTIME,
		.key = "sandbox_cgroup_only",
		.type = FIELD_BOOL,
		.offset = RT(sandbox_cgroup_only),
		.fallback = "true",
		.is_fixed = true,
		.annotation = "sandbox_cgroup_only",
		.is_for_pods = true,
		.help = "Everything that belongs to a pod runs in the pod's own cgroup, and is "
			"counted there. Always so, also if a file of upstream's says false.",
	},
	{
		.section = RUNTIME,
		.key = "static_sandbox_resource_mgmt",
		.type = FIELD_BOOL,
		.offset = RT(static_sandbox_resource_mgmt),
		.fallback = "false",
		.help = "Size the guest once, before it boots, from what the pod asks for; nothing "
			"is added later.",
	},
	{
		.section = RUNTIME,
		.key = "create_container_timeout",
		.type = FIELD_UINT,
		.offset = RT(create_container_timeout),
		.fallback = "60",
		.min = 1,
		.max = 3600,
		.annotation = "create_container_timeout",
		.is_for_pods = true,
		.help = "Seconds until the agent must have made a container.",
	},
};
const size_t n_fields = ARRAY_SIZE(fields);

/* The part of SECTION behind "hypervisor.", "" if there is none; NULL if it is another section. */
static const char *hypervisor_part(const char *section)
{
	size_t n = strlen(HYPERVISOR);

	if (!str_starts(section, HYPERVISOR) || section[n] != '.')
		return NULL;
	return section + n + 1;
}

const struct config_vmm *config_vmm_find(const char *name)
{
	for (size_t i = 0; i < n_config_vmms; i++)
		if (strcmp(config_vmms[i].name, name) == 0)
			return &config_vmms[i];
	return NULL;
}

static bool is_in(const struct field *row, const char *section)
{
	const char *name = hypervisor_part(section);
	const struct config_vmm *vmm = name ? config_vmm_find(name) : NULL;

	if (row->vmms)
		return vmm && field_is_of(row, vmm);
	return strcmp(row->section, section) == 0;
}

const struct field *field_find(const char *section, const char *key)
{
	for (size_t i = 0; i < n_fields; i++)
		if (!strcmp(fields[i].key, key) && is_in(&fields[i], section))
			return &fields[i];
	return NULL;
}

bool field_has_section(const char *section)
{
	for (size_t i = 0; i < n_fields; i++)
		if (is_in(&fields[i], section))
			return true;
	return false;
}

bool field_is_of(const struct field *row, const struct config_vmm *vmm)
{
	return !row->vmms || (row->vmms & vmm->bit);
}

char *field_section(const struct field *row, const struct config_vmm *vmm)
{
	return row->vmms ? xasprintf("%s.%s", row->section, vmm->name) : xstrdup(row->section);
}

char *field_name(const struct field *row, const struct config_vmm *vmm)
{
	_free_ char *section = field_section(row, vmm);

	return xasprintf("%s.%s", section, row->key);
}

const char *field_fallback(const struct field *row, const struct config_vmm *vmm)
{
	for (size_t i = 0; row->vmms && i < vmm->n_defaults; i++)
		if (strcmp(vmm->defaults[i].key, row->key) == 0)
			return vmm->defaults[i].value;
	return row->fallback;
}

strv field_names(void)
{
	strv names = NULL;

	for (size_t v = 0; v < n_config_vmms; v++)
		for (size_t i = 0; i < n_fields; i++)
			if (field_is_of(&fields[i], &config_vmms[v]) && (v == 0 || fields[i].vmms))
				strv_take(&names, field_name(&fields[i], &config_vmms[v]));
	return names;
}

void *field_of(const struct field *row, struct config *c)
{
	return (char *)c + row->offset;
}

const void *field_of_const(const struct field *row, const struct config *c)
{
	return (const char *)c + row->offset;
}
