/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_LASTWORDS_H
#define RUNTIME_SANDBOX_LASTWORDS_H

#include "lib/rpc/proto/oci.pb-c.h"

/* The file that the kubelet reads when the container of SPEC has ended (its
 * terminationMessagePath), or NULL if there is none.  Borrowed from SPEC. */
const char *lastwords_path(const Oci__Spec *spec);
/* Writes TEXT there for the container of BUNDLE, unless the container has written something itself.
 * Never fails: who cannot be told is not told.  Work thread. */
void lastwords_write(const char *bundle, const char *text);

/* Leaves a sign in BUNDLE that its container was out of memory.  Never fails.  Work thread. */
void lastwords_note_oom(const char *bundle);

/* The same of BYTES for the file PATH. */
void lastwords_put(const char *path, const void *bytes, size_t len);

#endif
