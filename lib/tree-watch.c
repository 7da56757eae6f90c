/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree-watch - inotify for folders and what is in them.
 *
 * inotify watches single folders, so each folder of a tree has a watch, and one that comes gets its
 * own when its parent tells.  A change in it before that is covered by its own coming, which is
 * told.  Of a place that is not there, or that was removed or moved away, the nearest folder above
 * it is watched for the next one on the way.  When the kernel's queue was too short every watch is
 * made anew, as the end of some may be among what was lost, and everything is said to have changed.
 * What is mounted over a place is found by tree_watch_renew().  At most WATCHES_MAX folders; what
 * does not fit, there or in the kernel's own limit, is not watched, which the log has once.  Lists
 * folders, which no disk should make slow; io thread.
 */
#include "lib/tree-watch.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>

#include "lib/file.h"
#include "lib/log.h"

#define WATCHES_MAX 8192
#define ENTRY       (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ATTRIB)
#define SELF        (IN_DELETE_SELF | IN_MOVE_SELF)
#define MASK        (ENTRY | SELF | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK)
/* Of a folder that may be one of a place, too. */
#define WAY_MASK (IN_CREATE | IN_MOVED_TO | SELF | IN_ONLYDIR | IN_MASK_ADD)

struct folder {
	int wd;
	bool is_way;    /* it lies above the place, which is not there */
	unsigned depth; /* left below it */
	const struct tree_place *place;
	char *path;
};

struct tree_watch {
	struct io io;
	struct loop *loop;
	const struct tree_place *places;
	size_t n_places;
	void (*changed)(void *arg, unsigned bits);
	void *arg;
	struct folder *folders;
	size_t n_folders;
	bool is_partial; /* and that is told */
};

static bool is_top(const struct folder *f)
{
	return !f->is_way && f->depth == f->place->depth;
}

/* NAME leads from a folder above the place towards it. */
static bool leads_on(const struct folder *f, const char *name)
{
	const char *rest = f->place->path + strlen(f->path);
	size_t len;

	rest += strspn(rest, "/");
	len = strcspn(rest, "/");
	return strlen(name) == len && strncmp(rest, name, len) == 0;
}

static bool counts(const struct folder *f, const char *name)
{
	const char *const *only = f->place->only;

	if (f->is_way)
		return leads_on(f, name);
	if (!is_top(f) || !only)
		return name[0] != '.';
	while (*only && strcmp(*only, name) != 0)
		only++;
	return *only;
}

static bool add_folder(struct tree_watch *w, const struct tree_place *place, const char *path,
		       unsigned depth);

static void add_children(struct tree_watch *w, const struct folder *parent)
{
	DIR *dir = opendir(parent->path);
	struct dirent *d;

	if (!dir)
		return;
	while ((d = readdir(dir)) != NULL) {
		_free_ char *path = NULL;

		if (d->d_type != DT_DIR || !counts(parent, d->d_name))
			continue;
		path = path_join(parent->path, d->d_name);
		(void)add_folder(w, parent->place, path, parent->depth - 1);
	}
	(void)closedir(dir);
}

static void tell_partial(struct tree_watch *w, const char *path)
{
	if (!w->is_partial)
		log_warn("'%s' and more cannot be watched: %m; changes there are found later",
			 path);
	w->is_partial = true;
}

static struct folder *find_folder(const struct tree_watch *w, int wd,
				  const struct tree_place *place)
{
	for (size_t i = 0; i < w->n_folders; i++)
		if (w->folders[i].wd == wd && w->folders[i].place == place)
			return &w->folders[i];
	return NULL;
}

/* NULL: it cannot be watched. */
static struct folder *add_watch(struct tree_watch *w, const struct tree_place *place,
				const char *path, uint32_t mask)
{
	int wd = w->n_folders < WATCHES_MAX ? inotify_add_watch(w->io.fd, path, mask) : -1;
	struct folder *f;

	if (wd < 0) {
		if (errno == ENOSPC || w->n_folders >= WATCHES_MAX)
			tell_partial(w, path);
		return NULL;
	}
	f = find_folder(w, wd, place);
	if (!f) {
		w->folders = xrealloc(w->folders, w->n_folders + 1, sizeof(*w->folders));
		f = &w->folders[w->n_folders++];
		*f = (struct folder){ .wd = wd, .place = place };
	}
	str_set(&f->path, path);
	return f;
}

/* False if it is not there. */
static bool add_folder(struct tree_watch *w, const struct tree_place *place, const char *path,
		       unsigned depth)
{
	struct folder *f = add_watch(w, place, path, MASK);
	struct folder copy;

	if (!f)
		return false;
	f->is_way = false;
	f->depth = depth;
	if (depth == 0)
		return true;
	/* Adding more moves the list. */
	copy = *f;
	copy.path = xstrdup(path);
	add_children(w, &copy);
	free(copy.path);
	return true;
}

static void add_way(struct tree_watch *w, const struct tree_place *place)
{
	_free_ char *path = path_parent(place->path);
	struct folder *f;

	while (!(f = add_watch(w, place, path, WAY_MASK)) && strcmp(path, "/") != 0) {
		char *above = path_parent(path);

		free(path);
		path = above;
	}
	if (f)
		f->is_way = true;
}

/* False if it is not there. */
static bool add_place(struct tree_watch *w, const struct tree_place *place)
{
	if (add_folder(w, place, place->path, place->depth))
		return true;
	add_way(w, place);
	/* It may have come before its way was watched. */
	return add_folder(w, place, place->path, place->depth);
}

static unsigned all_bits(const struct tree_watch *w)
{
	unsigned bits = 0;

	for (size_t i = 0; i < w->n_places; i++)
		bits |= w->places[i].bits;
	return bits;
}

/* The watch WD has ended.  Returns the bits of places that came meanwhile. */
static unsigned forget(struct tree_watch *w, int wd)
{
	uint64_t lost = 0;
	size_t kept = 0;
	unsigned bits = 0;

	for (size_t i = 0; i < w->n_folders; i++) {
		struct folder *f = &w->folders[i];

		if (f->wd != wd) {
			w->folders[kept++] = *f;
			continue;
		}
		if (f->is_way || is_top(f))
			lost |= UINT64_C(1) << (f->place - w->places);
		free(f->path);
	}
	w->n_folders = kept;
	for (size_t i = 0; i < w->n_places; i++)
		if ((lost & (UINT64_C(1) << i)) && add_place(w, &w->places[i]))
			bits |= w->places[i].bits;
	return bits;
}

static bool is_new_folder(const struct inotify_event *event)
{
	return (event->mask & IN_ISDIR) && (event->mask & (IN_CREATE | IN_MOVED_TO));
}

static unsigned take_event(struct tree_watch *w, const struct inotify_event *event)
{
	const char *name = event->len > 0 ? event->name : "";
	unsigned bits = 0;

	/* The list can grow, by what is behind what is there now. */
	for (size_t i = 0, n = w->n_folders; i < n; i++) {
		const struct folder *f = &w->folders[i];
		const struct tree_place *place = f->place;
		_free_ char *path = NULL;

		if (f->wd != event->wd || (*name && !counts(f, name)))
			continue;
		/* Its end, which the kernel tells then, has the place found anew. */
		if ((event->mask & IN_MOVE_SELF) && (f->is_way || is_top(f)))
			(void)inotify_rm_watch(w->io.fd, f->wd);
		if (!f->is_way)
			bits |= place->bits;
		else if (*name && add_place(w, place))
			bits |= place->bits;
		if (!is_new_folder(event) || w->folders[i].is_way || w->folders[i].depth == 0)
			continue;
		path = path_join(w->folders[i].path, name);
		(void)add_folder(w, place, path, w->folders[i].depth - 1);
	}
	return bits;
}

/* After a loss nobody knows which watches there still are. */
static void begin_anew(struct tree_watch *w)
{
	for (size_t i = 0; i < w->n_folders; i++) {
		(void)inotify_rm_watch(w->io.fd, w->folders[i].wd);
		free(w->folders[i].path);
	}
	w->n_folders = 0;
	tree_watch_renew(w);
}

void tree_watch_renew(struct tree_watch *w)
{
	for (size_t i = 0; i < w->n_places; i++)
		(void)add_place(w, &w->places[i]);
}

unsigned tree_watch_take(struct tree_watch *w)
{
	_Alignas(struct inotify_event) char
		bytes[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
	unsigned bits = 0;
	ssize_t n;

	while ((n = read(w->io.fd, bytes, sizeof(bytes))) > 0) {
		const char *at = bytes;

		while (at < bytes + n) {
			const struct inotify_event *event = (const void *)at;

			at += sizeof(*event) + event->len;
			if (event->mask & IN_Q_OVERFLOW) {
				bits |= all_bits(w);
				begin_anew(w);
			} else if (event->mask & IN_IGNORED) {
				bits |= forget(w, event->wd);
			} else {
				bits |= take_event(w, event);
			}
		}
	}
	return bits;
}

static void on_ready(struct io *io, uint32_t events)
{
	struct tree_watch *w = CONTAINER_OF(io, struct tree_watch, io);
	unsigned bits = tree_watch_take(w);

	(void)events;
	if (bits)
		w->changed(w->arg, bits);
}

int tree_watch_new(struct loop *loop, const struct tree_place *places, size_t n_places,
		   void (*changed)(void *arg, unsigned bits), void *arg,
		   struct tree_watch **ret_watch, struct error *e)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	struct tree_watch *w;

	if (fd < 0)
		return fail(e, errno, "cannot watch folders: %m");
	w = xcalloc(1, sizeof(*w));
	*w = (struct tree_watch){ .io = { .fd = fd, .ready = on_ready },
				  .loop = loop,
				  .places = places,
				  .n_places = n_places,
				  .changed = changed,
				  .arg = arg };
	if (loop_add(loop, &w->io, EPOLLIN, e) < 0) {
		(void)close_fd(fd);
		free(w);
		return -e->code;
	}
	tree_watch_renew(w);
	*ret_watch = w;
	return 0;
}

void tree_watch_free(struct tree_watch *w)
{
	if (!w)
		return;
	loop_del(w->loop, &w->io);
	closep(&w->io.fd);
	for (size_t i = 0; i < w->n_folders; i++)
		free(w->folders[i].path);
	free(w->folders);
	free(w);
}
