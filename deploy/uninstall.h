/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_UNINSTALL_H
#define DEPLOY_UNINSTALL_H

#include "deploy/settings.h"
#include "lib/wait.h"

/* Deletes the DaemonSet and waits until its last pod has cleaned up its node, at most 20 minutes. A
 * DaemonSet that is gone is success.  Runs anywhere in the cluster, not on the nodes. */
int run_uninstall(const struct settings *s, const struct cancel *cancel, struct error *e);

#endif
