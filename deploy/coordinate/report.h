/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_COORDINATE_REPORT_H
#define DEPLOY_COORDINATE_REPORT_H

#include "deploy/coordinate/decide.h"
#include "lib/json.h"

/* What a decision is about, beside it.  Borrowed. */
struct situation {
	struct json_object *installation; /* the custom resource, as it was read */
	struct json_object *summary;      /* of the cluster's picture, deploy/kubectl/cluster.h */
	struct rollout_template template;
	const char *first_reason; /* of the node that failed first; NULL: none */
	const char *now;          /* RFC 3339 */
	size_t n_away;            /* nodes that are left out until they are back */
	bool recalls; /* the resource, as it is here, has what report_recall() put there */
};

/* Whether the template may be taken back: each once, as what somebody gives again is
 * meant, and not what came back by that itself, or two broken ones would follow each other. */
bool report_may_undo(const struct situation *s);

/* Puts into the installation's status, as it was read, what the DaemonSet says of a template that
 * was taken back (CLUSTER_UNDONE) and the status does not: who did it ended in between.  Whether
 * there was such. */
bool report_recall(const struct situation *s);
/* T as that note has it: its image and, where it has one, its revision.  Caller frees. */
char *report_template(const struct rollout_template *t);

/* The status that the custom resource shall have: conditions keep their time while they are the
 * same. Caller owns. */
struct json_object *report_status(const struct situation *s, const struct policy *p,
				  const struct decision *d);
/* Reason of the Event that the change from the last status to NEXT is worth; NULL: none.  *ret_note
 * is for a person; caller frees. */
const char *report_event(const struct situation *s, struct json_object *next, const char **ret_type,
			 char **ret_note);
/* Whether STATUS says something else than the resource has. */
bool report_is_news(const struct situation *s, struct json_object *status);

#endif
