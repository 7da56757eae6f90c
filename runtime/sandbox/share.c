/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share - what of the host a sandbox's guest sees through virtio-fs, and who uses it.
 *
 * Each thing that is shared is an item: what it is (origin.c), its name in the exported folder
 * (exported.c) and its uses.  A use of something that is an item already, or a part of one, needs
 * no mount: the guest's path of it is all.  That a part is where the list of mounts says is checked
 * in the item itself, without following a link, by device and inode number; what a neighbour
 * exchanges afterwards is still inside what the pod sees.  While a part is used it is held open, in
 * the item: virtiofsd knows files by handles, and by that of a file whose name is gone it finds it
 * only while somebody has it.  Nothing of the host's own mounts is held, which may go meanwhile.
 *
 * What nobody but the pod's guest changes lies in a folder of its own, with a virtiofsd that lets
 * the guest remember it.  Only what is asked for is shared, never
 * the folder above it, but for a volume that belongs to the pod alone and of which a part is asked
 * for.
 *
 * An item is read-only on the host until its first use that writes, and becomes so again, if no
 * file is open for writing, after the last.  One with mounts below it, which may be read-only for
 * reasons of the host's, is not changed: those who write get an item of their own.  So does a use
 * that wants to see later mounts of the host, where the item was cut off from them.
 *
 * `lock` is for everything; what is done under it takes milliseconds.  Work threads.
 */

#include "runtime/sandbox/share.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/log.h"
#include "runtime/sandbox/exported.h"
#include "runtime/sandbox/origin.h"

#define HINT_LEN 48

struct use {
	struct use *next;
	char *ticket;
	bool writes;
	int pin; /* O_PATH on the part of the item that it has, or -1 */
};

struct item {
	struct item *next;
	enum share_kind kind;
	char *name; /* in the exported folder */
	bool has_origin;
	struct origin origin;
	bool follows;
	bool stays;
	bool is_writable;
	char *map; /* of its owners; "" as they are */
	struct use *uses;
};

struct share {
	pthread_mutex_t lock;
	struct exported exported;
	struct item *items;
	uint64_t made; /* items, ever: makes names unique */
};

const struct share_point share_points[N_SHARE_KIND] = {
	[SHARE_WITH_HOST] = { "kataShared", SHARE_GUEST_ROOT },
	[SHARE_PRIVATE] = { "kataPrivate", "/run/kata-containers/shared/private" },
};

static_assert(N_SHARE_KIND <= EXPORTED_FOLDERS_MAX, "a folder for every kind");

int share_open(const char *root, const char *id, size_t n_kinds, struct share **ret_share,
	       struct error *e)
{
	struct share *s = xcalloc(1, sizeof(*s));
	int r;

	(void)pthread_mutex_init(&s->lock, NULL);
	r = exported_open(&s->exported, root ? root : SHARE_ROOT, id, n_kinds, e);
	if (r < 0) {
		share_close(s);
		return r;
	}
	*ret_share = s;
	return 0;
}

size_t share_kinds(const struct share *s)
{
	return s->exported.n_folders;
}

const char *share_folder(const struct share *s, enum share_kind kind)
{
	return s->exported.folders[kind].served;
}

int share_namespace(const struct share *s)
{
	return s->exported.ns_fd;
}

void share_is_served(struct share *s, const pid_t *pids)
{
	exported_is_served(&s->exported, pids);
}

static struct exported_folder *folder_of(struct share *s, const struct item *item)
{
	return &s->exported.folders[item->kind];
}

static void use_free(struct use *use)
{
	(void)close_fd(use->pin);
	free(use->ticket);
	free(use);
}

static void item_free(struct item *item)
{
	while (item->uses) {
		struct use *use = item->uses;

		item->uses = use->next;
		use_free(use);
	}
	origin_done(&item->origin);
	free(item->name);
	free(item->map);
	free(item);
}

/* An id of a container never begins so.  No more of HINT than people need to know it by. */
static char *name_item(struct share *s, const char *hint)
{
	char *name = xasprintf("_%llu-%.*s", (unsigned long long)s->made++, HINT_LEN, hint);

	for (char *c = name; *c; c++)
		if (*c <= ' ' || *c > '~' || strchr("/\\\"'", *c))
			*c = '_';
	return name;
}

static void item_drop(struct share *s, struct item *item)
{
	struct item **at = &s->items;

	while (*at && *at != item)
		at = &(*at)->next;
	if (*at)
		*at = item->next;
	exported_unbind(folder_of(s, item), item->name);
	item_free(item);
}

/* Consumes OWN_NAME. */
static struct item *item_new(struct share *s, char *own_name, enum share_kind kind)
{
	struct item *item = xcalloc(1, sizeof(*item));

	item->kind = (size_t)kind < s->exported.n_folders ? kind : SHARE_WITH_HOST;
	item->name = own_name;
	item->map = xstrdup("");
	item->origin = (struct origin)ORIGIN_INIT;
	item->next = s->items;
	s->items = item;
	return item;
}

/* Caller frees. */
static char *map_of(const struct share_use *use)
{
	_free_ char *text = NULL;

	if (use->idmap == MOUNT_IDMAP_NONE)
		return xstrdup("");
	text = idmap_text(&use->map);
	return xasprintf("%s%s", use->idmap == MOUNT_IDMAP_TREE ? "tree " : "", text);
}

static int bind_item(struct share *s, const struct item *item, int sourcefd,
		     const struct share_use *use, struct error *e)
{
	_close_ int userns = use->idmap == MOUNT_IDMAP_NONE ? -1 : idmap_open(&use->map, e);
	const struct exported_view view = {
		.write = use->writes ? EXPORTED_READ_WRITE : EXPORTED_READ_ONLY,
		.follow = use->follows ? EXPORTED_FOLLOWING : EXPORTED_CUT_OFF,
		.idmap = use->idmap,
		.userns = userns,
	};

	if (userns < 0 && use->idmap != MOUNT_IDMAP_NONE)
		return userns;
	return exported_bind(folder_of(s, item), sourcefd, item->name, &view, e);
}

/* Consumes *O when it succeeds. */
static int item_share(struct share *s, struct origin *o, const struct share_use *use,
		      struct item **ret_item, struct error *e)
{
	struct item *item = item_new(s, name_item(s, use->hint), use->kind);
	int r = bind_item(s, item, o->fd, use, e);

	if (r < 0) {
		item_drop(s, item);
		return fail_wrap(e, "sharing '%s'", use->source);
	}
	item->has_origin = true;
	free(item->map);
	item->map = map_of(use);
	/* The descriptor stays O's: kept, it would keep the host from unmounting the volume. */
	item->origin = *o;
	item->origin.fd = -1;
	*o = (struct origin){ .fd = o->fd };
	item->follows = use->follows;
	item->is_writable = use->writes;
	*ret_item = item;
	return 0;
}

/* Whether ITEM can be what USE wants it to be, if need be by a change. */
static bool suits(const struct share *s, const struct item *item, const struct share_use *use)
{
	bool can_change =
		s->exported.ns_fd >= 0 && !item->origin.nested && !item->origin.is_read_only;
	_free_ char *map = map_of(use);

	if (!item->has_origin || (use->follows && !item->follows) || strcmp(item->map, map) != 0)
		return false;
	if (use->writes)
		return item->is_writable || can_change;
	return !item->is_writable || can_change;
}

/* What a use finds to be shared already: ITEM, and PART of it, "" for all. */
struct found {
	struct item *item;
	const char *part;
	int pin; /* on the part */
};

static void found_done(struct found *f)
{
	(void)close_fd(f->pin);
}

/* A descriptor of PART of ITEM if that, no link followed, is what ORIGIN is; else -1. */
static int look_at_part(struct share *s, const struct item *item, const char *part,
			const struct origin *origin)
{
	struct error ignored;
	_close_ int top = exported_look(folder_of(s, item), item->name, &ignored);
	_close_ int fd = -1;
	struct stat st;

	if (top < 0)
		return -1;
	fd = open_without_links(top, part, O_PATH | O_NOFOLLOW | O_CLOEXEC, &ignored);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_dev != origin->dev || st.st_ino != origin->ino)
		return -1;
	return TAKE_FD(fd);
}

/* The item that O is or lies in, if there is one. */
static void item_find(struct share *s, const struct origin *o, const struct share_use *use,
		      struct found *ret)
{
	for (struct item *item = s->items; item; item = item->next) {
		if (!suits(s, item, use))
			continue;
		if (origin_is_same(&item->origin, o)) {
			ret->item = item;
			return;
		}
	}
	for (struct item *item = s->items; item; item = item->next) {
		const char *part = suits(s, item, use) ? origin_part(&item->origin, o) : NULL;

		ret->pin = part ? look_at_part(s, item, part, o) : -1;
		if (ret->pin >= 0) {
			ret->item = item;
			ret->part = part;
			return;
		}
	}
}

static int allow_writing(struct share *s, struct item *item, struct error *e)
{
	int r = exported_allow(folder_of(s, item), item->name, EXPORTED_READ_WRITE, e);

	if (r >= 0)
		item->is_writable = true;
	return r;
}

static void use_add(struct item *item, const char *ticket, bool writes, int own_pin)
{
	struct use *use = xcalloc(1, sizeof(*use));

	use->ticket = xstrdup(ticket);
	use->writes = writes;
	use->pin = own_pin;
	use->next = item->uses;
	item->uses = use;
}

static char *guest_path(const struct item *item, const char *part)
{
	const char *root = share_points[item->kind].path;

	return part[0] ? xasprintf("%s/%s/%s", root, item->name, part)
		       : xasprintf("%s/%s", root, item->name);
}

/* The item that all of USE's folder is, made if it is not there; none if it is not asked for, or
 * SOURCE is no part of it: then it is shared for itself. */
static int find_whole(struct share *s, const struct origin *o, const struct share_use *use,
		      struct found *ret, struct error *e)
{
	_origin_ struct origin whole = ORIGIN_INIT;
	struct error ignored;
	struct item *item = NULL;
	const char *part = NULL;
	int r = 0;

	if (!use->within || origin_find(use->within, &whole, &ignored) < 0)
		return 0;
	part = origin_part(&whole, o);
	if (!part)
		return 0;
	r = item_share(s, &whole, use, &item, e);
	if (r < 0)
		return r;
	ret->pin = look_at_part(s, item, part, o);
	if (ret->pin < 0) {
		item_drop(s, item);
		return 0;
	}
	ret->item = item;
	ret->part = part;
	return 0;
}

static int get_locked(struct share *s, struct origin *o, const struct share_use *use,
		      char **ret_path, strv *nested, struct error *e)
{
	_strv_ strv below = strv_copy(o->nested), forbids = strv_copy(o->forbids);
	_cleanup_(found_done) struct found f = { .part = "", .pin = -1 };
	_free_ char *path = NULL;
	int r = 0;

	item_find(s, o, use, &f);
	if (!f.item)
		r = find_whole(s, o, use, &f, e);
	if (r >= 0 && f.item)
		path = guest_path(f.item, f.part);
	else if (r >= 0)
		r = item_share(s, o, use, &f.item, e);
	if (r >= 0 && use->writes && !f.item->is_writable)
		r = allow_writing(s, f.item, e);
	if (r < 0)
		return r;
	use_add(f.item, use->ticket, use->writes, TAKE_FD(f.pin));
	f.item->stays |= use->stays;
	*ret_path = path ? TAKE_PTR(path) : guest_path(f.item, "");
	for (size_t i = 0; below && below[i]; i++)
		strv_addf(nested, "%s%s/%s", forbids[i], *ret_path, below[i]);
	return 0;
}

int share_get(struct share *s, const struct share_use *use, char **ret_path, strv *nested,
	      struct error *e)
{
	_origin_ struct origin o = ORIGIN_INIT;
	int r = origin_find(use->source, &o, e);

	struct share_use real = *use;

	if (r < 0)
		return r;
	/* The host refuses it whatever the mount of ours says. */
	real.writes = use->writes && !o.is_read_only;
	(void)pthread_mutex_lock(&s->lock);
	r = get_locked(s, &o, &real, ret_path, nested, e);
	(void)pthread_mutex_unlock(&s->lock);
	return r;
}

int share_get_tree(struct share *s, const char *ticket, int treefd, const char *name,
		   char **ret_path, struct error *e)
{
	struct item *item;
	int r;

	(void)pthread_mutex_lock(&s->lock);
	item = item_new(s, xstrdup(name), SHARE_PRIVATE);
	item->is_writable = true;
	r = exported_attach(folder_of(s, item), treefd, name, e);
	if (r < 0) {
		item_drop(s, item);
	} else {
		use_add(item, ticket, true, -1);
		*ret_path = guest_path(item, "");
	}
	(void)pthread_mutex_unlock(&s->lock);
	return r;
}

static bool end_use(struct item *item, const char *ticket)
{
	for (struct use **at = &item->uses; *at; at = &(*at)->next) {
		struct use *use = *at;

		if (strcmp(use->ticket, ticket) != 0)
			continue;
		*at = use->next;
		use_free(use);
		return true;
	}
	return false;
}

/* Best effort: the next to look at a volume that nobody shall write finds it so. */
static void forbid_writing(struct share *s, struct item *item)
{
	struct error e;

	for (const struct use *use = item->uses; use; use = use->next)
		if (use->writes)
			return;
	if (!item->is_writable || item->origin.nested || s->exported.ns_fd < 0)
		return;
	if (exported_allow(folder_of(s, item), item->name, EXPORTED_READ_ONLY, &e) < 0)
		log_debug("'%s' can still be written: %s", item->name, e.msg);
	else
		item->is_writable = false;
}

void share_put(struct share *s, const char *ticket)
{
	(void)pthread_mutex_lock(&s->lock);
	for (struct item *item = s->items, *next; item; item = next) {
		next = item->next;
		if (!end_use(item, ticket))
			continue;
		if (item->uses || item->stays)
			forbid_writing(s, item);
		else
			item_drop(s, item);
	}
	(void)pthread_mutex_unlock(&s->lock);
}

void share_close(struct share *s)
{
	if (!s)
		return;
	while (s->items) {
		struct item *item = s->items;

		s->items = item->next;
		item_free(item);
	}
	exported_close(&s->exported);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

void share_forget(const char *root, const char *id)
{
	exported_forget(root ? root : SHARE_ROOT, id);
}
