/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_IT_ENGINE_PROGRAM_H
#define TESTS_IT_ENGINE_PROGRAM_H

/* Runs a program here, for what stands in for an installer's way to the node. */

#include <sys/mman.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/host/task.h"
#include "lib/proc.h"

static inline char *program_text(int fd)
{
	char *text = NULL;
	struct error e;

	(void)lseek(fd, 0, SEEK_SET);
	return file_read_fd(fd, "output", TASK_OUTPUT_MAX, &text, NULL, &e) < 0 ? xstrdup("")
										: text;
}

/* ARGV[0] is an absolute path. */
static inline int program_run(char *const *argv, uint64_t deadline_ms, const struct cancel *cancel,
			      struct task_result *ret_result, struct error *e)
{
	_close_ int out = memfd_create("out", MFD_CLOEXEC);
	_close_ int err = memfd_create("err", MFD_CLOEXEC);
	const struct proc_fd fds[] = { { out, 1 }, { err, 2 } };
	const struct proc_spec spec = {
		.argv = argv,
		.env = environ,
		.fds = fds,
		.n_fds = ARRAY_SIZE(fds),
	};
	struct proc p = { 0 };
	int status = 0;
	int r = proc_start(&spec, &p, e);

	if (r >= 0)
		r = proc_wait(&p, deadline_ms, cancel, &status, e);
	proc_done(&p);
	if (r < 0)
		return r;
	*ret_result =
		(struct task_result){ (unsigned)status, program_text(out), program_text(err) };
	return 0;
}

#endif
