/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_JSON_H
#define LIB_JSON_H

#include <json-c/json.h>

#include "lib/str.h"

/* Typed reading on top of json-c: a missing value and one of the wrong type are different things.
 */

void json_putp(struct json_object **object);
#define _json_ _cleanup_(json_putp)

/* Parses exactly one value of at most LEN bytes, nested at most WIRE_JSON_DEPTH_MAX deep and of
 * WIRE_JSON_MEMORY_MAX bytes in memory (EFBIG); trailing bytes other than white space are EINVAL.
 * NAME is for messages.  Caller owns a reference. */
int json_parse(const char *text, size_t len, const char *name, struct json_object **ret_object,
	       struct error *e);
int json_read_file(const char *path, size_t max, struct json_object **ret_object, struct error *e);

/* Member at a path of member names separated by dots ("spec.nodeName"); NULL if missing. */
struct json_object *json_at(struct json_object *object, const char *path);
/* Borrowed string at PATH, or NULL when missing or not a string. */
const char *json_get_str(struct json_object *object, const char *path);
int64_t json_get_int(struct json_object *object, const char *path, int64_t otherwise);
bool json_get_bool(struct json_object *object, const char *path, bool otherwise);

/* Items of an array; 0 for NULL and anything else. */
size_t json_len(struct json_object *array);
/* The I-th of them, borrowed; NULL if there are not so many. */
struct json_object *json_item(struct json_object *array, size_t i);
/* The first item whose MEMBER is the string VALUE; NULL if there is none. */
struct json_object *json_find(struct json_object *array, const char *member, const char *value);
/* MEMBER of OBJECT itself, whose name may have dots; NULL if missing. */
struct json_object *json_member(struct json_object *object, const char *member);
/* The same as a string; NULL when missing or not a string. */
const char *json_member_str(struct json_object *object, const char *member);

/* Builders: set MEMBER of OBJECT, which owns the new value.  VALUE NULL leaves the member out. */
void json_set_str(struct json_object *object, const char *member, const char *value);
void json_set_int(struct json_object *object, const char *member, int64_t value);
void json_set_bool(struct json_object *object, const char *member, bool value);
void json_set_strv(struct json_object *object, const char *member, char *const *values);
/* A new object as MEMBER of OBJECT, borrowed. */
struct json_object *json_set_object(struct json_object *object, const char *member);
struct json_object *json_set_array(struct json_object *object, const char *member);
/* Every member of PATCH, objects member by member, becomes one of OBJECT. */
void json_merge(struct json_object *object, struct json_object *patch);
/* Every value as a line "metadata.labels.app: x", sorted, to be compared.  Caller frees. */
char *json_lines(struct json_object *object);
/* Compact text, borrowed until OBJECT changes or goes. */
const char *json_text(struct json_object *object);

#endif
