/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtimeclass - the RuntimeClasses that pods name.
 *
 * One per shim and one called "kata" for the default shim, with the handler of that shim.  The
 * overhead is what a sandbox was measured to take beside its containers (lib/overhead.h), for the
 * nodes of an installation together (class-overhead.h).  The node selector keeps pods on nodes
 * where a sandbox has answered.  Objects are compared first: nothing is sent when nothing differs.
 * The release that wrote a class stands on it for people; another one is no reason to write, as
 * nodes of two versions would take turns for as long as a roll-out lasts.  Whose a class is, and
 * what becomes of one that is not ours: class-change.h.
 *
 * A class of ours is read once in a run, as it is changed only if it is that one still; any other
 * is read again before it is taken or made.
 */
#include "deploy/runtimeclass.h"

#include <string.h>

#include "deploy/asked.h"
#include "deploy/class-change.h"
#include "deploy/class-overhead.h"
#include "deploy/class.h"
#include "deploy/node.h"
#include "lib/host/hostcheck.h"
#include "lib/log.h"
#include "lib/overhead.h"

#define RELEASE        "katacontainers.io/kata-version" /* that wrote a class */
#define DEFAULT_CLASS  "kata"
#define DEFAULT_MEMORY 2048
#define TRIES          5 /* at a class that several nodes change at once */

static void set_labels(const struct install *in, struct json_object *metadata)
{
	struct json_object *labels = json_set_object(metadata, "labels");

	json_set_str(labels, CLASS_MANAGED_BY, "kata-deploy");
	json_set_str(labels, CLASS_INSTANCE, settings_instance(in->facts->settings));
	(void)json_set_object(metadata, "annotations");
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

static char *class_path(const char *name)
{
	return xasprintf(CLASSES_PATH "/%s", name);
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

/* What is there and what shall be; the caller owns both. */
struct pair {
	char *path;
	struct json_object *actual; /* NULL: there is none */
	struct json_object *wanted;
	char *news; /* for people, if the other nodes of the pool will notice; NULL: none */
	bool is_needed;
};

static void pair_done(struct pair *p)
{
	free(p->path);
	json_putp(&p->actual);
	json_putp(&p->wanted);
	free(p->news);
}

static int read_class(const struct install *in, const char *path, struct json_object **ret_class,
		      struct error *e)
{
	int r = asked_get(in, path, ret_class, e);

	return r == -ENOENT ? 0 : r;
}

/* As it is now, but for one that was never anybody else's, which may be as it was when the run
 * began. */
static int read_again(const struct install *in, const char *path, struct json_object **ret_class,
		      struct error *e)
{
	struct json_object *known = asked_known(in, path);
	_json_ struct json_object *before = known ? class_before(known) : NULL;

	if (before || !class_is_ours(in, known))
		asked_forget(in, path);
	return read_class(in, path, ret_class, e);
}

/* EEXIST if what is there is not ours to change. */
static int compare(const struct install *in, const struct offer *o, const char *name,
		   struct pair *p, struct error *e)
{
	bool is_ours;

	p->path = class_path(name);
	p->wanted = build(in, o, name);
	if (read_class(in, p->path, &p->actual, e) < 0 ||
	    (p->actual && class_may_have(in, p->actual, p->wanted, e) < 0))
		return -e->code;
	is_ours = class_is_ours(in, p->actual);
	if (class_share_overhead(in, p->wanted, is_ours ? p->actual : NULL, &p->news, e) < 0)
		return -e->code;
	p->is_needed = !is_ours || !class_covers(p->actual, p->wanted);
	json_set_str(json_at(p->wanted, "metadata.annotations"), RELEASE,
		     in->facts->release.version);
	return 0;
}

/* Another node may have been faster, so it is compared again. */
static int put_once(const struct install *in, const struct offer *o, const char *name,
		    struct error *e)
{
	_cleanup_(pair_done) struct pair p = { 0 };
	int r;

	if (compare(in, o, name, &p, e) < 0)
		return -e->code;
	if (!p.is_needed)
		return 0;
	r = class_change(in, p.path, p.actual, p.wanted, e);
	asked_forget(in, p.path);
	if (r < 0)
		return r;
	if (p.actual && !class_is_ours(in, p.actual))
		log_info("RuntimeClass '%s' is taken over; it will be handed back", name);
	if (p.news)
		node_event(in, KUBE_EVENT_NORMAL, "KataOverheadRaised", p.news);
	return 0;
}

static int put_class(const struct install *in, const struct offer *o, const char *name,
		     struct error *e)
{
	int r = -EBUSY;

	for (unsigned i = 0; r == -EBUSY && i < TRIES; i++)
		r = put_once(in, o, name, e);
	return r;
}

static bool is_in_place(const struct pair *p)
{
	return !p->actual ||
	       str_equal(json_get_str(p->actual, "handler"), json_get_str(p->wanted, "handler"));
}

static const char *why_needed(const struct install *in, const struct pair *p)
{
	if (!p->actual)
		return "it is not there";
	if (!is_in_place(p))
		return "it has another handler and is made anew";
	return class_is_ours(in, p->actual) ? "it is not as it should be"
					    : "its owner lets us have it";
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

/* Told as lines, so that a difference is a line. */
static void add_pair(const struct install *in, const struct pair *p, struct change *ret_change)
{
	_json_ struct json_object *bare = p->actual ? class_bare(p->actual) : NULL;
	_json_ struct json_object *merged = p->actual ? class_bare(p->actual) : NULL;
	_free_ char *before = bare ? json_lines(bare) : NULL;
	_free_ char *after = NULL;

	if (merged)
		json_merge(merged, p->wanted);
	after = json_lines(merged ? merged : p->wanted);
	change_add_values(ret_change, EFFECT_OBJECT, p->path, before, after, why_needed(in, p));
}

static int assess_class(const struct install *in, const struct offer *o, const char *name,
			struct change *ret_change, struct error *e)
{
	_cleanup_(pair_done) struct pair p = { 0 };

	if (compare(in, o, name, &p, e) < 0)
		return -e->code;
	if (!p.is_needed)
		return 0;
	add_pair(in, &p, ret_change);
	return is_in_place(&p) ? must_be_allowed(in, p.path, p.wanted, e) : 0;
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

static bool is_wanted(const struct wanted *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].name, name) == 0)
			return true;
	return false;
}

/* The names that this release can give to a class of this installation.  "kata" is none where there
 * is a suffix: it is another installation's, and the account may not even ask for it.  Caller
 * frees.
 */
static strv list_own(const struct install *in)
{
	_strv_ strv shims = shim_names();
	_strv_ strv bases = NULL;
	strv names = NULL;

	for (char **shim = shims; shim && *shim; shim++)
		strv_take(&bases, shim_handler(in->facts->settings, *shim));
	if (!*in->facts->settings->suffix)
		strv_add(&bases, DEFAULT_CLASS);
	for (char **base = bases; base && *base; base++)
		strv_take(&names, class_name(in, *base));
	return names;
}

/* Those that are not in LIST: their shim has left SHIMS, or nobody wants classes of us any more.
 * Caller frees. */
static strv list_unwanted(const struct install *in, const struct wanted *list, size_t n)
{
	_strv_ strv own = list_own(in);
	strv names = NULL;

	for (char **name = own; name && *name; name++)
		if (!is_wanted(list, n, *name))
			strv_add(&names, *name);
	return names;
}

/* Only one that is ours goes. */
static int assess_unwanted(const struct install *in, const char *name, struct change *ret_change,
			   struct error *e)
{
	_free_ char *path = class_path(name);
	_json_ struct json_object *class = NULL;
	int r = read_class(in, path, &class, e);

	/* Who may not see classes has made none. */
	if (r < 0)
		return r == -EACCES ? 0 : r;
	if (class_is_ours(in, class))
		change_add(ret_change, EFFECT_OBJECT, path,
			   "this installation has no shim for it any more");
	return 0;
}

/* Only one that is ours. */
static int leave_once(const struct install *in, const char *path, struct error *e)
{
	_json_ struct json_object *class = NULL;
	int r;

	if (read_class(in, path, &class, e) < 0)
		return -e->code;
	if (!class_is_ours(in, class))
		return 0;
	r = class_leave(in, path, class, e);
	asked_forget(in, path);
	return r;
}

static int leave_class(const struct install *in, const char *path, struct error *e)
{
	int r = -EBUSY;

	for (unsigned i = 0; r == -EBUSY && i < TRIES; i++)
		r = leave_once(in, path, e);
	return r;
}

int classes_assess(const struct install *in, struct change *ret_change, struct error *e)
{
	struct wanted *list = NULL;
	size_t n = list_wanted(in, &list);
	_strv_ strv unwanted = NULL;
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++)
		r = assess_class(in, list[i].offer, list[i].name, ret_change, e);
	unwanted = list_unwanted(in, list, n);
	for (char **name = unwanted; r >= 0 && name && *name; name++)
		r = assess_unwanted(in, *name, ret_change, e);
	free_wanted(list, n);
	return r;
}

int classes_apply(const struct install *in, const struct change *change, struct error *e)
{
	struct wanted *list = NULL;
	size_t n = list_wanted(in, &list);
	_strv_ strv unwanted = NULL;
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++) {
		_free_ char *path = class_path(list[i].name);

		if (change_has(change, EFFECT_OBJECT, path))
			r = put_class(in, list[i].offer, list[i].name, e);
	}
	unwanted = list_unwanted(in, list, n);
	for (char **name = unwanted; r >= 0 && name && *name; name++) {
		_free_ char *path = class_path(*name);

		if (change_has(change, EFFECT_OBJECT, path))
			r = leave_class(in, path, e);
	}
	free_wanted(list, n);
	return r < 0 ? r : 0;
}

static int remove_class(const struct install *in, const char *name, struct error *e)
{
	_free_ char *path = class_path(name);

	return leave_class(in, path, e);
}

static void add_removal(const char *name, struct change *ret_change)
{
	_free_ char *path = class_path(name);

	change_add(ret_change, EFFECT_OBJECT, path,
		   "the installation ends, and with it the class, if it is this one's; an adopted "
		   "one is handed back");
}

void classes_add_removal(const struct install *in, struct change *ret_change)
{
	_strv_ strv own = list_own(in);

	for (char **name = own; name && *name; name++)
		add_removal(*name, ret_change);
}

int classes_remove(const struct install *in, struct error *e)
{
	_strv_ strv own = list_own(in);

	for (char **name = own; name && *name; name++)
		if (remove_class(in, *name, e) < 0)
			return -e->code;
	return 0;
}

int classes_save(const struct install *in, const struct change *change, struct json_object *data,
		 struct error *e)
{
	for (size_t i = 0; i < change->n_effects; i++) {
		_json_ struct json_object *class = NULL;

		if (read_again(in, change->effects[i].what, &class, e) < 0)
			return -e->code;
		if (class)
			class_save(in, class, data);
	}
	return 0;
}

int classes_restore(const struct install *in, struct json_object *data, struct error *e)
{
	json_object_object_foreach(data, name, entry)
	{
		_free_ char *path = class_path(name);
		_json_ struct json_object *class = NULL;
		int r;

		asked_forget(in, path);
		r = read_class(in, path, &class, e);
		if (r >= 0)
			r = class_restore(in, path, class, entry, e);
		/* Nobody can do more, and the node must not stay half done for it. */
		if (r == -EACCES)
			log_warn("RuntimeClass '%s' is not handed back: %s", name, e->msg);
		else if (r < 0)
			return r;
	}
	return 0;
}
