/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbjson - OCI JSON and protobuf messages, by the descriptors that protoc-c generates.
 *
 * One walk over the descriptor in each direction serves every message, so a field added to a .proto
 * file is read and written without code here.  Reading is strict about types, because a wrong
 * config.json is someone's bug, and lenient about members nobody knows, because the specification
 * grows.  The agent does not link this.  Any thread.
 */

#include "lib/rpc/pbjson.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PATH_MAX_LEN 256

/* Where JSON has another name for a field than the rule of json_name() gives. */
static const struct {
	const char *message;
	const char *field;
	const char *member;
} names[] = {
	{ "grpc.Spec", "Version", "ociVersion" },
	{ "grpc.LinuxHugepageLimit", "Pagesize", "pageSize" },
	{ "grpc.LinuxSyscall", "errnoret", "errnoRet" },
};

enum kind {
	KIND_SIGNED,
	KIND_UNSIGNED,
	KIND_REAL,
	KIND_BOOL,
	KIND_ENUM,
	KIND_STRING,
	KIND_BYTES,
	KIND_MESSAGE,
};

static const struct {
	enum kind kind;
	size_t size; /* in memory */
} types[] = {
	[PROTOBUF_C_TYPE_INT32] = { KIND_SIGNED, sizeof(int32_t) },
	[PROTOBUF_C_TYPE_SINT32] = { KIND_SIGNED, sizeof(int32_t) },
	[PROTOBUF_C_TYPE_SFIXED32] = { KIND_SIGNED, sizeof(int32_t) },
	[PROTOBUF_C_TYPE_INT64] = { KIND_SIGNED, sizeof(int64_t) },
	[PROTOBUF_C_TYPE_SINT64] = { KIND_SIGNED, sizeof(int64_t) },
	[PROTOBUF_C_TYPE_SFIXED64] = { KIND_SIGNED, sizeof(int64_t) },
	[PROTOBUF_C_TYPE_UINT32] = { KIND_UNSIGNED, sizeof(uint32_t) },
	[PROTOBUF_C_TYPE_FIXED32] = { KIND_UNSIGNED, sizeof(uint32_t) },
	[PROTOBUF_C_TYPE_UINT64] = { KIND_UNSIGNED, sizeof(uint64_t) },
	[PROTOBUF_C_TYPE_FIXED64] = { KIND_UNSIGNED, sizeof(uint64_t) },
	[PROTOBUF_C_TYPE_FLOAT] = { KIND_REAL, sizeof(float) },
	[PROTOBUF_C_TYPE_DOUBLE] = { KIND_REAL, sizeof(double) },
	[PROTOBUF_C_TYPE_BOOL] = { KIND_BOOL, sizeof(protobuf_c_boolean) },
	[PROTOBUF_C_TYPE_ENUM] = { KIND_ENUM, sizeof(int) },
	[PROTOBUF_C_TYPE_STRING] = { KIND_STRING, sizeof(char *) },
	[PROTOBUF_C_TYPE_BYTES] = { KIND_BYTES, sizeof(ProtobufCBinaryData) },
	[PROTOBUF_C_TYPE_MESSAGE] = { KIND_MESSAGE, sizeof(ProtobufCMessage *) },
};

/* Where in the document the reader is: a member, or an item of the array above when NAME is NULL.
 */
struct place {
	const struct place *above;
	const char *name;
	size_t index;
};

struct reader {
	strv *unknown;
	struct error *e;
};

static void write_place(FILE *out, const struct place *place)
{
	if (!place)
		return;
	write_place(out, place->above);
	if (!place->name)
		(void)fprintf(out, "[%zu]", place->index);
	else
		(void)fprintf(out, "%s%s", place->above ? "." : "", place->name);
}

/* Caller frees. */
static char *place_text(const struct place *place)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		abort();
	write_place(out, place);
	(void)fclose(out);
	return text;
}

/* Names the type found, not the value: that may be someone's secret. */
static int wrong(const struct reader *r, const struct place *place, const char *expected,
		 struct json_object *value)
{
	_free_ char *where = place_text(place);

	return fail(r->e, EINVAL, "%.*s: expected %s, found %s", PATH_MAX_LEN,
		    *where ? where : "document", expected,
		    json_type_to_name(json_object_get_type(value)));
}

static int out_of_range(const struct reader *r, const struct place *place,
			struct json_object *value)
{
	_free_ char *where = place_text(place);

	return fail(r->e, ERANGE, "%.*s: %s is out of range", PATH_MAX_LEN, where,
		    json_object_to_json_string(value));
}

static bool is_map(const ProtobufCFieldDescriptor *field)
{
	const ProtobufCMessageDescriptor *entry = field->descriptor;

	return field->label == PROTOBUF_C_LABEL_REPEATED &&
	       field->type == PROTOBUF_C_TYPE_MESSAGE && entry->n_fields == 2 &&
	       str_ends(entry->short_name, "Entry") && str_equal(entry->fields[0].name, "key") &&
	       str_equal(entry->fields[1].name, "value");
}

static void *at_offset(void *message, unsigned offset)
{
	return (char *)message + offset;
}

static int read_signed(const struct reader *r, const struct place *place, struct json_object *value,
		       int64_t min, int64_t max, int64_t *ret_number)
{
	int64_t number;

	if (!json_object_is_type(value, json_type_int))
		return wrong(r, place, "a whole number", value);
	number = json_object_get_int64(value);
	if (json_object_get_uint64(value) > INT64_MAX || number < min || number > max)
		return out_of_range(r, place, value);
	*ret_number = number;
	return 0;
}

static int read_unsigned(const struct reader *r, const struct place *place,
			 struct json_object *value, uint64_t max, uint64_t *ret_number)
{
	uint64_t number;

	if (!json_object_is_type(value, json_type_int))
		return wrong(r, place, "a whole number", value);
	number = json_object_get_uint64(value);
	if (json_object_get_int64(value) < 0 || number > max)
		return out_of_range(r, place, value);
	*ret_number = number;
	return 0;
}

static int read_string(const struct reader *r, const struct place *place, struct json_object *value,
		       char **at)
{
	const char *text;

	if (!json_object_is_type(value, json_type_string))
		return wrong(r, place, "a string", value);
	text = json_object_get_string(value);
	if (strlen(text) != (size_t)json_object_get_string_len(value))
		return wrong(r, place, "a string without the character 0", value);
	*at = xstrdup(text);
	return 0;
}

static int read_enum(const struct reader *r, const struct place *place, struct json_object *value,
		     const ProtobufCEnumDescriptor *type, int *at)
{
	const ProtobufCEnumValue *known;
	int64_t number;
	int result;

	if (json_object_is_type(value, json_type_string)) {
		known = protobuf_c_enum_descriptor_get_value_by_name(type,
								     json_object_get_string(value));
		if (!known)
			return wrong(r, place, type->name, value);
		*at = known->value;
		return 0;
	}
	result = read_signed(r, place, value, INT32_MIN, INT32_MAX, &number);
	if (result >= 0)
		*at = (int)number;
	return result;
}

static int read_message(const struct reader *r, const struct place *place,
			struct json_object *value, const ProtobufCMessageDescriptor *type,
			void *ret_message);

static int read_number(const struct reader *r, const struct place *place, struct json_object *value,
		       ProtobufCType type, void *at)
{
	bool is_long = types[type].size == sizeof(int64_t);
	uint64_t natural = 0;
	int64_t integer = 0;
	int result;

	if (types[type].kind == KIND_UNSIGNED) {
		result =
			read_unsigned(r, place, value, is_long ? UINT64_MAX : UINT32_MAX, &natural);
	} else {
		result = read_signed(r, place, value, is_long ? INT64_MIN : INT32_MIN,
				     is_long ? INT64_MAX : INT32_MAX, &integer);
		natural = (uint64_t)integer;
	}
	if (result < 0)
		return result;
	if (is_long)
		*(uint64_t *)at = natural;
	else
		*(uint32_t *)at = (uint32_t)natural;
	return 0;
}

static int read_real(const struct reader *r, const struct place *place, struct json_object *value,
		     ProtobufCType type, void *at)
{
	if (!json_object_is_type(value, json_type_double) &&
	    !json_object_is_type(value, json_type_int))
		return wrong(r, place, "a number", value);
	if (type == PROTOBUF_C_TYPE_DOUBLE)
		*(double *)at = json_object_get_double(value);
	else
		*(float *)at = (float)json_object_get_double(value);
	return 0;
}

static int read_bool(const struct reader *r, const struct place *place, struct json_object *value,
		     protobuf_c_boolean *at)
{
	if (!json_object_is_type(value, json_type_boolean))
		return wrong(r, place, "true or false", value);
	*at = json_object_get_boolean(value);
	return 0;
}

/* One value of FIELD's type, stored at AT. */
static int read_value(const struct reader *r, const struct place *place, struct json_object *value,
		      const ProtobufCFieldDescriptor *field, void *at)
{
	switch (types[field->type].kind) {
	case KIND_SIGNED:
	case KIND_UNSIGNED:
		return read_number(r, place, value, field->type, at);
	case KIND_REAL:
		return read_real(r, place, value, field->type, at);
	case KIND_BOOL:
		return read_bool(r, place, value, at);
	case KIND_ENUM:
		return read_enum(r, place, value, field->descriptor, at);
	case KIND_STRING:
		return read_string(r, place, value, at);
	case KIND_MESSAGE:
		return read_message(r, place, value, field->descriptor, at);
	case KIND_BYTES:
	default:
		return wrong(r, place, "nothing: bytes cannot be given in JSON", value);
	}
}

/* Room for N items of FIELD, none of them counted yet. */
static void *make_items(const ProtobufCFieldDescriptor *field, void *message, size_t n)
{
	void *items = xcalloc(n, types[field->type].size);

	*(void **)at_offset(message, field->offset) = items;
	return items;
}

/* An item counts as soon as it is whole, so that a half-read message can be freed. */
static int read_array(const struct reader *r, const struct place *place, struct json_object *value,
		      const ProtobufCFieldDescriptor *field, void *message)
{
	size_t *count = at_offset(message, field->quantifier_offset);
	struct place item = { .above = place };
	size_t n;
	char *items;
	int result;

	if (!json_object_is_type(value, json_type_array))
		return wrong(r, place, "an array", value);
	n = json_object_array_length(value);
	if (n > PBJSON_ITEMS_MAX)
		return wrong(r, place, "fewer items", value);
	if (!n)
		return 0;
	items = make_items(field, message, n);
	for (item.index = 0; item.index < n; item.index++) {
		result = read_value(r, &item, json_object_array_get_idx(value, item.index), field,
				    items + item.index * types[field->type].size);
		if (result < 0)
			return result;
		(*count)++;
	}
	return 0;
}

static int read_entry(const struct reader *r, const struct place *place, const char *key,
		      struct json_object *value, const ProtobufCMessageDescriptor *type,
		      void *ret_entry)
{
	_message_ void *entry = message_new(type);
	int result;

	*(char **)at_offset(entry, type->fields[0].offset) = xstrdup(key);
	result = read_value(r, place, value, &type->fields[1],
			    at_offset(entry, type->fields[1].offset));
	if (result >= 0)
		*(void **)ret_entry = TAKE_PTR(entry);
	return result;
}

static int read_map(const struct reader *r, const struct place *place, struct json_object *value,
		    const ProtobufCFieldDescriptor *field, void *message)
{
	size_t *count = at_offset(message, field->quantifier_offset);
	struct json_object_iterator at, end;
	struct place item = { .above = place };
	size_t n;
	void **items;
	int result;

	if (!json_object_is_type(value, json_type_object))
		return wrong(r, place, "an object", value);
	n = (size_t)json_object_object_length(value);
	if (n > PBJSON_ITEMS_MAX)
		return wrong(r, place, "fewer members", value);
	if (!n)
		return 0;
	items = make_items(field, message, n);
	end = json_object_iter_end(value);
	for (at = json_object_iter_begin(value); !json_object_iter_equal(&at, &end);
	     json_object_iter_next(&at)) {
		item.name = json_object_iter_peek_name(&at);
		result = read_entry(r, &item, item.name, json_object_iter_peek_value(&at),
				    field->descriptor, &items[*count]);
		if (result < 0)
			return result;
		(*count)++;
	}
	return 0;
}

/* Notes that an optional field, or which field of a oneof, is present; false if one was already. */
static bool mark_present(const ProtobufCFieldDescriptor *field, void *message)
{
	uint32_t *mark = at_offset(message, field->quantifier_offset);

	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		if (*mark)
			return false;
		*mark = field->id;
	} else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset) {
		*(protobuf_c_boolean *)mark = 1;
	}
	return true;
}

static int read_field(const struct reader *r, const struct place *place, struct json_object *value,
		      const ProtobufCFieldDescriptor *field, void *message)
{
	if (is_map(field))
		return read_map(r, place, value, field, message);
	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return read_array(r, place, value, field, message);
	if (!mark_present(field, message))
		return wrong(r, place, "one of the members that exclude each other", value);
	return read_value(r, place, value, field, at_offset(message, field->offset));
}

/* Caller frees: the rule is that a leading run of capitals becomes small, but for the one that
 * begins the next word: UIDMappings is uidMappings, BlockIO is blockIO, CPU is cpu. */
static char *json_name(const ProtobufCMessageDescriptor *type,
		       const ProtobufCFieldDescriptor *field)
{
	char *name;
	size_t run = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_equal(names[i].message, type->name) &&
		    str_equal(names[i].field, field->name))
			return xstrdup(names[i].member);
	name = xstrdup(field->name);
	while (name[run] >= 'A' && name[run] <= 'Z')
		run++;
	if (run > 1 && name[run] >= 'a' && name[run] <= 'z')
		run--;
	for (size_t i = 0; i < run; i++)
		name[i] = (char)(name[i] - 'A' + 'a');
	return name;
}

static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *type,
						  const char *member)
{
	for (unsigned i = 0; i < type->n_fields; i++) {
		_free_ char *name = json_name(type, &type->fields[i]);

		if (!strcasecmp(name, member))
			return &type->fields[i];
	}
	return NULL;
}

static void note_unknown(const struct reader *r, const struct place *place)
{
	if (r->unknown && strv_len(*r->unknown) < PBJSON_UNKNOWN_MAX)
		strv_take(r->unknown, place_text(place));
}

/* json-c has kept the last of members with one name; here two that differ in case meet. */
static int check_once(const struct reader *r, const struct place *place, bool *seen)
{
	_free_ char *where = NULL;

	if (!*seen) {
		*seen = true;
		return 0;
	}
	where = place_text(place);
	return fail(r->e, EINVAL, "%.*s: given twice", PATH_MAX_LEN, where);
}

static int read_members(const struct reader *r, const struct place *place,
			struct json_object *value, const ProtobufCMessageDescriptor *type,
			void *message, bool *seen)
{
	struct json_object_iterator at = json_object_iter_begin(value);
	struct json_object_iterator end = json_object_iter_end(value);
	const ProtobufCFieldDescriptor *field;
	struct place member = { .above = place };
	int result;

	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		if (!json_object_iter_peek_value(&at))
			continue;
		member.name = json_object_iter_peek_name(&at);
		field = find_field(type, member.name);
		if (!field) {
			note_unknown(r, &member);
			continue;
		}
		result = check_once(r, &member, &seen[field - type->fields]);
		if (result >= 0)
			result = read_field(r, &member, json_object_iter_peek_value(&at), field,
					    message);
		if (result < 0)
			return result;
	}
	return 0;
}

static int read_message(const struct reader *r, const struct place *place,
			struct json_object *value, const ProtobufCMessageDescriptor *type,
			void *ret_message)
{
	_message_ void *message = NULL;
	_free_ bool *seen = NULL;
	int result;

	if (!json_object_is_type(value, json_type_object))
		return wrong(r, place, "an object", value);
	message = message_new(type);
	seen = xcalloc(type->n_fields + 1, sizeof(*seen));
	result = read_members(r, place, value, type, message, seen);
	if (result >= 0)
		*(void **)ret_message = TAKE_PTR(message);
	return result;
}

int pbjson_read(struct json_object *object, const ProtobufCMessageDescriptor *type, strv *unknown,
		void *ret_message, struct error *e)
{
	const struct reader r = { .unknown = unknown, .e = e };

	return read_message(&r, NULL, object, type, ret_message);
}

int pbjson_parse(const char *text, size_t len, const char *name,
		 const ProtobufCMessageDescriptor *type, strv *unknown, void *ret_message,
		 struct error *e)
{
	_json_ struct json_object *object = NULL;
	int r = json_parse(text, len, name, &object, e);

	if (r < 0)
		return r;
	r = pbjson_read(object, type, unknown, ret_message, e);
	return r < 0 ? fail_wrap(e, "%s", name) : r;
}

static const void *const_at(const void *message, unsigned offset)
{
	return (const char *)message + offset;
}

static struct json_object *write_message(const ProtobufCMessage *message);

static struct json_object *write_enum(const ProtobufCEnumDescriptor *type, int value)
{
	const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(type, value);

	return known ? json_object_new_string(known->name) : json_object_new_int(value);
}

static struct json_object *write_signed(size_t size, const void *at)
{
	return json_object_new_int64(size == sizeof(int64_t) ? *(const int64_t *)at
							     : *(const int32_t *)at);
}

static struct json_object *write_unsigned(size_t size, const void *at)
{
	return json_object_new_uint64(size == sizeof(uint64_t) ? *(const uint64_t *)at
							       : *(const uint32_t *)at);
}

static struct json_object *write_real(size_t size, const void *at)
{
	return json_object_new_double(size == sizeof(double) ? *(const double *)at
							     : (double)*(const float *)at);
}

static struct json_object *write_value(const ProtobufCFieldDescriptor *field, const void *at)
{
	size_t size = types[field->type].size;

	switch (types[field->type].kind) {
	case KIND_SIGNED:
		return write_signed(size, at);
	case KIND_UNSIGNED:
		return write_unsigned(size, at);
	case KIND_REAL:
		return write_real(size, at);
	case KIND_BOOL:
		return json_object_new_boolean(*(const protobuf_c_boolean *)at);
	case KIND_ENUM:
		return write_enum(field->descriptor, *(const int *)at);
	case KIND_STRING:
		return json_object_new_string(*(char *const *)at);
	case KIND_MESSAGE:
		return write_message(*(ProtobufCMessage *const *)at);
	case KIND_BYTES:
	default:
		return NULL;
	}
}

static struct json_object *write_map(const ProtobufCFieldDescriptor *field, size_t n,
				     ProtobufCMessage *const *entries)
{
	const ProtobufCMessageDescriptor *type = field->descriptor;
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < n; i++)
		(void)json_object_object_add(
			object, *(char *const *)const_at(entries[i], type->fields[0].offset),
			write_value(&type->fields[1],
				    const_at(entries[i], type->fields[1].offset)));
	return object;
}

static struct json_object *write_array(const ProtobufCFieldDescriptor *field, size_t n,
				       const void *items)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < n; i++)
		(void)json_object_array_add(
			array,
			write_value(field, (const char *)items + i * types[field->type].size));
	return array;
}

static struct json_object *write_repeated(const ProtobufCFieldDescriptor *field,
					  const ProtobufCMessage *message)
{
	size_t n = *(const size_t *)const_at(message, field->quantifier_offset);
	const void *items = *(void *const *)const_at(message, field->offset);

	if (!n)
		return NULL;
	return is_map(field) ? write_map(field, n, items) : write_array(field, n, items);
}

/* Whether a value that has no mark of its own is anything but zero, empty or missing. */
static bool is_set(const ProtobufCFieldDescriptor *field, const void *at)
{
	static const char zeros[sizeof(ProtobufCBinaryData)];

	if (field->type == PROTOBUF_C_TYPE_STRING)
		return !str_empty(*(char *const *)at);
	return memcmp(at, zeros, types[field->type].size) != 0;
}

static bool is_present(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *message)
{
	const void *mark = const_at(message, field->quantifier_offset);

	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		return *(const uint32_t *)mark == field->id;
	if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset)
		return *(const protobuf_c_boolean *)mark;
	return is_set(field, const_at(message, field->offset));
}

static struct json_object *write_message(const ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *type = message->descriptor;
	struct json_object *object = json_object_new_object();

	for (unsigned i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];
		_free_ char *name = json_name(type, field);
		struct json_object *value = NULL;

		if (field->label == PROTOBUF_C_LABEL_REPEATED)
			value = write_repeated(field, message);
		else if (is_present(field, message))
			value = write_value(field, const_at(message, field->offset));
		if (value)
			(void)json_object_object_add(object, name, value);
	}
	return object;
}

struct json_object *pbjson_write(const void *message)
{
	return write_message(message);
}
