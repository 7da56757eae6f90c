/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_HOSTCHECK_H
#define LIB_HOST_HOSTCHECK_H

#include "lib/str.h"

/*
 * Whether this machine can run sandboxes, read without changing anything: the one table for the
 * installer, for `kata-runtime check` and for whatever asks next.  A check sees the same
 * everywhere; what a place cannot see (device nodes, in a pod) is said to be unknown there, never
 * otherwise.
 */

struct host_facts {
	const char *arch;     /* of the release; NULL: any */
	const char *root;     /* where it is or goes; NULL: not looked at */
	bool only_looks;      /* nothing is written there, so that it may be mounted read-only */
	bool allow_emulation; /* the configuration accepts a VM without KVM */
	uint64_t guest_mib;   /* memory of a guest without a limit; 0: not known */
	const char *sys;      /* "/sys" */
	const char *proc;     /* "/proc" */
	const char *dev;      /* "/dev"; NULL: device nodes are not visible */
};

enum check_weight {
	CHECK_NEEDED,   /* no sandbox runs without it */
	CHECK_HELPFUL,  /* sandboxes run, less well */
	CHECK_EMULABLE, /* needed unless the configuration allows emulation */
};

enum check_answer {
	CHECK_HOLDS,
	CHECK_UNKNOWN, /* it cannot be seen from here */
	CHECK_FAILS,
};

/* A row of the table: one file in checks/. */
struct host_check {
	const char *name;
	enum check_weight weight;
	/* *e says what is missing unless it holds. */
	enum check_answer (*look)(const struct host_facts *f, struct error *e);
	const char *remedy; /* what to do, in the imperative */
	/* A machine without it is another kind of machine, in order as it is, and this is why
	 * (CamelCase).  NULL: something is wrong with it, which somebody has to mend. */
	const char *unsuitable;
};

enum check_verdict {
	VERDICT_OK,
	VERDICT_WARNING, /* sandboxes run */
	VERDICT_MISSING, /* they do not */
};

struct check_result {
	const struct host_check *check;
	enum check_verdict verdict;
	struct error why; /* unless it is OK */
};

/* The I-th of all checks made; false behind the last. */
bool hostcheck_at(size_t i, const struct host_facts *facts, struct check_result *ret_result);

/* Makes every check.  *ret_warnings are for the log; the first that is missing fails, with what to
 * do. */
int hostcheck_run(const struct host_facts *facts, strv *ret_warnings, struct error *e);

/* The reason of the first check without which this machine is not for sandboxes at all, *e says
 * more; NULL if there is none. */
const char *hostcheck_unsuitable(const struct host_facts *facts, struct error *e);

/* Whether VMs of this machine have hardware virtualisation, so that none is emulated. */
bool hostcheck_has_kvm(const struct host_facts *facts);

/* For checks: whether the kernel has the device called NAME in class "misc" and PATH below /dev.
 * The kernel loads the module of such a device when its node is opened. */
enum check_answer hostcheck_device(const struct host_facts *f, const char *name, const char *path,
				   struct error *e);

#endif
