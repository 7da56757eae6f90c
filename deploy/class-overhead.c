/* SPDX-License-Identifier: Apache-2.0 */
/*
 * class-overhead - one overhead for nodes on which sandboxes take different amounts.
 *
 * A RuntimeClass has one overhead, its nodes may have several: drop-ins of their own, KVM or not.
 * Each resource belongs to the node that needs most of it, by name in an annotation: that node
 * raises and lowers it, the others only raise it, and so become the owner.  An owner that has left
 * the installation is followed by whoever looks next.  So the value settles at the largest, without
 * a node that changes it back and forth.  Who pays for others is told once: pools have classes of
 * their own.  One thread; may ask the API server.
 */
#include "deploy/class-overhead.h"

#include <string.h>

#include "deploy/class.h"
#include "deploy/install.h"
#include "deploy/node.h"

#define ANNOTATIONS "metadata.annotations"

static int parse_milli(const char *text, const char *what, uint64_t *ret_milli, struct error *e)
{
	_free_ char *number = xstrdup(text);
	bool is_milli = str_ends(text, "m");
	int r;

	if (is_milli)
		number[strlen(number) - 1] = '\0';
	r = parse_u64(number, what, UINT32_MAX, ret_milli, e);
	if (r >= 0 && !is_milli)
		*ret_milli *= 1000;
	return r;
}

static const struct resource {
	const char *name;
	const char *owner_key;
	int (*parse)(const char *text, const char *what, uint64_t *ret_amount, struct error *e);
} resources[] = {
	{ "memory", "kata-deploy.katacontainers.io/overhead-memory", parse_size },
	{ "cpu", "kata-deploy.katacontainers.io/overhead-cpu", parse_milli },
};

/* What cannot be read is less than anything. */
static uint64_t amount(const struct resource *r, const char *text)
{
	struct error ignored;
	uint64_t value = 0;

	return text && r->parse(text, r->name, &value, &ignored) >= 0 ? value : 0;
}

struct sharing {
	const struct install *in;
	struct json_object *fixed; /* podFixed as it is wanted */
	struct json_object *notes; /* its annotations */
	struct json_object *actual;
	char **ret_news;
};

static void put(const struct sharing *s, const struct resource *r, const char *text,
		const char *owner)
{
	json_set_str(s->fixed, r->name, text);
	json_set_str(s->notes, r->owner_key, owner);
}

static void tell(const struct sharing *s, const struct resource *r, const char *more,
		 const char *less, const char *owner)
{
	if (*s->ret_news)
		return;
	*s->ret_news = xasprintf(
		"RuntimeClass '%s' now books %s of %s for each pod, as a sandbox takes on this "
		"node; on node '%s' it is %s: nodes that differ can be pools with classes of their "
		"own (KATA_POOL)",
		json_get_str(s->actual, "metadata.name"), more, r->name, owner, less);
}

/* 1 if OWNER may not keep what it said: it has gone, or it is this node. */
static int is_free(const struct sharing *s, const char *owner, struct error *e)
{
	int r;

	if (!owner || str_equal(owner, s->in->facts->settings->node_name))
		return 1;
	r = node_is_installed(s->in, owner, e);
	return r < 0 ? r : r == 0;
}

static int share(const struct sharing *s, const struct resource *r, struct error *e)
{
	const char *me = s->in->facts->settings->node_name;
	_free_ char *wish = xstrdup(class_text(s->fixed, "", r->name));
	const char *said = class_text(s->actual, "overhead.podFixed", r->name);
	const char *owner = class_text(s->actual, ANNOTATIONS, r->owner_key);
	uint64_t wished = amount(r, wish);
	uint64_t is = amount(r, said);
	int may;

	if (wished > is || !said) {
		put(s, r, wish, me);
		if (said && owner && strcmp(owner, me) != 0)
			tell(s, r, wish, said, owner);
		return 0;
	}
	if (wished == is) {
		/* In the API server's own words for the same amount. */
		put(s, r, said, owner ? owner : me);
		return 0;
	}
	may = is_free(s, owner, e);
	if (may >= 0)
		put(s, r, may ? wish : said, may ? me : owner);
	return may;
}

int class_share_overhead(const struct install *in, struct json_object *wanted,
			 struct json_object *actual, char **ret_news, struct error *e)
{
	const struct sharing s = {
		.in = in,
		.fixed = json_at(wanted, "overhead.podFixed"),
		.notes = json_at(wanted, ANNOTATIONS),
		.actual = actual,
		.ret_news = ret_news,
	};

	for (size_t i = 0; i < ARRAY_SIZE(resources); i++)
		if (share(&s, &resources[i], e) < 0)
			return -e->code;
	return 0;
}
