/* SPDX-License-Identifier: Apache-2.0 */
/*
 * class - whose a RuntimeClass is, and how it was before it became ours.
 *
 * Ours carries our labels and was applied by our field manager: charts of others use the same
 * labels.  A class of somebody else is taken only when its owner annotates it; then the object
 * itself keeps, in an annotation, how it was, so that whoever removes the installation, from
 * whichever node, can hand it back.  The owner's annotation stays on it all along: it says as well
 * that what is handed back may be taken again.  Only looks at objects; any thread.
 */
#include "deploy/class.h"

#include <string.h>

#define BEFORE     "kata-deploy.katacontainers.io/before"
#define BEFORE_MAX (256 * KIB)

const char *class_text(struct json_object *class, const char *path, const char *key)
{
	return json_member_str(json_at(class, path), key);
}

/* An API server that is asked for objects without them shows no managers at all. */
static bool is_applied_by_us(struct json_object *class)
{
	struct json_object *list = json_at(class, "metadata.managedFields");
	size_t n = json_len(list);

	for (size_t i = 0; i < n; i++) {
		struct json_object *m = json_item(list, i);
		const char *manager = json_get_str(m, "manager");

		if (manager && str_starts(manager, "kata-deploy") &&
		    str_equal(json_get_str(m, "operation"), "Apply"))
			return true;
	}
	return n == 0;
}

enum class_owner class_owner(struct json_object *class, const char *instance)
{
	const char *adopt = class_text(class, "metadata.annotations", CLASS_ADOPT);

	if (str_equal(class_text(class, "metadata.labels", CLASS_MANAGED_BY), "kata-deploy") &&
	    str_equal(class_text(class, "metadata.labels", CLASS_INSTANCE), instance) &&
	    is_applied_by_us(class))
		return CLASS_OURS;
	if (str_equal(adopt, "replace"))
		return CLASS_GIVEN_UP;
	return str_equal(adopt, "true") ? CLASS_GIVEN : CLASS_FOREIGN;
}

char *class_manager(struct json_object *class)
{
	const char *by = class_text(class, "metadata.labels", CLASS_MANAGED_BY);
	const char *instance = class_text(class, "metadata.labels", CLASS_INSTANCE);
	const char *release =
		class_text(class, "metadata.annotations", "meta.helm.sh/release-name");

	if (release)
		return xasprintf("Helm, release '%s'", release);
	if (by && instance)
		return xasprintf("%s, installation '%s'", by, instance);
	return xstrdup(by ? by : "nobody is named as its manager");
}

struct json_object *class_bare(struct json_object *class)
{
	static const char *const added[] = { "uid",        "resourceVersion", "creationTimestamp",
					     "generation", "managedFields",   "selfLink" };
	struct json_object *copy = NULL;

	if (json_object_deep_copy(class, &copy, NULL) < 0)
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(added); i++)
		json_object_object_del(json_at(copy, "metadata"), added[i]);
	return copy;
}

struct json_object *class_before(struct json_object *class)
{
	const char *text = class_text(class, "metadata.annotations", BEFORE);
	struct json_object *before = NULL;
	struct error ignored;

	if (text)
		(void)json_parse(text, min_u64(strlen(text), BEFORE_MAX), BEFORE, &before,
				 &ignored);
	return before;
}

struct json_object *class_keep_patch(struct json_object *class)
{
	_json_ struct json_object *bare = class_bare(class);
	struct json_object *patch = json_object_new_object();
	struct json_object *metadata = json_set_object(patch, "metadata");

	json_set_str(metadata, "resourceVersion", json_get_str(class, "metadata.resourceVersion"));
	json_set_str(json_set_object(metadata, "annotations"), BEFORE, json_text(bare));
	return patch;
}

/* What FROM has and TO has not is null in PATCH. */
static void drop_members(struct json_object *patch, struct json_object *from,
			 struct json_object *to)
{
	json_object_object_foreach(from, name, value)
	{
		(void)value;
		if (!json_object_object_get_ex(to, name, NULL))
			(void)json_object_object_add(patch, name, NULL);
	}
}

struct json_object *class_diff(struct json_object *from, struct json_object *to)
{
	struct json_object *patch;

	if (json_object_equal(from, to))
		return NULL;
	if (!json_object_is_type(from, json_type_object) ||
	    !json_object_is_type(to, json_type_object))
		return json_object_get(to);
	patch = json_object_new_object();
	drop_members(patch, from, to);
	json_object_object_foreach(to, name, value)
	{
		struct json_object *change = class_diff(json_member(from, name), value);

		if (change)
			(void)json_object_object_add(patch, name, change);
	}
	return patch;
}

bool class_covers(struct json_object *actual, struct json_object *wanted)
{
	if (!json_object_is_type(wanted, json_type_object))
		return json_object_equal(actual, wanted);
	if (!json_object_is_type(actual, json_type_object))
		return false;
	json_object_object_foreach(wanted, name, value)
	{
		struct json_object *same = NULL;

		if (!json_object_object_get_ex(actual, name, &same) || !class_covers(same, value))
			return false;
	}
	return true;
}
