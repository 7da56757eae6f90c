/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_FLAVOUR_H
#define LIB_HOST_FLAVOUR_H

#include "lib/str.h"

/*
 * Where a container engine lives on a kind of machine: data, no code.
 *
 * The same containerd is a service of its own on one node, a child of k3s on the next and in a snap
 * on a third; what differs are names, and what a restart takes along.
 */

enum activation {
	ACTIVATE_RESTART,
	ACTIVATE_RELOAD,  /* the service reads its configuration again and goes on */
	ACTIVATE_NOTHING, /* it watches the file itself */
};

#define FLAVOUR_UNITS_MAX 4

struct flavour {
	const char *name;                     /* "k8s", as K8S_DISTRIBUTION has it */
	const char *title;                    /* what people call the engine; NULL: NAME */
	const char *driver;                   /* "containerd" */
	const char *units[FLAVOUR_UNITS_MAX]; /* of systemd: the first that runs (unit.h) */
	const char *socket;
	const char *dir;       /* of the configuration */
	const char *main_file; /* in it */
	/* The next ones are NULL where nothing is to be said. */
	const char *drop_in_dir;  /* likewise, of our own file */
	const char *drop_in_dir3; /* the same, for version 3 of the format */
	const char *template;     /* in it: what the main file is made from */
	const char *template3;
	const char *reads;  /* in it: what is made from the main file, and what the engine reads */
	const char *writer; /* who writes the main file: it is not ours to edit */
	const char *writer_mark; /* only if it has this text */
	enum activation activation;
	const char *takes_along; /* what a restart ends beside the engine */
	const char *pid_file;    /* of the daemon, where another one holds its socket */
	bool is_bare;            /* a machine without a kubelet */
};

/* EINVAL names the known ones. */
int flavour_find(const char *name, const struct flavour **ret_flavour, struct error *e);
/* That of a node whose kubelet says VERSION ("cri-o://1.36.3", NULL: it does not say): NAMED, or
 * the first one with such an engine. */
const struct flavour *flavour_of_runtime(const struct flavour *named, const char *version);
const char *flavour_title(const struct flavour *flavour);
/* The I-th of all; NULL behind the last. */
const struct flavour *flavour_at(size_t i);

#endif
