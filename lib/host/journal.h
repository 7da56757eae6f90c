/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_JOURNAL_H
#define LIB_HOST_JOURNAL_H

#include "lib/json.h"
#include "lib/owner.h"
#include "lib/wait.h"

/*
 * What is being done to this machine, written before it is done: ROOT/journal.
 *
 * The file exists only while something is under way or was interrupted.  Opening takes the
 * machine's lock (lock.h) and ROOT's, so two installers never work at once; EEXIST if ROOT is
 * another program's (holder.h).
 */
struct journal;

struct journal_entry {
	char *step;
	struct json_object *data; /* what the step said it needs for its undo */
	bool is_done;
};

#define JOURNAL_ASIDE "journal.broken"

/* Member of a step's data: which program wrote it, and so can undo it. */
#define JOURNAL_WRITER "by"

/* The program that wrote the journal in ROOT last, whatever else can be read of it: a newer version
 * may write it in another way.  ENOENT if it says none.  Caller frees. */
int journal_writer(const char *root, char **ret_program, struct error *e);

/* Makes ROOT if needed, waits for OWNER's locks and reads what an interrupted run left.
 * EPROTONOSUPPORT if that cannot be read: it was damaged, or written by a version that writes it in
 * another way. */
int journal_open(const struct owner *owner, const char *root, uint64_t deadline_ms,
		 const struct cancel *cancel, struct journal **ret_journal, struct error *e);
/* The same, but nothing of what an interrupted run left is read: it is moved to ROOT/journal.broken
 * for whoever wants to see it. */
int journal_open_afresh(const struct owner *owner, const char *root, uint64_t deadline_ms,
			const struct cancel *cancel, struct journal **ret_journal, struct error *e);
/* Releases the lock; the file stays as it is. */
void journal_close(struct journal *j);
DEFINE_CLEANUP(journal_closep, struct journal *, journal_close)

/* Durable when it returns: STEP is about to change the machine and can be undone with DATA. */
int journal_begin(struct journal *j, const char *step, struct json_object *data, struct error *e);
/* The step begun last is complete. */
int journal_done(struct journal *j, struct error *e);
/* Forgets the entry written last: it has been undone. */
int journal_pop(struct journal *j, struct error *e);
/* Everything is consistent: removes the file.  Nothing written means nothing to do. */
int journal_finish(struct journal *j, struct error *e);

size_t journal_len(const struct journal *j);
const struct journal_entry *journal_at(const struct journal *j, size_t i);

#endif
