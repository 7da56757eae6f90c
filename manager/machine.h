/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MANAGER_MACHINE_H
#define MANAGER_MACHINE_H

#include "lib/host/download.h"
#include "lib/host/engine.h"
#include "lib/host/hostcheck.h"
#include "lib/host/transition.h"
#include "manager/manager.h"
#include "manager/present.h"

/* The handler, of pods and "docker run --runtime kata". */
#define MACHINE_HANDLER "kata"
/* What finds the shim by its link in the PATH. */
#define MACHINE_TYPE "io.containerd." MACHINE_HANDLER ".v2"
/* Where a version has this program. */
#define MACHINE_PROGRAM "bin/kata-manager"

/* This machine: what is there and what shall be.  Read before the first step. */
struct machine {
	/* ---- where ---- */
	char *root;
	char *link_dir;
	char *etc;
	char *shim; /* through the current version */
	strv locks;
	struct owner owner;
	struct scope scope;
	struct handler handler;
	struct present engines[PRESENT_MAX];
	char *choice; /* engines that shall have our handler; NULL: all */
	/* ---- what shall be ---- */
	enum target target;
	char *archive;
	struct mirror *mirror;     /* that it is from; NULL: from a file, or it is here */
	struct catalog catalog;    /* of the mirror */
	char *index;               /* its text, if it is signed; NULL otherwise */
	struct download *download; /* of the release, of which `archive` is what has come */
	char *pin;                 /* keys that shall be trusted from now on; NULL: as before */
	char *program;             /* that can take back what is journalled */
	struct manifest release;
	char *folder, *version_dir, *held;
	struct edit configuration; /* this machine's own, of sandboxes */
	bool only_runs_count;      /* a container without a sandbox is no user */
	bool is_leaving;           /* nobody goes back any more */
	bool keeps_settings;       /* though the versions go: it, its drop-ins, the pinned key */
	struct edit choosing;      /* that the choice is kept */
	char *drop_in;             /* its text from now on; NULL: as it is */
	char *evidence;            /* names the version and all that its sandboxes will read */
};

/* The place of everything.  Asks nobody.  EINVAL, also for engines that are none. */
int machine_open(const struct options *o, struct machine *ret_machine, struct error *e);
void machine_done(struct machine *k);
#define _machine_ _cleanup_(machine_done)

/* The first that runs a program for others; NULL if none answers. */
const struct engine *machine_runner(const struct machine *k);

/* Each reads what shall be: the version in FROM, a file or a folder with one; the current one; the
 * one before it.  ENOENT if there is none. */
int machine_want_archive(struct machine *k, const char *from, struct error *e);
/* The same with k->release, and where its archive is, read already. */
int machine_want_release(struct machine *k, struct error *e);
int machine_want_current(struct machine *k, struct error *e);
int machine_want_previous(struct machine *k, struct error *e);
/* What packages brought to FOLDER (lib/host/source.h); where somebody went back from it, the
 * current version. */
int machine_want_parts(struct machine *k, const char *folder, struct error *e);
/* Plans the configuration of sandboxes and of the engines for it. */
int machine_plan(struct machine *k, enum presence presence, struct error *e);

struct transition machine_transition(const struct machine *k);
/* The machine as checks shall see it. */
struct host_facts machine_host(const struct machine *k);
/* One file of the release that shall be current, from the version if it is there and whole. */
int machine_read_file(const struct machine *k, const char *path, char **ret_text, struct error *e);

#endif
