/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_SCRIPTED_AGENT_H
#define TESTS_UNIT_SCRIPTED_AGENT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The agent of a guest that is not there: it answers each method as an agent would that does its
 * work at once, unless a script says otherwise.  One for the whole program; any thread.
 *
 * Its processes run until they get a deadly signal or agent_exit() ends them; what waits for one
 * (WaitProcess, ReadStdout, ReadStderr) is answered then, and all of it when the container goes.
 */

enum agent_action {
	AGENT_ANSWERS,
	AGENT_FAILS,  /* with INTERNAL and "scripted" */
	AGENT_HANGS,  /* never answers this call */
	AGENT_CLOSES, /* ends the connection instead */
};

/* Forgets processes, counts and scripts. */
void agent_reset(void);
/* The next call of METHOD does ACTION; then it answers again. */
void agent_next(const char *method, enum agent_action action);
/* Every call of METHOD from now on does ACTION. */
void agent_always(const char *method, enum agent_action action);
/* Whether the next call of METHOD hangs, so that nobody needs to wait for its deadline. */
bool agent_is_hanging(const char *method);
/* How often METHOD was called. */
unsigned agent_calls(const char *method);
/* Whether METHOD was called for the first time before OTHER was; both were called. */
bool agent_called_before(const char *method, const char *other);
/* What processes write to their standard output before they end. */
void agent_output(const char *text);
/* As agents of upstream's are: a process is forgotten, with what it wrote and nobody has read, when
 * its exit was told. */
void agent_forgets_told(void);
/* Ends EXEC of CONTAINER (its first process has the id of the container) with STATUS. */
void agent_exit(const char *container, const char *exec, int status);

/* Serves the connection OWN_FD until it ends or agent_hang_up(). */
void agent_serve(int own_fd);
/* Ends all connections and waits until nobody serves any more. */
void agent_hang_up(void);

#endif
