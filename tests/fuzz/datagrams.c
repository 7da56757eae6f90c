/* SPDX-License-Identifier: Apache-2.0 */
/*
 * datagrams - answers of a kernel from an input.
 */

#include "tests/fuzz/datagrams.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base.h"

struct datagrams datagrams_open(const uint8_t *data, size_t size)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		abort();
	while (size > 2) {
		size_t len = min_size((size_t)data[0] | (size_t)data[1] << 8, size - 2);

		(void)!send(ends[1], data + 2, len, 0);
		data += 2 + len;
		size -= 2 + len;
	}
	return (struct datagrams){ .fd = ends[0], .peer = ends[1] };
}

void datagrams_close(struct datagrams *d)
{
	(void)close(d->fd);
	(void)close(d->peer);
}
