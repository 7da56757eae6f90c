/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_MANAGEMENT_H
#define RUNTIME_SANDBOX_MANAGEMENT_H

#include "lib/error.h"

/*
 * management - where root asks the shim of a sandbox, and how.
 *
 * Places, paths and forms are those of Kata Containers: HTTP on a unix socket beside the sandbox's
 * record.  Pure functions but for those that ask, which may block.
 */

#define MANAGEMENT_AGENT_URL     "/agent-url"
#define MANAGEMENT_VOLUME_STATS  "/direct-volume/stats"  /* ?path=DISK, escaped */
#define MANAGEMENT_VOLUME_RESIZE "/direct-volume/resize" /* { "VolumePath": DISK, "Size": N } */
#define MANAGEMENT_PATH          "path"

/* The socket of the shim of sandbox ID.  Caller frees. */
char *management_socket(const char *id);

/* S with every byte escaped that has a meaning in a URL.  Caller frees. */
char *management_escape(const char *s);

/* What the shim said in TEXT, a whole answer, which is changed: a copy in *ret_answer if it did as
 * it was asked, one line that no terminal obeys.  EREMOTEIO carries its own words, likewise. */
int management_parse(char *text, char **ret_answer, struct error *e);

/* Asks the shim on SOCKET: METHOD and TARGET, with BODY (JSON) unless it is NULL.  *ret_answer is
 * what it said.  ENOENT or ECONNREFUSED if nobody listens there; else as management_parse(). */
int management_ask(const char *socket, const char *method, const char *target, const char *body,
		   uint64_t deadline_ms, char **ret_answer, struct error *e);
/* The same of the shim of sandbox ID, wherever one of this family has its socket.  ESRCH if it has
 * none. */
int management_ask_sandbox(const char *id, const char *method, const char *target, const char *body,
			   uint64_t deadline_ms, char **ret_answer, struct error *e);

#endif
