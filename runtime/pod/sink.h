/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_SINK_H
#define RUNTIME_POD_SINK_H

#include "lib/loop.h"

/* sink - open what containerd names as a process's streams. */

#define STDIO_CHUNK (256 * KIB) /* of a stream moved by one call, and held for a reader */

/* Where the streams go, as containerd names it: "", a path, fifo://, file://, binary://. */
struct stdio_paths {
	const char *in;
	const char *out;
	const char *err;
	bool is_terminal; /* one stream for both outputs */
};

/* A logger process, started for a binary:// stream. */
struct sink;

struct sink_fds {
	int in;  /* -1: the process has no input */
	int out; /* never -1 */
	int err; /* -1 with a terminal */
	/* It is a fifo that nobody had opened to read. */
	bool out_has_no_reader;
	bool err_has_no_reader;
};

/* Opens all three, non-blocking; waits for nobody.  *RET_LOGGER is NULL unless one was started.
 * Work thread. */
int sink_open(const struct stdio_paths *paths, const char *container_id, const char *namespace_,
	      struct sink_fds *ret_fds, struct sink **ret_logger, struct error *e);

/* Takes the reading end of the output *FD away, whose place its writing end takes. */
int sink_only_write(int *fd, struct error *e);
/* Whether somebody else reads what is written to FD, an output of sink_only_write(). */
bool sink_has_reader(int fd);

/* Lets the logger end by itself, its pipes being closed, and reaps it.  NULL is allowed.  Io
 * thread of LOOP. */
void sink_free(struct sink *own_sink, struct loop *loop);

/* One piece of "binary:///path?key=value&flag", split and unescaped: argv of the logger. */
int sink_parse_binary(const char *uri, char ***ret_argv, struct error *e);

#endif
