/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_LIVE_H
#define LIB_HOST_LIVE_H

#include "lib/host/scope.h"
#include "lib/wait.h"

/* Where shims keep the record of each sandbox, ID/state.json, from before its VM until after its
 * last trace is gone. */
#define LIVE_RECORDS "/run/vc/sbs"

/* What uses a runtime of ours, in all of containerd's namespaces. */
struct live {
	const struct scope *scope; /* of whom; NULL: of all of the family */
	strv foreign;   /* ids of sandboxes that do not count, nor does what is in their pods */
	strv elsewhere; /* likewise, unless a handler has a name that only ours can have */
	unsigned containers; /* that containerd knows, running or not: their handler cannot go */
	unsigned running;    /* of them with a task that has not ended */
	unsigned sandboxes;  /* that have a record */
	strv users;          /* for people, each once: "pod 'NAMESPACE/NAME'" */
};

void live_done(struct live *l);
#define _live_ _cleanup_(live_done)

/* Asks containerd; adds to *l. */
int live_containers(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		    struct live *l, struct error *e);

/* Adds OWN_TEXT, for people, unless it is there or there are enough of them. */
void live_add_user(struct live *l, char *own_text);

/* What one containerd namespace has, added to *l.  Public for the tests. */
struct Client__ListContainersResponse;
struct Client__ListTasksResponse;
void live_add(struct live *l, const char *namespace,
	      const struct Client__ListContainersResponse *containers,
	      const struct Client__ListTasksResponse *tasks);

bool live_is_used(const struct live *l);
/* "2 containers (1 running) of pod 'a/b'": one line for people; caller frees. */
char *live_text(const struct live *l);

/* The version directory that each record in SCOPE names, below DIR.  EBADMSG for a record that
 * names none: then nothing can be said to be unused. */
int live_versions(const char *dir, const struct scope *scope, strv *ret_version_dirs,
		  struct error *e);
/* The ids of records that name a version of another installation: whoever found the shim by its
 * type alone, as ctr does, says nothing of whose it is. */
int live_elsewhere(const char *dir, const struct scope *scope, strv *ret_ids, struct error *e);
/* That of the sandbox ID; ENOENT if it has no record there.  Caller frees. */
int live_version_of(const char *dir, const char *id, char **ret_version_dir, struct error *e);

#endif
