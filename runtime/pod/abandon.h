/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_ABANDON_H
#define RUNTIME_POD_ABANDON_H

#include "runtime/pod/pod.h"

/* abandon - leaves by itself once nobody is left who could ask for it.  Io thread. */

int pod_look_open(struct pod *pod, struct error *e);
void pod_look_close(struct pod *pod);

#endif
