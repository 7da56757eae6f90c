/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - list, then follow, then list again when the server has forgotten where we were.
 *
 * A watch ends every few minutes by our own random timeout, so that reconnects of many nodes
 * spread; it resumes at the last resourceVersion, which bookmarks keep fresh.  410, as status or as
 * an event, means that this version is gone: list anew.  A connection that says nothing for longer
 * than the server's own bound is dropped: it may lead to a machine that is no more.  Thread: that
 * of the client, which can do nothing else meanwhile.
 */
#include "lib/kube/watch.h"

#include <inttypes.h>
#include <string.h>

#include "lib/kube/answer.h"
#include "lib/log.h"

#define PAGE           500
#define WATCH_MIN_S    300
#define WATCH_SPREAD_S 300
#define GRACE_MS       15000
#define HEALTHY_MS     120000

struct follow {
	struct kube_client *client;
	const struct kube_watch *watch;
	struct kube_stream stream;
	struct backoff backoff;
	char *version;    /* NULL: list first */
	int64_t asked_ms; /* pause the server asked for; -1: none */
	enum kube_next next;
	uint64_t refused_until_ms; /* until then a refusal is doubted; 0: none was seen */
	int result;                /* of the handler */
};

/* The path of the collection up to the place where more parameters can be added. */
static char *base_path(const struct kube_watch *w)
{
	_free_ char *selector = NULL;

	if (!w->field_selector)
		return xasprintf("%s?", w->path);
	selector = http_escape(w->field_selector);
	return xasprintf("%s?fieldSelector=%s&", w->path, selector);
}

static char *page_path(const struct kube_watch *w, const char *token)
{
	_free_ char *base = base_path(w);
	_free_ char *escaped = token ? http_escape(token) : NULL;

	return xasprintf("%slimit=%d%s%s", base, PAGE, token ? "&continue=" : "",
			 token ? escaped : "");
}

static char *watch_path(const struct kube_watch *w, uint64_t seconds, const char *version)
{
	_free_ char *base = base_path(w);
	_free_ char *escaped = http_escape(version);

	return xasprintf("%swatch=true&allowWatchBookmarks=true&timeoutSeconds=%" PRIu64
			 "&resourceVersion=%s",
			 base, seconds, escaped);
}

static int hand_out(struct follow *f, struct json_object *list, struct error *e)
{
	struct json_object *items = json_at(list, "items");
	size_t n = json_len(items);
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = f->watch->handler(f->watch->arg, WATCH_ADDED, json_item(items, i), e);
	return r;
}

static int get_page(const struct follow *f, const char *token, struct json_object **ret_list,
		    struct error *e)
{
	_free_ char *path = page_path(f->watch, token);
	const struct kube_call call = {
		.path = path,
		.deadline_ms = f->watch->deadline_ms,
		.cancel = f->watch->cancel,
		.resumes = token != NULL,
	};

	return kube_do(f->client, &call, ret_list, e);
}

/* Everything there is, page by page.  Returns what the handler returned; ESTALE when the place
 * where a page ended is gone, so that the list is not whole. */
static int list_all(struct follow *f, struct error *e)
{
	_free_ char *token = NULL;
	_free_ char *version = NULL;
	int r;

	do {
		_json_ struct json_object *list = NULL;

		r = get_page(f, token, &list, e);
		if (r < 0)
			return r;
		r = hand_out(f, list, e);
		if (r != 0)
			return r;
		str_set(&token, json_get_str(list, "metadata.continue"));
		str_set(&version, json_get_str(list, "metadata.resourceVersion"));
		if (str_empty(token))
			str_set(&token, NULL);
	} while (token);
	if (!version)
		return fail(e, EPROTO, "the list '%s' has no version", f->watch->path);
	f->version = TAKE_PTR(version);
	return 0;
}

static int on_event(void *arg, enum watch_type type, struct json_object *object, struct error *e)
{
	struct follow *f = arg;
	const char *version = json_get_str(object, "metadata.resourceVersion");
	const char *message;
	int64_t code;

	if (type == WATCH_ERROR) {
		code = json_get_int(object, "code", 0);
		message = json_get_str(object, "message");
		return fail(e, code == 410 ? ESTALE : EAGAIN, "the watch of '%s' ended: %s",
			    f->watch->path, message ? message : "no reason given");
	}
	if (version)
		str_set(&f->version, version);
	if (type == WATCH_BOOKMARK)
		return 0;
	f->result = f->watch->handler(f->watch->arg, type, object, e);
	if (f->result > 0)
		return fail(e, ECANCELED, "the watch found what it was for");
	return f->result;
}

static int on_data(void *arg, const char *bytes, size_t len, struct error *e)
{
	struct follow *f = arg;

	return kube_stream_feed(&f->stream, bytes, len, on_event, f, e);
}

/* One connection.  0: it ended as watches do. */
static int follow_once(struct follow *f, struct error *e)
{
	_http_response_ struct http_response response = { .retry_after_ms = -1 };
	uint64_t seconds = WATCH_MIN_S + random_below(WATCH_SPREAD_S);
	_free_ char *path = watch_path(f->watch, seconds, f->version);
	const struct http_request request = {
		.path = path,
		.deadline_ms =
			min_u64(f->watch->deadline_ms, deadline_in(seconds * 1000 + GRACE_MS)),
		.cancel = f->watch->cancel,
		.on_data = on_data,
		.arg = f,
	};
	const struct kube_answer *answer;
	int r;

	f->asked_ms = -1;
	f->next = KUBE_LATER;
	kube_stream_done(&f->stream);
	kube_stream_init(&f->stream);
	r = http_do(kube_http(f->client), &request, &response, e);
	if (r < 0)
		return r;
	answer = kube_answer(response.status, NULL);
	f->asked_ms = response.retry_after_ms;
	f->next = answer->next;
	return answer->error ? fail(e, answer->error, "watching '%s': %u", f->watch->path,
				    response.status)
			     : 0;
}

/* Whether the answer of a watch ends it.  That its version is gone does not. */
static bool is_refusal(struct follow *f, int r)
{
	if (f->next == KUBE_BELIEVE)
		return true;
	if (f->next != KUBE_INSIST || r == -ESTALE) {
		f->refused_until_ms = 0;
		return false;
	}
	if (f->refused_until_ms == 0)
		f->refused_until_ms = deadline_in(kube_refusal_ms(f->client));
	return now_ms() >= f->refused_until_ms;
}

/* Whether to go on after the end of a connection with R. */
static int check_end(struct follow *f, int r, struct error *e)
{
	const struct kube_watch *w = f->watch;

	if (f->result != 0)
		return f->result;
	if (w->cancel && cancel_is_raised(w->cancel))
		return fail(e, ECANCELED, "the watch of '%s' was cancelled", w->path);
	if (now_ms() >= w->deadline_ms)
		return fail(e, ETIMEDOUT, "the watch of '%s' saw nothing in time", w->path);
	if (is_refusal(f, r))
		return r;
	if (r == -ESTALE)
		str_set(&f->version, NULL);
	if (r < 0)
		log_debug("%s; going on", e->msg);
	return 0;
}

/* Lists if need be, then follows one connection.  Returns > 0 or < 0 to end the watch. */
static int follow_round(struct follow *f, struct error *e)
{
	const struct kube_watch *w = f->watch;
	uint64_t began = now_ms();
	int r = 0;

	if (!f->version)
		r = list_all(f, e);
	if (r != 0 && r != -ESTALE)
		return r;
	if (r == 0) {
		r = follow_once(f, e);
		r = check_end(f, r, e);
		if (r != 0)
			return r;
	}
	if (now_ms() - began > HEALTHY_MS)
		backoff_reset(&f->backoff);
	return wait_pause(backoff_asked(&f->backoff, f->asked_ms), w->path, w->deadline_ms,
			  w->cancel, e);
}

int kube_watch(struct kube_client *client, const struct kube_watch *watch, struct error *e)
{
	struct follow f = { .client = client, .watch = watch };
	int r;

	f.backoff = kube_backoff(client);
	kube_stream_init(&f.stream);
	do
		r = follow_round(&f, e);
	while (r == 0);
	kube_stream_done(&f.stream);
	free(f.version);
	return r;
}
