/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console - pass the guest's console on to the log, for whoever debugs a guest.
 *
 * Only when the configuration asks for it (hypervisor enable_debug); otherwise nobody reads and the
 * VMM drops what it cannot write.  The guest chooses the bytes: control characters are replaced,
 * lines are cut, and at most a buffer is read at a time, so a guest that floods its console fills
 * the log's fifo and no memory.  Io thread.
 */

#include <string.h>

#include "lib/buf.h"
#include "lib/log.h"
#include "runtime/shim/shim.h"

#define LINE_LEN 1024

struct console {
	struct io io;
	struct loop *loop;
	struct buf line;
};

static void log_line(struct buf *line)
{
	for (size_t i = 0; i < line->len; i++)
		if (line->data[i] < ' ' || line->data[i] >= 0x7f)
			line->data[i] = ' ';
	if (line->len > 0)
		log_info("guest: %.*s", (int)line->len, (const char *)line->data);
	buf_consume(line, line->len);
}

static void take(struct console *c, const char *bytes, size_t len)
{
	struct error e;

	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\n')
			(void)buf_add(&c->line, bytes + i, 1, &e);
		if (bytes[i] == '\n' || c->line.len == LINE_LEN)
			log_line(&c->line);
	}
}

static void console_ready(struct io *io, uint32_t flags)
{
	struct console *c = CONTAINER_OF(io, struct console, io);
	char bytes[LINE_LEN];
	ssize_t n = read(io->fd, bytes, sizeof(bytes));

	(void)flags;
	if (n > 0) {
		take(c, bytes, (size_t)n);
	} else if (n == 0 || errno != EAGAIN) {
		loop_del(c->loop, io);
		io->fd = -1;
	}
}

struct console *console_new(struct shim *shim)
{
	struct console *c;
	struct error e;

	if (!sandbox_config(shim->sandbox)->hypervisor.enable_debug)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->loop = shim->loop;
	c->io = (struct io){ vmm_console_fd(sandbox_vmm(shim->sandbox)), console_ready };
	buf_init(&c->line, LINE_LEN);
	if (c->io.fd >= 0 && loop_add(c->loop, &c->io, EPOLLIN, &e) < 0) {
		log_warn("the guest's console is not read: %s", e.msg);
		c->io.fd = -1;
	}
	return c;
}

void console_free(struct console *c)
{
	if (!c)
		return;
	if (c->io.fd >= 0)
		loop_del(c->loop, &c->io);
	buf_done(&c->line);
	free(c);
}
