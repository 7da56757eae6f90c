/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml - read a document of YAML into the objects that everything else is read from.
 *
 * libyaml has resolved the aliases into numbers of nodes, so a document of a few bytes may be a
 * large one, or one that contains itself: values are counted and nesting is limited.  A mapping's
 * key that is no scalar is refused, and of keys that come twice the last one counts.  Any thread.
 */
#include "lib/kube/yaml.h"

#include <string.h>
#include <yaml.h>

#include "lib/wire.h"

#define VALUES_MAX 100000

struct reader {
	yaml_document_t doc;
	const char *name;
	unsigned values;
	unsigned depth;
	bool is_typed; /* plain scalars may be numbers and the like */
};

static int convert(struct reader *r, int id, struct json_object **ret_object, struct error *e);

static int convert_list(struct reader *r, const yaml_node_t *node, struct json_object *list,
			struct error *e)
{
	for (yaml_node_item_t *i = node->data.sequence.items.start;
	     i < node->data.sequence.items.top; i++) {
		struct json_object *item = NULL;

		if (convert(r, *i, &item, e) < 0)
			return -e->code;
		(void)json_object_array_add(list, item);
	}
	return 0;
}

static int convert_map(struct reader *r, const yaml_node_t *node, struct json_object *map,
		       struct error *e)
{
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
	     p++) {
		const yaml_node_t *key = yaml_document_get_node(&r->doc, p->key);
		struct json_object *value = NULL;
		bool was_typed = r->is_typed;

		if (!key || key->type != YAML_SCALAR_NODE)
			return fail(e, EINVAL, "%s: a key is no text", r->name);
		r->is_typed |= strcmp((const char *)key->data.scalar.value, "extension") == 0;
		if (convert(r, p->value, &value, e) < 0)
			return -e->code;
		r->is_typed = was_typed;
		(void)json_object_object_add(map, (const char *)key->data.scalar.value, value);
	}
	return 0;
}

/* NULL, which is a value of JSON, too. */
static struct json_object *convert_scalar(const struct reader *r, const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;
	size_t len = node->data.scalar.length;
	struct json_object *typed = NULL;
	struct error ignored;

	if (r->is_typed && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
		if (len == 0 || strcmp(text, "~") == 0)
			return NULL;
		if ((strchr("-0123456789", *text) || strcmp(text, "true") == 0 ||
		     strcmp(text, "false") == 0 || strcmp(text, "null") == 0) &&
		    json_parse(text, len, r->name, &typed, &ignored) >= 0)
			return typed;
	}
	return json_object_new_string_len(text, (int)len);
}

static int convert(struct reader *r, int id, struct json_object **ret_object, struct error *e)
{
	const yaml_node_t *node = yaml_document_get_node(&r->doc, id);
	_json_ struct json_object *object = NULL;
	int result = 0;

	if (++r->values > VALUES_MAX || r->depth >= WIRE_JSON_DEPTH_MAX)
		return fail(e, E2BIG, "%s: it has more than %d values or %d levels", r->name,
			    VALUES_MAX, WIRE_JSON_DEPTH_MAX);
	r->depth++;
	if (node && node->type == YAML_SEQUENCE_NODE) {
		object = json_object_new_array();
		result = convert_list(r, node, object, e);
	} else if (node && node->type == YAML_MAPPING_NODE) {
		object = json_object_new_object();
		result = convert_map(r, node, object, e);
	} else if (node && node->type == YAML_SCALAR_NODE) {
		object = convert_scalar(r, node);
	}
	r->depth--;
	if (result >= 0)
		*ret_object = TAKE_PTR(object);
	return result;
}

static int convert_document(struct reader *r, struct json_object **ret_object, struct error *e)
{
	if (!yaml_document_get_root_node(&r->doc))
		return fail(e, EINVAL, "%s: there is nothing in it", r->name);
	/* libyaml counts nodes from one; the first is the root. */
	return convert(r, 1, ret_object, e);
}

int kube_yaml_parse(const char *text, size_t len, const char *name, struct json_object **ret_object,
		    struct error *e)
{
	struct reader r = { .name = name };
	yaml_parser_t parser;
	int result;

	if (!yaml_parser_initialize(&parser))
		return fail(e, ENOMEM, "cannot read YAML");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &r.doc)) {
		result = convert_document(&r, ret_object, e);
		yaml_document_delete(&r.doc);
	} else {
		result = fail(e, EINVAL, "%s:%zu: %s", name, parser.problem_mark.line + 1,
			      parser.problem ? parser.problem : "not YAML");
	}
	yaml_parser_delete(&parser);
	return result;
}
