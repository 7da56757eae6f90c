/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts - what a report has, in the order in which it is shown: one table.
 *
 * In patterns of paths "@root" is the folder of the installation and "@etc" that of this machine's
 * own configuration.  A program is looked for by its name; none of these changes anything or asks
 * another machine.
 */
#include "manager/report/report.h"

const char *const report_titles[N_REPORT_SECTION] = {
	[SECTION_META] = "Meta details",
	[SECTION_RUNTIME] = "Runtime",
	[SECTION_SHIM] = "Containerd shim v2",
	[SECTION_KSM] = "KSM throttler",
	[SECTION_IMAGE] = "Image details",
	[SECTION_INITRD] = "Initrd details",
	[SECTION_ASSETS] = "Assets",
	[SECTION_HOST] = "Host",
	[SECTION_SANDBOXES] = "Sandboxes",
	[SECTION_LOGS] = "Logfiles",
	[SECTION_ENGINES] = "Container manager details",
	[SECTION_PACKAGES] = "Packages",
	[SECTION_MONITOR] = "Kata Monitor",
};

#define PART(name_, section_, title_, collect_, what_)                         \
	{                                                                      \
		.name = name_, .section = SECTION_##section_, .title = title_, \
		.collect = collect_, .what = what_                             \
	}

/* clang-format off */
const struct part report_parts[] = {
	PART("meta", META, "This report", report_meta, NULL),

	PART("runtimeVersion", RUNTIME, "Version", report_program, "kata-runtime --version"),
	PART("runtimeEnvironment", RUNTIME, "kata-env", report_program, "kata-runtime env"),
	PART("status", RUNTIME, "Installation", report_verb, "status"),
	PART("versions", RUNTIME, "Versions", report_verb, "list"),
	PART("audit", RUNTIME, "Audit", report_verb, "audit"),
	PART("configuration", RUNTIME, "Configuration in force", report_verb, "config show"),
	PART("configurationFiles", RUNTIME, "Runtime config files", report_files,
	     "@etc/*.toml @etc/config.d/* @root/current/share/defaults/kata-containers/*.toml "
	     "@root/share/defaults/kata-containers/runtime-rs/*.toml "
	     "/usr/share/defaults/kata-containers/configuration.toml"),

	PART("shimVersion", SHIM, "Version", report_program, "containerd-shim-kata-v2 --version"),

	PART("ksm", KSM, "Kernel samepage merging", report_files,
	     "/sys/kernel/mm/ksm/run /sys/kernel/mm/ksm/pages_to_scan "
	     "/sys/kernel/mm/ksm/sleep_millisecs /sys/kernel/mm/ksm/pages_sharing"),

	PART("image", IMAGE, "Image", report_assets, "image"),
	PART("initrd", INITRD, "Initrd", report_assets, "initrd"),
	PART("assets", ASSETS, "What sandboxes are made of", report_assets,
	     "hypervisor kernel virtiofsd vsock-daemon shim"),
	PART("components", ASSETS, "What the release was built from", report_files,
	     "@root/current/share/kata-containers/components"),

	PART("check", HOST, "Whether this machine can run sandboxes", report_verb, "check"),
	PART("host", HOST, "Facts", report_files,
	     "/etc/os-release /proc/version /proc/cmdline /proc/loadavg /proc/uptime "
	     "/sys/module/kvm_intel/parameters/nested /sys/module/kvm_amd/parameters/nested "
	     "/sys/fs/selinux/enforce /sys/module/apparmor/parameters/enabled "
	     "/sys/kernel/security/lsm /sys/fs/cgroup/cgroup.controllers"),
	PART("memory", HOST, "Memory", report_files, "/proc/meminfo"),
	PART("modules", HOST, "Modules", report_files, "/proc/modules"),

	PART("sandboxes", SANDBOXES, "All sandboxes", report_sandboxes, NULL),
	PART("records", SANDBOXES, "Their records", report_files,
	     "/run/vc/sbs/*/state.json /run/vc/sbs/*/persist.json /run/kata/*/state.json"),

	PART("logRuntime", LOGS, "Runtime logs", report_log,
	     "kata-runtime kata-manager kata-deploy kata"),
	PART("logShim", LOGS, "Kata Containerd Shim v2 logs", report_log, "containerd-shim-kata-v2 kata-shim"),
	PART("logContainerd", LOGS, "containerd logs", report_log, "containerd"),
	PART("logCrio", LOGS, "CRI-O logs", report_log, "crio"),
	PART("logDocker", LOGS, "Docker logs", report_log, "dockerd docker"),
	PART("logKubelet", LOGS, "Kubelet logs", report_log, "kubelet k3s rke2-agent"),
	PART("logKernel", LOGS, "Kernel logs", report_log, "kernel"),

	PART("dockerVersion", ENGINES, "Docker", report_program, "docker version"),
	PART("dockerInfo", ENGINES, "Docker: info", report_program, "docker info"),
	PART("dockerConfiguration", ENGINES, "Docker: configuration", report_files,
	     "/etc/docker/daemon.json"),
	PART("kubectlVersion", ENGINES, "Kubernetes", report_program, "kubectl version --client"),
	PART("kubectlConfiguration", ENGINES, "Kubernetes: configuration of kubectl", report_program,
	     "kubectl config view"),
	PART("kubeletVersion", ENGINES, "Kubernetes: kubelet", report_program, "kubelet --version"),
	PART("kubeletConfiguration", ENGINES, "Kubernetes: configuration of the kubelet", report_files,
	     "/var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env "
	     "/etc/default/kubelet /etc/sysconfig/kubelet /etc/kubernetes/kubelet.conf"),
	PART("crioVersion", ENGINES, "CRI-O", report_program, "crio --version"),
	PART("crioInForce", ENGINES, "CRI-O: configuration in force", report_program, "crio config"),
	PART("crioConfiguration", ENGINES, "CRI-O: configuration", report_files,
	     "/etc/crio/crio.conf /etc/crio/crio.conf.d/*"),
	PART("containerdVersion", ENGINES, "containerd", report_program, "containerd --version"),
	PART("containerdInForce", ENGINES, "containerd: configuration in force", report_program,
	     "containerd config dump"),
	PART("containerdConfiguration", ENGINES, "containerd: configuration", report_files,
	     "/etc/containerd/*.toml /etc/containerd/conf.d/* "
	     "/var/lib/rancher/*/agent/etc/containerd/*.toml* "
	     "/var/lib/rancher/*/agent/etc/containerd/config-v3.toml.d/* "
	     "/etc/k0s/containerd.toml /etc/k0s/containerd.d/* "
	     "/var/snap/microk8s/current/args/containerd*.toml"),
	PART("containerdRegistries", ENGINES, "containerd: registries", report_files,
	     "/etc/containerd/certs.d/*/hosts.toml /etc/rancher/*/registries.yaml"),
	PART("podmanVersion", ENGINES, "Podman", report_program, "podman --version"),
	PART("nerdctlVersion", ENGINES, "nerdctl", report_program, "nerdctl --version"),
	PART("nerdctlConfiguration", ENGINES, "nerdctl: configuration", report_files,
	     "/etc/nerdctl/nerdctl.toml"),
	PART("units", ENGINES, "Units of systemd", report_program,
	     "systemctl show --no-pager --property=Id,ActiveState,SubState,NRestarts,Result,"
	     "ExecStart,Environment,FragmentPath,DropInPaths "
	     "containerd.service docker.service crio.service kubelet.service k3s.service"),
	PART("networks", ENGINES, "Networks of pods", report_files, "/etc/cni/net.d/*"),

	PART("packagesDebian", PACKAGES, "dpkg", report_packages,
	     "dpkg-query --show --showformat=${db:Status-Abbrev}\\t${Package}\\t${Version}\\t${Architecture}\\n"),
	PART("packagesRpm", PACKAGES, "rpm", report_packages, "rpm --query --all"),
	PART("packagesPacman", PACKAGES, "pacman", report_packages, "pacman --query"),
	PART("packagesApk", PACKAGES, "apk", report_packages, "apk info --verbose"),

	PART("monitorVersion", MONITOR, "Version", report_program, "kata-monitor --version"),
};
/* clang-format on */
const size_t n_report_parts = ARRAY_SIZE(report_parts);
