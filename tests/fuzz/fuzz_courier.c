/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_courier - what the child says that brings a file from a server, which may have taken it
 * over.
 *
 * Nobody is given more than was asked for, and all of a part if it is said to be there.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/courier.h"

#define INPUT_MAX 4096 /* what a pipe takes at once */
#define WANTED    8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count(void *arg, const void *bytes, size_t len, struct error *e)
{
	/* Every byte is there. */
	(void)memchr(bytes, '\n', len);
	*(size_t *)arg += len;
	return *(size_t *)arg == 3 ? fail(e, EIO, "the disk is full") : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t got = 0;
	struct fetch what = { .name = "file", .max = WANTED, .on_data = count, .arg = &got };
	struct error e;
	int fds[2], r;

	if (size == 0 || size > INPUT_MAX || pipe2(fds, O_CLOEXEC) < 0)
		return 0;
	what.len = data[0] & 1 ? FETCH_REST : WANTED;
	if (write(fds[1], data + 1, size - 1) != (ssize_t)size - 1)
		abort();
	(void)close(fds[1]);
	r = courier_hear(fds[0], &what, &e);
	if (got > WANTED || (r == 0 && what.len == WANTED && got != WANTED))
		abort();
	(void)close(fds[0]);
	return 0;
}
