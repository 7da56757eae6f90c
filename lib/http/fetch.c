/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch - bring a file over a way that breaks.
 *
 * A transfer goes on where the last answer stopped: with Range, and If-Range where the server named
 * the file's state.  A server that answers with the whole file all the same is read from its
 * beginning, and what is there already passed over.  As soon as the last byte that was wanted has
 * come the answer is left, however long it says it is.  A try that brought something begins the
 * count anew, and the whole has a deadline by its size, so neither a server that closes after every
 * byte nor one that trickles keeps anybody for ever.  Redirections are followed a few times, to
 * http and https alone (url.c).  Nothing is decoded: an answer that is compressed was not asked for
 * and is refused.  Connections are kept, one for each of two servers: the mirror's, and the one it
 * sends to.  One thread at a time; blocks.
 */
#include "lib/http/fetch.h"

#include <inttypes.h>
#include <string.h>

#include "lib/http/client.h"
#include "lib/http/url.h"
#include "lib/redact.h"

#define REDIRECTIONS_MAX 5
#define ERROR_PAGE_MAX   (1 * MIB)
#define PAUSE_MAX_MS     UINT64_C(15000)
#define FRUIT            (64 * KIB) /* what makes a try a good one, or a part of a small file: */
#define FRUIT_PART       16
#define DEADLINE_MS      UINT64_C(120000) /* and as long as this takes: */
#define BYTES_PER_MS     16
#define CLIENTS          2

static const struct fetch_patience usual = {
	.idle_ms = 30000,
	.slow_bytes = 512,
	.slow_s = 30,
	.tries = 5,
	.pause_ms = 500,
};

struct fetcher {
	struct url base;
	char *ca_file, *ca_pem;
	struct fetch_patience patience;
	struct http_client *clients[CLIENTS];
	char *origins[CLIENTS];
	uint64_t moved;
};

/* What one answer says of itself. */
struct answer {
	unsigned status;
	bool has_range;
	uint64_t start, total; /* of the range; total 0: not said */
	uint64_t length;       /* of the body; 0: not said */
	char *location;
	char *validator;
	char *encoding;
};

/* One file on its way. */
struct transfer {
	struct fetcher *f;
	const struct fetch *what;
	uint64_t got; /* of the bytes that are wanted, given on */
	uint64_t deadline_ms;
	char *validator; /* of the first answer */
	struct answer answer;
	uint64_t at; /* of the answer's next byte in the file */
	bool is_begun, is_complete, is_fatal;
};

static void answer_done(struct answer *a)
{
	free(a->location);
	free(a->validator);
	free(a->encoding);
	*a = (struct answer){ 0 };
}

int fetcher_new(const struct fetch_server *server, struct fetcher **ret_fetcher, struct error *e)
{
	struct fetcher *f = xcalloc(1, sizeof(*f));

	f->patience = server->patience ? *server->patience : usual;
	str_set(&f->ca_file, server->ca_file);
	str_set(&f->ca_pem, server->ca_pem);
	if (url_parse(server->base_url, &f->base, e) < 0) {
		fetcher_free(f);
		return -e->code;
	}
	*ret_fetcher = f;
	return 0;
}

void fetcher_free(struct fetcher *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < CLIENTS; i++) {
		http_client_free(f->clients[i]);
		free(f->origins[i]);
	}
	url_done(&f->base);
	free(f->ca_file);
	free(f->ca_pem);
	free(f);
}

uint64_t fetcher_moved(const struct fetcher *f)
{
	return f->moved;
}

/* The first place is the mirror's own. */
static int get_client(struct fetcher *f, const char *origin, struct http_client **ret_client,
		      struct error *e)
{
	size_t i = str_equal(origin, f->base.origin) ? 0 : 1;
	const struct http_target target = {
		.base_url = origin,
		.user_agent = "kata/" KATA_VERSION,
		.ca_file = f->ca_file,
		.ca_pem = f->ca_pem,
		.heeds_environment = true,
	};

	if (!str_equal(f->origins[i], origin)) {
		http_client_free(f->clients[i]);
		f->clients[i] = NULL;
		str_set(&f->origins[i], NULL);
		if (http_client_new(&target, &f->clients[i], e) < 0)
			return -e->code;
		str_set(&f->origins[i], origin);
	}
	*ret_client = f->clients[i];
	return 0;
}

/* ---- what a server says ---- */

/* "bytes 5-9/100", "bytes 5-9/ *". */
static bool parse_range(const char *value, struct answer *a)
{
	_strv_ strv parts = strv_split(value, " -/");
	struct error ignored;

	if (strv_len(parts) != 4 || strcmp(parts[0], "bytes") != 0 ||
	    parse_u64(parts[1], "range", UINT64_MAX, &a->start, &ignored) < 0)
		return false;
	return strcmp(parts[3], "*") == 0 ||
	       parse_u64(parts[3], "range", UINT64_MAX, &a->total, &ignored) >= 0;
}

static void on_header(void *arg, const char *name, const char *value)
{
	struct answer *a = &((struct transfer *)arg)->answer;
	struct error ignored;

	if (strcmp(name, ":status") == 0) {
		uint32_t status = 0;

		/* Whatever came before was a proxy's, or said that there is more to come. */
		answer_done(a);
		(void)parse_u32(value, "status", 999, &status, &ignored);
		a->status = status;
	} else if (strcmp(name, "content-range") == 0) {
		a->has_range = parse_range(value, a);
	} else if (strcmp(name, "content-length") == 0) {
		(void)parse_u64(value, "length", UINT64_MAX, &a->length, &ignored);
	} else if (strcmp(name, "location") == 0) {
		str_set(&a->location, value);
	} else if (strcmp(name, "content-encoding") == 0) {
		str_set(&a->encoding, value);
	} else if (strcmp(name, "etag") == 0 && value[0] == '"') {
		/* A weak one names what is much alike, not what is the same. */
		str_set(&a->validator, value);
	}
}

static uint64_t wanted_end(const struct transfer *t)
{
	return t->what->len == FETCH_REST ? UINT64_MAX : t->what->offset + t->what->len;
}

/* EFBIG or ESTALE if the server's file cannot be the one that is wanted. */
static int check_size(const struct transfer *t, struct error *e)
{
	const struct answer *a = &t->answer;
	uint64_t size = a->has_range ? a->total : a->length;

	if (t->what->total && size && size != t->what->total)
		return fail(e, ESTALE,
			    "the server's file has %" PRIu64 " bytes, not the %" PRIu64
			    " that it should",
			    size, t->what->total);
	if (t->what->len == FETCH_REST && size > t->what->max)
		return fail(e, EFBIG, "it has more than %" PRIu64 " bytes", t->what->max);
	return 0;
}

static int check_answer(struct transfer *t, struct error *e)
{
	const struct answer *a = &t->answer;
	uint64_t expected = t->what->offset + t->got;

	if (a->status != 200 && a->status != 206)
		return fail(e, EPROTO, "the server answers with status %u", a->status);
	if (a->encoding && strcmp(a->encoding, "identity") != 0)
		return fail(e, EPROTO, "the answer is packed (%.32s), which was not asked for",
			    a->encoding);
	if ((a->status == 206) != a->has_range)
		return fail(e, EPROTO, "the answer does not say which part of the file it is");
	if (a->has_range && a->start != expected)
		return fail(e, EPROTO, "the answer begins at byte %" PRIu64 ", not at %" PRIu64,
			    a->start, expected);
	if (t->validator && a->validator && strcmp(t->validator, a->validator) != 0)
		return fail(e, ESTALE, "the file has changed meanwhile");
	return check_size(t, e);
}

static int begin(struct transfer *t, struct error *e)
{
	if (check_answer(t, e) < 0)
		return -e->code;
	t->is_begun = true;
	t->at = t->answer.has_range ? t->answer.start : 0;
	if (!t->validator)
		str_set(&t->validator, t->answer.validator);
	return 0;
}

/* What is wanted of the LEN bytes that T is at, given on. */
static int take(struct transfer *t, const char *bytes, size_t len, struct error *e)
{
	uint64_t next = t->what->offset + t->got;
	size_t skip = next > t->at ? (size_t)min_u64(next - t->at, len) : 0;
	size_t n = (size_t)min_u64(len - skip, wanted_end(t) - next);

	t->at += len;
	t->f->moved += len;
	if (t->what->len == FETCH_REST && t->got + n > t->what->max)
		return fail(e, EFBIG, "it has more than %" PRIu64 " bytes", t->what->max);
	if (n > 0 && t->what->on_data(t->what->arg, bytes + skip, n, e) < 0)
		return -e->code;
	t->got += n;
	t->is_complete = t->got == t->what->len;
	/* The rest, if there is one, is nobody's. */
	return t->is_complete ? fail(e, ECANCELED, "all is there") : 0;
}

static int on_body(void *arg, const char *bytes, size_t len, struct error *e)
{
	struct transfer *t = arg;

	if (t->is_complete)
		return fail(e, ECANCELED, "all is there");
	if ((!t->is_begun && begin(t, e) < 0) || take(t, bytes, len, e) < 0) {
		t->is_fatal = !t->is_complete;
		return -e->code;
	}
	return 0;
}

/* ---- one try ---- */

static strv make_headers(const struct transfer *t)
{
	uint64_t from = t->what->offset + t->got;
	strv headers = NULL;

	strv_add(&headers, "Accept-Encoding: identity");
	if (t->what->len != FETCH_REST && wanted_end(t) != t->what->total)
		strv_addf(&headers, "Range: bytes=%" PRIu64 "-%" PRIu64, from, wanted_end(t) - 1);
	else if (from > 0)
		strv_addf(&headers, "Range: bytes=%" PRIu64 "-", from);
	if (t->got > 0 && t->validator)
		strv_addf(&headers, "If-Range: %s", t->validator);
	return headers;
}

static int ask(struct transfer *t, const struct url *url, struct http_response *ret_response,
	       struct error *e)
{
	const struct fetch_patience *p = &t->f->patience;
	_strv_ strv headers = make_headers(t);
	const struct http_request request = {
		.path = url->path,
		.headers = headers,
		.max_response = ERROR_PAGE_MAX,
		.deadline_ms = t->deadline_ms,
		.idle_ms = p->idle_ms,
		.slow_bytes = p->slow_bytes,
		.slow_s = p->slow_s,
		.cancel = t->what->cancel,
		.on_data = on_body,
		.on_header = on_header,
		.arg = t,
	};
	struct http_client *client = NULL;

	answer_done(&t->answer);
	t->is_begun = false;
	if (get_client(t->f, url->origin, &client, e) < 0)
		return -e->code;
	return http_do(client, &request, ret_response, e);
}

static bool is_redirection(unsigned status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static int follow(struct transfer *t, struct url *url, unsigned hops, struct error *e)
{
	_url_ struct url to = { 0 };

	if (hops >= REDIRECTIONS_MAX)
		return fail(e, EPROTO, "it is redirected more than %d times", REDIRECTIONS_MAX);
	if (!t->answer.location)
		return fail(e, EPROTO, "it is redirected, and not said where to");
	if (url_resolve(url, t->answer.location, &to, e) < 0)
		return fail_wrap(e, "redirected");
	url_done(url);
	*url = to;
	to = (struct url){ 0 };
	return 0;
}

static int fail_status(struct transfer *t, unsigned status, struct error *e)
{
	static const struct {
		unsigned status;
		int code;
		const char *text;
	} rows[] = {
		{ 401, EACCES, "the server wants to know who asks" },
		{ 403, EACCES, "the server does not give it" },
		{ 404, ENOENT, "the server has no such file" },
		{ 407, EACCES, "the proxy wants to know who asks" },
		{ 410, ENOENT, "the server has no such file any more" },
		{ 416, ESTALE, "the server's file is shorter than it should be" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].status == status) {
			t->is_fatal = true;
			return fail(e, rows[i].code, "%s (status %u)", rows[i].text, status);
		}
	t->is_fatal = status < 500 && status != 408 && status != 429;
	return fail(e, EPROTO, "the server answers with status %u", status);
}

/* Whether it makes no sense to ask again. */
static bool is_final(const struct transfer *t, int code)
{
	return t->is_fatal || code == ECANCELED || code == EPROTO || code == EINVAL ||
	       code == EFBIG || code == ENOMEM;
}

/* One answer, at the end of all redirections.  *ret_wait_ms is what the server asks for. */
static int try_once(struct transfer *t, int64_t *ret_wait_ms, struct error *e)
{
	_free_ char *whole = xasprintf(
		"%s%s%s%s", t->f->base.origin, t->f->base.path,
		t->what->name[0] && !str_ends(t->f->base.path, "/") ? "/" : "", t->what->name);
	_url_ struct url url = { 0 };
	int r = url_parse(whole, &url, e);

	for (unsigned hops = 0; r >= 0; hops++) {
		_http_response_ struct http_response response = { 0 };

		r = ask(t, &url, &response, e);
		if (t->is_complete)
			return 0;
		if (r < 0)
			break;
		*ret_wait_ms = response.retry_after_ms;
		if (!is_redirection(response.status))
			return response.status == 200 || response.status == 206
				       ? 0
				       : fail_status(t, response.status, e);
		r = follow(t, &url, hops, e);
	}
	t->is_fatal = t->is_fatal || is_final(t, e->code);
	return r;
}

/* ---- as many as it takes ---- */

/* Without a length to go by, an answer that ended as it said is the whole. */
static bool is_over(const struct transfer *t, int r)
{
	return t->is_complete || (r >= 0 && t->what->len == FETCH_REST);
}

static bool was_worth_it(const struct transfer *t, uint64_t before)
{
	uint64_t brought = t->got - before;
	uint64_t size = t->what->len == FETCH_REST ? FRUIT * FRUIT_PART : t->what->len;

	return brought > 0 && brought >= min_u64(FRUIT, size / FRUIT_PART);
}

/* After a try that brought something it is short. */
static int pause_for(const struct transfer *t, unsigned barren, int64_t wait_ms, struct error *e)
{
	uint64_t first = t->f->patience.pause_ms;
	uint64_t pause =
		barren ? min_u64(first << min_u64(barren - 1, 10), PAUSE_MAX_MS) : first / 10;

	if (wait_ms > 0)
		pause = max_u64(pause, min_u64((uint64_t)wait_ms, PAUSE_MAX_MS));
	return wait_pause(pause, "the server", t->deadline_ms, t->what->cancel, e);
}

static int run(struct transfer *t, struct error *e)
{
	unsigned barren = 0;

	for (;;) {
		uint64_t before = t->got;
		int64_t wait_ms = -1;
		int r = try_once(t, &wait_ms, e);
		struct error why;

		if (is_over(t, r))
			return 0;
		if (r >= 0)
			(void)fail(e, ECONNRESET, "the answer ended too early");
		barren = was_worth_it(t, before) ? 0 : barren + 1;
		if (t->is_fatal || now_ms() >= t->deadline_ms)
			return -e->code;
		if (barren >= t->f->patience.tries)
			return fail_wrap(e, "given up after %u tries", barren);
		if (pause_for(t, barren, wait_ms, &why) < 0) {
			if (why.code == ECANCELED)
				*e = why;
			return -e->code;
		}
	}
}

uint64_t fetch_limit_ms(const struct fetch *what)
{
	uint64_t size = what->len == FETCH_REST ? what->max : what->len;

	return DEADLINE_MS + size / BYTES_PER_MS;
}

int fetch(struct fetcher *f, const struct fetch *what, struct error *e)
{
	struct transfer t = {
		.f = f,
		.what = what,
		.deadline_ms = deadline_in(fetch_limit_ms(what)),
	};
	int r = what->len == 0 ? 0 : run(&t, e);

	free(t.validator);
	answer_done(&t.answer);
	if (r >= 0)
		return 0;
	/* A URL may have a password in it. */
	redact_text(e->msg);
	return fail_wrap(e, "'%s'", what->name);
}
