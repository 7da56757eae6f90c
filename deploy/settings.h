/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_SETTINGS_H
#define DEPLOY_SETTINGS_H

#include <stdio.h>

#include "lib/owner.h"
#include "lib/str.h"

/* What happens with what somebody else has changed. */
#define DRIFT_REPAIR "repair"
#define DRIFT_REPORT "report"

/* A file with what the pod's annotation of this meaning says. */
#define SETTINGS_WITHDRAWN "withdrawn"

/* What the environment of the pod says.  One row of a table each (settings.c). */
struct settings {
	char *node_name;
	char *daemonset_name;
	char *namespace;
	strv shims;
	char *default_shim;
	strv annotations;  /* allowed for sandboxes, "name" or "shim:name,name" */
	strv snapshotters; /* "shim:snapshotter" */
	bool debug;
	bool create_runtimeclasses;
	bool create_default_runtimeclass;
	char *prefix;
	char *suffix;
	char *pool;
	uint32_t health_port;
	uint32_t remove_wait_s;
	uint32_t running_wait_s;
	uint32_t refused_wait_s;
	char *drift;          /* one of the two below */
	strv withdrawn;       /* versions that no sandbox should run, see lib/host/stale.h; with
			       * those that the coordinator tells the pod */
	char *pod_info;       /* folder where it does: SETTINGS_WITHDRAWN */
	bool takes_withdrawn; /* installs such a one all the same */
	char *key;            /* public, of releases, see lib/host/trust.h; empty: none */
	char *key_rotation;   /* the key before signed it; empty: it was the first */
	bool takes_unsigned;  /* whatever is trusted */
	char *distribution;   /* name of a flavour */
	char *containerd_dir; /* empty, as the next two: the flavour's */
	char *containerd_file;
	char *containerd_socket;
	strv restart_command;
	char *artifacts; /* folder of the packed release */
	char *custom;    /* folder of dropin-SHIM.toml */
	char *etc;       /* folder of sandbox configuration that is the node's own */
	bool adopt;      /* take over what upstream's kata-deploy installed */
	char *path_dir;  /* folder of the PATH that gets a link to the shim; empty: none */
	strv locks;      /* folders, see owner.h */
	char *machine;   /* of uname(2) */
	char *name;      /* the next three are the owner's */
	char *label;
	char *condition;
	char *stale_note;   /* annotation of the Node: how many sandboxes are stale */
	char *upgraded;     /* the node's other condition: "KataUpgraded", with the suffix */
	struct owner owner; /* this installation */
};

/* Reads the environment.  EINVAL names the variable, its value and what would be right. */
int settings_read(struct settings *ret_settings, struct error *e);
void settings_done(struct settings *s);
#define _settings_ _cleanup_(settings_done)

/* Writes the table for a person: name, default, meaning. */
void settings_help(FILE *out);

/* "/opt/kata", with prefix and suffix.  Caller frees. */
char *settings_root(const struct settings *s);
/* "default", or the suffix or pool: the name of this installation among several of the cluster. */
const char *settings_instance(const struct settings *s);

#endif
