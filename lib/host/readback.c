/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readback - read a file back beside who writes it.
 *
 * To write a file and to digest what it gives back take the same time, and one does not need the
 * other: so a thread reads behind the writer, as far as it was told that bytes are there.  It lives
 * from readback_begin() to readback_end() or readback_free(), which both wait for it, touches
 * nothing but what is here, and shares with its maker two numbers under one lock.
 */
#include "lib/host/readback.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/host/digest.h"

#define BLOCK_SIZE (256 * KIB)

struct readback {
	int fd;
	const char *name;
	pthread_t thread;
	bool is_running; /* the maker's */
	/* ---- under the lock ---- */
	pthread_mutex_t lock;
	pthread_cond_t more;
	uint64_t written;
	bool is_over;
	/* ---- the thread's, until it has ended ---- */
	struct digest digest;
	struct error failure; /* code 0: there is none */
	char bytes[BLOCK_SIZE];
};

/* How many bytes there are once it is more than AT, or AT at the end. */
static uint64_t wait_for_more(struct readback *r, uint64_t at)
{
	uint64_t written;

	(void)pthread_mutex_lock(&r->lock);
	while (r->written == at && !r->is_over)
		(void)pthread_cond_wait(&r->more, &r->lock);
	written = r->written;
	(void)pthread_mutex_unlock(&r->lock);
	return written;
}

/* Adds what the file has from AT to END, and returns how far it came. */
static uint64_t read_to(struct readback *r, uint64_t at, uint64_t end)
{
	while (at < end) {
		size_t len = (size_t)min_u64(sizeof(r->bytes), end - at);
		ssize_t n = pread(r->fd, r->bytes, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			(void)fail(&r->failure, n < 0 ? errno : EIO, "cannot read '%s' back: %m",
				   r->name);
			break;
		}
		digest_add(&r->digest, r->bytes, (size_t)n);
		at += (uint64_t)n;
	}
	return at;
}

static void *run(void *arg)
{
	struct readback *r = arg;
	uint64_t at = 0, end;

	while (r->failure.code == 0 && (end = wait_for_more(r, at)) > at)
		at = read_to(r, at, end);
	return NULL;
}

/* Tells the thread that no more comes, and waits for it. */
static void stop(struct readback *r)
{
	if (!r->is_running)
		return;
	(void)pthread_mutex_lock(&r->lock);
	r->is_over = true;
	(void)pthread_cond_signal(&r->more);
	(void)pthread_mutex_unlock(&r->lock);
	(void)pthread_join(r->thread, NULL);
	r->is_running = false;
}

int readback_begin(int fd, const char *name, struct readback **ret_readback, struct error *e)
{
	struct readback *r = xcalloc(1, sizeof(*r));
	int code;

	r->fd = fd;
	r->name = name;
	(void)pthread_mutex_init(&r->lock, NULL);
	(void)pthread_cond_init(&r->more, NULL);
	digest_begin(&r->digest);
	code = pthread_create(&r->thread, NULL, run, r);
	r->is_running = code == 0;
	if (code != 0) {
		readback_free(r);
		return fail(e, code, "cannot make a thread: %m");
	}
	*ret_readback = r;
	return 0;
}

void readback_add(struct readback *r, size_t len)
{
	(void)pthread_mutex_lock(&r->lock);
	r->written += len;
	(void)pthread_cond_signal(&r->more);
	(void)pthread_mutex_unlock(&r->lock);
}

int readback_end(struct readback *r, char ret_hex[SHA256_HEX + 1], struct error *e)
{
	stop(r);
	if (r->failure.code != 0) {
		*e = r->failure;
		return -e->code;
	}
	digest_end(&r->digest, ret_hex);
	return 0;
}

void readback_free(struct readback *r)
{
	if (!r)
		return;
	stop(r);
	digest_done(&r->digest);
	(void)pthread_cond_destroy(&r->more);
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}
