/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_FAKE_VMM_H
#define TESTS_UNIT_FAKE_VMM_H

#include <stdbool.h>

/*
 * A hypervisor "fake", the only one of a test that is linked with fake-vmm.c: a process that does
 * nothing, and behind a vsock of its own the scripted agent.  One VM at a time.
 */

enum fake_step {
	FAKE_PREPARE,
	FAKE_BOOT,
	FAKE_VCPUS,
	FAKE_MEMORY,
	FAKE_PAGES,
	FAKE_PLUG,
	FAKE_UNPLUG,
	FAKE_GROW,
	N_FAKE_STEP
};
extern const char *const fake_step_names[N_FAKE_STEP];

/* What the VM shall be like: reset by fake_reset(). */
struct fake_guest {
	bool is_foreign; /* its agent gives no ready signal */
	bool is_silent;  /* and nobody answers at all */
	bool dies_at_boot;
};
extern struct fake_guest fake_guest;

/* Every step succeeds, and nothing has happened yet. */
void fake_reset(void);
/* The next STEP fails, with its name and "scripted"; the one after succeeds. */
void fake_fail_next(enum fake_step step);
/* How often STEP was done. */
unsigned fake_count(enum fake_step step);
/* Disks that the guest has. */
unsigned fake_disks(void);
/* The VM ends, and its agent's connections with it, as when somebody kills it. */
void fake_kill(void);

#endif
