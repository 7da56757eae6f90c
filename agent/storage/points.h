/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_STORAGE_POINTS_H
#define AGENT_STORAGE_POINTS_H

#include "lib/error.h"

struct points;

/*
 * The mount points of the sandbox, each with a count of its users: one that is used twice is filled
 * once, and what is there goes with the last user.  One lock inside; different points are filled
 * and emptied beside each other.  Any work thread.
 */
struct point {
	struct point *next;
	char *path;
	unsigned uses;
	bool in_work;
	bool made_dir; /* set by the filler: the directory goes with the point */
	int mount_fd;  /* set by the filler: root of the mount that goes with the point; -1: none */
};

/* Brings about what is to be at P->path.  What it leaves after a failure nobody undoes. */
typedef int point_filler(struct point *p, void *arg, struct error *e);

struct points *points_new(void);
/* Unmounts everything that is left. */
void points_free(struct points *ps);

/* Adds a use of PATH.  Where it is the first, FILL is run and USES are counted; others wait for
 * that.  Returns 1 if it had users already. */
int points_take(struct points *ps, const char *path, unsigned uses, point_filler *fill, void *arg,
		uint64_t deadline_ms, struct error *e);

/* Gives up one use; the last one unmounts and removes what was made.  ENOENT: there is none. */
int points_release(struct points *ps, const char *path, struct error *e);

/* A descriptor of what is mounted on PATH, to be closed by the caller, or -1. */
int points_mount(struct points *ps, const char *path);

/* Whether anybody uses PATH. */
bool points_has(struct points *ps, const char *path);
/* Whether anybody uses PATH, which is below DIR, or something below DIR that it lies in. */
bool points_cover(struct points *ps, const char *dir, const char *path);

/* The points that have lost their last user since the last call.  Caller frees. */
char **points_take_gone(struct points *ps);
/* What is to be in the list again. */
void points_add_gone(struct points *ps, const char *path);

#endif
