/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_STALE_H
#define DEPLOY_STALE_H

#include <stdio.h>

#include "deploy/settings.h"
#include "lib/host/plan-show.h"
#include "lib/wait.h"

/* The action stale: tells OUT which sandboxes of this installation are stale and why.  Asks nobody
 * but the node's files.  Returns 1 if there is any, else 0. */
int tell_stale(const struct settings *s, const struct cancel *cancel, enum plan_format format,
	       FILE *out, struct error *e);

/* Descriptors of the child that publishes. */
#define STALE_LIST_FD 4 /* a file for the list */
#define STALE_TOLD_FD 5 /* the list that the cluster knows; empty: none yet */

/* Writes the list to STALE_LIST_FD: lines of metrics, an empty one, the JSON text.  What is not in
 * STALE_TOLD_FD is published: the count in the Node's annotation, an Event for each pod and cause.
 */
int run_publish(const struct settings *s, const struct cancel *cancel, struct error *e);

/* Tells the cluster what TOLD, the JSON text of a list or NULL, lacks.  For run_publish() and the
 * tests. */
struct facts;
struct json_object;
struct stale_list;
int stale_publish(struct facts *f, const struct stale_list *list, struct json_object *told,
		  const struct cancel *cancel, struct error *e);

#endif
