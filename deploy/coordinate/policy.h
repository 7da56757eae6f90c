/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_COORDINATE_POLICY_H
#define DEPLOY_COORDINATE_POLICY_H

#include "deploy/coordinate/decide.h"
#include "lib/json.h"

/* What a KataInstallation wants, with the defaults of its schema where it does not say.  EINVAL for
 * what the schema would not have let pass: an API server without it may hold anything. */
int policy_read(struct json_object *installation, struct policy *ret_policy, struct error *e);
void policy_done(struct policy *p);
#define _policy_ _cleanup_(policy_done)

#endif
