/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_VMM_QEMU_CALLS_H
#define RUNTIME_VMM_QEMU_CALLS_H

#include "lib/filter.h"

/* The system calls that QEMU may make. */
extern const struct filter qemu_calls;

#endif
