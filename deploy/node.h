/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_NODE_H
#define DEPLOY_NODE_H

#include "lib/error.h"
#include "lib/json.h"
#include "lib/kube/event.h"

struct assessment;
struct facts;
struct install;

#define NODE_LABEL      "katacontainers.io/kata-runtime"
#define NODE_UNSUITABLE "unsuitable" /* value of the instance's label */

/* What the Node object says of this installation.  The texts are borrowed; NULL: it does not say,
 * or shall not any more. */
struct node_marks {
	const char *shared;   /* label NODE_LABEL */
	const char *instance; /* label of the instance */
	const char *proof;    /* annotation */
};

/* As they were when the facts were read. */
struct node_marks node_marks(const struct facts *f);
/* Of a node that starts no sandbox of ours. */
struct node_marks node_marks_untrue(const struct facts *f);
int node_set_marks(const struct install *in, const struct node_marks *marks, struct error *e);
/* Sets what node_marks_untrue() said to what was BEFORE.  What somebody else has changed since
 * stays as it is, and the shared label is what other installations need now. */
int node_restore_marks(const struct install *in, const struct node_marks *before, struct error *e);
/* Whether R, the failure *E to set them, says that nobody can do more: the right went, or the Node.
 * Then they stay, which the log has, and the files of the node must not stay for it. */
bool node_is_out_of_reach(int r, const struct error *e);
/* The shared label as another installation on this node keeps it; NULL if there is none. */
const char *node_others_label(const struct facts *f);
/* The key of the instance's label and annotation. */
const char *node_label(const struct facts *f);
bool node_is_true(const char *value);
/* The node says all that it shall say after the canary of this proof. */
bool node_is_ready(const struct facts *f);
/* The same, and nothing of what OTHERS will do makes it untrue: no sandbox has to answer anew. */
bool node_stays_ready(const struct facts *f, const struct assessment *others);

/* Sets the annotation that counts stale sandboxes, unless it says that. */
int node_set_stale(const struct install *in, size_t count, struct error *e);

/* The status of the condition TYPE of NODE; NULL if it has none such. */
const char *node_condition_status(struct json_object *node, const char *type);
enum node_state { NODE_READY, NODE_NOT_READY };
/* The condition of this installation on the Node, and the reason that it has now (NULL: none).  It
 * stands alone then: the node is not one that is upgraded. */
int node_condition(const struct install *in, enum node_state state, const char *reason,
		   const char *message, struct error *e);
/* What both conditions say.  KataReady: new sandboxes begin here; KataUpgraded: of the version and
 * the configuration that the cluster wants. */
struct node_report {
	enum node_state ready;
	const char *reason, *message;
	bool is_upgraded;
	const char *why, *what; /* reason and message of that */
};
int node_report(const struct install *in, const struct node_report *report, struct error *e);
/* Takes both off the Node. */
int node_unreport(const struct install *in, struct error *e);
/* What the second condition shall say once the version is current, and whether it says so. */
#define NODE_ROLLED_BACK "RolledBack"
void node_upgraded_report(const struct facts *f, struct node_report *report);
bool node_says_upgraded(const struct facts *f);
/* The node keeps the promise that it gives: its label is true, a version is there and the engine
 * has its handler, or does not say. */
bool node_keeps(const struct facts *f);
const char *node_condition_reason(const struct facts *f);
const char *node_condition_message(const struct facts *f);
/* Asks the API server whether that would be allowed.  EACCES, ... if not. */
int node_may_have_condition(const struct install *in, struct error *e);
/* Says, once, that this node is none for the installation and nothing is wrong with either: its
 * label of the instance becomes NODE_UNSUITABLE, unless it is that of an installation of upstream's
 * which is there, its condition and an Event have REASON and MESSAGE. Writes nothing if the node
 * says so already. */
int node_tell_unsuitable(const struct install *in, const char *reason, const char *message,
			 struct error *e);
/* Takes a label "true" back if nothing is there that could keep its promise: no version, as labels
 * outlive their installation when the right to change the node was deleted with it; or no handler,
 * as containerd's configuration has other writers, too. */
int node_retract(const struct install *in, struct error *e);
/* 1 if this installation is on the node NAME, or may be for all that we may see. */
int node_is_installed(const struct install *in, const char *name, struct error *e);
/* An Event about the Node; a failure is only logged. */
void node_event(const struct install *in, enum kube_event_type type, const char *reason,
		const char *note);

#endif
