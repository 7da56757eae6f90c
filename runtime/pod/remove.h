/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_REMOVE_H
#define RUNTIME_POD_REMOVE_H

#include "runtime/pod/op.h"

/* remove - take a container from guest and host.  Io thread. */

/* The next stages take OP->container away, which may be NULL; then AFTER goes on.  OP->result stays
 * what it is. */
void op_remove_container(struct op *op, void (*after)(struct op *op));

#endif
