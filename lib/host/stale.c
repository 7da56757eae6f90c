/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stale - does a sandbox run what it would run if it were started now?
 *
 * A version is a directory that is never written, so comparing the names of directories is exact.
 * Configurations are compared key by key where both sides have them, since an edit of a comment
 * changes a digest and nothing else; a key that several files set has the value of the last.  A
 * record of an older form has no keys: there digests are compared, and only those of files of the
 * node's own, as the names of files, which a version's are different of, are part of them.
 * Pure: any thread.
 */
#include "lib/host/stale.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "lib/file.h"

#define KEYS_SHOWN 8
#define VALUE_MAX  128
#define DIGEST     12 /* digits of one that are shown */

const char *const stale_names[] = {
	[STALE_VERSION] = "version",   [STALE_CONFIGURATION] = "configuration",
	[STALE_ASSETS] = "assets",     [STALE_FOREIGN] = "foreign",
	[STALE_LEFTOVER] = "leftover", [STALE_ADVISORY] = "advisory",
};
static_assert(ARRAY_SIZE(stale_names) == N_STALE_KIND, "a name for every cause");

void stale_add(struct stale *s, enum stale_kind kind, char *own_detail)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].kind == kind) {
			free(own_detail);
			return;
		}
	s->list[s->n++] = (struct stale_cause){ kind, own_detail };
}

void stale_done(struct stale *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->list[i].detail);
	*s = (struct stale){ 0 };
}

/* ---- keys ---- */

/* Borrows from the text it was made of. */
struct key {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
	const char *file;
	size_t file_len;
};

struct keys {
	struct key *list;
	size_t n;
};

static bool is_same(const struct key *a, const struct key *b)
{
	return a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0;
}

static const struct key *find_key(const struct keys *keys, const struct key *key)
{
	for (size_t i = 0; i < keys->n; i++)
		if (is_same(&keys->list[i], key))
			return &keys->list[i];
	return NULL;
}

static void set_key(struct keys *keys, const struct key *key)
{
	struct key *old = (struct key *)(uintptr_t)find_key(keys, key);

	if (old)
		*old = *key;
	else
		keys->list[keys->n++] = *key;
}

static size_t count_lines(const char *text)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* "/FILE" lines, each followed by "KEY = VALUE" lines. */
static void read_keys(const char *text, struct keys *ret_keys)
{
	struct keys keys = { .list = xcalloc(count_lines(text), sizeof(*keys.list)) };
	const char *file = "";
	size_t file_len = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *equals = memmem(text, len, " = ", 3);
		const struct key key = {
			.name = text,
			.name_len = equals ? (size_t)(equals - text) : 0,
			.value = equals ? equals + 3 : NULL,
			.value_len = equals ? len - (size_t)(equals + 3 - text) : 0,
			.file = file,
			.file_len = file_len,
		};

		if (*text == '/') {
			file = text;
			file_len = len;
		} else if (equals) {
			set_key(&keys, &key);
		}
		text += len + (text[len] == '\n');
	}
	*ret_keys = keys;
}

static bool has_same_value(const struct key *a, const struct key *b)
{
	return a && b && a->value_len == b->value_len &&
	       memcmp(a->value, b->value, a->value_len) == 0;
}

static char *value_text(const struct key *key)
{
	return key ? xstrndup(key->value, min_size(key->value_len, VALUE_MAX)) : xstrdup("unset");
}

/* "hypervisor.qemu.default_memory" is default_memory to whoever reads it, unless there are two. */
static const char *short_name(const struct key *key, const struct keys *a, const struct keys *b)
{
	const char *dot = memrchr(key->name, '.', key->name_len);
	const char *last = dot ? dot : key->name;
	size_t len = key->name_len - (size_t)(last - key->name);
	const struct keys *both[] = { a, b };

	for (size_t k = 0; dot && k < ARRAY_SIZE(both); k++)
		for (size_t i = 0; i < both[k]->n; i++) {
			const struct key *other = &both[k]->list[i];

			if (other->name_len > len && !is_same(other, key) &&
			    memcmp(other->name + other->name_len - len, last, len) == 0)
				return key->name;
		}
	return dot ? dot + 1 : key->name;
}

struct differences {
	FILE *out;
	unsigned n;
};

/* OLD and NEW are NULL where the key is unset, IN is the one of them that says where it is. */
static void put_difference(struct differences *d, const struct key *old, const struct key *new,
			   const struct key *in, const char *name)
{
	_free_ char *before = value_text(old);
	_free_ char *after = value_text(new);
	size_t len = in->name_len - (size_t)(name - in->name);

	if (d->n++ >= KEYS_SHOWN)
		return;
	(void)fprintf(d->out, "%s%.*s %s -> %s in %.*s", d->n > 1 ? ", " : "", (int)len, name,
		      before, after, (int)in->file_len, in->file);
}

/* NULL if every key has the same value. */
static char *compare_keys(const char *before, const char *after)
{
	struct keys old, new;
	char *text = NULL;
	size_t size = 0;
	struct differences d = { .out = open_memstream(&text, &size) };

	read_keys(before, &old);
	read_keys(after, &new);
	for (size_t i = 0; i < old.n; i++) {
		const struct key *k = find_key(&new, &old.list[i]);

		if (!has_same_value(&old.list[i], k))
			put_difference(&d, &old.list[i], k, k ? k : &old.list[i],
				       short_name(k ? k : &old.list[i], &old, &new));
	}
	for (size_t i = 0; i < new.n; i++)
		if (!find_key(&old, &new.list[i]))
			put_difference(&d, NULL, &new.list[i], &new.list[i],
				       short_name(&new.list[i], &old, &new));
	if (d.n > KEYS_SHOWN)
		(void)fprintf(d.out, ", and %u more", d.n - KEYS_SHOWN);
	(void)fclose(d.out);
	free(old.list);
	free(new.list);
	if (d.n == 0)
		free(TAKE_PTR(text));
	return text;
}

/* ---- causes ---- */

static void find_version(const struct record *r, const struct stale_now *now, struct stale *s)
{
	const char *folder = path_base(r->version_dir);

	if (!now->current || !*folder || strcmp(folder, now->current) == 0)
		return;
	stale_add(s, STALE_VERSION,
		  *now->current ? xasprintf("the node has %s", now->current)
				: xstrdup("the node has no version any more"));
}

static void find_configuration(const struct record *r, const struct stale_now *now, struct stale *s)
{
	char *text = NULL;

	if (now->no_config)
		text = xasprintf("%s", now->no_config);
	else if (!now->config_digest || !*r->config_digest ||
		 strcmp(r->config_digest, now->config_digest) == 0)
		return;
	else if (*r->configuration && now->configuration)
		text = compare_keys(r->configuration, now->configuration);
	else if (str_equal(r->config_path, now->config_path))
		text = xasprintf("%s or a file beside it has changed (digest %.*s -> %.*s)",
				 r->config_path, DIGEST, r->config_digest, DIGEST,
				 now->config_digest);
	if (text)
		stale_add(s, STALE_CONFIGURATION, text);
}

static void find_assets(const struct stale_now *now, struct stale *s)
{
	if (now->changes && *now->changes)
		stale_add(s, STALE_ASSETS, strv_join(now->changes, ", "));
}

/* "1.2.0" means every release of this version, "1.2.0-77aa01f0b3c4" one. */
static bool is_withdrawn(const char *entry, const char *folder, const char **ret_reason)
{
	const char *digest = strrchr(folder, '-');
	size_t version_len = digest ? (size_t)(digest - folder) : strlen(folder);
	size_t len = strcspn(entry, "=");

	*ret_reason = entry[len] == '=' ? entry + len + 1 : NULL;
	return (len == version_len || len == strlen(folder)) && len > 0 &&
	       strncmp(entry, folder, len) == 0;
}

bool stale_is_withdrawn(char *const *list, const char *folder, const char **ret_reason)
{
	for (char *const *entry = list; entry && *entry; entry++)
		if (is_withdrawn(*entry, folder, ret_reason))
			return true;
	return false;
}

static void find_advisory(const struct record *r, const struct stale_now *now, struct stale *s)
{
	const char *folder = path_base(r->version_dir);
	const char *reason;

	if (stale_is_withdrawn(now->withdrawn, folder, &reason))
		stale_add(s, STALE_ADVISORY,
			  xasprintf("version %s is withdrawn%s%s", folder, reason ? ": " : "",
				    reason ? reason : ""));
}

void stale_find(const struct record *r, const struct stale_now *now, struct stale *ret_stale)
{
	*ret_stale = (struct stale){ 0 };
	if (r->life == RECORD_GONE) {
		/* It runs nothing, so nothing it ran can be old. */
		stale_add(ret_stale, STALE_LEFTOVER,
			  xstrdup("its shim has ended and left its record behind"));
		return;
	}
	find_version(r, now, ret_stale);
	find_configuration(r, now, ret_stale);
	find_assets(now, ret_stale);
	find_advisory(r, now, ret_stale);
}
