/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_TRANSITION_H
#define LIB_HOST_TRANSITION_H

#include "lib/host/manifest.h"
#include "lib/host/plan.h"
#include "lib/host/store.h"

/* Which version an installation is about. */
enum target {
	TARGET_IMAGE, /* that of the image or archive, unless somebody went back from it */
	TARGET_HELD,  /* the current one, as somebody went back from that of the image */
	TARGET_BACK,  /* the one before the current one */
};

/*
 * From the version that is current to the one that shall be: what the steps that unpack it, make it
 * current and keep the way back need to know, whoever installs.  All borrowed.
 */
struct transition {
	const char *root;
	const struct manifest *release; /* that shall be current */
	const char *folder;             /* of it among the versions */
	const char *version_dir;        /* its absolute path, there or not */
	const char *archive;            /* or folder with it (source.h); NULL: it has to be there */
	enum store_sharing sharing;     /* of its files with other versions */
	const char *held;               /* the version that shall not come by itself; NULL: none */
	enum target target;
	bool is_last; /* nobody goes back any more */
};

/* Adds that the version is unpacked, unless it is there as a whole.  EBADMSG if it is not and there
 * is no archive. */
int transition_assess_unpack(const struct transition *t, struct change *ret_change,
			     struct error *e);
/* Unpacks it.  *WRITES grows by what is written, as of transition_switch(). */
int transition_unpack(const struct transition *t, const struct cancel *cancel, unsigned *writes,
		      struct error *e);

/* Adds what makes it current: links, and marks beside them. */
int transition_assess_switch(const struct transition *t, struct change *ret_change,
			     struct error *e);
int transition_switch(const struct transition *t, unsigned *writes, struct error *e);
int transition_save_switch(const struct transition *t, struct json_object *data, struct error *e);
int transition_undo_switch(const char *root, struct json_object *data, struct error *e);

/* EPERM if one of WITHDRAWN (stale.h) is the version that shall be, unless it is current already:
 * what runs it is stale, and knows.  ANYWAY is what takes it all the same. */
int transition_refuse_withdrawn(const struct transition *t, char *const *withdrawn,
				const char *anyway, struct error *e);

/* What stays though nobody uses it: the version that shall be, and the complete one that was before
 * it, as long as somebody may go back.  Caller frees. */
strv transition_kept(const struct transition *t);

#endif
