/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer - have another version finish what it began.
 *
 * An older version may meet the journal of a newer one, with steps that it does not know.  Each
 * version has its installer beside its shim, and a journal names the one that wrote it: that is run
 * with the action "recover", with this pod's settings and rights, and takes the lock itself.  Only
 * a program of root's below ROOT/versions is believed.  That action asks no other version in turn,
 * so this ends.  One thread; may block for minutes.
 */
#include "lib/host/writer.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/host/journal.h"
#include "lib/log.h"
#include "lib/proc.h"

#define RECOVER_MS (10 * 60 * UINT64_C(1000))
#define STOP_MS    (60 * UINT64_C(1000))

/* The real path, so that no link leads elsewhere. */
static int must_be_a_versions(const char *root, const char *program, char **ret_path,
			      struct error *e)
{
	_free_ char *folder = path_join(root, "versions");
	_free_ char *versions = realpath(folder, NULL);
	_free_ char *path = realpath(program, NULL);
	struct stat st;

	if (!path || !versions || stat(path, &st) < 0)
		return fail(e, ENOENT, "'%s', which wrote the journal, is not there: %m", program);
	if (!path_is_within(path, versions) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 022))
		return fail(e, ENOENT,
			    "'%s', which wrote the journal, is no program of a version in '%s'",
			    program, folder);
	*ret_path = TAKE_PTR(path);
	return 0;
}

static int run(const char *program, const struct cancel *cancel, struct error *e)
{
	_strv_ strv argv = NULL;
	const struct proc_fd fds[] = { { 1, 1 }, { 2, 2 } };
	struct proc_spec spec = { .env = environ, .fds = fds, .n_fds = ARRAY_SIZE(fds) };
	struct proc proc = { .pidfd = -1 };
	int status = 1;
	int r;

	strv_add(&argv, program);
	strv_add(&argv, "recover");
	spec.argv = argv;
	if (proc_start(&spec, &proc, e) < 0)
		return -e->code;
	r = proc_wait(&proc, deadline_in(RECOVER_MS), cancel, &status, e);
	if (r < 0)
		(void)proc_stop(&proc, STOP_MS);
	proc_done(&proc);
	if (r >= 0 && status != 0)
		return fail(e, EIO, "'%s recover' ended with status %d", program, status);
	return r;
}

int writer_finish(const char *root, const struct cancel *cancel, struct error *e)
{
	_free_ char *program = NULL;
	_free_ char *path = NULL;

	if (journal_writer(root, &program, e) < 0 ||
	    must_be_a_versions(root, program, &path, e) < 0)
		return -e->code;
	log_info("the journal is taken back by the version that wrote it: '%s'", path);
	return run(path, cancel, e);
}
