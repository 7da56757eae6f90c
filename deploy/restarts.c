/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restarts - end a loop of restarts that nothing else sees.
 *
 * A configuration that was taken up and did not serve is not tried again (attempt.c).  But an
 * engine can also fail to come back while that is undone, or its restart be reported as failed;
 * each run after it begins with the same undo, and with another restart, for as long as the node
 * lives.  So ROOT/.restarts has the time of each, written before it happens.  When there are
 * RESTARTS_MAX of the last hour, none is begun any more until the oldest is over an hour old: the
 * node has its old files then, and an engine that somebody has to look after.  A run that succeeds
 * removes the file, and so does the action reset.  A time of the future, by a clock that was set,
 * counts as none. What cannot be written down is done all the same.  One thread.
 */
#include "deploy/restarts.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "deploy/facts.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/timestamp.h"

#define HOUR_S   3600
#define FILE_MAX 4096

static char *record_path(const char *root)
{
	return path_join(root, ".restarts");
}

/* Those of the last hour, in the order they were.  Returns the number of times in RET_TIMES, which
 * holds the newest RESTARTS_MAX. */
static unsigned read_times(const char *path, int64_t now, int64_t ret_times[RESTARTS_MAX])
{
	_free_ char *text = NULL;
	_strv_ strv lines = NULL;
	struct error ignored;
	unsigned n = 0;

	if (file_read(path, FILE_MAX, &text, NULL, &ignored) < 0)
		return 0;
	lines = strv_split(text, "\n");
	for (size_t i = 0; i < strv_len(lines); i++) {
		int64_t time;

		if (!timestamp_parse(lines[i], &time) || time > now || time <= now - HOUR_S)
			continue;
		if (n == RESTARTS_MAX)
			memmove(ret_times, ret_times + 1, --n * sizeof(*ret_times));
		ret_times[n++] = time;
	}
	return n;
}

static void format(int64_t seconds, char ret_text[TIMESTAMP_SIZE])
{
	const struct timespec time = { .tv_sec = seconds };

	timestamp_format(&time, TIMESTAMP_SECONDS, ret_text);
}

int restarts_must_be_left(const struct facts *f, unsigned restarts, struct error *e)
{
	_free_ char *path = record_path(f->root);
	int64_t times[RESTARTS_MAX];
	unsigned n = read_times(path, time(NULL), times);
	char again[TIMESTAMP_SIZE];

	if (n + restarts <= RESTARTS_MAX)
		return 0;
	format(times[n + restarts - RESTARTS_MAX - 1] + HOUR_S, again);
	return fail(e, EBUSY,
		    "%s was restarted %u times within an hour for this installation and is not "
		    "restarted again before %s; see what its log says and mend that, then run "
		    "'kata-deploy reset' in this pod",
		    f->engine.driver->name, n, again);
}

void restarts_note(const struct facts *f)
{
	_free_ char *path = record_path(f->root);
	_free_ char *text = NULL;
	int64_t now = time(NULL), times[RESTARTS_MAX + 1];
	unsigned n = read_times(path, now, times);
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct error e;

	times[n++] = now;
	for (unsigned i = 0; i < n; i++) {
		char line[TIMESTAMP_SIZE];

		format(times[i], line);
		(void)fprintf(out, "%s\n", line);
	}
	(void)fclose(out);
	if (file_replace(path, text, size, 0600, &e) < 0)
		log_warn("%s", e.msg);
}

void restarts_forget(const char *root)
{
	_free_ char *path = record_path(root);

	(void)unlink(path);
	file_clear_rest(path);
}
