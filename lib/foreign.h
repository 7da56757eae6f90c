/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_FOREIGN_H
#define LIB_FOREIGN_H

#include "lib/error.h"
#include "lib/str.h"

/* Sandboxes that a shim of upstream's made, by what it leaves below /run; of ours, state.json in
 * /run/vc/sbs/ID says so first. */

#define FOREIGN_RUN    "/run"
#define FOREIGN_LINK   "adopted"  /* in the root of an installation, to what was adopted there */
#define FOREIGN_SUFFIX "-foreign" /* of the folder's name among the versions */

enum foreign_kind {
	FOREIGN_NONE, /* ours, or of nobody that is known */
	FOREIGN_GO,   /* RUN/vc/sbs/ID/persist.json */
	FOREIGN_RUST, /* RUN/kata/ID/state.json */
};

/* Which shim made the sandbox ID. */
enum foreign_kind foreign_kind(const char *run, const char *id);
/* That shim below the root of its installation: "bin/containerd-shim-kata-v2"; NULL for
 * FOREIGN_NONE. */
const char *foreign_program(enum foreign_kind kind);
/* Adds the ids of all such sandboxes that have not been cleaned up. */
int foreign_list(const char *run, strv *ids, struct error *e);

#endif
