/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_DRY_H
#define DEPLOY_DRY_H

#include <stdio.h>

#include "deploy/settings.h"
#include "lib/host/plan-show.h"
#include "lib/wait.h"

/* What apply, rollback, cleanup and reset would do now, told to OUT: the assessment that they
 * follow. Nothing is changed, on the node or in the cluster, and the lock is not taken.  Returns 1
 * if something would change, else 0. */

int dry_apply(const struct settings *s, const struct cancel *cancel, enum plan_format format,
	      FILE *out, struct error *e);
int dry_rollback(const struct settings *s, const struct cancel *cancel, enum plan_format format,
		 FILE *out, struct error *e);
int dry_cleanup(const struct settings *s, const struct cancel *cancel, enum plan_format format,
		FILE *out, struct error *e);
int dry_reset(const struct settings *s, const struct cancel *cancel, enum plan_format format,
	      FILE *out, struct error *e);

#endif
