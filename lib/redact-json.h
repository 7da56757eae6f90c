/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_REDACT_JSON_H
#define LIB_REDACT_JSON_H

#include "lib/json.h"

/* Leaves out of OBJECT every value of a key that sounds like a secret, of environment variables
 * too, what its texts have of that kind, and what servers add for themselves. */
void redact_json(struct json_object *object);

#endif
