/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kube - the Kubernetes client against an API server that is slow, busy, forgetful or wrong.
 */

#include "tests/unit/folder.h"

#include "tests/unit/fake-api.h"
#include "tests/unit/owner.h"

#include "lib/file.h"
#include "lib/kube/apply.h"
#include "lib/kube/event.h"
#include "lib/kube/list.h"
#include "lib/kube/watch.h"

#define WAIT_MS 5000
#define SOON_MS 250 /* a deadline that is meant to be reached */
#define NODE    "GET /api/v1/nodes/n1 "
#define OK2     "200 OK", "{}"
/* A watch's answer ends with its connection. */
#define STREAM "200 OK\r\nConnection: close"

struct client {
	struct fake_api api;
	struct kube_client *kube;
};

static void start(struct client *c, const struct fake_turn *turns, size_t n, const char *token_file,
		  void *arg)
{
	struct kube_config config = { 0 };
	struct error e;

	assert_true(fake_start(&c->api, turns, n, arg));
	config.server = c->api.url;
	config.token_file = (char *)(uintptr_t)token_file;
	assert_int_equal(kube_open(&config, &test_owner, &c->kube, &e), 0);
	kube_set_backoff(c->kube, 1, 5);
	kube_set_refusal(c->kube, 0);
}

static void stop(struct client *c)
{
	const char *fault;

	kube_close(c->kube);
	fault = fake_stop(&c->api);
	if (fault)
		fail_msg("%s", fault);
}

static int get_node(struct client *c, const struct cancel *cancel, struct error *e)
{
	return kube_get(c->kube, "/api/v1/nodes/n1", deadline_in(WAIT_MS), cancel, NULL, e);
}

static void test_get_is_repeated_until_the_server_can(void **state)
{
	static const struct fake_turn turns[] = {
		{ { NODE, "User-Agent: kata-deploy/" },
		  "429 Too Many Requests\r\nRetry-After: 0",
		  "",
		  FAKE_KEEP,
		  NULL },
		{ { NODE }, "500 Internal", "{}", FAKE_KEEP, NULL },
		{ { NODE }, "503 Unavailable", "no JSON", FAKE_CLOSE, NULL },
		{ { NODE }, NULL, NULL, FAKE_CLOSE, NULL },
		{ { NODE }, "200 OK\r\nContent-Length: 9", "{", FAKE_CLOSE, NULL },
		{ { NODE }, OK2, FAKE_KEEP, NULL },
	};
	struct client c;
	struct error e;

	(void)state;
	start(&c, turns, ARRAY_SIZE(turns), NULL, NULL);
	if (get_node(&c, NULL, &e) < 0)
		fail_msg("%s", e.msg);
	stop(&c);
}

static void test_get_that_is_refused_is_not_repeated(void **state)
{
	static const struct {
		const char *status;
		const char *body;
		int error;
	} cases[] = {
		{ "404 Not Found", "{\"message\":\"no such node\"}", ENOENT },
		{ "403 Forbidden", "{\"message\":\"no such node\"}", EACCES },
		{ "409 Conflict", "{\"message\":\"no such node\"}", EBUSY },
		{ "409 Conflict",
		  "{\"message\":\"no such node\",\"reason\":\"Conflict\","
		  "\"details\":{\"causes\":[{\"reason\":\"FieldManagerConflict\"}]}}",
		  EBUSY },
		{ "410 Gone", "{\"message\":\"no such node\"}", ESTALE },
		{ "422 Unprocessable", "{\"message\":\"no such node\"}", EINVAL },
		{ "301 Moved\r\nLocation: /api/v1/nodes/n2", "{\"message\":\"no such node\"}",
		  EPROTO },
		{ "501 Not Implemented", "{\"message\":\"no such node\"}", ENOSYS },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fake_turn turn = {
			{ NODE }, cases[i].status, cases[i].body, FAKE_KEEP, NULL
		};
		struct client c;
		struct error e;

		start(&c, &turn, 1, NULL, NULL);
		assert_int_equal(get_node(&c, NULL, &e), -cases[i].error);
		assert_non_null(strstr(e.msg, "no such node"));
		stop(&c);
	}
}

static void rotate_token(void *arg)
{
	struct error e;

	(void)file_replace(arg, "two\n", 4, 0600, &e);
}

static void test_token_that_rotates_is_read_again(void **state)
{
	static const struct fake_turn turns[] = {
		{ { NODE, "Authorization: Bearer one\r\n" },
		  "401 Unauthorized",
		  "{}",
		  FAKE_KEEP,
		  rotate_token },
		{ { NODE, "Authorization: Bearer two\r\n" }, OK2, FAKE_KEEP, NULL },
	};
	char *dir = folder_new();
	_free_ char *path = path_join(dir, "token");
	struct client c;
	struct error e;

	(void)state;
	assert_int_equal(file_replace(path, "one\n", 4, 0600, &e), 0);
	start(&c, turns, ARRAY_SIZE(turns), path, path);
	kube_set_refusal(c.kube, WAIT_MS);
	if (get_node(&c, NULL, &e) < 0)
		fail_msg("%s", e.msg);
	stop(&c);
	folder_remove(dir);
}

/* An API server that has just started, or one of several that lags behind. */
static void test_refusal_that_passes_is_not_believed(void **state)
{
	static const struct fake_turn turns[] = {
		{ { NODE }, "401 Unauthorized", "{}", FAKE_KEEP, NULL },
		{ { NODE }, "403 Forbidden", "{}", FAKE_KEEP, NULL },
		{ { NODE }, "409 Conflict", "{}", FAKE_KEEP, NULL },
		{ { NODE }, "410 Gone", "{}", FAKE_KEEP, NULL },
		{ { NODE }, "200 OK", "<html>", FAKE_KEEP, NULL },
		{ { NODE }, "401 Unauthorized", "{}", FAKE_KEEP, NULL },
		{ { NODE }, OK2, FAKE_KEEP, NULL },
	};
	struct client c;
	struct error e;

	(void)state;
	start(&c, turns, ARRAY_SIZE(turns), NULL, NULL);
	kube_set_refusal(c.kube, WAIT_MS);
	if (get_node(&c, NULL, &e) < 0)
		fail_msg("%s", e.msg);
	stop(&c);
}

/* A right that is missing, as opposed to an account that is: other calls succeed in between. */
static void test_refusal_that_lasts_is_believed_and_remembered(void **state)
{
	static const struct fake_turn turns[] = {
		{ { NODE }, "403 Forbidden", "{}", FAKE_KEEP, NULL },
		{ { NODE }, "403 Forbidden", "{}", FAKE_KEEP, NULL },
		{ { "GET /x " }, OK2, FAKE_KEEP, NULL },
		{ { NODE }, "403 Forbidden", "{}", FAKE_KEEP, NULL },
		{ { "GET /x " }, OK2, FAKE_KEEP, NULL },
		{ { "GET /x " }, "403 Forbidden", "{}", FAKE_KEEP, NULL },
		{ { "GET /x " }, OK2, FAKE_KEEP, NULL },
	};
	struct client c;
	struct error e;

	(void)state;
	start(&c, turns, ARRAY_SIZE(turns), NULL, NULL);
	/* A random pause below 35 years is cut to the end of the doubt. */
	kube_set_backoff(c.kube, UINT64_C(1) << 40, UINT64_C(1) << 40);
	kube_set_refusal(c.kube, 50);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(get_node(&c, NULL, &e), -EACCES);
		assert_int_equal(kube_get(c.kube, "/x", deadline_in(WAIT_MS), NULL, NULL, &e), 0);
	}
	assert_int_equal(kube_get(c.kube, "/x", deadline_in(WAIT_MS), NULL, NULL, &e), 0);
	stop(&c);
}

static void test_account_that_is_refused_for_long_is_so_for_everything(void **state)
{
	static const struct fake_turn turns[] = {
		{ { NODE }, "401 Unauthorized", "{}", FAKE_KEEP, NULL },
		{ { NODE }, "401 Unauthorized", "{}", FAKE_KEEP, NULL },
		{ { "GET /x " }, "401 Unauthorized", "{}", FAKE_KEEP, NULL },
	};
	struct client c;
	struct error e;

	(void)state;
	start(&c, turns, ARRAY_SIZE(turns), NULL, NULL);
	kube_set_backoff(c.kube, UINT64_C(1) << 40, UINT64_C(1) << 40);
	kube_set_refusal(c.kube, 50);
	assert_int_equal(get_node(&c, NULL, &e), -EACCES);
	assert_int_equal(kube_get(c.kube, "/x", deadline_in(WAIT_MS), NULL, NULL, &e), -EACCES);
	stop(&c);
}

static void test_get_waits_as_long_as_the_status_object_asks(void **state)
{
	static const struct fake_turn turns[] = {
		{ { NODE },
		  "504 Timeout",
		  "{\"details\":{\"retryAfterSeconds\":1}}",
		  FAKE_KEEP,
		  NULL },
		{ { NODE }, OK2, FAKE_KEEP, NULL },
	};
	uint64_t began = now_ms();
	struct client c;
	struct error e;

	(void)state;
	start(&c, turns, ARRAY_SIZE(turns), NULL, NULL);
	assert_int_equal(get_node(&c, NULL, &e), 0);
	assert_true(now_ms() - began >= 1000);
	stop(&c);
}

static void raise_cancel(void *arg)
{
	cancel_raise(arg);
}

static void test_get_that_is_cancelled_ends_while_the_server_hangs(void **state)
{
	static const struct fake_turn turn = { { NODE }, NULL, NULL, FAKE_HANG, raise_cancel };
	struct cancel cancel;
	struct client c;
	struct error e;

	(void)state;
	assert_int_equal(cancel_init(&cancel, &e), 0);
	start(&c, &turn, 1, NULL, &cancel);
	assert_int_equal(get_node(&c, &cancel, &e), -ECANCELED);
	stop(&c);
	cancel_done(&cancel);
}

static void *raise_soon(void *arg)
{
	struct error e;

	(void)wait_pause(300, "the answer", NO_DEADLINE, NULL, &e);
	cancel_raise(arg);
	return NULL;
}

static void test_get_that_is_cancelled_while_it_pauses_says_so(void **state)
{
	static const struct fake_turn turn = {
		{ NODE }, "503 Busy\r\nRetry-After: 60", "{}", FAKE_KEEP, NULL
	};
	struct cancel cancel;
	pthread_t thread;
	struct client c;
	struct error e;

	(void)state;
	assert_int_equal(cancel_init(&cancel, &e), 0);
	start(&c, &turn, 1, NULL, NULL);
	assert_int_equal(pthread_create(&thread, NULL, raise_soon, &cancel), 0);
	assert_int_equal(kube_get(c.kube, "/api/v1/nodes/n1", NO_DEADLINE, &cancel, NULL, &e),
			 -ECANCELED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	stop(&c);
	cancel_done(&cancel);
}

/* Ten at once, then five a second: a loop that went wrong does not fall upon the API server. */
static void test_requests_come_no_faster_than_their_rate(void **state)
{
	struct fake_turn turns[13];
	uint64_t began = now_ms();
	struct client c;
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(turns); i++)
		turns[i] = (struct fake_turn){ { NODE }, OK2, FAKE_KEEP, NULL };
	start(&c, turns, ARRAY_SIZE(turns), NULL, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(turns); i++)
		assert_int_equal(get_node(&c, NULL, &e), 0);
	assert_true(now_ms() - began >= 500);
	stop(&c);
}

static void test_get_keeps_the_last_error_at_its_deadline(void **state)
{
	static const struct fake_turn turns[] = {
		{ { NODE },
		  "500 Internal\r\nRetry-After: 60",
		  "{\"message\":\"etcd\"}",
		  FAKE_KEEP,
		  NULL },
	};
	struct client c;
	struct error e;
	int r;

	(void)state;
	start(&c, turns, ARRAY_SIZE(turns), NULL, NULL);
	r = kube_get(c.kube, "/api/v1/nodes/n1", deadline_in(SOON_MS), NULL, NULL, &e);
	assert_int_equal(r, -EAGAIN);
	assert_non_null(strstr(e.msg, "etcd"));
	stop(&c);
}

static void test_get_waits_as_long_as_the_server_asks(void **state)
{
	static const struct fake_turn turns[] = {
		{ { NODE }, "429 Slow\r\nretry-after: 1", "{}", FAKE_KEEP, NULL },
		{ { NODE }, OK2, FAKE_KEEP, NULL },
	};
	uint64_t began = now_ms();
	struct client c;
	struct error e;

	(void)state;
	start(&c, turns, ARRAY_SIZE(turns), NULL, NULL);
	assert_int_equal(get_node(&c, NULL, &e), 0);
	assert_true(now_ms() - began >= 1000);
	stop(&c);
}

/* A second request, which a shorter pause would bring before the deadline, is the script's fault.
 */
static void test_get_backs_off_when_the_server_does_not_say_how_long(void **state)
{
	static const struct fake_turn turns[] = {
		{ { NODE }, "429 Slow", "{}", FAKE_KEEP, NULL },
		{ { NODE }, "429 Slow\r\nRetry-After: soon", "{}", FAKE_KEEP, NULL },
		{ { NODE }, "500 Oh", "{}", FAKE_KEEP, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(turns); i++) {
		struct client c;
		struct error e;

		start(&c, &turns[i], 1, NULL, NULL);
		/* A random pause below 35 years is not over before the deadline. */
		kube_set_backoff(c.kube, UINT64_C(1) << 40, UINT64_C(1) << 40);
		assert_int_equal(
			kube_get(c.kube, "/api/v1/nodes/n1", deadline_in(SOON_MS), NULL, NULL, &e),
			-EAGAIN);
		stop(&c);
	}
}

static void test_apply_is_server_side(void **state)
{
	static const struct fake_turn turns[] = {
		{ { "PATCH /x?fieldManager=kata-deploy&force=false ",
		    "Content-Type: application/apply-patch+yaml", "{\"a\":\"b/c\"}" },
		  OK2,
		  FAKE_KEEP,
		  NULL },
	};
	_json_ struct json_object *object = json_object_new_object();
	struct client c;
	struct error e;

	(void)state;
	json_set_str(object, "a", "b/c");
	start(&c, turns, ARRAY_SIZE(turns), NULL, NULL);
	assert_int_equal(kube_apply(c.kube, "/x", object, KUBE_KEEP_OTHERS, deadline_in(WAIT_MS),
				    NULL, NULL, &e),
			 0);
	stop(&c);
}

static void test_field_of_somebody_elses_is_believed_at_once(void **state)
{
	static const struct fake_turn turn = {
		{ "PATCH /x?fieldManager=kata-deploy&force=false " },
		"409 Conflict",
		"{\"reason\":\"Conflict\",\"details\":{\"causes\":[{\"reason\":"
		"\"FieldManagerConflict\"}]}}",
		FAKE_KEEP,
		NULL
	};
	_json_ struct json_object *object = json_object_new_object();
	struct client c;
	struct error e;

	(void)state;
	start(&c, &turn, 1, NULL, NULL);
	kube_set_refusal(c.kube, WAIT_MS);
	assert_int_equal(kube_apply(c.kube, "/x", object, KUBE_KEEP_OTHERS, deadline_in(WAIT_MS),
				    NULL, NULL, &e),
			 -EBUSY);
	stop(&c);
}

/* The first try was done, and its answer lost: the second one meets what the first has made. */
static void test_change_whose_answer_was_lost_is_no_conflict(void **state)
{
	static const struct {
		const char *is;
		int r;
	} cases[] = {
		{ "{\"metadata\":{\"resourceVersion\":\"6\"},\"a\":{\"b\":\"1\",\"c\":\"2\"},\"l\":"
		  "[{\"k\":true}]}",
		  0 },
		{ "{\"metadata\":{\"resourceVersion\":\"6\"},\"a\":{\"b\":\"2\"},\"l\":[{\"k\":"
		  "true}]}",
		  -EBUSY },
		{ "{\"metadata\":{\"resourceVersion\":\"6\"},\"a\":{\"b\":\"1\"},\"l\":[]}",
		  -EBUSY },
		{ "{\"metadata\":{\"resourceVersion\":\"6\"},\"a\":{\"b\":\"1\"},\"l\":[{\"k\":"
		  "true}],"
		  "\"gone\":0}",
		  -EBUSY },
	};
	static const char sent[] =
		"{\"metadata\":{\"resourceVersion\":\"5\"},\"a\":{\"b\":\"1\"},"
		"\"l\":[{\"k\":true}],\"gone\":null}";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fake_turn turns[] = {
			{ { "PATCH /x?" }, NULL, NULL, FAKE_CLOSE, NULL },
			{ { "PATCH /x?" }, "409 Conflict", "{}", FAKE_KEEP, NULL },
			{ { "GET /x " }, "200 OK", cases[i].is, FAKE_KEEP, NULL },
		};
		_json_ struct json_object *object = NULL;
		struct client c;
		struct error e;
		int r;

		assert_int_equal(json_parse(sent, strlen(sent), "object", &object, &e), 0);
		start(&c, turns, ARRAY_SIZE(turns), NULL, NULL);
		r = i % 2 ? kube_merge(c.kube, "/x", object, deadline_in(WAIT_MS), NULL, &e)
			  : kube_apply(c.kube, "/x", object, KUBE_TAKE_OVER, deadline_in(WAIT_MS),
				       NULL, NULL, &e);
		if (r != cases[i].r)
			fail_msg("case %zu: %d, %s", i, r, e.msg);
		stop(&c);
	}
}

static void test_delete_of_what_is_gone_succeeds(void **state)
{
	static const struct fake_turn turns[] = {
		{ { "DELETE /x " }, "404 Not Found", "{}", FAKE_KEEP, NULL },
	};
	struct client c;
	struct error e;

	(void)state;
	start(&c, turns, ARRAY_SIZE(turns), NULL, NULL);
	assert_int_equal(kube_delete(c.kube, "/x", deadline_in(WAIT_MS), NULL, &e), 0);
	stop(&c);
}

static void test_event_that_is_there_is_counted(void **state)
{
	static const struct fake_turn turns[] = {
		{ { "POST /apis/events.k8s.io/v1/namespaces/default/events?", "\"reason\":\"R\"",
		    "\"note\":\"why\"" },
		  "409 Conflict",
		  "{\"reason\":\"AlreadyExists\"}",
		  FAKE_KEEP,
		  NULL },
		{ { "GET /apis/events.k8s.io/v1/namespaces/default/events/n1." },
		  "200 OK",
		  "{\"series\":{\"count\":4}}",
		  FAKE_KEEP,
		  NULL },
		{ { "PATCH /apis/events.k8s.io/v1/namespaces/default/events/n1.", "\"count\":5" },
		  OK2,
		  FAKE_KEEP,
		  NULL },
	};
	const struct kube_event event = {
		.node = "n1",
		.node_uid = "u",
		.reason = "R",
		.action = "A",
		.note = "why",
	};
	struct client c;
	struct error e;

	(void)state;
	start(&c, turns, ARRAY_SIZE(turns), NULL, NULL);
	if (kube_event(c.kube, &event, deadline_in(WAIT_MS), NULL, &e) < 0)
		fail_msg("%s", e.msg);
	stop(&c);
}

static void test_body_is_valid_utf8(void **state)
{
	static const struct fake_turn turns[] = {
		{ { "PATCH /x?", "{\"a\":\"\xc3\xa4?b?\"}" }, OK2, FAKE_KEEP, NULL },
	};
	_json_ struct json_object *object = json_object_new_object();
	struct client c;
	struct error e;

	(void)state;
	json_set_str(object, "a",
		     "\xc3\xa4\xff"
		     "b\xc3");
	start(&c, turns, ARRAY_SIZE(turns), NULL, NULL);
	assert_int_equal(kube_merge(c.kube, "/x", object, deadline_in(WAIT_MS), NULL, &e), 0);
	stop(&c);
}

#define MINUTES_MS (60 * UINT64_C(1000))

/* While it is set, minutes pass in a moment. */
static bool is_time_short;

uint64_t __real_deadline_in(uint64_t wait_ms);
uint64_t __wrap_deadline_in(uint64_t wait_ms);

uint64_t __wrap_deadline_in(uint64_t wait_ms)
{
	return __real_deadline_in(is_time_short && wait_ms > MINUTES_MS ? 200 : wait_ms);
}

struct seen {
	unsigned count;
	unsigned stop_at;
	char names[256];
};

static int on_object(void *arg, enum watch_type type, struct json_object *object, struct error *e)
{
	static const char letters[N_WATCH + 1] = "AMDBE";
	struct seen *s = arg;
	size_t len = strlen(s->names);

	(void)e;
	(void)snprintf(s->names + len, sizeof(s->names) - len, "%c%s ", letters[type],
		       json_get_str(object, "metadata.name"));
	return ++s->count == s->stop_at;
}

static int watch_nodes(struct client *c, struct seen *s, struct error *e)
{
	const struct kube_watch watch = {
		.path = "/n",
		.field_selector = "metadata.name=n1",
		.handler = on_object,
		.arg = s,
		.deadline_ms = deadline_in(WAIT_MS),
	};

	return kube_watch(c->kube, &watch, e);
}

/* The watch ends with WANTED, at the latest with the STOP_AT-th event; NAMES, unless NULL, is what
 * it said until then. */
static void assert_watched(const struct fake_turn *turns, size_t n, unsigned stop_at, int wanted,
			   const char *names)
{
	struct seen s = { .stop_at = stop_at };
	struct client c;
	struct error e;

	start(&c, turns, n, NULL, NULL);
	assert_int_equal(watch_nodes(&c, &s, &e), wanted);
	if (names)
		assert_string_equal(s.names, names);
	stop(&c);
}

#define LIST  "GET /n?fieldSelector=metadata.name%3Dn1&limit=500 "
#define WATCH "GET /n?fieldSelector=metadata.name%3Dn1&watch=true&allowWatchBookmarks=true&timeout"

static void test_watch_goes_on_across_closed_connections(void **state)
{
	static const struct fake_turn turns[] = {
		{ { LIST },
		  "200 OK",
		  "{\"metadata\":{\"resourceVersion\":\"5\"},"
		  "\"items\":[{\"metadata\":{\"name\":\"a\"}}]}",
		  FAKE_KEEP,
		  NULL },
		{ { WATCH, "&resourceVersion=5 " },
		  STREAM,
		  "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"b\","
		  "\"resourceVersion\":\"6\"}}}\n"
		  "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"9\"}}}\n"
		  "{\"type\":\"ADDED\",\"obj",
		  FAKE_CLOSE,
		  NULL },
		{ { WATCH, "&resourceVersion=9 " }, "500 Oh", "{}", FAKE_CLOSE, NULL },
		{ { WATCH, "&resourceVersion=9 " },
		  STREAM,
		  "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"c\"}}}\n",
		  FAKE_CLOSE,
		  NULL },
	};

	(void)state;
	assert_watched(turns, ARRAY_SIZE(turns), 3, 1, "Aa Mb Dc ");
}

static void test_watch_lists_again_when_its_version_is_gone(void **state)
{
	static const struct fake_turn turns[] = {
		{ { LIST },
		  "200 OK",
		  "{\"metadata\":{\"resourceVersion\":\"5\"}}",
		  FAKE_KEEP,
		  NULL },
		{ { WATCH, "&resourceVersion=5 " },
		  STREAM,
		  "{\"type\":\"ERROR\",\"object\":{\"code\":410,\"message\":\"old\"}}\n",
		  FAKE_CLOSE,
		  NULL },
		{ { LIST },
		  "200 OK",
		  "{\"metadata\":{\"resourceVersion\":\"7\"}}",
		  FAKE_KEEP,
		  NULL },
		{ { WATCH, "&resourceVersion=7 " }, "410 Gone", "{}", FAKE_CLOSE, NULL },
		{ { LIST },
		  "200 OK",
		  "{\"metadata\":{\"resourceVersion\":\"8\"},"
		  "\"items\":[{\"metadata\":{\"name\":\"a\"}}]}",
		  FAKE_KEEP,
		  NULL },
	};

	(void)state;
	assert_watched(turns, ARRAY_SIZE(turns), 1, 1, "Aa ");
}

/* The connection leads to a machine that is no more: nothing comes, not even its end. */
static void test_watch_that_says_nothing_is_begun_again(void **state)
{
	static const struct fake_turn turns[] = {
		{ { LIST },
		  "200 OK",
		  "{\"metadata\":{\"resourceVersion\":\"5\"}}",
		  FAKE_KEEP,
		  NULL },
		{ { WATCH, "&resourceVersion=5 " }, NULL, NULL, FAKE_HANG, NULL },
		{ { WATCH, "&resourceVersion=5 " }, STREAM, "", FAKE_HANG, NULL },
		{ { WATCH, "&resourceVersion=5 " },
		  STREAM,
		  "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}\n",
		  FAKE_CLOSE,
		  NULL },
	};
	struct seen s = { .stop_at = 1 };
	struct client c;
	struct error e;

	(void)state;
	start(&c, turns, ARRAY_SIZE(turns), NULL, NULL);
	is_time_short = true;
	assert_int_equal(watch_nodes(&c, &s, &e), 1);
	is_time_short = false;
	assert_string_equal(s.names, "Aa ");
	stop(&c);
}

static void test_watch_waits_as_long_as_the_server_asks(void **state)
{
	static const struct fake_turn turns[] = {
		{ { LIST },
		  "200 OK",
		  "{\"metadata\":{\"resourceVersion\":\"5\"}}",
		  FAKE_KEEP,
		  NULL },
		{ { WATCH }, "429 Slow\r\nRetry-After: 1", "{}", FAKE_KEEP, NULL },
		{ { WATCH, "&resourceVersion=5 " },
		  STREAM,
		  "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}\n",
		  FAKE_CLOSE,
		  NULL },
	};
	struct seen s = { .stop_at = 1 };
	uint64_t began = now_ms();
	struct client c;
	struct error e;

	(void)state;
	start(&c, turns, ARRAY_SIZE(turns), NULL, NULL);
	assert_int_equal(watch_nodes(&c, &s, &e), 1);
	assert_true(now_ms() - began >= 1000);
	stop(&c);
}

#define PAGE(name, token)                                                        \
	"200 OK",                                                                \
		"{\"metadata\":{\"resourceVersion\":\"5\",\"continue\":\"" token \
		"\"},\"items\":[{\"metadata\":{\"name\":\"" name "\"}}]}",       \
		FAKE_KEEP, NULL
#define NEXT "GET /n?fieldSelector=metadata.name%3Dn1&limit=500&continue="

static void test_list_goes_through_all_pages(void **state)
{
	static const struct fake_turn turns[] = {
		{ { LIST }, PAGE("a", "x/1") },
		{ { NEXT "x%2F1 " }, "503 Busy", "{}", FAKE_KEEP, NULL },
		{ { NEXT "x%2F1 " }, PAGE("b", "y") },
		{ { NEXT "y " }, PAGE("c", "") },
	};

	(void)state;
	assert_watched(turns, ARRAY_SIZE(turns), 3, 1, "Aa Ab Ac ");
}

/* What is behind the lost place would never be seen. */
static void test_list_whose_place_is_gone_begins_again(void **state)
{
	static const struct fake_turn turns[] = {
		{ { LIST }, PAGE("a", "x") },
		{ { NEXT "x " }, "410 Gone", "{\"reason\":\"Expired\"}", FAKE_KEEP, NULL },
		{ { LIST }, PAGE("a", "y") },
		{ { NEXT "y " }, PAGE("b", "") },
		{ { WATCH, "&resourceVersion=5 " },
		  STREAM,
		  "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"c\"}}}\n",
		  FAKE_CLOSE,
		  NULL },
	};
	struct seen s = { .stop_at = 4 };
	struct client c;
	struct error e;

	(void)state;
	start(&c, turns, ARRAY_SIZE(turns), NULL, NULL);
	kube_set_refusal(c.kube, WAIT_MS);
	assert_int_equal(watch_nodes(&c, &s, &e), 1);
	assert_string_equal(s.names, "Aa Aa Ab Ac ");
	stop(&c);
}

#define ITEMS(uids, token)                                                                       \
	"200 OK", "{\"metadata\":{\"continue\":\"" token "\"},\"items\":[" uids "]}", FAKE_KEEP, \
		NULL
#define ITEM(uid)   "{\"metadata\":{\"uid\":\"" uid "\"}}"
#define GONE        "410 Gone", "{\"reason\":\"Expired\"}", FAKE_KEEP, NULL
#define FROM(place) "GET /n?limit=100&continue=" place " "

static int note_uid(void *arg, struct json_object *item, struct error *e)
{
	char *uids = arg;

	(void)e;
	(void)strncat(uids, json_get_str(item, "metadata.uid"), 1);
	return 0;
}

static int list_uids(const struct fake_turn *turns, size_t n, char uids[16])
{
	struct client c;
	struct error e;
	int r;

	uids[0] = '\0';
	start(&c, turns, n, NULL, NULL);
	kube_set_refusal(c.kube, WAIT_MS);
	r = kube_list(c.kube, "/n", note_uid, uids, deadline_in(WAIT_MS), NULL, &e);
	stop(&c);
	return r;
}

/* Who goes through it counts and changes what comes. */
static void test_list_that_begins_again_has_nothing_twice(void **state)
{
	static const struct fake_turn turns[] = {
		{ { "GET /n?limit=100 " }, ITEMS(ITEM("a") "," ITEM("b"), "x") },
		{ { FROM("x") }, GONE },
		{ { "GET /n?limit=100 " }, ITEMS(ITEM("b") "," ITEM("c"), "y") },
		{ { FROM("y") }, ITEMS(ITEM("a") "," ITEM("d"), "") },
	};
	char uids[16];

	(void)state;
	assert_int_equal(list_uids(turns, ARRAY_SIZE(turns), uids), 0);
	assert_string_equal(uids, "abcd");
}

/* A server that forgets whatever it said is not asked for ever. */
static void test_list_does_not_begin_again_without_end(void **state)
{
	static const struct fake_turn turns[] = {
		{ { "GET /n?limit=100 " }, ITEMS(ITEM("a"), "x") }, { { FROM("x") }, GONE },
		{ { "GET /n?limit=100 " }, ITEMS(ITEM("a"), "x") }, { { FROM("x") }, GONE },
		{ { "GET /n?limit=100 " }, ITEMS(ITEM("a"), "x") }, { { FROM("x") }, GONE },
		{ { "GET /n?limit=100 " }, ITEMS(ITEM("a"), "x") }, { { FROM("x") }, GONE },
		{ { "GET /n?limit=100 " }, ITEMS(ITEM("a"), "x") }, { { FROM("x") }, GONE },
		{ { "GET /n?limit=100 " }, ITEMS(ITEM("a"), "x") }, { { FROM("x") }, GONE },
	};
	char uids[16];

	(void)state;
	assert_int_equal(list_uids(turns, ARRAY_SIZE(turns), uids), -ESTALE);
	assert_string_equal(uids, "a");
}

static void test_watch_outlives_a_refusal_that_passes(void **state)
{
	static const struct fake_turn turns[] = {
		{ { LIST }, "403 Forbidden", "{}", FAKE_KEEP, NULL },
		{ { LIST }, PAGE("a", "") },
		{ { WATCH }, "403 Forbidden", "{}", FAKE_KEEP, NULL },
		{ { WATCH }, "401 Unauthorized", "{}", FAKE_KEEP, NULL },
		{ { WATCH },
		  STREAM,
		  "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"b\"}}}\n",
		  FAKE_CLOSE,
		  NULL },
	};
	struct seen s = { .stop_at = 2 };
	struct client c;
	struct error e;

	(void)state;
	start(&c, turns, ARRAY_SIZE(turns), NULL, NULL);
	kube_set_refusal(c.kube, WAIT_MS);
	assert_int_equal(watch_nodes(&c, &s, &e), 1);
	assert_string_equal(s.names, "Aa Ab ");
	stop(&c);
}

static void test_watch_that_is_forbidden_ends(void **state)
{
	static const struct fake_turn turns[] = {
		{ { LIST }, "403 Forbidden", "{}", FAKE_KEEP, NULL },
	};

	(void)state;
	assert_watched(turns, ARRAY_SIZE(turns), 1, -EACCES, NULL);
}

static void test_watch_that_is_forbidden_after_its_list_ends(void **state)
{
	static const struct fake_turn turns[] = {
		{ { LIST }, PAGE("a", "") },
		{ { WATCH }, "403 Forbidden", "{}", FAKE_KEEP, NULL },
	};

	(void)state;
	assert_watched(turns, ARRAY_SIZE(turns), 2, -EACCES, NULL);
}

static int count_events(void *arg, enum watch_type type, struct json_object *object,
			struct error *e)
{
	(void)type;
	(void)object;
	(void)e;
	++*(unsigned *)arg;
	return 0;
}

static void test_stream_cut_anywhere_gives_the_same_events(void **state)
{
	static const char text[] =
		"{\"type\":\"ADDED\",\"object\":{}}\n\n"
		"{\"type\":\"DELETED\",\"object\":{\"a\":\"\\n\"}}\n";

	(void)state;
	for (size_t cut = 0; cut < strlen(text); cut++) {
		struct kube_stream s;
		unsigned count = 0;
		struct error e;

		kube_stream_init(&s);
		assert_int_equal(kube_stream_feed(&s, text, cut, count_events, &count, &e), 0);
		assert_int_equal(kube_stream_feed(&s, text + cut, strlen(text) - cut, count_events,
						  &count, &e),
				 0);
		assert_int_equal(count, 2);
		kube_stream_done(&s);
	}
}

static void test_stream_that_is_wrong_is_refused(void **state)
{
	static const char *const texts[] = {
		"x\n",
		"{}\n",
		"{\"type\":\"NEW\",\"object\":{}}\n",
		"{\"type\":\"ADDED\"}\n",
		"{\"type\":\"ADDED\",\"object\":[]}\n",
		"{\"type\":1,\"object\":{}}\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct kube_stream s;
		unsigned count = 0;
		struct error e;

		kube_stream_init(&s);
		assert_int_equal(
			kube_stream_feed(&s, texts[i], strlen(texts[i]), count_events, &count, &e),
			-EPROTO);
		kube_stream_done(&s);
	}
}

/* An object in etcd is at most 1.5 MiB. */
static void test_event_without_an_end_is_refused(void **state)
{
	_free_ char *piece = xcalloc(1, 1 * MIB);
	struct kube_stream s;
	unsigned count = 0;
	struct error e;
	int r = 0;

	(void)state;
	memset(piece, ' ', 1 * MIB);
	kube_stream_init(&s);
	for (unsigned i = 0; i < 8 && r == 0; i++)
		r = kube_stream_feed(&s, piece, 1 * MIB, count_events, &count, &e);
	assert_true(r < 0);
	assert_non_null(strstr(e.msg, "too large"));
	kube_stream_done(&s);
}

static void test_backoff_stays_below_its_bound(void **state)
{
	struct backoff b = { .first_ms = 8, .cap_ms = 64 };
	uint64_t largest = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		uint64_t pause = backoff_next(&b);

		assert_true(pause <= min_u64(64, UINT64_C(8) << min_u64(i, 20)));
		largest = max_u64(largest, pause);
	}
	assert_true(largest > 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get_is_repeated_until_the_server_can),
		cmocka_unit_test(test_get_that_is_refused_is_not_repeated),
		cmocka_unit_test(test_token_that_rotates_is_read_again),
		cmocka_unit_test(test_refusal_that_passes_is_not_believed),
		cmocka_unit_test(test_refusal_that_lasts_is_believed_and_remembered),
		cmocka_unit_test(test_account_that_is_refused_for_long_is_so_for_everything),
		cmocka_unit_test(test_get_waits_as_long_as_the_status_object_asks),
		cmocka_unit_test(test_get_that_is_cancelled_ends_while_the_server_hangs),
		cmocka_unit_test(test_get_keeps_the_last_error_at_its_deadline),
		cmocka_unit_test(test_get_waits_as_long_as_the_server_asks),
		cmocka_unit_test(test_get_backs_off_when_the_server_does_not_say_how_long),
		cmocka_unit_test(test_apply_is_server_side),
		cmocka_unit_test(test_change_whose_answer_was_lost_is_no_conflict),
		cmocka_unit_test(test_delete_of_what_is_gone_succeeds),
		cmocka_unit_test(test_event_that_is_there_is_counted),
		cmocka_unit_test(test_body_is_valid_utf8),
		cmocka_unit_test(test_watch_goes_on_across_closed_connections),
		cmocka_unit_test(test_watch_lists_again_when_its_version_is_gone),
		cmocka_unit_test(test_watch_that_says_nothing_is_begun_again),
		cmocka_unit_test(test_watch_waits_as_long_as_the_server_asks),
		cmocka_unit_test(test_list_goes_through_all_pages),
		cmocka_unit_test(test_list_whose_place_is_gone_begins_again),
		cmocka_unit_test(test_list_that_begins_again_has_nothing_twice),
		cmocka_unit_test(test_list_does_not_begin_again_without_end),
		cmocka_unit_test(test_watch_outlives_a_refusal_that_passes),
		cmocka_unit_test(test_watch_that_is_forbidden_ends),
		cmocka_unit_test(test_stream_cut_anywhere_gives_the_same_events),
		cmocka_unit_test(test_stream_that_is_wrong_is_refused),
		cmocka_unit_test(test_backoff_stays_below_its_bound),
		cmocka_unit_test(test_get_that_is_cancelled_while_it_pauses_says_so),
		cmocka_unit_test(test_requests_come_no_faster_than_their_rate),
		cmocka_unit_test(test_field_of_somebody_elses_is_believed_at_once),
		cmocka_unit_test(test_watch_that_is_forbidden_after_its_list_ends),
		cmocka_unit_test(test_event_without_an_end_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
