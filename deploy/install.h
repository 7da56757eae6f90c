/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_INSTALL_H
#define DEPLOY_INSTALL_H

#include "deploy/settings.h"
#include "deploy/shim.h"
#include "lib/host/manifest.h"
#include "lib/host/node.h"
#include "lib/host/plan.h"
#include "lib/kube/apply.h"

/* One run of the installer: what is wanted, what is there, and the means to change it.  Steps get
 * it as their context. */
struct install {
	const struct settings *settings;
	struct kube_client *kube;
	const struct cancel *cancel;
	uint64_t deadline_ms;

	char *root;
	char *archive;
	struct manifest release;
	char *folder;      /* of the release among the versions */
	char *version_dir; /* its absolute path, there or not */
	struct offer *offers;
	size_t n_offers;
	struct handler *handlers; /* one per offer */

	struct engine engine; /* its version is known after install_read_runtime() */
	char *drop_in;

	/* NULL: not read, not there, or not ours to see. */
	struct json_object *node_object;
	/* Takes back what another process did, who knows how far. */
	bool is_recovering;
	/* The installation goes from the whole cluster, not from this node alone. */
	bool is_ending;
	bool is_changing;   /* something about the sandboxes of this node changes */
	bool is_unserved;   /* the running container runtime has no handler of ours */
	bool is_settled;    /* nothing does: versions, link and configurations are as wanted */
	unsigned writes;    /* files written and links moved on the node by this run */
	unsigned restarts;  /* of the container runtime by this run */
	char *guest_kernel; /* of the canary */
	char attempt[SHA256_HEX + 1]; /* of the container runtime's configuration, see attempt.h */
	char *proof;                  /* names what the canary proves: version and configuration */
};

/* What it takes to undo steps and to reach the cluster: settings, paths and a client.  Asks nobody
 * yet.  The rest is added by the functions below, none of which changes anything. */
int install_open(const struct settings *s, const struct cancel *cancel, struct install *ret_install,
		 struct error *e);
/* The Node object as it is now.  ENOENT, or EACCES without the right to see it. */
int install_read_node(struct install *in, struct error *e);
/* What the container engine says it is, and whether that is supported. */
int install_read_runtime(struct install *in, struct error *e);
/* Everything that installing needs. */
int install_gather(struct install *in, struct error *e);
/* What removing needs: the Node object, if it can be seen, and all names that this release gives
 * to something, whatever SHIMS and drop-ins say now. */
int install_gather_names(struct install *in, struct error *e);
/* The same, and whether the container runtime has handlers of ours: what a failure leaves. */
int install_gather_state(struct install *in, struct error *e);
void install_done(struct install *in);
#define _install_ _cleanup_(install_done)

/* The tables of steps, see plan.c. */
extern const struct step install_steps[];
extern const struct step cleanup_steps[];
extern const struct step reset_steps[];

/* Our handlers, as they are wished. */
struct handlers install_handlers(const struct install *in, enum presence presence);

/* Deadline of one request to the API server. */
uint64_t install_ask_ms(const struct install *in);

/* EBUSY, with what it is, while something on this node uses a sandbox: then neither its handler nor
 * its files may go. */
int install_must_be_unused(struct install *in, struct error *e);

/* 1 if the container runtime's configuration has anything of ours. */
int cri_is_configured(struct install *in, struct error *e);

/* Versions in ALL, but KEEP (NULL: none is kept), that nothing in USED names; USED has paths. */
void versions_unused(char *const *all, char *const *used, const char *keep, strv *ret_folders);

/* Steps, by file.  What each promises is in its row of the table. */
/* step-files.c */
int unpack_check(void *context, struct error *e);
int unpack_run(void *context, struct error *e);
int overrides_check(void *context, struct error *e);
int overrides_save(void *context, struct json_object *data, struct error *e);
int overrides_run(void *context, struct error *e);
int overrides_undo(void *context, struct json_object *data, struct error *e);
int switch_check(void *context, struct error *e);
int switch_save(void *context, struct json_object *data, struct error *e);
int switch_run(void *context, struct error *e);
int switch_undo(void *context, struct json_object *data, struct error *e);
int sweep_check(void *context, struct error *e);
int sweep_run(void *context, struct error *e);
int drain_check(void *context, struct error *e);
int drain_run(void *context, struct error *e);
int remove_check(void *context, struct error *e);
int remove_run(void *context, struct error *e);
/* step-cri.c */
int host_check(void *context, struct error *e);
int host_run(void *context, struct error *e);
int cri_check(void *context, struct error *e);
int cri_save(void *context, struct json_object *data, struct error *e);
int cri_run(void *context, struct error *e);
int cri_undo(void *context, struct json_object *data, struct error *e);
int cri_remove_check(void *context, struct error *e);
int cri_remove_save(void *context, struct json_object *data, struct error *e);
int cri_remove_run(void *context, struct error *e);
int restart_check(void *context, struct error *e);
int restart_run(void *context, struct error *e);
int canary_check(void *context, struct error *e);
int canary_run(void *context, struct error *e);
/* node.c */
int claim_check(void *context, struct error *e);
int claim_save(void *context, struct json_object *data, struct error *e);
int claim_run(void *context, struct error *e);
int claim_undo(void *context, struct json_object *data, struct error *e);
int handlers_check(void *context, struct error *e);
int handlers_run(void *context, struct error *e);
int ready_check(void *context, struct error *e);
int ready_run(void *context, struct error *e);
int release_check(void *context, struct error *e);
int release_run(void *context, struct error *e);
/* runtimeclass.c */
int classes_check(void *context, struct error *e);
int classes_run(void *context, struct error *e);
int unclass_check(void *context, struct error *e);
int unclass_run(void *context, struct error *e);

#endif
