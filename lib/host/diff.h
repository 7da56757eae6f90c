/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_DIFF_H
#define LIB_HOST_DIFF_H

/* The unified diff (diff -u) that makes BEFORE AFTER; NULL is a file that is not there.  NAME
 * stands in its first lines.  What a line gives to a key whose name sounds like a secret is left
 * out.  "" for texts that are equal.  Caller frees. */
char *diff_unified(const char *name, const char *before, const char *after);

#endif
