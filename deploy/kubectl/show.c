/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show - find and show once, or until somebody has seen enough.
 *
 * What several objects make together has no watch of the API, so it is found anew every few seconds
 * and compared by what its rows say.  A server that is away meanwhile ends nothing.
 */
#include "deploy/kubectl/show.h"

#define API_VERSION "kata-deploy.katacontainers.io/v1"
#define AGAIN_MS    3000

/* Those whose rows are not in KNOWN, which becomes those of ITEMS. */
static struct json_object *changed(const struct kata *k, const struct view *view,
				   struct json_object *items, strv *known)
{
	struct json_object *news = json_object_new_array();
	strv rows = NULL;

	for (size_t i = 0; i < json_len(items); i++) {
		_free_ char *row = view_row(view, json_item(items, i), k->format);

		if (!strv_contains(*known, row))
			(void)json_object_array_add(news, json_object_get(json_item(items, i)));
		strv_add(&rows, row);
	}
	strv_free(*known);
	*known = rows;
	return news;
}

static void show(struct kata *k, const struct view *view, struct json_object *items, bool is_first)
{
	struct view whole = *view;

	whole.api = API_VERSION;
	view_show(&whole, items, k->format, is_first && !k->options->has_no_headers, k->out);
	(void)fflush(k->out);
}

static int watch_again(struct kata *k, const struct view *view, kata_find *find, strv *known,
		       struct error *e)
{
	_json_ struct json_object *items = json_object_new_array();
	_json_ struct json_object *news = NULL;
	int r = find(k, items, e);

	if (r < 0 && r != -ECANCELED) {
		view_say("%s", e->msg);
		return 0;
	}
	if (r < 0)
		return r;
	news = changed(k, view, items, known);
	if (json_len(news) > 0)
		show(k, view, news, false);
	return 0;
}

int kata_show(struct kata *k, const struct view *view, kata_find *find, struct error *e)
{
	_json_ struct json_object *items = json_object_new_array();
	_strv_ strv known = NULL;
	int r;

	if (k->format == VIEW_NAME && !view->name)
		return fail(e, EINVAL, "what is shown has no names");
	r = find(k, items, e);
	/* What was done before a failure is done. */
	if (r >= 0 || json_len(items) > 0)
		show(k, view, items, true);
	if (r < 0 || !k->options->is_watching)
		return r;
	json_putp(&(struct json_object *){ changed(k, view, items, &known) });
	for (;;) {
		if (wait_pause(AGAIN_MS, "watching", k->deadline_ms, k->cancel, e) < 0 ||
		    watch_again(k, view, find, &known, e) < 0)
			return -e->code;
	}
}
