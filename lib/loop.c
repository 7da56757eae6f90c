/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop - the io thread: epoll, one callback per ready descriptor, never a wait elsewhere.
 *
 * Every source of events on Linux is a descriptor (timerfd, signalfd, pidfd, eventfd, inotify,
 * netlink, vsock), so descriptors are the one concept.  loop_del() takes effect at once: a source
 * removed by an earlier callback of the same round is blanked in the round's list, hence its owner
 * may free it on the spot.  Other threads reach the loop only through loop_post().
 */

#include "lib/loop.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#define ROUND 64

struct loop {
	int epoll_fd;
	bool stopped;
	int status;
	struct epoll_event round[ROUND];
	int n_round;
	struct io wake;       /* readable while tasks wait */
	pthread_mutex_t lock; /* guards the two below */
	struct loop_task *first;
	struct loop_task **last;
};

/* Tasks posted by these tasks run in the next round: descriptors get their turn in between. */
static void run_tasks(struct io *io, uint32_t events)
{
	struct loop *loop = CONTAINER_OF(io, struct loop, wake);
	struct loop_task *task, *next;
	uint64_t count;

	(void)events;
	(void)!read(io->fd, &count, sizeof(count));
	(void)pthread_mutex_lock(&loop->lock);
	task = loop->first;
	loop->first = NULL;
	loop->last = &loop->first;
	(void)pthread_mutex_unlock(&loop->lock);
	for (; task; task = next) {
		next = task->next;
		task->run(task);
	}
}

struct loop *loop_new(struct error *e)
{
	_cleanup_(loop_freep) struct loop *loop = xcalloc(1, sizeof(*loop));

	loop->last = &loop->first;
	loop->wake = (struct io){ .fd = -1, .ready = run_tasks };
	(void)pthread_mutex_init(&loop->lock, NULL);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		(void)fail(e, errno, "cannot make an epoll descriptor: %m");
		return NULL;
	}
	loop->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake.fd < 0) {
		(void)fail(e, errno, "cannot make an eventfd: %m");
		return NULL;
	}
	if (loop_add(loop, &loop->wake, EPOLLIN, e) < 0)
		return NULL;
	return TAKE_PTR(loop);
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	(void)close_fd(loop->wake.fd);
	(void)close_fd(loop->epoll_fd);
	(void)pthread_mutex_destroy(&loop->lock);
	free(loop);
}

int loop_run(struct loop *loop)
{
	struct io *io;
	int n;

	while (!loop->stopped) {
		n = epoll_wait(loop->epoll_fd, loop->round, ROUND, -1);
		loop->n_round = n > 0 ? n : 0;
		for (int i = 0; i < loop->n_round && !loop->stopped; i++) {
			io = loop->round[i].data.ptr;
			if (io)
				io->ready(io, loop->round[i].events);
		}
		loop->n_round = 0;
	}
	loop->stopped = false;
	return loop->status;
}

void loop_stop(struct loop *loop, int status)
{
	loop->stopped = true;
	loop->status = status;
}

int loop_add(struct loop *loop, struct io *io, uint32_t events, struct error *e)
{
	struct epoll_event event = { .events = events, .data.ptr = io };

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, io->fd, &event) < 0)
		return fail(e, errno, "cannot watch descriptor %d: %m", io->fd);
	return 0;
}

void loop_mod(struct loop *loop, struct io *io, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = io };

	(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, io->fd, &event);
}

void loop_del(struct loop *loop, struct io *io)
{
	if (io->fd < 0)
		return;
	(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
	for (int i = 0; i < loop->n_round; i++)
		if (loop->round[i].data.ptr == io)
			loop->round[i].data.ptr = NULL;
}

void loop_post(struct loop *loop, struct loop_task *task)
{
	uint64_t one = 1;

	task->next = NULL;
	(void)pthread_mutex_lock(&loop->lock);
	*loop->last = task;
	loop->last = &task->next;
	(void)pthread_mutex_unlock(&loop->lock);
	(void)!write(loop->wake.fd, &one, sizeof(one));
}

int timer_open(struct error *e)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	return fd < 0 ? fail(e, errno, "cannot make a timer: %m") : fd;
}

static struct timespec timespec_of(uint64_t ms)
{
	return (struct timespec){ .tv_sec = (time_t)(ms / 1000),
				  .tv_nsec = (long)(ms % 1000) * 1000000 };
}

void timer_arm(int fd, uint64_t first_ms, uint64_t every_ms)
{
	struct itimerspec spec = { .it_value = timespec_of(first_ms),
				   .it_interval = timespec_of(every_ms) };

	(void)timerfd_settime(fd, 0, &spec, NULL);
}

void timer_read(int fd)
{
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
}

int signal_open(const sigset_t *set, struct error *e)
{
	int fd, r;

	r = pthread_sigmask(SIG_BLOCK, set, NULL);
	if (r)
		return fail(e, r, "cannot block signals: %m");
	fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? fail(e, errno, "cannot make a signal descriptor: %m") : fd;
}

int signal_read(int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return -EAGAIN;
	return (int)info.ssi_signo;
}

int child_open(pid_t pid, struct error *e)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? fail(e, errno, "cannot open a pidfd of %d: %m", (int)pid) : fd;
}
