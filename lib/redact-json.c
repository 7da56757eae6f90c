/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redact-json - leave out what is secret, from objects that people keep and send to others.
 *
 * As in texts (redact.c), a secret is known by the name of its key; that of an environment variable
 * stands beside its value.  Any thread.
 */
#include "lib/redact-json.h"

#include <string.h>

#include "lib/redact.h"

#define REDACTED "..."

static void redact_string(struct json_object *string)
{
	_free_ char *text = xstrdup(json_object_get_string(string));

	redact_text(text);
	(void)json_object_set_string(string, text);
}

/* The name of an environment variable, or of whatever else is a pair. */
static const char *name_of(struct json_object *object)
{
	const char *name = json_member_str(object, "name");

	return name ? name : json_member_str(object, "key");
}

/* What is of one who logs in as a whole: who one is in a kubeconfig, headers of HTTP. */
static bool is_login(const char *name, struct json_object *value)
{
	static const char *const names[] = { "user", "header", "headers", "HttpHeaders" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			return json_object_is_type(value, json_type_object);
	return false;
}

static bool is_value(struct json_object *value)
{
	return value && !json_object_is_type(value, json_type_object) &&
	       !json_object_is_type(value, json_type_boolean);
}

static void redact_members(struct json_object *object)
{
	const char *variable = name_of(object);
	_strv_ strv secrets = NULL;

	json_object_object_del(object, "managedFields");
	json_object_object_foreach(object, name, value)
	{
		bool is_paired = variable && strcmp(name, "value") == 0 &&
				 redact_is_secret(variable, strlen(variable));

		if (is_paired || is_login(name, value) ||
		    (is_value(value) && redact_is_secret(name, strlen(name))))
			strv_add(&secrets, name);
		else
			redact_json(value);
	}
	for (char **secret = secrets; secret && *secret; secret++)
		json_set_str(object, *secret, REDACTED);
}

void redact_json(struct json_object *object)
{
	if (json_object_is_type(object, json_type_object))
		redact_members(object);
	if (json_object_is_type(object, json_type_string))
		redact_string(object);
	for (size_t i = 0; i < json_len(object); i++)
		redact_json(json_item(object, i));
}
