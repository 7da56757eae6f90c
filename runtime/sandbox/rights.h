/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_RIGHTS_H
#define RUNTIME_SANDBOX_RIGHTS_H

#include <sys/types.h>

#include "lib/base.h"
#include "lib/rpc/proto/oci.pb-c.h"

/* rights - what a container may do with a device of the host, by the rules of its specification. */

/* Letters of "rwm": read, write, make. */
struct rights {
	char text[4];
};

struct rights rights_of(const Oci__Spec *spec, char type, dev_t device);
bool rights_have(struct rights rights, char letter);

/* True if a rule names just this device. */
bool rights_are_named(const Oci__Spec *spec, char type, dev_t device);

/* Adds the rule that the container has exactly RIGHTS to the device, none with "". */
void rights_set(Oci__Spec *spec, char type, dev_t device, struct rights rights);

#endif
