/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvm - whether hardware runs the VMs; the runtime decides by the same function.  Any thread.
 */
#include "lib/kvm.h"
#include "lib/host/hostcheck.h"

static enum check_answer look(const struct host_facts *f, struct error *e)
{
	const struct kvm_places places = { f->sys, f->proc, f->dev };
	int r = kvm_find(&places, e);

	if (r < 0 && f->allow_emulation)
		(void)fail_wrap(e, "VMs will be emulated, which is slow");
	return r < 0 ? CHECK_FAILS : CHECK_HOLDS;
}

const struct host_check check_kvm = {
	.name = "kvm",
	.weight = CHECK_EMULABLE,
	.look = look,
	.remedy =
		"where that cannot be, use another machine or, for tests, set allow_emulation = "
		"true in [hypervisor.qemu]",
	.unsuitable = "NoVirtualization",
};
