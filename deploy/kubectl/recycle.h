/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_KUBECTL_RECYCLE_H
#define DEPLOY_KUBECTL_RECYCLE_H

#include "lib/json.h"

/* Why POD, which NODE said to have UID and a stale sandbox, is not to be evicted; NULL: it is. */
const char *recycle_why_not(struct json_object *pod, const char *uid, const char *node);

#endif
