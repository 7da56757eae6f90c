/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hugepages - keep huge pages ready for the containers that may use them.
 *
 * On a host the administrator sets them aside at boot and limits say who may use how many.  A guest
 * has no administrator: what the limits of a container allow is set aside when it is made and given
 * back when it goes, be it for a volume (hugetlbfs), for SHM_HUGETLB or for MAP_HUGETLB.  A volume
 * may come with a size of its own from runtimes that say what to keep in that way only.
 *
 * A runtime that brings memory for huge pages says so at once (hugepages_keep): a page of 1 GiB is
 * found in new memory only, before anything else takes a part of it.  So these stay until the pod
 * ends; what the limits of its containers say is a part of them.
 *
 * Engines may keep the limits of huge pages to themselves (containerd's disable_hugetlb_controller,
 * its default), and a runtime may not know those of the pod, so that there is a volume and nothing
 * says how many pages.  The kernel then makes them as they are asked for, out of what memory there
 * is, which works for all but those of 1 GiB.
 *
 * The kernel accepts any number and keeps as many pages as it found; only reading the number back
 * tells.  Pages in use outlive their being given back (a volume keeps its data while a container
 * starts again): they are then surplus, which the kernel counts in and we count out.  Somebody else
 * may change a pool (vm.nr_hugepages), so we add and subtract.  Work threads.
 */

#include "agent/guest/hugepages.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/oci.pb-c.h"
#include "lib/str.h"

#define ALL_PAGES "1073741824"
#define KNOB_MAX  64              /* bytes of the file */
#define NO_LIMIT  (INT64_MAX / 2) /* bytes: what is more limits nothing */

struct hugepages_pools {
	char *sysfs;
	pthread_mutex_t lock;        /* what a pool holds is read, changed, read again */
	struct hugepages containers; /* of all together */
	struct hugepages pod;
	struct hugepages kept; /* what the kernel was told */
};

/* As the kernel reads it, whose units are powers of two: "2M", "2MB", "2097152". */
static int parse_bytes(const char *text, const char *what, uint64_t *ret_bytes, struct error *e)
{
	static const char units[] = "KMG";
	size_t digits = strspn(text, "0123456789");
	_free_ char *number = xstrndup(text, digits);
	const char *rest = text + digits;
	const char *unit = *rest ? strchr(units, *rest) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	uint64_t value;
	int r;

	if (unit)
		rest++;
	if (*rest && strcmp(rest, "B") != 0)
		return fail(e, EINVAL, "%s '%.32s' is not a size such as 2MB", what, text);
	r = parse_u64(number, what, UINT64_MAX >> shift, &value, e);
	if (r >= 0)
		*ret_bytes = value << shift;
	return r;
}

static bool has_kind(const struct hugepages *h, uint64_t page_bytes)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->kinds[i].page_bytes == page_bytes)
			return true;
	return false;
}

static struct hugepages_kind *kind_of(struct hugepages *h, uint64_t page_bytes)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->kinds[i].page_bytes == page_bytes)
			return &h->kinds[i];
	if (h->n == HUGEPAGES_KINDS_MAX)
		return NULL;
	h->kinds[h->n] = (struct hugepages_kind){ .page_bytes = page_bytes };
	return &h->kinds[h->n++];
}

static int find_kind(struct hugepages *h, uint64_t page_bytes, struct hugepages_kind **ret_kind,
		     struct error *e)
{
	struct hugepages_kind *kind;

	if (page_bytes < KIB || (page_bytes & (page_bytes - 1)))
		return fail(e, EINVAL, "there are no huge pages of %llu bytes",
			    (unsigned long long)page_bytes);
	kind = kind_of(h, page_bytes);
	if (!kind)
		return fail(e, E2BIG, "there are more than %d sizes of huge pages",
			    HUGEPAGES_KINDS_MAX);
	*ret_kind = kind;
	return 0;
}

int hugepages_add(struct hugepages *h, uint64_t page_bytes, uint64_t bytes, struct error *e)
{
	struct hugepages_kind *kind;
	int r = find_kind(h, page_bytes, &kind, e);

	if (r >= 0)
		kind->pages += bytes / page_bytes;
	return r;
}

int hugepages_limit(struct hugepages *h, const Oci__LinuxResources *r, struct error *e)
{
	for (size_t i = 0; r && i < r->n_hugepagelimits; i++) {
		const Oci__LinuxHugepageLimit *limit = r->hugepagelimits[i];
		struct hugepages_kind *kind;
		uint64_t page_bytes;

		if (limit->limit > NO_LIMIT)
			continue;
		if (parse_bytes(limit->pagesize, "size of a huge page", &page_bytes, e) < 0 ||
		    find_kind(h, page_bytes, &kind, e) < 0)
			return -e->code;
		kind->pages = limit->limit / page_bytes;
	}
	return 0;
}

/* *ret_bytes keeps its value if there is no such option. */
static int option(const Agent__Storage *s, const char *prefix, uint64_t *ret_bytes, struct error *e)
{
	for (size_t i = 0; i < s->n_options; i++)
		if (str_starts(s->options[i], prefix))
			return parse_bytes(s->options[i] + strlen(prefix), prefix, ret_bytes, e);
	return 0;
}

static int add_volume(struct hugepages *h, const Agent__Storage *s, struct error *e)
{
	struct hugepages_kind *kind;
	uint64_t page_bytes = 0, bytes = 0;

	if (option(s, "pagesize=", &page_bytes, e) < 0 || option(s, "size=", &bytes, e) < 0)
		return -e->code;
	if (page_bytes && !bytes) {
		if (find_kind(h, page_bytes, &kind, e) < 0)
			return -e->code;
		kind->is_open = true;
		return 0;
	}
	if (page_bytes == 0 || bytes < page_bytes)
		return fail(e, EINVAL, "huge pages of %llu bytes do not fill %llu bytes",
			    (unsigned long long)page_bytes, (unsigned long long)bytes);
	if (find_kind(h, page_bytes, &kind, e) < 0)
		return -e->code;
	kind->pages += bytes / page_bytes;
	return 0;
}

static int merge(struct hugepages *limits, const struct hugepages_kind *volumes, struct error *e)
{
	bool is_limited = has_kind(limits, volumes->page_bytes);
	struct hugepages_kind *kind;
	int r = find_kind(limits, volumes->page_bytes, &kind, e);

	if (r < 0)
		return r;
	kind->pages = max_u64(kind->pages, volumes->pages);
	kind->is_open = !is_limited && volumes->is_open;
	return 0;
}

int hugepages_of(const Agent__CreateContainerRequest *in, struct hugepages *ret, struct error *e)
{
	struct hugepages limits = { 0 }, volumes = { 0 };
	int r = hugepages_limit(&limits, in->oci->linux->resources, e);

	for (size_t i = 0; r >= 0 && i < in->n_storages; i++)
		if (str_equal(in->storages[i]->fstype, "hugetlbfs"))
			r = add_volume(&volumes, in->storages[i], e);
	for (size_t i = 0; r >= 0 && i < volumes.n; i++)
		r = merge(&limits, &volumes.kinds[i], e);
	if (r >= 0)
		*ret = limits;
	return r;
}

static int read_count(const char *dir, const char *name, uint64_t *ret_count, struct error *e)
{
	_free_ char *path = path_join(dir, name);
	_free_ char *text = NULL;
	int r = file_read(path, KNOB_MAX, &text, NULL, e);

	return r < 0 ? r : parse_u64(str_trim(text), path, UINT32_MAX, ret_count, e);
}

/* Without those that are in use and not wanted any more. */
static int read_kept(const char *dir, uint64_t *ret_pages, struct error *e)
{
	uint64_t all, surplus;

	if (read_count(dir, "nr_hugepages", &all, e) < 0 ||
	    read_count(dir, "surplus_hugepages", &surplus, e) < 0)
		return -e->code;
	*ret_pages = all - min_u64(all, surplus);
	return 0;
}

static int write_kept(const char *dir, uint64_t pages, struct error *e)
{
	_free_ char *path = path_join(dir, "nr_hugepages");
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)pages);
	return file_write(path, text, e);
}

static int more(const char *dir, uint64_t page_bytes, uint64_t pages, struct error *e)
{
	struct error ignored;
	uint64_t before, after;
	int r = read_kept(dir, &before, e);

	if (r == -ENOENT)
		return fail(e, ENOTSUP, "the guest has no huge pages of %llu kB",
			    (unsigned long long)(page_bytes / KIB));
	if (r < 0 || write_kept(dir, before + pages, e) < 0 || read_kept(dir, &after, e) < 0)
		return -e->code;
	if (after >= before + pages)
		return 0;
	(void)write_kept(dir, before, &ignored);
	return fail(e, ENOMEM, "the guest has memory for %llu of %llu huge pages of %llu kB",
		    (unsigned long long)(after - min_u64(after, before)), (unsigned long long)pages,
		    (unsigned long long)(page_bytes / KIB));
}

/* Stays so: what was made on demand may be in use, and whoever could use more has no limit. */
static int open_pool(const char *dir, struct error *e)
{
	_free_ char *path = path_join(dir, "nr_overcommit_hugepages");

	return file_write(path, ALL_PAGES, e);
}

static void less(const char *dir, uint64_t pages)
{
	struct error ignored;
	uint64_t before;

	if (read_kept(dir, &before, &ignored) >= 0)
		(void)write_kept(dir, before - min_u64(before, pages), &ignored);
}

static uint64_t pages_in(const struct hugepages *h, uint64_t page_bytes)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->kinds[i].page_bytes == page_bytes)
			return h->kinds[i].pages;
	return 0;
}

static char *pool_dir(const struct hugepages_pools *pools, uint64_t page_bytes)
{
	return xasprintf("%s/kernel/mm/hugepages/hugepages-%llukB", pools->sysfs,
			 (unsigned long long)(page_bytes / KIB));
}

/* Of *want what *has lacks. */
static int grow(const struct hugepages_pools *pools, struct hugepages *has,
		const struct hugepages *want, struct error *e)
{
	for (size_t i = 0; i < want->n; i++) {
		const struct hugepages_kind *w = &want->kinds[i];
		_free_ char *dir = pool_dir(pools, w->page_bytes);
		struct hugepages_kind *h;
		uint64_t is = pages_in(has, w->page_bytes);

		if (w->is_open && open_pool(dir, e) < 0)
			return -e->code;
		if (w->pages <= is)
			continue;
		if (find_kind(has, w->page_bytes, &h, e) < 0 ||
		    more(dir, w->page_bytes, w->pages - is, e) < 0)
			return -e->code;
		h->pages = w->pages;
	}
	return 0;
}

static void shrink(const struct hugepages_pools *pools, struct hugepages *has,
		   const struct hugepages *want)
{
	for (size_t i = 0; i < has->n; i++) {
		struct hugepages_kind *h = &has->kinds[i];
		uint64_t wanted = pages_in(want, h->page_bytes);
		_free_ char *dir = pool_dir(pools, h->page_bytes);

		if (h->pages <= wanted)
			continue;
		less(dir, h->pages - wanted);
		h->pages = wanted;
	}
}

struct hugepages_pools *hugepages_pools_new(const char *sysfs)
{
	struct hugepages_pools *pools = xcalloc(1, sizeof(*pools));

	pools->sysfs = xstrdup(sysfs);
	(void)pthread_mutex_init(&pools->lock, NULL);
	return pools;
}

void hugepages_pools_free(struct hugepages_pools *pools)
{
	if (!pools)
		return;
	(void)pthread_mutex_destroy(&pools->lock);
	free(pools->sysfs);
	free(pools);
}

static int larger_first(const void *a_, const void *b_)
{
	const struct hugepages_kind *a = a_, *b = b_;

	return a->page_bytes < b->page_bytes ? 1 : a->page_bytes > b->page_bytes ? -1 : 0;
}

/* Makes the kernel keep what CONTAINERS and POD may use; on failure, what it kept. */
static int settle(struct hugepages_pools *pools, const struct hugepages *containers,
		  const struct hugepages *pod, struct error *e)
{
	const struct hugepages kept = pools->kept;
	struct hugepages want = *containers;
	struct hugepages_kind *kind;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < pod->n; i++) {
		r = find_kind(&want, pod->kinds[i].page_bytes, &kind, e);
		if (r >= 0)
			kind->pages = max_u64(kind->pages, pod->kinds[i].pages);
		if (r >= 0)
			kind->is_open = false;
	}
	/* Small ones would be in the way of large ones. */
	qsort(want.kinds, want.n, sizeof(want.kinds[0]), larger_first);
	if (r >= 0)
		r = grow(pools, &pools->kept, &want, e);
	shrink(pools, &pools->kept, r < 0 ? &kept : &want);
	if (r < 0)
		return r;
	pools->containers = *containers;
	pools->pod = *pod;
	return 0;
}

/* *sum without LESS and with MORE. */
static int exchange(struct hugepages *sum, const struct hugepages *less_,
		    const struct hugepages *more_, struct error *e)
{
	struct hugepages_kind *kind;

	for (size_t i = 0; i < less_->n; i++) {
		kind = kind_of(sum, less_->kinds[i].page_bytes);
		if (kind)
			kind->pages -= min_u64(kind->pages, less_->kinds[i].pages);
	}
	for (size_t i = 0; i < more_->n; i++) {
		if (find_kind(sum, more_->kinds[i].page_bytes, &kind, e) < 0)
			return -e->code;
		kind->pages += more_->kinds[i].pages;
		kind->is_open |= more_->kinds[i].is_open;
	}
	return 0;
}

static bool is_nothing(const struct hugepages *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->kinds[i].pages > 0 || h->kinds[i].is_open)
			return false;
	return true;
}

int hugepages_change(struct hugepages_pools *pools, struct hugepages *has,
		     const struct hugepages *want, struct error *e)
{
	struct hugepages all;
	int r;

	/* Most containers: they need not wait for the pages of another. */
	if (is_nothing(has) && is_nothing(want))
		return 0;
	(void)pthread_mutex_lock(&pools->lock);
	all = pools->containers;
	r = exchange(&all, has, want, e);
	if (r >= 0)
		r = settle(pools, &all, &pools->pod, e);
	if (r >= 0)
		*has = *want;
	(void)pthread_mutex_unlock(&pools->lock);
	return r;
}

int hugepages_keep(struct hugepages_pools *pools, const struct hugepages *pod, struct error *e)
{
	int r;

	(void)pthread_mutex_lock(&pools->lock);
	r = settle(pools, &pools->containers, pod, e);
	(void)pthread_mutex_unlock(&pools->lock);
	return r;
}
