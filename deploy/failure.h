/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_FAILURE_H
#define DEPLOY_FAILURE_H

#include "deploy/settings.h"
#include "lib/host/plan.h"

/* What has failed, for those who look at the node. */
struct failure {
	const char *event;  /* reason of the Event: "KataInstallFailed" */
	const char *reason; /* of the condition: "CanaryFailed" */
};

/* The reason for an installation that failed in STEP; NULL: before the first one. */
const char *failure_reason(const struct step *step);

/* Adds to *e what to do about it, and tells the node in its Events, its conditions and, where it
 * keeps no promise, its label.  Opens what it needs by itself: the failure may have come before
 * anything was open. */
void failure_tell(const struct settings *s, const struct cancel *cancel, const struct failure *f,
		  struct error *e);

#endif
