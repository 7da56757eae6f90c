/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list - go through a collection once.
 *
 * The pages are small enough that one of large objects stays below the limit of an answer: a Node
 * with its images has some 20 KB.  Thread: that of the client.
 */
#include "lib/kube/list.h"

#include <string.h>

#define PAGE 100

static char *page_path(const char *path, const char *token)
{
	_free_ char *escaped = token ? http_escape(token) : NULL;

	return xasprintf("%s%climit=%d%s%s", path, strchr(path, '?') ? '&' : '?', PAGE,
			 token ? "&continue=" : "", token ? escaped : "");
}

int kube_list(struct kube_client *client, const char *path, kube_each *each, void *arg,
	      uint64_t deadline_ms, const struct cancel *cancel, struct error *e)
{
	_free_ char *token = NULL;

	do {
		_json_ struct json_object *page = NULL;
		_free_ char *at = page_path(path, token);
		const struct kube_call call = {
			.path = at,
			.deadline_ms = deadline_ms,
			.cancel = cancel,
			.resumes = token != NULL,
		};
		struct json_object *items;

		if (kube_do(client, &call, &page, e) < 0)
			return -e->code;
		items = json_at(page, "items");
		for (size_t i = 0; i < json_len(items); i++)
			if (each(arg, json_item(items, i), e) < 0)
				return -e->code;
		str_set(&token, json_get_str(page, "metadata.continue"));
	} while (!str_empty(token));
	return 0;
}
