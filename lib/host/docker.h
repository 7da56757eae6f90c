/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_DOCKER_H
#define LIB_HOST_DOCKER_H

#include "lib/host/engine.h"

extern const struct engine_driver docker_driver;

/* Parts of the driver, a file each. */
int docker_plan(const struct engine *engine, const struct handlers *handlers, struct edit *ret_edit,
		struct error *e);
edit_merge docker_merge;

#endif
