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
#define MANAGEMENT_METRICS       "/metrics"
#define MANAGEMENT_IPTABLES      "/iptables"
#define MANAGEMENT_IP6TABLES     "/ip6tables"
#define MANAGEMENT_POLICY        "/policy"
#define MANAGEMENT_VOLUME_STATS  "/direct-volume/stats"  /* ?path=DISK, escaped */
#define MANAGEMENT_VOLUME_RESIZE "/direct-volume/resize" /* { "VolumePath": DISK, "Size": N } */
#define MANAGEMENT_PATH          "path"

/* The socket of the shim of sandbox ID.  Caller frees. */
char *management_socket(const char *id);

/* S with every byte escaped that has a meaning in a URL.  Caller frees. */
char *management_escape(const char *s);

/* How what a shim says is given back: no terminal obeys either. */
enum management_form {
	MANAGEMENT_LINE, /* blanks for what begins new ones */
	MANAGEMENT_TEXT, /* lines and tabs stay */
};

/* One request to a shim. */
struct management_question {
	const char *method, *target;
	const char *body; /* NULL: none */
	const char *type; /* of the body; NULL: JSON */
	enum management_form form;
	uint64_t wait_ms;
};

/* What the shim said in TEXT, a whole answer, which is changed: a copy in *ret_answer if it did as
 * it was asked.  EREMOTEIO carries its own words, in one line. */
int management_parse(char *text, enum management_form form, char **ret_answer, struct error *e);

/* Asks the shim on SOCKET; *ret_answer is what it said.  ENOENT or ECONNREFUSED if nobody listens
 * there; else as management_parse(). */
int management_ask(const char *socket, const struct management_question *q, char **ret_answer,
		   struct error *e);
/* The same of the shim of sandbox ID, wherever one of this family has its socket.  ESRCH if it has
 * none. */
int management_ask_sandbox(const char *id, const struct management_question *q, char **ret_answer,
			   struct error *e);

/* Whether the shim of sandbox ID, by what lies below RUN, survives the question for metrics.
 * ENOTSUP if it is known to end, and its pod with it. */
int management_check_metrics(const char *run, const char *id, struct error *e);

#endif
