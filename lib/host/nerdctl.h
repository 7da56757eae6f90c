/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_NERDCTL_H
#define LIB_HOST_NERDCTL_H

#include "lib/host/engine.h"

extern const struct engine_driver nerdctl_driver;

#endif
