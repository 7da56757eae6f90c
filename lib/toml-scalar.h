/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_TOML_SCALAR_H
#define LIB_TOML_SCALAR_H

#include "lib/base.h"

/* The value of C as a digit of BASE (at most 16), or -1. */
int toml_digit(char c, unsigned base);

/* False if S is not an integer of TOML within 64 bits. */
bool toml_read_integer(const char *s, int64_t *ret_value);
bool toml_read_float(const char *s, double *ret_value);
/* One of the four date and time forms, its numbers within the calendar. */
bool toml_is_datetime(const char *s);

#endif
