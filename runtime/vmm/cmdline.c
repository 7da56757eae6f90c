/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmdline - the guest kernel's command line.
 *
 * A table says which parameter is given when.  They are those that were measured to shorten the
 * boot (under emulation noreplace-smp alone saves 0.1 s of 0.9) or that make a failure end the
 * VM at once; then what the agent needs, then the configuration's and the pod's.  Any thread.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/vmm/driver.h"

static bool always(const struct vmm *vmm)
{
	(void)vmm;
	return true;
}

static bool is_quiet(const struct vmm *vmm)
{
	return !vmm->config->hypervisor.enable_debug;
}

static bool is_virtio_console(const struct vmm *vmm)
{
	return !vmm->config->hypervisor.use_legacy_serial;
}

static bool is_serial_console(const struct vmm *vmm)
{
	return vmm->config->hypervisor.use_legacy_serial;
}

static bool is_emulated(const struct vmm *vmm)
{
	return vmm->is_emulated;
}

static bool has_image(const struct vmm *vmm)
{
	return *vmm->config->hypervisor.image != '\0';
}

static bool is_agent_debugged(const struct vmm *vmm)
{
	return vmm->config->agent.enable_debug;
}

static bool gives_back(const struct vmm *vmm)
{
	return vmm_has_balloon(vmm->config);
}

static bool has_debug_console(const struct vmm *vmm)
{
	return vmm->config->agent.debug_console_enabled;
}

/* A VMM that speaks the hybrid protocol dials for us, from whatever port. */
static bool is_dialled_by_us(const struct vmm *vmm)
{
	return vmm->vsock.kind == VSOCK_VHOST;
}

static const struct {
	const char *parameter;
	bool (*applies)(const struct vmm *vmm);
} parameters[] = {
	/* A guest that panics, reboots or powers off ends the VMM. */
	{ "panic=1", always },
	{ "reboot=t", always },
	{ "quiet", is_quiet },
	{ "console=hvc0", is_virtio_console },
	{ "console=ttyS0", is_serial_console },
	{ "8250.nr_uarts=1", is_serial_console },
	{ "8250.nr_uarts=0", is_virtio_console },
	{ "no_timer_check", always },
	{ "tsc=reliable", always },
	{ "noreplace-smp", always },
	{ "random.trust_cpu=on", always },
	/* Who waits for all processors to have let go of something waits two or three ticks of
	 * 10 ms otherwise; making a container waits so. */
	{ "rcupdate.rcu_expedited=1", always },
	/* What comes and goes at a port is told by ACPI; to set up the other ways for each takes an
	 * emulated guest 8 ms. */
	{ "pcie_ports=compat", always },
	/* What is looked for in vain, or found and of no use: a keyboard, the slow clock of ACPI,
	 * which is tried for 5 ms, another way to plug devices in, buttons, what else ACPI lists
	 * (the RTC is found without), nodes of memory, and ports that 8250.nr_uarts=0 excludes. */
	{ "initcall_blacklist=i8042_init,init_acpi_pm_clocksource", always },
	{ "initcall_blacklist=shpcd_init,acpi_button_driver_init", always },
	{ "pnpacpi=off", always },
	{ "numa=off", always },
	{ "initcall_blacklist=serial8250_init", is_virtio_console },
	/* For devices that reach less than all memory; those of virtio reach it. */
	{ "swiotlb=noforce", always },
	/* Emulation executes nothing speculatively of the guest's, and pays for each measure. */
	{ "mitigations=off", is_emulated },
	/* An emulator keeps what it translated of a page until the guest writes there; virtiofsd
	 * fills pages without being seen.  So the guest clears a page before it is given away: else
	 * a program may run another's code that lay there before. */
	{ "init_on_alloc=1", is_emulated },
	/* An emulator takes the instruction for CRC-32C bit by bit; a table is a good deal faster,
	 * and each change of an ext4 is summed up. */
	{ "initcall_blacklist=crc32c_intel_mod_init", is_emulated },
	/* The driver is for pods that make one; none shall be there unasked. */
	{ "dummy.numdummies=0", always },
	{ "root=/dev/vda1", has_image },
	{ "ro", has_image },
	{ "systemd.unit=kata-containers.target", has_image },
	{ "systemd.mask=systemd-networkd.service", has_image },
	{ "systemd.mask=systemd-networkd.socket", has_image },
	{ "agent.log=debug", is_agent_debugged },
	{ "agent.reclaim_period=30", gives_back },
	{ "agent.forward_vport=1027", always },
	{ "agent.privileged_peer", is_dialled_by_us },
	{ "agent.debug_console", has_debug_console },
	{ "agent.debug_console_vport=1026", has_debug_console },
	/* Three seconds are short for an emulated guest on a busy host. */
	{ "agent.hotplug_timeout=20", is_emulated },
};

char *cmdline_make(const struct vmm *vmm)
{
	const struct config_hypervisor *h = &vmm->config->hypervisor;
	uint64_t khz = vmm->is_emulated ? tsc_khz(vmm->tsc) : 0;
	_strv_ strv words = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		if (parameters[i].applies(vmm))
			strv_add(&words, parameters[i].parameter);
	if (has_image(vmm))
		strv_addf(&words, "rootfstype=%s", h->rootfs_type);
	if (khz)
		strv_addf(&words, "tsc_early_khz=%" PRIu64, khz);
	strv_addf(&words, "nr_cpus=%" PRIu64, h->default_maxvcpus);
	strv_addf(&words, "agent.ready_vport=%u", vmm->ready.port);
	strv_add_all(&words, vmm->agent_params);
	if (*h->kernel_params)
		strv_add(&words, h->kernel_params);
	return strv_join(words, " ");
}
