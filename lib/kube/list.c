/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list - go through a collection once.
 *
 * The pages are small enough that one of large objects stays below the limit of an answer: a Node
 * with its images has some 20 KB.  A place between two pages is good for some minutes; where it is
 * gone the list begins again and leaves out what was handed out before, of which it keeps the UIDs.
 * Thread: that of the client.
 */
#include "lib/kube/list.h"

#include <string.h>

#define PAGE       100
#define BEGINS_MAX 5 /* again */

/* One list. */
struct list {
	struct kube_client *client;
	const char *path;
	kube_each *each;
	void *arg;
	uint64_t deadline_ms;
	const struct cancel *cancel;
	char *token;              /* where the next page begins; owned; NULL: at the begin */
	struct json_object *seen; /* owned: the UIDs of what was handed out */
};

static char *page_path(const struct list *l)
{
	_free_ char *escaped = l->token ? http_escape(l->token) : NULL;

	return xasprintf("%s%climit=%d%s%s", l->path, strchr(l->path, '?') ? '&' : '?', PAGE,
			 l->token ? "&continue=" : "", l->token ? escaped : "");
}

static int hand_out(struct list *l, struct json_object *item, struct error *e)
{
	const char *uid = json_get_str(item, "metadata.uid");

	if (uid) {
		if (json_member(l->seen, uid))
			return 0;
		json_set_bool(l->seen, uid, true);
	}
	return l->each(l->arg, item, e);
}

/* ESTALE if the place where it begins is gone. */
static int next_page(struct list *l, struct error *e)
{
	_json_ struct json_object *page = NULL;
	_free_ char *at = page_path(l);
	const struct kube_call call = {
		.path = at,
		.deadline_ms = l->deadline_ms,
		.cancel = l->cancel,
		.resumes = l->token != NULL,
	};
	struct json_object *items;
	int r = kube_do(l->client, &call, &page, e);

	if (r < 0)
		return r;
	items = json_at(page, "items");
	for (size_t i = 0; i < json_len(items); i++)
		if (hand_out(l, json_item(items, i), e) < 0)
			return -e->code;
	str_set(&l->token, json_get_str(page, "metadata.continue"));
	return 0;
}

static int go_through(struct list *l, struct error *e)
{
	unsigned begins_left = BEGINS_MAX;

	do {
		bool is_begun = l->token != NULL;
		int r = next_page(l, e);

		if (r < 0 && (r != -ESTALE || !is_begun || begins_left-- == 0))
			return r;
		if (r < 0)
			str_set(&l->token, NULL);
		else if (str_empty(l->token))
			return 0;
	} while (true);
}

int kube_list(struct kube_client *client, const char *path, kube_each *each, void *arg,
	      uint64_t deadline_ms, const struct cancel *cancel, struct error *e)
{
	struct list l = {
		.client = client,
		.path = path,
		.each = each,
		.arg = arg,
		.deadline_ms = deadline_ms,
		.cancel = cancel,
		.seen = json_object_new_object(),
	};
	int r = go_through(&l, e);

	str_set(&l.token, NULL);
	json_putp(&l.seen);
	return r;
}
