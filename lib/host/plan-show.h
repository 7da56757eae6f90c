/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_PLAN_SHOW_H
#define LIB_HOST_PLAN_SHOW_H

#include <stdio.h>

#include "lib/host/plan.h"

enum plan_format { PLAN_TEXT, PLAN_JSON, N_PLAN_FORMAT };

/* What is said of a plan beside its changes.  All borrowed, NULL where there is nothing to say. */
struct plan_subject {
	const char *program;     /* "kata-deploy"; its name begins "apiVersion" */
	const char *action;      /* "apply" */
	const char *node;        /* its name */
	const char *version;     /* that shall be current */
	const char *note;        /* of a node that is left as it is, and why */
	bool is_after_interrupt; /* an interrupted run is undone first, which the changes lack */
};

/* Parses "text" or "json"; false if S is neither. */
bool plan_parse_format(const char *s, enum plan_format *ret_format);

/* Whether A changes anything that stays: a machine that is in order may still be asked or tried. */
bool plan_has_changes(const struct assessment *a, const struct plan_subject *subject);

/* Tells OUT every change of A with what is and what will be, and whether something restarts. */
void plan_show(const struct assessment *a, const struct plan_subject *subject,
	       enum plan_format format, FILE *out);

#endif
