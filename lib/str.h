/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_STR_H
#define LIB_STR_H

#include "lib/error.h"

/* A list of strings, NULL-terminated, every string and the array owned; NULL is the empty list. */
typedef char **strv;

/* Appends a copy of S.  Returns nothing: it cannot fail. */
void strv_add(strv *list, const char *s);
/* Appends OWN_S itself. */
void strv_take(strv *list, char *own_s);
void strv_addf(strv *list, const char *format, ...) _printf_(2, 3);
/* Appends copies of all strings of OTHER (may be NULL). */
void strv_add_all(strv *list, char *const *other);
size_t strv_len(char *const *list);
bool strv_contains(char *const *list, const char *s);
/* Takes every VALUE out of LIST, which may be NULL. */
void strv_drop(strv list, const char *value);
strv strv_copy(char *const *list);
void strv_free(strv list);
/* Splits S at every run of characters of SEPARATORS; empty parts are left out. */
strv strv_split(const char *s, const char *separators);
/* All strings with SEPARATOR between them; "" for the empty list.  Caller frees. */
char *strv_join(char *const *list, const char *separator);

DEFINE_CLEANUP(strv_freep, strv, strv_free)
#define _strv_ _cleanup_(strv_freep)

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* NULL equals NULL. */
bool str_equal(const char *a, const char *b);
/* True for NULL and "". */
bool str_empty(const char *s);
/* S without leading and trailing white space, in place; returns the new start inside S. */
char *str_trim(char *s);
/* Shell pattern match of a path: nothing but a slash matches a slash. */
bool str_matches(const char *path, const char *pattern);

/* Replaces *P by a copy of S (NULL allowed), releasing the old string. */
void str_set(char **p, const char *s);

/* Numbers: the whole of S must be one, within the limits.  EINVAL or ERANGE names S and WHAT. */
int parse_u64(const char *s, const char *what, uint64_t max, uint64_t *ret_value, struct error *e);
int parse_i64(const char *s, const char *what, int64_t min, int64_t max, int64_t *ret_value,
	      struct error *e);
int parse_u32(const char *s, const char *what, uint32_t max, uint32_t *ret_value, struct error *e);
/* Base 8 with or without a leading zero, for modes; base 16 with or without 0x. */
int parse_octal(const char *s, const char *what, uint32_t max, uint32_t *ret_value,
		struct error *e);
int parse_hex(const char *s, const char *what, uint64_t max, uint64_t *ret_value, struct error *e);
/* "true", "false", "1", "0", "yes", "no". */
int parse_bool(const char *s, const char *what, bool *ret_value, struct error *e);
/* Bytes with an optional suffix of Kubernetes quantities: K M G T, Ki Mi Gi Ti. */
int parse_size(const char *s, const char *what, uint64_t *ret_bytes, struct error *e);

/* Length of the well-formed UTF-8 sequence (RFC 3629) at TEXT, which has LEFT bytes, at least one;
 * 0 if there is none. */
size_t utf8_length(const char *text, size_t left);
/* Makes TEXT valid: each byte that belongs to no such sequence becomes '?'. */
void utf8_repair(char *text);

/* LEN bytes as 2 * LEN lower-case hexadecimal digits.  Caller frees. */
char *hex_encode(const void *bytes, size_t len);
/* Each byte's two digits, with SEPARATOR between them, as hardware addresses are written. */
char *hex_join(const void *bytes, size_t len, char separator);
/* Decodes the escapes %XX of S in place; what is no escape stays. */
void percent_decode(char *s);
/* Makes text of a peer one line that no terminal obeys: control characters become '?', those of two
 * bytes (U+0080 to U+009F) as well.  Lone bytes are utf8_repair()'s. */
void str_make_printable(char *s);
/* The same for a text of lines: newlines and tabs stay. */
void text_make_printable(char *s);

/* An id as OCI, CRI and the agent use it: [A-Za-z0-9][A-Za-z0-9_.-]*, 1 to MAX characters.
 * EINVAL names WHAT and shows at most 64 characters of S. */
int check_id(const char *s, const char *what, size_t max, struct error *e);

#endif
