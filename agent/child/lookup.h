/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CHILD_LOOKUP_H
#define AGENT_CHILD_LOOKUP_H

#include <sys/types.h>

#include "lib/str.h"

#define LOOKUP_PASSWD_MAX (1 * MIB)

/* Why a file is not executed, as engines look for it in the text: Go's runtimes write it so. */
#define LOOKUP_DENIED "permission denied"

/* The home directory of user UID in PASSWD, the text of an /etc/passwd; "/" if it has none.  Caller
 * frees. */
char *lookup_home(const char *passwd, uid_t uid);

/* The environment that ENTRIES ask for: of each name the last, without a home that is empty. Caller
 * frees; NULL if it is empty. */
strv lookup_environment(char *const *entries, size_t n);

/* The value of NAME in ENV ("NAME=value"), the last one if there are several; NULL if none. */
const char *lookup_env(char *const *env, const char *name);

/* The path of the program FILE: itself if it has a slash, else the first one in the directories of
 * PATH that may be executed.  Looks from the current directory and root.  Caller frees. */
int lookup_program(const char *file, const char *path, char **ret_program, struct error *e);

#endif
