/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_RECORD_H
#define RUNTIME_SANDBOX_RECORD_H

#include "runtime/config/config.h"
#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/state.h"

/* record - what a sandbox runs, for whoever asks later whether the node would start the same. */

/* Beside state.json: each file of the configuration, a line with its path ("/..."), then the lines
 * of toml_flatten(). */
#define RECORD_CONFIGURATION "configuration"

/* Sets in *S what CONFIG and SPEC say, the files that the sandbox runs, and the time. */
void record_fill(struct state *s, const struct config *config, const Oci__Spec *spec);
/* Writes RECORD_CONFIGURATION of the sandbox S->id. */
int record_configuration(const struct state *s, const char *root, const struct config *config,
			 struct error *e);

#endif
