/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal - survive a kill or a power cut in the middle of a change.
 *
 * Append-only text, one line per fact, synced line by line:
 *
 *   do STEP {"what":"undo needs"}      the change may have begun
 *   ok STEP                            it is complete
 *   undone STEP                        the last entry has been taken back
 *
 * A line counts once it ends with a newline; a torn last line means that its step did not begin.
 * The next run undoes what it finds, newest first, then starts afresh; a crash while undoing leaves
 * a shorter list for the run after.  What cannot be read is never guessed at: it blocks, until
 * somebody has it put aside.  Undo is therefore written to be repeatable.  The lock is
 * the machine's (lock.c).  One thread.
 */
#include "lib/host/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "lib/host/holder.h"
#include "lib/host/lock.h"

#define JOURNAL_MAX (16 * MIB)

struct journal {
	char *path;
	struct lock *lock;
	int fd; /* -1 until the first entry */
	struct journal_entry *entries;
	size_t n;
};

static void forget_last(struct journal *j)
{
	struct journal_entry *last = &j->entries[--j->n];

	free(last->step);
	json_putp(&last->data);
}

static void remember(struct journal *j, const char *step, struct json_object *own_data)
{
	j->entries = xrealloc(j->entries, j->n + 1, sizeof(*j->entries));
	j->entries[j->n++] = (struct journal_entry){ .step = xstrdup(step), .data = own_data };
}

static struct journal_entry *last_entry(struct journal *j, const char *step)
{
	struct journal_entry *last = j->n > 0 ? &j->entries[j->n - 1] : NULL;

	return last && strcmp(last->step, step) == 0 ? last : NULL;
}

static int parse_do(struct journal *j, char *rest, struct error *e)
{
	_json_ struct json_object *data = NULL;
	char *space = strchr(rest, ' ');

	if (!space)
		return fail(e, EBADMSG, "step '%.64s' without data", rest);
	*space = '\0';
	if (json_parse(space + 1, strlen(space + 1), rest, &data, e) < 0)
		return -e->code;
	if (!json_object_is_type(data, json_type_object))
		return fail(e, EBADMSG, "the data of step '%.64s' is no object", rest);
	remember(j, rest, TAKE_PTR(data));
	return 0;
}

static int parse_line(struct journal *j, char *line, struct error *e)
{
	struct journal_entry *last;

	if (str_starts(line, "do "))
		return parse_do(j, line + strlen("do "), e);
	if (str_starts(line, "ok ")) {
		last = last_entry(j, line + strlen("ok "));
		if (last) {
			last->is_done = true;
			return 0;
		}
	}
	if (str_starts(line, "undone ") && last_entry(j, line + strlen("undone "))) {
		forget_last(j);
		return 0;
	}
	return fail(e, EBADMSG, "unexpected line '%.64s'", line);
}

static int parse(struct journal *j, const char *text, size_t len, struct error *e)
{
	const char *end = text + len;
	unsigned number = 0;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		_free_ char *line = NULL;

		if (!newline)
			return 0;
		number++;
		line = xstrndup(text, (size_t)(newline - text));
		/* A power cut may leave zeros where a line was. */
		if (memchr(text, '\0', (size_t)(newline - text)))
			return fail(e, EBADMSG, "journal '%s', line %u: NUL byte", j->path, number);
		if (parse_line(j, line, e) < 0)
			return fail_wrap(e, "journal '%s', line %u", j->path, number);
		text = newline + 1;
	}
	return 0;
}

/* A torn last line is cut off, else the next entry would be glued to it. */
static int drop_torn_line(const char *path, const char *text, size_t len, struct error *e)
{
	const char *newline = len > 0 ? memrchr(text, '\n', len) : NULL;
	size_t whole = newline ? (size_t)(newline - text) + 1 : 0;

	if (whole == len)
		return 0;
	return truncate(path, (off_t)whole) < 0 ? fail(e, errno, "cannot cut '%s': %m", path) : 0;
}

/* Whatever its reason: no code of a write or of an undo says the same. */
static int unreadable(struct error *e)
{
	e->code = EPROTONOSUPPORT;
	return -e->code;
}

static int load(struct journal *j, struct error *e)
{
	_free_ char *text = NULL;
	size_t len;
	int r = file_read(j->path, JOURNAL_MAX, &text, &len, e);

	if (r == -ENOENT)
		return 0;
	if (r == -EFBIG)
		return unreadable(e);
	if (r < 0)
		return r;
	r = parse(j, text, len, e);
	if (r < 0)
		return unreadable(e);
	/* All was taken back, or nothing had begun. */
	return j->n == 0 ? journal_finish(j, e) : drop_torn_line(j->path, text, len, e);
}

/* Looked for as text, since that is all that versions need agree on. */
int journal_writer(const char *root, char **ret_program, struct error *e)
{
	static const char mark[] = "\"" JOURNAL_WRITER "\":\"";
	_free_ char *path = path_join(root, "journal");
	_free_ char *text = NULL;
	const char *last = NULL;
	int r = file_read(path, JOURNAL_MAX, &text, NULL, e);

	if (r < 0)
		return r;
	for (const char *at = text; (at = strstr(at, mark)) != NULL; at += strlen(mark))
		last = at + strlen(mark);
	if (!last || !strchr(last, '"'))
		return fail(e, ENOENT, "'%s' does not say who wrote it", path);
	*ret_program = xstrndup(last, strcspn(last, "\""));
	return 0;
}

/* Without a look at what is in it. */
static int open_locked(const struct owner *owner, const char *root, uint64_t deadline_ms,
		       const struct cancel *cancel, struct journal **ret_journal, struct error *e)
{
	_cleanup_(journal_closep) struct journal *j = xcalloc(1, sizeof(*j));
	_strv_ strv folders = NULL;

	j->path = path_join(root, "journal");
	j->fd = -1;
	strv_add_all(&folders, owner->locks);
	strv_add(&folders, root);
	if (lock_take(folders, deadline_ms, cancel, &j->lock, e) < 0 ||
	    holder_check(owner, root, e) < 0)
		return -e->code;
	*ret_journal = TAKE_PTR(j);
	return 0;
}

int journal_open(const struct owner *owner, const char *root, uint64_t deadline_ms,
		 const struct cancel *cancel, struct journal **ret_journal, struct error *e)
{
	_cleanup_(journal_closep) struct journal *j = NULL;

	if (open_locked(owner, root, deadline_ms, cancel, &j, e) < 0 || load(j, e) < 0)
		return -e->code;
	*ret_journal = TAKE_PTR(j);
	return 0;
}

int journal_open_afresh(const struct owner *owner, const char *root, uint64_t deadline_ms,
			const struct cancel *cancel, struct journal **ret_journal, struct error *e)
{
	_cleanup_(journal_closep) struct journal *j = NULL;
	_free_ char *aside = path_join(root, JOURNAL_ASIDE);

	if (open_locked(owner, root, deadline_ms, cancel, &j, e) < 0)
		return -e->code;
	if (rename(j->path, aside) < 0 && errno != ENOENT)
		return fail(e, errno, "cannot move '%s' aside: %m", j->path);
	if (file_sync_parent(j->path, e) < 0)
		return -e->code;
	*ret_journal = TAKE_PTR(j);
	return 0;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	while (j->n > 0)
		forget_last(j);
	free(j->entries);
	free(j->path);
	closep(&j->fd);
	lock_release(j->lock);
	free(j);
}

static int open_for_append(struct journal *j, struct error *e)
{
	if (j->fd >= 0)
		return 0;
	j->fd = open(j->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->fd < 0)
		return fail(e, errno, "cannot open '%s': %m", j->path);
	return file_sync_parent(j->path, e);
}

/* A line that could not be written whole is taken back, so the file never has a torn middle. */
static int append(struct journal *j, const char *line, struct error *e)
{
	off_t before;

	if (open_for_append(j, e) < 0)
		return -e->code;
	before = lseek(j->fd, 0, SEEK_END);
	if (write_all(j->fd, line, strlen(line), j->path, e) >= 0) {
		if (fdatasync(j->fd) == 0)
			return 0;
		(void)fail(e, errno, "cannot sync '%s': %m", j->path);
	}
	(void)!ftruncate(j->fd, before);
	return -e->code;
}

int journal_begin(struct journal *j, const char *step, struct json_object *data, struct error *e)
{
	_free_ char *line = xasprintf("do %s %s\n", step, json_text(data));
	int r = append(j, line, e);

	if (r < 0)
		return r;
	remember(j, step, json_object_get(data));
	return 0;
}

int journal_done(struct journal *j, struct error *e)
{
	struct journal_entry *last = &j->entries[j->n - 1];
	_free_ char *line = xasprintf("ok %s\n", last->step);
	int r = append(j, line, e);

	if (r >= 0)
		last->is_done = true;
	return r;
}

int journal_pop(struct journal *j, struct error *e)
{
	_free_ char *line = xasprintf("undone %s\n", j->entries[j->n - 1].step);
	int r = append(j, line, e);

	if (r >= 0)
		forget_last(j);
	return r;
}

int journal_finish(struct journal *j, struct error *e)
{
	j->fd = close_fd(j->fd);
	while (j->n > 0)
		forget_last(j);
	if (unlink(j->path) < 0)
		return errno == ENOENT ? 0 : fail(e, errno, "cannot remove '%s': %m", j->path);
	return file_sync_parent(j->path, e);
}

size_t journal_len(const struct journal *j)
{
	return j->n;
}

const struct journal_entry *journal_at(const struct journal *j, size_t i)
{
	return &j->entries[i];
}
