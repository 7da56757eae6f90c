/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_CRI_CONTAINERD_H
#define LIB_HOST_CRI_CONTAINERD_H

#include "lib/host/cri.h"

/* 1.x: config.toml itself is edited, a block of ours at its end.  2.x: a drop-in that the main file
 * imports. */
extern const struct cri_driver cri_containerd1;
extern const struct cri_driver cri_containerd2;

#endif
