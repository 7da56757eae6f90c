/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_FACTS_H
#define DEPLOY_FACTS_H

#include "deploy/settings.h"
#include "deploy/shim.h"
#include "lib/host/endpoint.h"
#include "lib/host/hostcheck.h"
#include "lib/host/manifest.h"
#include "lib/host/transition.h"

struct install;

/* What the cluster wants of this node when a pod of ours ends. */
enum wish {
	WISH_STAY,  /* another pod follows this one */
	WISH_LEAVE, /* no pod on this node any more */
	WISH_END,   /* nor on any other */
};

/* What is there and what shall be.  Read once, before the first step; steps see it const. */
struct facts {
	/* ---- where: of every run ---- */
	const struct settings *settings;
	bool is_dry; /* it is only told what would be done */
	char *root;
	struct scope *scope;  /* what on the node is this installation's */
	struct engine engine; /* its version once it was asked */

	/* ---- what shall be ---- */
	enum target target;
	char *image_folder; /* of the release in the image; NULL: there is none */
	char *program;      /* this one, as it lies in a version; NULL: in none */
	char *held;         /* the version that shall not come by itself; NULL: none */
	struct offer *offers;
	size_t n_offers;
	/* of an installation alone: */
	struct handler *handlers;  /* one per offer */
	char *archive;             /* of the image; NULL: another version shall be current */
	struct manifest release;   /* that shall be current */
	char *pin;                 /* keys that shall be trusted from now on; NULL: as before */
	char *folder;              /* of it among the versions */
	char *version_dir;         /* its absolute path, there or not */
	struct edit configuration; /* the node's own, of sandboxes */
	char *proof;               /* names what the canary proves: version and configuration */
	char *evidence;            /* the same with all that a sandbox reads, see proof.h */
	/* of a removal alone: */
	struct known_handler *known; /* one per offer */
	enum wish wish;

	/* ---- what is there ---- */
	/* Why an installation is nothing for this node, though nothing is wrong with either
	 * (CamelCase); NULL: it is. */
	const char *unsuitable;
	struct json_object *node;     /* NULL: not read, not there, or not ours to see */
	struct error silence;         /* why the engine did not say its version; code 0: it did */
	struct endpoint_state status; /* of its CRI service, empty if that did not answer */
	struct error no_status;       /* why that did not; code 0: it did */
};

/* Where a version has this program. */
#define FACTS_PROGRAM "libexec/kata-deploy"

/* The place of everything, from the settings and the launchers that are there.  Asks nobody. */
int facts_open(const struct settings *s, struct facts *ret_facts, struct error *e);
/* The engine is that of this flavour, as an interrupted run noted it. */
/* Which release is in the image, if there is one, and with it where this program lies. */
void facts_read_image(struct facts *f);
void facts_set_flavour(struct facts *f, const char *name);
void facts_done(struct facts *f);
#define _facts_ _cleanup_(facts_done)

/* Each reads a part and changes nothing.  IN has the means to ask. */

/* The Node object as it is now, and with it which engine the kubelet has.  ENOENT, or EACCES
 * without the right to see it. */
int facts_read_node(struct facts *f, const struct install *in, struct error *e);
/* The machine as checks shall see it for what this installation offers. */
struct host_facts facts_host(const struct facts *f);
typedef int facts_reader(struct facts *f, const struct install *in, struct error *e);
/* Everything that installing needs.  Fails with `unsuitable` set where that is the reason. */
int facts_read_install(struct facts *f, const struct install *in, struct error *e);
/* The same for going back to the version before the current one; ENOENT if there is none. */
int facts_read_rollback(struct facts *f, const struct install *in, struct error *e);
/* What removing needs: the Node object, if it can be seen, all names that this release gives to
 * something, whatever SHIMS and drop-ins say now, and what the engine says, if it does. */
int facts_read_removal(struct facts *f, const struct install *in, struct error *e);
/* What a failure leaves, as far as it can be known. */
int facts_read_failure(struct facts *f, const struct install *in, struct error *e);

/* The version is the one that the image has: not one that somebody went back to. */
bool facts_is_wanted(const struct facts *f);
/* The way to the version that shall be. */
struct transition facts_transition(const struct facts *f);
/* The handlers that shall be. */
struct handlers facts_handlers(const struct facts *f);
/* The running engine has no handler of ours.  One that did not answer says nothing; a handler of
 * another configuration is that of an earlier version, which works. */
bool facts_is_unserved(const struct facts *f);
/* It works for the pods of others. */
bool facts_is_serving(const struct facts *f);

#endif
