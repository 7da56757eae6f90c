/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_ENGINE_H
#define LIB_HOST_ENGINE_H

#include "lib/host/edit.h"
#include "lib/host/flavour.h"
#include "lib/host/scope.h"
#include "lib/wait.h"

struct endpoint_state;
struct live;
struct task_result;
struct task_spec;
struct trial;

/*
 * The container engine of a machine (containerd, ...) through its whole life: which version runs,
 * how handlers get into its configuration, what it says of that configuration, how it takes it up,
 * which handlers it then has, what it still runs, and how it runs something for us.
 *
 * An engine is a driver (what kind it is: code), a flavour (where it lives: data) and a place.
 * Nothing is written while an edit is planned: it is a list of files with their old and new text,
 * so that it can be compared, validated, journalled, applied and taken back.
 */

/* A kind of sandbox that the engine offers by name. */
struct handler {
	const char *name;         /* "kata-qemu" */
	const char *runtime_path; /* the shim */
	const char *config_path;  /* its configuration; NULL: what the shim finds by itself */
	/* A file that runs the shim with that configuration; NULL: the shim will do. */
	const char *launcher;
	/* Where containerd has the images of its pods; NULL: where all are.  Other engines have no
	 * such choice. */
	const char *snapshotter;
};

/* One as it is known to whoever takes it away, and not with which configuration it ran. */
struct known_handler {
	const char *name;
	const char *runtime_path;
	const char *launcher;
};

enum presence { HANDLERS_ABSENT, HANDLERS_PRESENT };

struct handlers {
	const struct handler *list;
	size_t n;
	enum presence presence;
};

struct engine;

/* Runs ARGV on the machine as root; a non-zero exit is no error.  envoy_exec() (envoy.h) is one. */
typedef int engine_exec(const struct engine *engine, char *const *argv, uint64_t deadline_ms,
			const struct cancel *cancel, struct task_result *ret_result,
			struct error *e);

struct engine {
	const struct engine_driver *driver;
	const struct flavour *flavour;
	const struct owner *owner;    /* whose handlers, and whose tasks */
	const struct scope *scope;    /* which handlers are ours; NULL: all of the family */
	const char *root;             /* "/opt/kata": what it runs for us lies in ROOT/.work */
	const char *socket;           /* it listens there */
	const char *dir;              /* "/etc/containerd" */
	const char *main_file;        /* "config.toml" */
	char *const *restart_command; /* on a machine without systemd; NULL or empty: none */
	engine_exec *exec;
	char *version; /* as it says, once engine_identify() has asked */
	unsigned major, minor;
};

/* One kind of engine.  What may be NULL is marked; the rest every driver has. */
struct engine_driver {
	const char *name;              /* as the kubelet says it: "containerd" */
	const char *program;           /* the daemon's */
	unsigned min_major, max_major; /* of the versions that are supported */

	/* "1.6.20~ds1", "v2.4.2".  Caller frees. */
	int (*ask_version)(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
			   char **ret_version, struct error *e);
	/* Whether two installations can each have a file of their own. */
	bool (*has_drop_ins)(const struct engine *engine);
	/* Plans the edit that makes HANDLERS, and none else of ours, the configured ones, or that
	 * there are none of these.  ENOTSUP for the former where Kubernetes cannot use the engine.
	 */
	int (*plan)(const struct engine *engine, const struct handlers *handlers,
		    struct edit *ret_edit, struct error *e);
	/* Takes the handlers of these N names out of *TEXT, of the file at PATH, wherever they
	 * lead.  NULL: nobody else makes any. */
	int (*bare)(char **text, const char *path, const struct known_handler *list, size_t n,
		    struct error *e);
	/* For edit_restore() of a planned edit; its context is the engine.  For every version: it
	 * may change between an edit and its undo, and an engine that does not start any more does
	 * not say which it is. */
	edit_merge *merge;
	/* Has the engine itself judge the edit before it is made: it must be accepted, keep every
	 * handler there was and have ours.  NULL, as the next two: nothing is configured. */
	int (*validate)(const struct engine *engine, const struct edit *edit,
			const struct handlers *handlers, uint64_t deadline_ms,
			const struct cancel *cancel, struct error *e);
	/* EINVAL unless the daemon that listens was told to read the very file that is edited here.
	 * NULL: nobody can say. */
	int (*must_read)(const struct engine *engine, uint64_t deadline_ms,
			 const struct cancel *cancel, struct error *e);
	/* Has the engine run a sandbox of others: what it cannot do before a change it cannot do
	 * after it.  NULL: that a sandbox fails for such a reason takes no change back. */
	int (*prepare)(const struct engine *engine, uint64_t deadline_ms,
		       const struct cancel *cancel, struct error *e);
	/* Removes what a killed validate() left. */
	void (*clear)(const struct engine *engine);
	/* The handlers in use, and whether it works at all. */
	int (*status)(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		      struct endpoint_state *ret_status, struct error *e);
	/* What still uses a handler of ours, added to *l. */
	int (*live)(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		    struct live *l, struct error *e);
	/* Runs a program to its end (task.h), and removes what killed runs left.  Both NULL: it
	 * runs nothing but pods. */
	int (*run)(const struct task_spec *spec, uint64_t deadline_ms, const struct cancel *cancel,
		   struct task_result *ret_result, struct error *e);
	int (*clear_tasks)(const char *socket, const char *namespace, struct error *e);
	/* Runs a sandbox as the kubelet does (trial.h), and removes what killed trials of OWNER
	 * left.  Both NULL: it has no CRI service. */
	int (*try_sandbox)(const struct trial *trial, uint64_t deadline_ms,
			   const struct cancel *cancel, struct error *e);
	int (*clear_trials)(const char *socket, const char *owner, struct error *e);
};

/* The driver that FLAVOUR names. */
const struct engine_driver *engine_driver(const struct flavour *flavour);

/* Asks the engine which version it is; ENOTSUP names what is supported. */
int engine_identify(struct engine *engine, uint64_t deadline_ms, const struct cancel *cancel,
		    struct error *e);
/* The same of one that need not run: its program is asked. */
int engine_identify_program(struct engine *engine, uint64_t deadline_ms,
			    const struct cancel *cancel, struct error *e);
/* The same for a version that is known: "containerd://1.6.20~ds1" or "v2.4.2". */
int engine_set_version(struct engine *engine, const char *version, struct error *e);

/* ENOTSUP if VERSION, as the kubelet says it, is that of another kind of engine. */
int engine_is_kind(const struct engine *engine, const char *version, struct error *e);

/* EINVAL unless VERSION, as the kubelet says it ("containerd://1.6.20"), is that of ENGINE, whose
 * own is known: by name and the three numbers, as the kubelet drops a distribution's additions. */
int engine_must_be(const struct engine *engine, const char *version, struct error *e);

/* LIST as handlers.  Caller frees. */
struct handler *engine_known_handlers(const struct known_handler *list, size_t n);
/* Plans that none of these N handlers is there. */
int engine_plan_removal(const struct engine *engine, const struct known_handler *list, size_t n,
			struct edit *ret_edit, struct error *e);

/* Makes the engine take up its configuration, as its flavour says.  Returns when it was done, not
 * when the engine answers again. */
int engine_activate(const struct engine *engine, uint64_t deadline_ms, const struct cancel *cancel,
		    struct error *e);

void engine_done(struct engine *engine);

#endif
