/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_FOLDER_H
#define TESTS_FUZZ_FOLDER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base.h"

/* A new folder with the files of an input: each begins with a line "> NAME", in which folders stand
 * before the name, and goes on to the next such line. */
char *folder_new(const uint8_t *data, size_t size);
void folder_remove(char *folder);
DEFINE_CLEANUP(folder_removep, char *, folder_remove)
#define _folder_ _cleanup_(folder_removep)

#endif
