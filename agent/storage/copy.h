/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_STORAGE_COPY_H
#define AGENT_STORAGE_COPY_H

#include <protobuf-c/protobuf-c.h>

#include "lib/rpc/server.h"

struct Agent__CopyFileRequest;

/* Does one CopyFile request with ROOT taken for SANDBOX_SHARED_DIR.  Nothing outside ROOT is
 * touched, whatever links are below it.  Work thread. */
int copy_file(int rootfd, const struct Agent__CopyFileRequest *in, struct error *e);

rpc_handler copy_rpc_file;

/* A name beside NAME for what is not whole yet: kubelet's never begin so but for its own use.
 * Caller frees. */
char *copy_temporary_name(const char *name);

/* Removes from ROOTFD what the host has sent for CONTAINER.  Work thread. */
void copy_forget_below(int rootfd, const char *container);
/* The same where SANDBOX_SHARED_DIR is the guest's own. */
void copy_forget(const char *container);

/* The last COPY_END_MAX bytes of the file PATH, which must have been sent for CONTAINER.  Caller
 * frees *ret_text.  Work thread. */
#define COPY_END_MAX 4096
int copy_read_end(int rootfd, const char *path, const char *container, char **ret_text,
		  size_t *ret_len, struct error *e);
/* The same for an answer; a file that is not there is an empty one. */
void copy_last_words(const char *path, const char *container, ProtobufCBinaryData *ret);

#endif
