/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_WORK_H
#define LIB_WORK_H

#include "lib/loop.h"

/*
 * Work that may block, on threads of its own.
 *
 * A pool owns the threads; a queue is one object's line of jobs: they run one after another, in
 * order, while jobs of other queues run beside them.  A job runs on a work thread, then its done()
 * on the io thread.  Threads come when needed and go after being idle, so a pool at rest has none.
 */
struct work_pool;
struct work_queue;

struct job {
	void (*run)(struct job *job);  /* work thread; may block, with deadlines */
	void (*done)(struct job *job); /* io thread; may free the job */
	struct job *next;              /* the pool's own, as all below */
	struct work_queue *queue;
	struct loop_task task;
};

/* At most MAX_THREADS jobs at once, but for urgent ones, each thread with STACK_SIZE bytes of
 * stack. */
struct work_pool *work_pool_new(struct loop *loop, unsigned max_threads, size_t stack_size);
/* Waits for the jobs under way; those not begun are dropped without done().  After loop_run().
 * Queues may still be freed afterwards, until the pool itself is. */
void work_pool_stop(struct work_pool *pool);
/* Stops it first. */
void work_pool_free(struct work_pool *pool);
DEFINE_CLEANUP(work_pool_freep, struct work_pool *, work_pool_free)

struct work_queue *work_queue_new(struct work_pool *pool);
/* Frees the queue once its last job is done.  No job may be submitted afterwards. */
void work_queue_free(struct work_queue *queue);
DEFINE_CLEANUP(work_queue_freep, struct work_queue *, work_queue_free)

/* All from the io thread.  The second runs JOB beside everything else, the third even if no thread
 * is left for it: then there is one more. */
void work_submit(struct work_queue *queue, struct job *job);
void work_submit_alone(struct work_pool *pool, struct job *job);
void work_submit_urgent(struct work_pool *pool, struct job *job);

#endif
