/* SPDX-License-Identifier: Apache-2.0 */
/*
 * here - run programs on the machine that we are on.
 *
 * Nothing of our environment goes along.  What goes to standard error is kept apart: engines write
 * warnings there while they print what is parsed.  One thread; may block, with deadlines.
 */
#include "lib/host/here.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/host/envoy.h"
#include "lib/host/peer.h"
#include "lib/proc.h"

char *here_find(const char *name)
{
	static const char *const folders[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
					       "/usr/bin",        "/sbin",          "/bin" };

	if (name[0] == '/')
		return access(name, X_OK) == 0 ? xstrdup(name) : NULL;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		char *path = path_join(folders[i], name);

		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

static int tell_words(const char *socket, char *const *paths, struct task_result *ret_result)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct error e;
	int r = peer_words(socket, paths, out, &e);

	(void)fclose(out);
	*ret_result = (struct task_result){
		.status = r < 0 ? 126 : 0,
		.out = text,
		.err = xstrdup(r < 0 ? e.msg : ""),
	};
	return 0;
}

static char *find_program(const struct engine *engine, const char *word)
{
	char *program = NULL;
	struct error ignored;

	if (!str_starts(word, ENVOY_PEER))
		return here_find(word);
	if (peer_program(word + strlen(ENVOY_PEER), &program, &ignored) >= 0)
		return program;
	return here_find(engine->driver->program);
}

/* Runs WORDS, whose first is the path of a program. */
static int run_words(char *const *words, uint64_t deadline_ms, const struct cancel *cancel,
		     struct task_result *ret_result, struct error *e)
{
	_close_ int errors = memfd_create("errors", MFD_CLOEXEC);
	const struct proc_fd fd = { errors, STDERR_FILENO };
	const struct proc_spec spec = { .argv = words, .fds = &fd, .n_fds = 1 };
	_free_ char *output = NULL;
	_free_ char *said = NULL;
	int status;

	if (errors < 0)
		return fail(e, errno, "cannot make a file in memory: %m");
	if (proc_run(&spec, deadline_ms, cancel, TASK_OUTPUT_MAX, &status, &output, e) < 0)
		return -e->code;
	if (lseek(errors, 0, SEEK_SET) < 0 ||
	    file_read_fd(errors, "its errors", TASK_OUTPUT_MAX, &said, NULL, e) < 0)
		said = xstrdup("");
	*ret_result = (struct task_result){
		.status = (unsigned)status,
		.out = TAKE_PTR(output),
		.err = TAKE_PTR(said),
	};
	return 0;
}

int here_exec(const struct engine *engine, char *const *argv, uint64_t deadline_ms,
	      const struct cancel *cancel, struct task_result *ret_result, struct error *e)
{
	_strv_ strv words = strv_copy(argv);
	char *program;

	if (str_starts(argv[0], ENVOY_WORDS))
		return tell_words(argv[0] + strlen(ENVOY_WORDS), argv + 1, ret_result);
	program = find_program(engine, argv[0]);
	if (!program)
		return fail(e, ENOENT, "this machine has no program '%s'",
			    str_starts(argv[0], ENVOY_PEER) ? engine->driver->program : argv[0]);
	free(words[0]);
	words[0] = program;
	return run_words(words, deadline_ms, cancel, ret_result, e);
}
