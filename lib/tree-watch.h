/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_TREE_WATCH_H
#define LIB_TREE_WATCH_H

#include "lib/loop.h"

/*
 * Be told that something below folders has changed: an entry made, removed or renamed, a file
 * written and closed, an owner or mode.  Names that begin with a dot count only where they are
 * named.  What changed is not said: whoever is told looks at all of it.
 */
struct tree_watch;

struct tree_place {
	const char *path;
	unsigned depth;          /* of folders below it that count as well */
	const char *const *only; /* names in PATH itself, ends with NULL; NULL: all */
	unsigned bits;           /* given to the handler */
};

/* PLACES are borrowed, 64 at most, their paths absolute; one that is not there is told when it
 * comes.  CHANGED gets the bits of all places with a change, once per round of the loop. */
int tree_watch_new(struct loop *loop, const struct tree_place *places, size_t n_places,
		   void (*changed)(void *arg, unsigned bits), void *arg,
		   struct tree_watch **ret_watch, struct error *e);
void tree_watch_free(struct tree_watch *w);

/* Finds the folders anew: what was mounted over one is seen. */
void tree_watch_renew(struct tree_watch *w);
/* The bits of what has changed and was not told yet; nor is it later. */
unsigned tree_watch_take(struct tree_watch *w);

#endif
