/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_SUPERVISE_H
#define DEPLOY_SUPERVISE_H

#include "deploy/settings.h"

/* The action install: keeps the node as the settings say until SIGTERM, answers probes meanwhile.
 * Returns the exit status. */
int supervise(const struct settings *s);

#endif
