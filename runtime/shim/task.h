/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SHIM_TASK_H
#define RUNTIME_SHIM_TASK_H

#include "runtime/shim/shim.h"

/* Every method of the Task service; context is SHIM. */
void task_service(struct shim *shim, struct rpc_service *ret_service);

#endif
