/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_CRI_H
#define LIB_HOST_CRI_H

#include "lib/host/edit.h"

/*
 * Handlers in the configuration of a node's container runtime.
 *
 * Nothing is written while an edit is planned: it is a list of files with their old and new text,
 * so that it can be compared, validated, journalled, applied and taken back.
 */

struct cri_handler {
	const char *name;         /* "kata-qemu" */
	const char *runtime_path; /* the shim */
	const char *config_path;  /* its configuration */
	const char *launcher;     /* a file that runs the shim with that configuration */
};

/* Where the runtime keeps its configuration. */
struct cri_site {
	const char *dir;       /* "/etc/containerd" */
	const char *main_file; /* "config.toml" */
	const char *drop_in;   /* "kata-deploy.toml", our own file where drop-ins merge */
};

/* One kind of runtime. */
struct cri_driver {
	const char *name;
	unsigned min_major, max_major; /* of the runtime's version */
	/* Plans the edit that makes HANDLERS, and none else of ours, the configured ones. */
	int (*plan)(const struct cri_site *site, const struct cri_handler *handlers,
		    size_t n_handlers, struct edit *ret_edit, struct error *e);
	/* The text of a main configuration that is as valid as the edit, although the edit's other
	 * files are only at STAND_INS (in their order, NULL for the main file).  Caller frees. */
	int (*candidate)(const struct edit *edit, char *const *stand_ins, char **ret_text,
			 struct error *e);
};

/* The driver of the runtime "containerd://1.6.20" or "v2.4.2"; ENOTSUP names what is supported. */
int cri_driver_for(const char *version, const struct cri_driver **ret_driver, struct error *e);

/* For edit_restore() of an edit by any of them; CONTEXT is the cri_site.  A main file that somebody
 * else changed keeps that, with our part as it was in the old text. */
edit_merge cri_merge;

/* The handler names in a configuration as the runtime itself prints it ("containerd config dump").
 */
int cri_dump_handlers(const char *dump, size_t len, strv *ret_names, struct error *e);

#endif
