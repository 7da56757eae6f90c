/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MANAGER_TRUST_H
#define MANAGER_TRUST_H

#include "manager/machine.h"

/* Whether the release that K wants may be installed, as the command line, the environment and what
 * is pinned say; fills k->pin.  For a release in an archive, before a byte of it is unpacked: what
 * is among the versions was asked when it came. */
int trust_release(struct machine *k, const struct options *o, struct error *e);
/* The same for what packages brought: who brings those was asked already, so it is asked again only
 * where a key is pinned. */
int trust_parts(struct machine *k, struct error *e);
/* The same for the index of a mirror. */
int trust_index(const struct machine *k, const struct options *o, const char *text,
		const char *signature, struct error *e);
/* EPERM if the version that K wants is withdrawn, unless it is current already or O allows it. */
int trust_version(const struct machine *k, const struct options *o, struct error *e);
/* The versions that no sandbox should run, of KATA_WITHDRAWN, of the mirror that is asked, and of
 * the index that is known unless a newer one was read.  Caller frees. */
strv trust_withdrawn(const struct machine *k);

#endif
