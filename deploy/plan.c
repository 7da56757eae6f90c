/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - the steps of installing, removing and resetting, in order.
 *
 * Each row is checked first and costs nothing when all is as it should be.  A row with an undo is
 * journalled before it runs; when a later one fails, the rows are taken back from the last to the
 * first.  The canary comes before the version is current and before the container runtime hears of
 * it: a version that does not boot here disturbs nobody.  A new step is one row here and its
 * functions in the file that fits.
 */
#include "deploy/install.h"

const struct step install_steps[] = {
	{ "host", "check the node", host_check, host_run, NULL, NULL },
	{ "claim", "keep new pods away", claim_check, claim_run, claim_save, claim_undo },
	{ "unpack", "unpack and verify the release", unpack_check, unpack_run, NULL, NULL },
	{ "overrides", "write the node's own configuration", overrides_check, overrides_run,
	  overrides_save, overrides_undo },
	{ "canary", "boot a sandbox", canary_check, canary_run, NULL, NULL },
	{ "switch", "make the version current", switch_check, switch_run, switch_save,
	  switch_undo },
	{ "cri", "configure the container runtime", cri_check, cri_run, cri_save, cri_undo },
	{ "handlers", "wait for the kubelet", handlers_check, handlers_run, NULL, NULL },
	{ "classes", "apply the RuntimeClasses", classes_check, classes_run, NULL, NULL },
	{ "ready", "label the node", ready_check, ready_run, NULL, NULL },
	{ "sweep", "remove versions nobody uses", sweep_check, sweep_run, NULL, NULL },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};

/* The undo of an interrupted installation is that of install_steps[]; removing has none of its own
 * but for the container runtime, whose old configuration comes back if it does not start. */
const struct step cleanup_steps[] = {
	{ "release", "take the labels away", release_check, release_run, NULL, NULL },
	{ "unclass", "remove the RuntimeClasses", unclass_check, unclass_run, NULL, NULL },
	{ "drain", "wait for what still uses a sandbox", drain_check, drain_run, NULL, NULL },
	{ "cri", "remove our handlers from the container runtime", cri_remove_check, cri_remove_run,
	  cri_remove_save, cri_undo },
	{ "remove", "remove the files", remove_check, remove_run, NULL, NULL },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};

/* Files and configuration stay: for a node whose labels or runtime got into a state by hand. */
const struct step reset_steps[] = {
	{ "release", "take the labels away", release_check, release_run, NULL, NULL },
	{ "unclass", "remove the RuntimeClasses", unclass_check, unclass_run, NULL, NULL },
	{ "restart", "restart the container runtime", restart_check, restart_run, NULL, NULL },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};
