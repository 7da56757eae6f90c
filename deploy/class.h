/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_CLASS_H
#define DEPLOY_CLASS_H

#include "lib/json.h"

/* What a RuntimeClass says about itself: whose it is, and how it was before it became ours. */

#define CLASS_MANAGED_BY "app.kubernetes.io/managed-by"
#define CLASS_INSTANCE   "kata-deploy/instance"
#define CLASS_ADOPT      "kata-deploy.katacontainers.io/adopt"

enum class_owner {
	CLASS_OURS,
	CLASS_GIVEN,    /* somebody else's, who lets us have it as long as its handler stays */
	CLASS_GIVEN_UP, /* the same, and it may be deleted and made anew for another handler */
	CLASS_FOREIGN,
};

/* INSTANCE is the name of this installation. */
enum class_owner class_owner(struct json_object *class, const char *instance);
/* Who is said to manage it, for a message.  Caller frees. */
char *class_manager(struct json_object *class);

/* Text at KEY, which may have dots, of the map at PATH; NULL if there is none. */
const char *class_text(struct json_object *class, const char *path, const char *key);

/* CLASS without what the API server adds: what creates it anew.  Caller owns. */
struct json_object *class_bare(struct json_object *class);
/* How an adopted class was before; NULL if it is not adopted.  Caller owns. */
struct json_object *class_before(struct json_object *class);
/* A merge patch that keeps in a class how it is now.  It names the version it was made for. */
struct json_object *class_keep_patch(struct json_object *class);
/* The merge patch that makes FROM what TO is (both bare); NULL if they are equal. */
struct json_object *class_diff(struct json_object *from, struct json_object *to);

/* True if ACTUAL has every member of WANTED with the same value. */
bool class_covers(struct json_object *actual, struct json_object *wanted);

#endif
