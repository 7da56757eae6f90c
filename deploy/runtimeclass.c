/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtimeclass - the RuntimeClasses that pods name.
 *
 * One per shim and one called "kata" for the default shim, with the handler of that shim.  The
 * overhead is what a sandbox was measured to take beside its containers (lib/overhead.h), which is
 * more where VMs are emulated: nodes that differ in that are pools, each with classes of its own.
 * The node selector keeps pods on nodes where a sandbox has answered.  Objects are compared first:
 * nothing is sent when nothing differs.  A class belongs to the namespace of the installation: when
 * that is deleted, Kubernetes deletes the class, also when the pods have lost the right to do it
 * themselves.
 */
#include "deploy/runtimeclass.h"

#include <string.h>

#include "lib/host/hostcheck.h"
#include "lib/log.h"
#include "lib/overhead.h"

#define CLASSES_PATH   "/apis/node.k8s.io/v1/runtimeclasses"
#define DEFAULT_CLASS  "kata"
#define DEFAULT_MEMORY 2048

static void set_labels(const struct install *in, struct json_object *metadata)
{
	struct json_object *labels = json_set_object(metadata, "labels");
	struct json_object *annotations = json_set_object(metadata, "annotations");

	json_set_str(labels, "app.kubernetes.io/managed-by", "kata-deploy");
	json_set_str(labels, "kata-deploy/instance", settings_instance(in->facts->settings));
	json_set_str(annotations, "katacontainers.io/kata-version", in->facts->release.version);
}

static void set_overhead(const struct install *in, const struct offer *o, struct json_object *class)
{
	const struct host_facts facts = { .arch = in->facts->release.arch,
					  .sys = "/sys",
					  .proc = "/proc" };
	const struct overhead *beside =
		hostcheck_has_kvm(&facts) ? &overhead_kvm : &overhead_emulation;
	struct json_object *fixed = json_set_object(json_set_object(class, "overhead"), "podFixed");
	int64_t guest = beside->guest_mib;
	_free_ char *cpu = xasprintf("%um", beside->cpu_milli);
	_free_ char *memory = NULL;

	/* What is taken at once is taken, whether the guest uses it or not. */
	if (offer_bool(o, "enable_mem_prealloc", false))
		guest = offer_int(o, "default_memory", DEFAULT_MEMORY);
	memory = xasprintf("%lldMi", (long long)guest + beside->host_mib);
	json_set_str(fixed, "memory", memory);
	json_set_str(fixed, "cpu", cpu);
}

/* NAME as the classes of this pool have it.  Caller frees. */
static char *class_name(const struct install *in, const char *name)
{
	const char *pool = in->facts->settings->pool;

	return xasprintf("%s%s%s", name, *pool ? "-" : "", pool);
}

static void set_selector(const struct install *in, struct json_object *class)
{
	struct json_object *selector =
		json_set_object(json_set_object(class, "scheduling"), "nodeSelector");

	json_set_str(selector, "katacontainers.io/kata-runtime", "true");
	json_set_str(selector, in->facts->settings->owner.label, "true");
}

static struct json_object *build(const struct install *in, const struct offer *o, const char *name)
{
	struct json_object *class = json_object_new_object();
	struct json_object *metadata = json_set_object(class, "metadata");

	json_set_str(class, "apiVersion", "node.k8s.io/v1");
	json_set_str(class, "kind", "RuntimeClass");
	json_set_str(metadata, "name", name);
	set_labels(in, metadata);
	json_set_str(class, "handler", o->handler);
	set_overhead(in, o, class);
	set_selector(in, class);
	return class;
}

/* True if ACTUAL has every member of WANTED with the same value. */
static bool covers(struct json_object *actual, struct json_object *wanted)
{
	if (!json_object_is_type(wanted, json_type_object))
		return json_object_equal(actual, wanted);
	if (!json_object_is_type(actual, json_type_object))
		return false;
	json_object_object_foreach(wanted, name, value)
	{
		struct json_object *same = NULL;

		if (!json_object_object_get_ex(actual, name, &same) || !covers(same, value))
			return false;
	}
	return true;
}

/* 0: as wanted; 1: to be applied; 2: to be deleted first, because a handler cannot change. */
static int compare(const struct install *in, struct json_object *wanted, const char *path,
		   struct error *e)
{
	_json_ struct json_object *actual = NULL;
	int r = kube_get(in->kube, path, install_ask_ms(in), in->cancel, &actual, e);

	if (r == -ENOENT)
		return 1;
	if (r < 0)
		return r;
	if (!str_equal(json_get_str(actual, "handler"), json_get_str(wanted, "handler")))
		return 2;
	return !covers(actual, wanted);
}

/* Without the right to see the namespace the class has no owner: it is told, no reason to fail. */
static int set_owner(const struct install *in, struct json_object *class, struct error *e)
{
	const char *namespace = in->facts->settings->namespace;
	_free_ char *path = xasprintf("/api/v1/namespaces/%s", namespace);
	_json_ struct json_object *object = NULL;
	struct json_object *owner, *owners;
	int r = kube_get(in->kube, path, install_ask_ms(in), in->cancel, &object, e);

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

/* Another node may have been faster, so it is compared again. */
static int put_class(const struct install *in, const struct offer *o, const char *name,
		     struct error *e)
{
	_free_ char *path = xasprintf(CLASSES_PATH "/%s", name);
	_json_ struct json_object *class = build(in, o, name);
	int r = compare(in, class, path, e);

	if (r <= 0)
		return r;
	if (r == 2 && kube_delete(in->kube, path, install_ask_ms(in), in->cancel, e) < 0)
		return -e->code;
	if (set_owner(in, class, e) < 0)
		return -e->code;
	return kube_apply(in->kube, path, class, KUBE_TAKE_OVER, install_ask_ms(in), in->cancel,
			  NULL, e);
}

/* A right that lacks is found before anything changes. */
static int must_be_allowed(const struct install *in, const char *path, struct json_object *class,
			   struct error *e)
{
	_free_ char *dry = xasprintf("%s?dryRun=All", path);
	int r = kube_apply(in->kube, dry, class, KUBE_TAKE_OVER, install_ask_ms(in), in->cancel,
			   NULL, e);

	return r < 0 ? fail_wrap(e, "asking for the right to apply a RuntimeClass") : 0;
}

static int assess_class(const struct install *in, const struct offer *o, const char *name,
			struct change *ret_change, struct error *e)
{
	_free_ char *path = xasprintf(CLASSES_PATH "/%s", name);
	_json_ struct json_object *class = build(in, o, name);
	int r = compare(in, class, path, e);

	if (r <= 0)
		return r;
	change_add(ret_change, EFFECT_OBJECT, path,
		   r == 2 ? "it has another handler and is made anew"
			  : "it is not there, or not as it should be");
	return r == 2 ? 0 : must_be_allowed(in, path, class, e);
}

/* One RuntimeClass that shall be. */
struct wanted {
	const struct offer *offer;
	char *name;
};

static void add_wanted(const struct install *in, struct wanted *list, size_t *n,
		       const struct offer *o, const char *base)
{
	list[(*n)++] = (struct wanted){ .offer = o, .name = class_name(in, base) };
}

/* All that this installation has.  Returns their number; caller frees list and names. */
static size_t list_wanted(const struct install *in, struct wanted **ret_list)
{
	const struct facts *f = in->facts;
	const struct settings *s = f->settings;
	struct wanted *list = xcalloc(2 * f->n_offers, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; s->create_runtimeclasses && i < f->n_offers; i++)
		add_wanted(in, list, &n, &f->offers[i], f->offers[i].handler);
	/* The name "kata" belongs to the installation without suffix. */
	for (size_t i = 0; s->create_default_runtimeclass && !*s->suffix && i < f->n_offers; i++)
		if (strcmp(f->offers[i].shim->name, s->default_shim) == 0)
			add_wanted(in, list, &n, &f->offers[i], DEFAULT_CLASS);
	*ret_list = list;
	return n;
}

static void free_wanted(struct wanted *own_list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(own_list[i].name);
	free(own_list);
}

int classes_assess(const struct install *in, struct change *ret_change, struct error *e)
{
	struct wanted *list = NULL;
	size_t n = list_wanted(in, &list);
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++)
		r = assess_class(in, list[i].offer, list[i].name, ret_change, e);
	free_wanted(list, n);
	return r;
}

int classes_apply(const struct install *in, const struct change *change, struct error *e)
{
	struct wanted *list = NULL;
	size_t n = list_wanted(in, &list);
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++) {
		_free_ char *path = xasprintf(CLASSES_PATH "/%s", list[i].name);

		if (change_has(change, EFFECT_OBJECT, path))
			r = put_class(in, list[i].offer, list[i].name, e);
	}
	free_wanted(list, n);
	return r < 0 ? r : 0;
}

/* Only classes that carry our instance's mark. */
static int delete_class(const struct install *in, const char *base, struct error *e)
{
	_free_ char *name = class_name(in, base);
	_free_ char *path = xasprintf(CLASSES_PATH "/%s", name);
	_json_ struct json_object *class = NULL;
	struct json_object *instance = NULL;
	int r = kube_get(in->kube, path, install_ask_ms(in), in->cancel, &class, e);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	(void)json_object_object_get_ex(json_at(class, "metadata.labels"), "kata-deploy/instance",
					&instance);
	if (!instance ||
	    !str_equal(json_object_get_string(instance), settings_instance(in->facts->settings)))
		return 0;
	return kube_delete(in->kube, path, install_ask_ms(in), in->cancel, e);
}

static void add_removal(const struct install *in, const char *base, struct change *ret_change)
{
	_free_ char *name = class_name(in, base);
	_free_ char *path = xasprintf(CLASSES_PATH "/%s", name);

	change_add(ret_change, EFFECT_OBJECT, path,
		   "the installation ends, and with it the class, if it is this one's");
}

void classes_add_removal(const struct install *in, struct change *ret_change)
{
	for (size_t i = 0; i < in->facts->n_offers; i++)
		add_removal(in, in->facts->offers[i].handler, ret_change);
	add_removal(in, DEFAULT_CLASS, ret_change);
}

int classes_remove(const struct install *in, struct error *e)
{
	for (size_t i = 0; i < in->facts->n_offers; i++)
		if (delete_class(in, in->facts->offers[i].handler, e) < 0)
			return -e->code;
	return delete_class(in, DEFAULT_CLASS, e);
}
