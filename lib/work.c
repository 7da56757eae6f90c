/* SPDX-License-Identifier: Apache-2.0 */
/*
 * work - threads for code that may block, in lines that keep order.
 *
 * One mutex guards everything; it is held for list operations only.  A queue with jobs is either in
 * the pool's list of ready queues or has its first job on a thread ("busy"), never both: that is
 * what keeps its jobs in order without holding a thread for a queue that waits.  A thread that
 * found nothing for IDLE_MS ends, so that a daemon at rest pays for no stack.  A job that is urgent
 * goes first and gets one thread more than there may be if all are taken; it ends with that.
 * Submission from the io thread; run() on a work thread, done() on the io thread.
 */

#include "lib/work.h"

#include <pthread.h>
#include <time.h>

#include "lib/wait.h"

#define IDLE_MS 2000

struct work_queue {
	struct work_pool *pool;
	struct job *first;
	struct job **last;
	struct work_queue *next_ready;
	bool busy;   /* its first job is on a thread */
	bool closed; /* to be freed when empty */
	bool is_urgent;
};

struct work_pool {
	struct loop *loop;
	unsigned max_threads;
	size_t stack_size;
	pthread_mutex_t lock;
	pthread_cond_t work;    /* a queue became ready, or stopping */
	pthread_cond_t changed; /* a thread ended */
	struct work_queue *first_ready;
	struct work_queue **last_ready;
	unsigned n_ready;
	unsigned n_threads;
	unsigned n_idle; /* in wait_for_work(), woken or not */
	bool stopping;
};

/* What is urgent goes first. */
static void make_first_ready(struct work_pool *pool, struct work_queue *queue)
{
	queue->next_ready = pool->first_ready;
	if (!pool->first_ready)
		pool->last_ready = &queue->next_ready;
	pool->first_ready = queue;
	pool->n_ready++;
}

static void make_ready(struct work_pool *pool, struct work_queue *queue)
{
	queue->next_ready = NULL;
	*pool->last_ready = queue;
	pool->last_ready = &queue->next_ready;
	pool->n_ready++;
}

static struct work_queue *take_ready(struct work_pool *pool)
{
	struct work_queue *queue = pool->first_ready;

	pool->first_ready = queue->next_ready;
	if (!pool->first_ready)
		pool->last_ready = &pool->first_ready;
	pool->n_ready--;
	return queue;
}

static struct job *take_job(struct work_queue *queue)
{
	struct job *job = queue->first;

	queue->first = job->next;
	if (!queue->first)
		queue->last = &queue->first;
	return job;
}

static void run_done(struct loop_task *task)
{
	struct job *job = CONTAINER_OF(task, struct job, task);

	job->done(job);
}

/* Called and returns with the lock held. */
static void run_first_job(struct work_pool *pool, struct work_queue *queue)
{
	struct job *job = take_job(queue);

	queue->busy = true;
	(void)pthread_mutex_unlock(&pool->lock);
	job->run(job);
	job->task.run = run_done;
	loop_post(pool->loop, &job->task);
	(void)pthread_mutex_lock(&pool->lock);
	queue->busy = false;
	if (queue->first)
		make_ready(pool, queue);
	else if (queue->closed)
		free(queue);
}

/* Whether the thread that asks is one more than there may be, and nothing urgent is left. */
static bool is_too_many(const struct work_pool *pool)
{
	return pool->n_threads > pool->max_threads &&
	       !(pool->first_ready && pool->first_ready->is_urgent);
}

/* False when nothing came for IDLE_MS or the pool stops.  Called and returns with the lock held. */
static bool wait_for_work(struct work_pool *pool)
{
	struct timespec until;

	if (is_too_many(pool))
		return false;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_MS / 1000;
	pool->n_idle++;
	while (!pool->first_ready && !pool->stopping)
		if (pthread_cond_timedwait(&pool->work, &pool->lock, &until) == ETIMEDOUT)
			break;
	pool->n_idle--;
	return pool->first_ready && !pool->stopping;
}

static void *work_thread(void *arg)
{
	struct work_pool *pool = arg;

	(void)pthread_mutex_lock(&pool->lock);
	while (wait_for_work(pool))
		run_first_job(pool, take_ready(pool));
	pool->n_threads--;
	(void)pthread_cond_broadcast(&pool->changed);
	(void)pthread_mutex_unlock(&pool->lock);
	return NULL;
}

struct work_pool *work_pool_new(struct loop *loop, unsigned max_threads, size_t stack_size)
{
	struct work_pool *pool = xcalloc(1, sizeof(*pool));
	pthread_condattr_t clock;

	pool->loop = loop;
	pool->max_threads = max_threads;
	pool->stack_size = stack_size;
	pool->last_ready = &pool->first_ready;
	(void)pthread_mutex_init(&pool->lock, NULL);
	(void)pthread_condattr_init(&clock);
	(void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&pool->work, &clock);
	(void)pthread_cond_init(&pool->changed, &clock);
	(void)pthread_condattr_destroy(&clock);
	return pool;
}

static void drop_ready(struct work_pool *pool)
{
	while (pool->first_ready) {
		struct work_queue *queue = take_ready(pool);

		queue->first = NULL;
		queue->last = &queue->first;
		if (queue->closed)
			free(queue);
	}
}

void work_pool_stop(struct work_pool *pool)
{
	(void)pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	(void)pthread_cond_broadcast(&pool->work);
	while (pool->n_threads)
		(void)pthread_cond_wait(&pool->changed, &pool->lock);
	drop_ready(pool);
	(void)pthread_mutex_unlock(&pool->lock);
}

void work_pool_free(struct work_pool *pool)
{
	if (!pool)
		return;
	work_pool_stop(pool);
	(void)pthread_cond_destroy(&pool->work);
	(void)pthread_cond_destroy(&pool->changed);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool);
}

struct work_queue *work_queue_new(struct work_pool *pool)
{
	struct work_queue *queue = xcalloc(1, sizeof(*queue));

	queue->pool = pool;
	queue->last = &queue->first;
	return queue;
}

void work_queue_free(struct work_queue *queue)
{
	struct work_pool *pool;
	bool unused;

	if (!queue)
		return;
	pool = queue->pool;
	(void)pthread_mutex_lock(&pool->lock);
	queue->closed = true;
	unused = !queue->busy && !queue->first;
	(void)pthread_mutex_unlock(&pool->lock);
	if (unused)
		free(queue);
}

/* If the system refuses the thread, those that exist will come to the job; the first one must not
 * be refused.  Called with the lock held. */
static void start_thread(struct work_pool *pool)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, old;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, pool->stack_size);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&thread, &attr, work_thread, pool) == 0)
		pool->n_threads++;
	else if (!pool->n_threads)
		abort();
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&attr);
}

/* An idle thread that was woken still counts as idle until it runs, hence the comparison. */
static void want_thread(struct work_pool *pool)
{
	if (pool->n_ready <= pool->n_idle)
		(void)pthread_cond_signal(&pool->work);
	else if (pool->n_threads < pool->max_threads)
		start_thread(pool);
}

void work_submit(struct work_queue *queue, struct job *job)
{
	struct work_pool *pool = queue->pool;
	bool was_empty;

	job->next = NULL;
	job->queue = queue;
	(void)pthread_mutex_lock(&pool->lock);
	was_empty = !queue->first && !queue->busy;
	*queue->last = job;
	queue->last = &job->next;
	if (was_empty) {
		make_ready(pool, queue);
		want_thread(pool);
	}
	(void)pthread_mutex_unlock(&pool->lock);
}

void work_submit_urgent(struct work_pool *pool, struct job *job)
{
	struct work_queue *queue = work_queue_new(pool);

	job->next = NULL;
	job->queue = queue;
	queue->first = job;
	queue->last = &job->next;
	queue->closed = queue->is_urgent = true;
	(void)pthread_mutex_lock(&pool->lock);
	make_first_ready(pool, queue);
	if (pool->n_ready <= pool->n_idle)
		(void)pthread_cond_signal(&pool->work);
	else
		start_thread(pool);
	(void)pthread_mutex_unlock(&pool->lock);
}

void work_submit_alone(struct work_pool *pool, struct job *job)
{
	struct work_queue *queue = work_queue_new(pool);

	work_submit(queue, job);
	work_queue_free(queue);
}
