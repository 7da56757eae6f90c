/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json - typed reading and building on top of json-c.
 *
 * json-c converts between types when asked for the wrong one ("12abc" is the number 12): the
 * getters here check first.  Parsing is strict, takes exactly one value and limits the nesting,
 * because most of the texts come from outside.  Any thread; an object belongs to one thread at a
 * time.
 */

#include "lib/json.h"

#include <ctype.h>
#include <string.h>

#include "lib/file.h"
#include "lib/wire.h"

#define OBJECT_SIZE 800
#define VALUE_SIZE  80

void json_putp(struct json_object **object)
{
	(void)json_object_put(*object);
}

static size_t skip_space(const char *text, size_t from, size_t len)
{
	while (from < len && isspace((unsigned char)text[from]))
		from++;
	return from;
}

/* Memory that json-c will allocate for TEXT, about: an empty object is 800 bytes, for three in the
 * text; any other value or member is 80 at most. */
static size_t estimate(const char *text, size_t len)
{
	bool in_string = false;
	size_t bytes = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && c == '{')
			bytes += OBJECT_SIZE;
		else if (!in_string && (c == ',' || c == '['))
			bytes += VALUE_SIZE;
	}
	return bytes;
}

int json_parse(const char *text, size_t len, const char *name, struct json_object **ret_object,
	       struct error *e)
{
	struct json_tokener *tokener = json_tokener_new_ex(WIRE_JSON_DEPTH_MAX);
	_json_ struct json_object *object = NULL;
	enum json_tokener_error status;
	size_t end;

	if (!tokener)
		abort();
	if (len > INT32_MAX || estimate(text, len) > WIRE_JSON_MEMORY_MAX) {
		json_tokener_free(tokener);
		return fail(e, EFBIG, "%s: %zu bytes, or the values in them, are too many", name,
			    len);
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
	object = json_tokener_parse_ex(tokener, text, (int)len);
	status = json_tokener_get_error(tokener);
	/* A number at the very end is complete only when the tokener sees that nothing follows. */
	if (status == json_tokener_continue) {
		object = json_tokener_parse_ex(tokener, "", 1);
		status = json_tokener_get_error(tokener);
		end = status == json_tokener_success ? len : 0;
	} else {
		end = skip_space(text, json_tokener_get_parse_end(tokener), len);
	}
	json_tokener_free(tokener);
	if (status != json_tokener_success)
		return fail(e, EINVAL, "%s: not valid JSON: %s", name,
			    json_tokener_error_desc(status));
	if (end != len)
		return fail(e, EINVAL, "%s: more text after the JSON value", name);
	*ret_object = TAKE_PTR(object);
	return 0;
}

int json_read_file(const char *path, size_t max, struct json_object **ret_object, struct error *e)
{
	_free_ char *text = NULL;
	size_t len;
	int r;

	r = file_read(path, max, &text, &len, e);
	return r < 0 ? r : json_parse(text, len, path, ret_object, e);
}

struct json_object *json_at(struct json_object *object, const char *path)
{
	char member[256];
	size_t len;

	while (object && *path) {
		len = strcspn(path, ".");
		if (len >= sizeof(member) || !json_object_is_type(object, json_type_object))
			return NULL;
		memcpy(member, path, len);
		member[len] = '\0';
		if (!json_object_object_get_ex(object, member, &object))
			return NULL;
		path += len + (path[len] == '.');
	}
	return object;
}

static const char *as_str(struct json_object *value)
{
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

size_t json_len(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

struct json_object *json_item(struct json_object *array, size_t i)
{
	return i < json_len(array) ? json_object_array_get_idx(array, i) : NULL;
}

struct json_object *json_find(struct json_object *array, const char *member, const char *value)
{
	for (size_t i = 0; i < json_len(array); i++) {
		struct json_object *item = json_item(array, i);
		const char *said = as_str(json_member(item, member));

		if (said && strcmp(said, value) == 0)
			return item;
	}
	return NULL;
}

struct json_object *json_member(struct json_object *object, const char *member)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(object, json_type_object))
		return NULL;
	return json_object_object_get_ex(object, member, &value) ? value : NULL;
}

const char *json_member_str(struct json_object *object, const char *member)
{
	return as_str(json_member(object, member));
}

const char *json_get_str(struct json_object *object, const char *path)
{
	return as_str(json_at(object, path));
}

int64_t json_get_int(struct json_object *object, const char *path, int64_t otherwise)
{
	struct json_object *value = json_at(object, path);

	return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : otherwise;
}

bool json_get_bool(struct json_object *object, const char *path, bool otherwise)
{
	struct json_object *value = json_at(object, path);

	return json_object_is_type(value, json_type_boolean) ? json_object_get_boolean(value)
							     : otherwise;
}

static struct json_object *set(struct json_object *object, const char *member,
			       struct json_object *own_value)
{
	if (!own_value || json_object_object_add(object, member, own_value) < 0)
		abort();
	return own_value;
}

void json_set_str(struct json_object *object, const char *member, const char *value)
{
	if (value)
		(void)set(object, member, json_object_new_string(value));
}

void json_set_int(struct json_object *object, const char *member, int64_t value)
{
	(void)set(object, member, json_object_new_int64(value));
}

void json_set_bool(struct json_object *object, const char *member, bool value)
{
	(void)set(object, member, json_object_new_boolean(value));
}

void json_set_strv(struct json_object *object, const char *member, char *const *values)
{
	struct json_object *array = json_set_array(object, member);

	for (; values && *values; values++)
		if (json_object_array_add(array, json_object_new_string(*values)) < 0)
			abort();
}

struct json_object *json_set_object(struct json_object *object, const char *member)
{
	return set(object, member, json_object_new_object());
}

struct json_object *json_set_array(struct json_object *object, const char *member)
{
	return set(object, member, json_object_new_array());
}

void json_merge(struct json_object *object, struct json_object *patch)
{
	json_object_object_foreach(patch, name, value)
	{
		struct json_object *mine = json_member(object, name);

		if (json_object_is_type(value, json_type_object) &&
		    json_object_is_type(mine, json_type_object))
			json_merge(mine, value);
		else
			(void)json_object_object_add(object, name, json_object_get(value));
	}
}

/* Adds the lines of VALUE, which is called PATH.  No deeper than what was parsed. */
static void add_lines(strv *lines, const char *path, struct json_object *value)
{
	if (!json_object_is_type(value, json_type_object) ||
	    json_object_object_length(value) == 0) {
		strv_addf(lines, "%s: %s", path, value ? json_text(value) : "null");
		return;
	}
	json_object_object_foreach(value, name, member)
	{
		_free_ char *at = xasprintf("%s%s%s", path, *path ? "." : "", name);

		add_lines(lines, at, member);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char *json_lines(struct json_object *object)
{
	_strv_ strv lines = NULL;
	_free_ char *text = NULL;

	add_lines(&lines, "", object);
	qsort(lines, strv_len(lines), sizeof(*lines), by_text);
	text = strv_join(lines, "\n");
	return xasprintf("%s\n", text);
}

const char *json_text(struct json_object *object)
{
	/* "\/" is valid JSON but no YAML, as which the Kubernetes API reads server-side applies. */
	return json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
							      JSON_C_TO_STRING_NOSLASHESCAPE);
}
