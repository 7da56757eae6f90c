/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_CRI_H
#define LIB_HOST_CRI_H

#include "lib/json.h"

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
};

/* Where the runtime keeps its configuration. */
struct cri_site {
	const char *dir;       /* "/etc/containerd" */
	const char *main_file; /* "config.toml" */
	const char *drop_in;   /* "kata-deploy.toml", our own file where drop-ins merge */
};

struct cri_file {
	char *path;
	char *old_text; /* NULL: there is no such file */
	char *new_text; /* NULL: there shall be none */
	mode_t mode;
};

#define CRI_FILES_MAX 2

struct cri_edit {
	struct cri_file files[CRI_FILES_MAX];
	size_t n_files;
};

/* One kind of runtime. */
struct cri_driver {
	const char *name;
	unsigned min_major, max_major; /* of the runtime's version */
	/* Plans the edit that makes HANDLERS, and none else of ours, the configured ones. */
	int (*plan)(const struct cri_site *site, const struct cri_handler *handlers,
		    size_t n_handlers, struct cri_edit *ret_edit, struct error *e);
	/* The text of a main configuration that is as valid as the edit, although the edit's other
	 * files are only at STAND_INS (in their order, NULL for the main file).  Caller frees. */
	int (*candidate)(const struct cri_edit *edit, char *const *stand_ins, char **ret_text,
			 struct error *e);
};

/* The driver of the runtime "containerd://1.6.20" or "v2.4.2"; ENOTSUP names what is supported. */
int cri_driver_for(const char *version, const struct cri_driver **ret_driver, struct error *e);

bool cri_edit_is_needed(const struct cri_edit *edit);
/* Writes the new texts, each file by rename. */
int cri_edit_apply(const struct cri_edit *edit, struct error *e);
/* Puts the old texts into DATA, for cri_edit_restore() of a later run. */
void cri_edit_save(const struct cri_edit *edit, struct json_object *data);
/* Writes the old texts back.  Returns 1 if anything was different. */
int cri_edit_restore(struct json_object *data, struct error *e);
void cri_edit_done(struct cri_edit *edit);
#define _cri_edit_ _cleanup_(cri_edit_done)

/* The handler names in a configuration as the runtime itself prints it ("containerd config dump").
 */
int cri_dump_handlers(const char *dump, size_t len, strv *ret_names, struct error *e);

#endif
