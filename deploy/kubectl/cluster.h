/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_KUBECTL_CLUSTER_H
#define DEPLOY_KUBECTL_CLUSTER_H

#include "deploy/kubectl/kubectl.h"

/*
 * What the cluster says of its installations: a picture made of DaemonSets, their pods and Nodes.
 * It is read anew for each command.
 */
struct cluster {
	/* "installation", "namespace", "daemonset", "suffix", "image", "port", "template",
	 * "selector", ...: see cluster_add_daemonset(). */
	struct json_object *installations;
	struct json_object *pods;   /* of the DaemonSets, by installation and node */
	struct json_object *ending; /* since when, of those that were deleted */
	bool is_partial;            /* there may be DaemonSets that we may not see */
	struct json_object *nodes; /* one item for each node and installation: cluster_add_node() */
};

void cluster_init(struct cluster *c);
void cluster_done(struct cluster *c);
#define _cluster_ _cleanup_(cluster_done)

/* Reads all of it, as far as the options want it.  ENOENT if there is no installation of the name
 * that they have. */
int cluster_read(struct kata *k, struct cluster *ret_cluster, struct error *e);

/* The three parts of reading, for one object of the API each; in this order. */
void cluster_add_daemonset(struct cluster *c, struct json_object *daemonset);
void cluster_add_pod(struct cluster *c, struct json_object *installation, struct json_object *pod);
void cluster_add_node(struct cluster *c, struct json_object *node);
/* Between pods and nodes, where it is known: pods of REVISION have the present template, whatever
 * its number is. */
void cluster_set_revision(struct cluster *c, struct json_object *installation,
			  const char *revision);
/* After them: counts, versions and how far the roll-out is, into the installations. */
void cluster_sum(struct cluster *c);

/* The installation called NAME; NULL if there is none. */
struct json_object *cluster_installation(const struct cluster *c, const char *name);
/* The one installation with a DaemonSet that there is or was chosen.  ENOENT, EINVAL as below. */
int cluster_one(const struct kata *k, const struct cluster *c,
		struct json_object **ret_installation, struct error *e);
/* The items of node NAME, of all installations or the one that the options want.  ENOENT if there
 * is none, EINVAL if there are several and none was chosen. */
int cluster_node(const struct kata *k, const struct cluster *c, const char *name,
		 struct json_object **ret_node, struct error *e);

/* The prefix of the labels that name an installation on a Node. */
#define CLUSTER_LABEL "kata-deploy.katacontainers.io/"
#define CLUSTER_READY "katacontainers.io/kata-runtime"
/* The annotation by which a coordinator tells a node's pod the withdrawn versions. */
#define CLUSTER_WITHDRAWN "katacontainers.io/withdrawn"
/* That of the DaemonSet which names the template that its coordinator took back last: the image
 * and, behind a blank, the revision. */
#define CLUSTER_UNDONE "katacontainers.io/undone"

#endif
