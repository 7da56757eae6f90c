/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_STORAGE_COPY_H
#define AGENT_STORAGE_COPY_H

#include "lib/rpc/server.h"

struct Agent__CopyFileRequest;

/* Does one CopyFile request with ROOT taken for SANDBOX_SHARED_DIR.  Nothing outside ROOT is
 * touched, whatever links are below it.  Work thread. */
int copy_file(int rootfd, const struct Agent__CopyFileRequest *in, struct error *e);

rpc_handler copy_rpc_file;

#endif
