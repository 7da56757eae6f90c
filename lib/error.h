/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_ERROR_H
#define LIB_ERROR_H

#include <errno.h>

#include "lib/base.h"

/*
 * One failure: a positive errno and one line for a person, what failed first, the subject in single
 * quotes, no full stop.  It lives on the caller's stack and is the last argument of every function
 * that can fail; such a function returns >= 0 on success and -errno with *e filled on failure.
 */
struct error {
	int code;
	char msg[512];
};

/* Fills *e and returns -CODE.  FORMAT may use %m, which then names CODE. */
int fail(struct error *e, int code, const char *format, ...) _printf_(3, 4);

/*
 * Tells the compiler what fail() promises, that its result is negative; without it every output
 * parameter would look unset to an optimizer that inlines the caller.  A macro, because a function
 * with variable arguments cannot be inlined.
 */
static inline int fail_is_negative(int r)
{
	if (r >= 0)
		__builtin_unreachable();
	return r;
}
#define fail(...) fail_is_negative((fail)(__VA_ARGS__))

/* Puts text and ": " in front of the message of *e, keeps its code, returns -code. */
int fail_wrap(struct error *e, const char *format, ...) _printf_(2, 3);

#endif
