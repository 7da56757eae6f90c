/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output - what a VM's processes and its console say, line by line into the log.
 *
 * All of it may be the guest's choice: a console is, and a helper complains about what its guest
 * sends.  So lines are cut at LINE_SIZE, shown without control characters, and only LINES_MAX of
 * them per source in PERIOD_MS; the others are read, counted and dropped.  The console is shown
 * with the configuration's enable_debug, and read in any case.  Io thread.
 */

#include "runtime/vmm/output.h"

#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "lib/wait.h"
#include "runtime/vmm/driver.h"

#define LINE_SIZE  256
#define LINES_MAX  1000
#define PERIOD_MS  UINT64_C(10000)
#define CHUNK_SIZE 4096

struct source {
	struct io io;
	struct vmm_output *out;
	const char *name; /* NULL: read only */
	bool is_added;
	uint64_t period_end_ms;
	unsigned n_lines; /* in this period, those that are dropped as well */
	size_t used;
	char line[LINE_SIZE];
};

#define N_SOURCES (N_VMM_PROCESS + 1)

struct vmm_output {
	struct loop *loop;
	struct source sources[N_SOURCES];
};

static void begin_period(struct source *s, uint64_t now)
{
	if (s->n_lines > LINES_MAX)
		log_info("%s: %u lines were not shown", s->name, s->n_lines - LINES_MAX);
	s->n_lines = 0;
	s->period_end_ms = now + PERIOD_MS;
}

static void end_line(struct source *s)
{
	uint64_t now = now_ms();

	s->line[s->used] = '\0';
	s->used = 0;
	if (!*s->line || !s->name)
		return;
	if (now >= s->period_end_ms)
		begin_period(s, now);
	s->n_lines++;
	if (s->n_lines <= LINES_MAX)
		log_info("%s: %s", s->name, s->line);
	else if (s->n_lines == LINES_MAX + 1)
		log_info("%s says too much; some lines are not shown", s->name);
}

static void take(struct source *s, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool is_end = bytes[i] == '\n';

		if (is_end || s->used == LINE_SIZE - 1)
			end_line(s);
		if (!is_end && bytes[i] >= ' ' && bytes[i] <= '~')
			s->line[s->used++] = bytes[i];
	}
}

/* One read per turn, so that a guest that talks without pause does not hold up the others. */
static void readable(struct io *io, uint32_t events)
{
	struct source *s = CONTAINER_OF(io, struct source, io);
	char chunk[CHUNK_SIZE];
	ssize_t n = read(io->fd, chunk, sizeof(chunk));

	(void)events;
	if (n > 0) {
		take(s, chunk, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		end_line(s);
		loop_del(s->out->loop, io);
		s->is_added = false;
	}
}

static int add(struct vmm_output *out, size_t i, int fd, const char *name, struct error *e)
{
	struct source *s = &out->sources[i];
	int r;

	*s = (struct source){ .io = { fd, readable }, .out = out, .name = name };
	if (fd < 0)
		return 0;
	r = loop_add(out->loop, &s->io, EPOLLIN, e);
	s->is_added = r >= 0;
	return r;
}

struct vmm_output *vmm_output_new(const struct vmm *vmm, struct loop *loop, struct error *e)
{
	struct vmm_output *out = xcalloc(1, sizeof(*out));
	const char *console = vmm->config->hypervisor.enable_debug ? "guest" : NULL;
	int r;

	out->loop = loop;
	r = add(out, N_VMM_PROCESS, vmm_console_fd(vmm), console, e);
	for (enum vmm_process i = 0; i < N_VMM_PROCESS && r >= 0; i++)
		r = add(out, i, vmm_output_fd(vmm, i), vmm->processes[i].name, e);
	if (r >= 0)
		return out;
	vmm_output_free(out);
	return NULL;
}

void vmm_output_free(struct vmm_output *out)
{
	if (!out)
		return;
	for (size_t i = 0; i < N_SOURCES; i++)
		if (out->sources[i].is_added)
			loop_del(out->loop, &out->sources[i].io);
	free(out);
}
