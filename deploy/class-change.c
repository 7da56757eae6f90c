/* SPDX-License-Identifier: Apache-2.0 */
/*
 * class-change - change a RuntimeClass, or take somebody else's and hand it back.
 *
 * A class belongs to the namespace of the installation: when that is deleted, Kubernetes deletes
 * the class, also when the pods have lost the right to do it themselves.  An adopted one does not.
 *
 * A class of our name that is somebody else's refuses the installation before it changes anything,
 * until its owner's annotation hands it over (class.h).  It is then changed in place, so that pods
 * can use it all the time, and changed back at the end; its handler, which no change can reach,
 * stays, unless the owner lets us delete it and make it anew: a gap of two requests.  What such a
 * class was is in the journal before it is deleted and in its successor afterwards.  One thread.
 */
#include "deploy/class-change.h"

#include "deploy/asked.h"
#include "deploy/class.h"
#include "lib/log.h"

#define BEFORE   "class"
#define WAS_OURS "was_ours"

static int fail_foreign(struct json_object *class, const char *name, struct error *e)
{
	_free_ char *manager = class_manager(class);

	return fail(e, EEXIST,
		    "RuntimeClass '%s' is somebody else's (%s) and is left alone; to let "
		    "kata-deploy have it until it is removed: kubectl annotate runtimeclass "
		    "%s " CLASS_ADOPT "=true",
		    name, manager, name);
}

/* A handler cannot change: another means that the class is away for a moment. */
static int fail_handler(const char *name, const char *is, const char *wanted, struct error *e)
{
	return fail(e, EEXIST,
		    "RuntimeClass '%s' has the handler '%s' and not '%s', which can only be "
		    "changed by making it anew: choose a DEFAULT_SHIM that has this handler, or "
		    "accept that no pod can use the class for a moment: kubectl annotate "
		    "--overwrite runtimeclass %s " CLASS_ADOPT "=replace",
		    name, is, wanted, name);
}

static bool is_kata(const char *handler)
{
	return str_equal(handler, "kata") || (handler && str_starts(handler, "kata-"));
}

int class_may_have(const struct install *in, struct json_object *actual, struct json_object *wanted,
		   struct error *e)
{
	const char *name = json_get_str(wanted, "metadata.name");
	const char *is = json_get_str(actual, "handler");
	const char *shall = json_get_str(wanted, "handler");
	enum class_owner owner = class_owner(actual, settings_instance(in->facts->settings));

	if (owner == CLASS_OURS || (owner != CLASS_FOREIGN && str_equal(is, shall)))
		return 0;
	if (owner == CLASS_FOREIGN)
		return fail_foreign(actual, name, e);
	if (!is_kata(is))
		return fail(e, EEXIST,
			    "RuntimeClass '%s' has the handler '%s', which is not Kata's, and "
			    "could not be handed back; delete it if it is not used",
			    name, is ? is : "");
	return owner == CLASS_GIVEN ? fail_handler(name, is, shall, e) : 0;
}

bool class_is_ours(const struct install *in, struct json_object *class)
{
	return class && class_owner(class, settings_instance(in->facts->settings)) == CLASS_OURS;
}

/* Keeps in the class NAME how it was BEFORE; in an annotation that no later apply of ours knows, so
 * that none takes it away. */
static int keep_before(const struct install *in, const char *path, struct json_object *before,
		       struct error *e)
{
	_json_ struct json_object *patch = class_keep_patch(before);

	return kube_merge(in->kube, path, patch, install_ask_ms(in), in->cancel, e);
}

static int apply_class(const struct install *in, const char *path, struct json_object *class,
		       struct error *e)
{
	return kube_apply(in->kube, path, class, KUBE_TAKE_OVER, install_ask_ms(in), in->cancel,
			  NULL, e);
}

/* With another handler.  The new one is made right after the old one is gone: whoever makes a pod
 * in between is refused, and controllers try again. */
static int replace_class(const struct install *in, const char *path, struct json_object *actual,
			 struct json_object *class, struct error *e)
{
	_json_ struct json_object *before = class_before(actual);

	if (!before && !class_is_ours(in, actual))
		before = class_bare(actual);
	if (kube_delete_exact(in->kube, path, actual, install_ask_ms(in), in->cancel, e) < 0 ||
	    apply_class(in, path, class, e) < 0)
		return -e->code;
	return before ? keep_before(in, path, before, e) : 0;
}

/* In place: pods can use the class all the time. */
static int take_class(const struct install *in, const char *path, struct json_object *actual,
		      struct json_object *class, struct error *e)
{
	_json_ struct json_object *before = class_before(actual);

	if (!before && keep_before(in, path, actual, e) < 0)
		return -e->code;
	return apply_class(in, path, class, e);
}

/* Without the right to see the namespace the class has no owner: it is told, no reason to fail. */
static int set_owner(const struct install *in, struct json_object *class, struct error *e)
{
	const char *namespace = in->facts->settings->namespace;
	_free_ char *path = xasprintf("/api/v1/namespaces/%s", namespace);
	_json_ struct json_object *object = NULL;
	struct json_object *owner, *owners;
	int r = asked_get(in, path, &object, e);

	if (r == -EACCES || r == -ENOENT) {
		log_warn("RuntimeClasses will not go with namespace '%s': %s", namespace, e->msg);
		return 0;
	}
	if (r < 0)
		return r;
	owner = json_object_new_object();
	json_set_str(owner, "apiVersion", "v1");
	json_set_str(owner, "kind", "Namespace");
	json_set_str(owner, "name", namespace);
	json_set_str(owner, "uid", json_get_str(object, "metadata.uid"));
	owners = json_set_array(json_at(class, "metadata"), "ownerReferences");
	(void)json_object_array_add(owners, owner);
	return 0;
}

/* One that was never ours goes with the namespace of the installation, and is not changed by two
 * nodes at once; an adopted one is not for us to delete. */
int class_change(const struct install *in, const char *path, struct json_object *actual,
		 struct json_object *class, struct error *e)
{
	bool is_same = str_equal(json_get_str(actual, "handler"), json_get_str(class, "handler"));
	_json_ struct json_object *before = actual ? class_before(actual) : NULL;

	if (!before && (!actual || class_is_ours(in, actual)) && set_owner(in, class, e) < 0)
		return -e->code;
	if (actual && !is_same)
		return replace_class(in, path, actual, class, e);
	if (actual && !class_is_ours(in, actual))
		return take_class(in, path, actual, class, e);
	if (actual)
		json_set_str(json_at(class, "metadata"), "resourceVersion",
			     json_get_str(actual, "metadata.resourceVersion"));
	return apply_class(in, path, class, e);
}

/* What was adopted becomes again what it was BEFORE. */
static int hand_back(const struct install *in, const char *path, struct json_object *class,
		     struct json_object *before, struct error *e)
{
	_json_ struct json_object *bare = class_bare(class);
	_json_ struct json_object *patch = NULL;

	if (str_equal(json_get_str(class, "handler"), json_get_str(before, "handler"))) {
		patch = class_diff(bare, before);
		return patch ? kube_merge(in->kube, path, patch, install_ask_ms(in), NULL, e) : 0;
	}
	if (kube_delete_exact(in->kube, path, class, install_ask_ms(in), NULL, e) < 0)
		return -e->code;
	return kube_create(in->kube, CLASSES_PATH, before, install_ask_ms(in), NULL, e);
}

int class_leave(const struct install *in, const char *path, struct json_object *class,
		struct error *e)
{
	_json_ struct json_object *before = class_before(class);

	if (!before)
		return kube_delete_exact(in->kube, path, class, install_ask_ms(in), in->cancel, e);
	log_info("handing RuntimeClass '%s' back", json_get_str(class, "metadata.name"));
	return hand_back(in, path, class, before, e);
}

static bool may_take(const struct install *in, struct json_object *class)
{
	enum class_owner owner = class_owner(class, settings_instance(in->facts->settings));

	return owner == CLASS_GIVEN || owner == CLASS_GIVEN_UP;
}

void class_save(const struct install *in, struct json_object *class, struct json_object *data)
{
	struct json_object *before = class_before(class);
	struct json_object *entry;

	if (!before && may_take(in, class))
		before = class_bare(class);
	if (!before)
		return;
	entry = json_set_object(data, json_get_str(class, "metadata.name"));
	json_set_bool(entry, WAS_OURS, class_is_ours(in, class));
	(void)json_object_object_add(entry, BEFORE, before);
}

int class_restore(const struct install *in, const char *path, struct json_object *class,
		  struct json_object *entry, struct error *e)
{
	struct json_object *before = json_at(entry, BEFORE);
	_json_ struct json_object *kept = class ? class_before(class) : NULL;

	if (!class)
		return kube_create(in->kube, CLASSES_PATH, before, install_ask_ms(in), NULL, e);
	if (json_get_bool(entry, WAS_OURS, true) || (!kept && !class_is_ours(in, class)))
		return 0;
	return hand_back(in, path, class, before, e);
}
