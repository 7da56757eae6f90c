/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CHILD_CAPS_H
#define AGENT_CHILD_CAPS_H

#include "lib/error.h"

struct Oci__LinuxCapabilities;

/* The five capability sets of a process, one bit per capability. */
struct caps {
	uint64_t bounding;
	uint64_t effective;
	uint64_t inheritable;
	uint64_t permitted;
	uint64_t ambient;
};

/* The sets of FROM (NULL: all empty), whose names may have CAP_ before them; what this kernel does
 * not have is in none.  EINVAL: a name that nobody knows. */
int caps_parse(const struct Oci__LinuxCapabilities *from, struct caps *ret, struct error *e);

/* Takes everything outside CAPS->bounding away for ever. */
int caps_drop_bounding(const struct caps *caps, struct error *e);
/* Sets the effective set to all that is permitted, as before a step that needs privileges. */
int caps_raise(struct error *e);
/* Sets the other four sets. */
int caps_apply(const struct caps *caps, struct error *e);

#endif
