/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONTAINER_STREAM_H
#define AGENT_CONTAINER_STREAM_H

#include "agent/container/parked.h"
#include "lib/buf.h"
#include "lib/loop.h"

/* What a terminal prints is read ahead: it holds 4 KiB, less than what is said on one journey. */
enum stream_kind { STREAM_STDIN, STREAM_STDOUT, STREAM_STDERR, STREAM_TERMINAL };

/* One end of a pipe or terminal of a process.  Embedded in its owner.  Io thread. */
struct stream {
	struct io io;
	struct loop *loop;
	enum stream_kind kind;
	struct parked *calls;
	struct buf ahead; /* of a terminal: read before it was asked for */
	bool has_no_more; /* of a terminal, behind that */
	bool is_watched;
	bool is_ending; /* ends as soon as nothing more is there, or all is written */
};

#define STREAM_READ_MAX  (256 * KIB) /* bytes of one answer */
#define STREAM_WRITE_MAX (4 * MIB)   /* bytes of one call */

/* Takes the non-blocking OWN_FD; -1 makes a stream that has ended. */
void stream_init(struct stream *s, struct loop *loop, int own_fd, enum stream_kind kind);
/* Closes it and forgets the calls without an answer. */
void stream_done(struct stream *s);

/* Handlers of ReadStdout, ReadStderr and WriteStdin: answer now or when there is something to read
 * or room to write. */
int stream_read(struct stream *s, struct rpc_request *req, size_t max, void *out, struct error *e);
int stream_write(struct stream *s, struct rpc_request *req, const void *data, size_t len, void *out,
		 struct error *e);

/* Nothing more is expected: for reading, what is there is still delivered; for writing, what waits
 * is still written, then the descriptor is closed. */
void stream_end(struct stream *s);
/* Whether the reader has got everything. */
bool stream_has_ended(const struct stream *s);
/* Answers the waiting calls with an error. */
void stream_cancel(struct stream *s, int code, const char *why);

#endif
