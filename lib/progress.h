/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_PROGRESS_H
#define LIB_PROGRESS_H

#include "lib/base.h"

/* How far something has come, told on standard error: a bar that is drawn anew on a terminal, a
 * line now and then elsewhere.  One thread. */
struct progress {
	const char *what; /* "download"; borrowed */
	uint64_t total;   /* bytes */
	uint64_t done;
	uint64_t began, told; /* private: when, in ms */
	bool is_drawn;
};

void progress_begin(struct progress *p, const char *what, uint64_t total);
void progress_add(struct progress *p, uint64_t bytes);
/* Ends what is drawn, however far it came. */
void progress_end(struct progress *p);

/* "17.3 MiB".  Caller frees. */
char *progress_size(uint64_t bytes);
/* The bar as it is NOW_MS, in WIDTH columns.  Caller frees. */
char *progress_line(const struct progress *p, uint64_t now_ms, unsigned width);

#endif
