/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_CONTAINERD_PARTS_H
#define LIB_HOST_CONTAINERD_PARTS_H

#include "lib/host/engine.h"
#include "lib/toml.h"

/* What the files of the containerd driver share. */

/* ---- which files it reads (containerd-load.c) ---- */

#define CONTAINERD_FILES_MAX 64

struct containerd_file {
	char *path;
	char *text;
	struct toml *root;
	int64_t version; /* of its format; 1 if it says none */
};

/* In the order in which containerd reads them, the main file first. */
struct containerd_files {
	struct containerd_file list[CONTAINERD_FILES_MAX];
	size_t n;
	strv missing; /* "'PATH', which 'FILE' imports": containerd does not start without it */
};

/* Reads the main file and what it imports, as if EDIT (may be NULL) were applied.  What lies where
 * this pod sees nothing is read on the node. */
int containerd_load(const struct engine *engine, const struct edit *edit,
		    struct containerd_files *ret_files, struct error *e);
void containerd_files_done(struct containerd_files *files);
#define _containerd_files_ _cleanup_(containerd_files_done)

/* ---- what is said in them (containerd-format.c) ---- */

/* How a file of ours has to speak. */
struct format {
	int64_t version; /* the one it declares */
	int64_t names;   /* the one whose names of plugins it uses */
};

/* ... so that containerd takes it and the files there are together.  OURS is not looked at. */
struct format containerd_format(const struct engine *engine, const struct containerd_files *files,
				const char *ours);

/* How the engine finds the shim. */
enum lookup {
	BY_TYPE, /* runtime_type itself is the path: the CRI plugin of 1.6 ignores runtime_path */
	/* runtime_path, of the launcher: options would have a type that containerd cannot add to,
	 * as it does for a container whose users are mapped. */
	BY_PATH,
};

/* The tables of the handlers as TOML.  Caller frees. */
char *containerd_tables(const struct handlers *handlers, int64_t names, enum lookup lookup);
/* The table of containerd 1's own handler, which any other table takes away; empty where one has
 * its table in ROOT.  Caller frees. */
char *containerd_default_table(const struct engine *engine, const struct toml *root, int64_t names);
/* That ROOT has exactly TABLES for the handlers. */
bool containerd_says(const struct toml *root, const struct handlers *handlers, const char *tables);
/* Removes from *TEXT, of the file at PATH, the handlers of these names: wherever they lead if ours
 * shall be there instead, else only those that lead to us.  ENOTSUP if it cannot be done by taking
 * lines away. */
int containerd_strip(char **text, const char *path, const struct handlers *handlers,
		     struct error *e);
/* See struct engine_driver. */
int containerd_bare(char **text, const char *path, const struct known_handler *list, size_t n,
		    struct error *e);
/* The handler names in a configuration as containerd itself prints it. */
int containerd_dump_handlers(const char *dump, size_t len, strv *ret_names, struct error *e);

/* EINVAL, with the first place, where two configurations as containerd prints them differ in more
 * than handlers in SCOPE and the list of files. */
int containerd_compare(const struct scope *scope, const char *before, const char *after,
		       struct error *e);

/* ---- where our handlers go (containerd-place.c) ---- */

enum containerd_home {
	HOME_BLOCK,    /* in the main file */
	HOME_DROP_IN,  /* a file of our own, which the main file imports */
	HOME_TOLD,     /* the same, and the main file is somebody else's */
	HOME_TEMPLATE, /* a block in what the main file is made from */
};

struct containerd_place {
	char *main_path;
	struct containerd_files files; /* as they are */
	struct format format;          /* of our own file */
	char *drop_in;                 /* path */
	char *template;                /* path; NULL: there is none */
	enum containerd_home home;
};

/* Reads the configuration as it is. */
int containerd_place(const struct engine *engine, struct containerd_place *ret_place,
		     struct error *e);
void containerd_place_done(struct containerd_place *p);
#define _containerd_place_ _cleanup_(containerd_place_done)

/* Path of our own file beside a main file of that version.  Caller frees. */
char *containerd_drop_in_path(const struct engine *engine, int64_t version);

/* ---- our block (containerd-block.c) ---- */

/* Where that of OWNER is in TEXT, of the file NAME; length 0 if it is not.  EINVAL if it does not
 * end. */
int block_find(const struct owner *owner, const char *text, const char *name, size_t *ret_begin,
	       size_t *ret_len, struct error *e);
/* TEXT without it. */
int block_strip(const struct owner *owner, const char *text, const char *name, char **ret_text,
		struct error *e);
/* BLOCK behind TEXT, on a line of its own; a last line that is open stays one.  Caller frees. */
char *block_append(const char *text, const char *block);
/* That TEXT has this very block, and behind it nothing that would be taken for a part of it. */
bool block_stands(const struct owner *owner, const char *text, const char *block);
/* A block of these tables.  Caller frees. */
char *block_make(const struct owner *owner, const char *tables, const char *others);

/* ---- its array "imports" (containerd-imports.c) ---- */

/* The strings in it. */
int imports_read(const struct toml *root, const char *name, strv *ret_imports, struct error *e);
/* Whether one of them is DROP_IN itself, or a pattern that finds it. */
bool imports_name(char *const *imports, const char *dir, const char *drop_in);
bool imports_cover(char *const *imports, const char *drop_in);
/* TEXT with DROP_IN imported, and without: each the exact inverse of the other. */
int imports_add(const char *text, const char *name, const char *drop_in, char **ret_text,
		struct error *e);
int imports_remove(const char *text, const char *name, const char *dir, const char *drop_in,
		   char **ret_text, struct error *e);
/* TEXT with an import of DROP_IN of its own or without; a pattern that covers it is left alone. */
int imports_set(const char *text, const char *main_path, const char *drop_in,
		enum presence presence, char **ret_text, struct error *e);

#endif
