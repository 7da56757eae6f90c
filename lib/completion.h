/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_COMPLETION_H
#define LIB_COMPLETION_H

#include <stdio.h>

#include "lib/error.h"
#include "lib/str.h"

/*
 * Scripts that let a shell complete the words of a program.  They ask the program itself, by
 * "PROGRAM __complete -- WORD...", what the last word can become: a word a line, then ":4", as
 * kubectl asks its plugins.
 */

/* Writes PROGRAM's script for SHELL; EINVAL names the shells there are. */
int completion_script(const char *program, const char *shell, FILE *out, struct error *e);

/* Each adds what begins with PREFIX: shells; formats of the output, where the word BEFORE asks for
 * one. */
void completion_add_shells(const char *prefix, strv *found);
void completion_add_formats(const char *before, const char *prefix, strv *found);

/* Adds the options of USAGE, "[--json] [-v|--verbose] add|remove NAME", or its plain words. */
void completion_add_usage(const char *usage, const char *prefix, strv *found);

/* Answers a script. */
void completion_answer(char *const *found, FILE *out);

#endif
