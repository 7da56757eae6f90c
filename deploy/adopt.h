/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_ADOPT_H
#define DEPLOY_ADOPT_H

#include "deploy/install.h"

/* What the steps know of an installation of upstream's on the node, see lib/host/adopt.h. */

/* Another installation's files are where ours would be, and none of ours: labels and handlers of
 * our names are that one's. */
bool adopt_is_anothers(const struct facts *f);

/* Adds to EDIT the engine's files that the adoption changes or takes the place of, with their texts
 * as they are. */
int adopt_add_engine(const struct facts *f, struct edit *edit, struct error *e);
/* What a record keeps: the node's labels and those files.  Where they are ours already, though
 * upstream's stands there, it is the record that was not brought to its end. */
struct json_object *adopt_make_record(const struct facts *f, const struct edit *engine);

/* Changes EDIT, which removes our handlers, to one that also hands the engine's files back.  What
 * nobody but us changed becomes what it was, byte for byte; in what somebody else changed, the
 * handlers of our names that were upstream's stay away, which is logged. */
int adopt_plan_return(const struct facts *f, struct edit *edit, struct error *e);
/* The labels as they were; says nothing of a node that we may not change. */
int adopt_return_labels(const struct install *in, struct error *e);
/* The record goes, once no journal can make anybody need it.  A failure is only logged: what is
 * handed back is whole, and the next removal or adoption ends it. */
void adopt_end(const struct facts *f);

#endif
