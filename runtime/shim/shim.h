/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SHIM_SHIM_H
#define RUNTIME_SHIM_SHIM_H

#include "lib/rpc/server.h"
#include "runtime/pod/pod.h"
#include "runtime/shim/events.h"
#include "runtime/shim/metrics.h"

/*
 * shim - a pod and who may ask for it: an engine by the Task API (task.c), root by the management
 * socket (manage.c).
 */
struct shim {
	struct pod pod;
	struct rpc_server *server;
	struct manage *manage; /* NULL: nobody can ask but the engine */
	struct metrics *metrics;
	struct events *events;
};

#endif
