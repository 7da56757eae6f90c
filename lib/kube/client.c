/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client - requests to the API server, repeated until they are answered.
 *
 * A node's agent outlives API servers: refused connections, timeouts, 429 and 5xx are normal and
 * are repeated, after Retry-After where the server says it, else after a random pause below a
 * doubling bound.  A 401 is repeated once, because the token may have rotated between reading and
 * use.  All verbs used here may be repeated: reads, applies, patches of absolute values, deletes,
 * and creates of objects with a fixed name.  One thread at a time.
 */
#include "lib/kube/client.h"

#include <inttypes.h>
#include <string.h>

#include "lib/log.h"

#define TRY_MS         30000
#define BACKOFF_MS     800
#define BACKOFF_CAP_MS 30000
#define BURST          10
#define TOKEN_MS       200 /* one request more every so often: 5 a second */

struct kube_client {
	struct http_client *http;
	struct backoff backoff;
	uint64_t bucket_ms; /* when the bucket was last empty, in the past */
};

static const struct {
	unsigned status;
	int error;
} errnos[] = {
	{ 401, EACCES }, { 403, EACCES }, { 404, ENOENT }, { 409, EBUSY },
	{ 410, ESTALE }, { 429, EAGAIN }, { 408, EAGAIN },
};

int kube_errno(unsigned status, struct json_object *answer)
{
	if (status >= 200 && status < 300)
		return 0;
	if (status == 409 && str_equal(json_get_str(answer, "reason"), "AlreadyExists"))
		return EEXIST;
	for (size_t i = 0; i < ARRAY_SIZE(errnos); i++)
		if (errnos[i].status == status)
			return errnos[i].error;
	return status >= 500 ? EAGAIN : EINVAL;
}

/* A token bucket: BURST at once, then one every TOKEN_MS. */
static int wait_turn(struct kube_client *client, const struct kube_call *call, struct error *e)
{
	uint64_t now = now_ms();
	uint64_t full_ms = (uint64_t)BURST * TOKEN_MS;
	int r;

	if (client->bucket_ms + full_ms < now)
		client->bucket_ms = now - full_ms;
	if (client->bucket_ms + TOKEN_MS > now) {
		r = wait_pause(client->bucket_ms + TOKEN_MS - now, call->path, call->deadline_ms,
			       call->cancel, e);
		if (r < 0)
			return r;
	}
	client->bucket_ms += TOKEN_MS;
	return 0;
}

static int parse_answer(const struct http_response *response, const char *path,
			struct json_object **ret_object, struct error *e)
{
	return json_parse(response->body, response->len, path, ret_object, e);
}

static int fail_status(const struct kube_call *call, unsigned status, struct json_object *answer,
		       struct error *e)
{
	const char *message = json_get_str(answer, "message");

	return fail(e, kube_errno(status, answer), "%s %s: %u: %s",
		    call->method ? call->method : "GET", call->path, status,
		    message ? message : "no reason given");
}

/* One try.  *ret_pause_ms is how long the server asked to wait, or -1. */
static int try_once(struct kube_client *client, const struct kube_call *call, unsigned *ret_status,
		    int64_t *ret_pause_ms, struct json_object **ret_object, struct error *e)
{
	_http_response_ struct http_response response = { 0 };
	_json_ struct json_object *answer = NULL;
	const char *body = call->body ? json_text(call->body) : NULL;
	const struct http_request request = {
		.method = call->method,
		.path = call->path,
		.content_type = call->content_type,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.deadline_ms = min_u64(call->deadline_ms, deadline_in(TRY_MS)),
		.cancel = call->cancel,
	};
	struct error ignored;
	int r;

	*ret_status = 0;
	*ret_pause_ms = -1;
	r = http_do(client->http, &request, &response, e);
	if (r < 0)
		return r;
	*ret_status = response.status;
	*ret_pause_ms = response.retry_after_ms;
	if (response.status < 200 || response.status >= 300) {
		(void)parse_answer(&response, call->path, &answer, &ignored);
		return fail_status(call, response.status, answer, e);
	}
	r = parse_answer(&response, call->path, &answer, e);
	if (r < 0)
		return r;
	if (ret_object)
		*ret_object = TAKE_PTR(answer);
	return 0;
}

static bool worth_repeating(int r, unsigned status, bool *saw_401)
{
	if (status == 401) {
		bool first = !*saw_401;

		*saw_401 = true;
		return first;
	}
	return r == -EAGAIN || r == -ECONNREFUSED || r == -ECONNRESET || r == -ETIMEDOUT ||
	       r == -EHOSTUNREACH;
}

int kube_do(struct kube_client *client, const struct kube_call *call,
	    struct json_object **ret_object, struct error *e)
{
	struct error pause_error;
	bool saw_401 = false;
	int64_t asked_ms;
	uint64_t pause_ms;
	unsigned status;
	int r;

	backoff_reset(&client->backoff);
	for (;;) {
		r = wait_turn(client, call, e);
		if (r < 0)
			return r;
		r = try_once(client, call, &status, &asked_ms, ret_object, e);
		if (r >= 0 || !worth_repeating(r, status, &saw_401))
			return r;
		pause_ms = backoff_asked(&client->backoff, asked_ms);
		log_debug("%s; asking again in %" PRIu64 " ms", e->msg, pause_ms);
		if (wait_pause(pause_ms, call->path, call->deadline_ms, call->cancel,
			       &pause_error) < 0)
			break;
	}
	if (pause_error.code == ECANCELED)
		*e = pause_error;
	return r < 0 && pause_error.code == ECANCELED ? -ECANCELED : r;
}

struct http_client *kube_http(struct kube_client *client)
{
	return client->http;
}

struct backoff kube_backoff(const struct kube_client *client)
{
	return (struct backoff){
		.first_ms = client->backoff.first_ms,
		.cap_ms = client->backoff.cap_ms,
	};
}

void kube_set_backoff(struct kube_client *client, uint64_t first_ms, uint64_t cap_ms)
{
	client->backoff = (struct backoff){ .first_ms = first_ms, .cap_ms = cap_ms };
}

int kube_open(const struct kube_config *config, const char *user_agent,
	      struct kube_client **ret_client, struct error *e)
{
	const struct http_target target = {
		.base_url = config->server,
		.user_agent = user_agent,
		.ca_file = config->ca_file,
		.ca_pem = config->ca_pem,
		.cert_pem = config->cert_pem,
		.key_pem = config->key_pem,
		.token_file = config->token_file,
		.token = config->token,
	};
	_cleanup_(kube_closep) struct kube_client *client = xcalloc(1, sizeof(*client));
	int r;

	kube_set_backoff(client, BACKOFF_MS, BACKOFF_CAP_MS);
	r = http_client_new(&target, &client->http, e);
	if (r < 0)
		return r;
	*ret_client = TAKE_PTR(client);
	return 0;
}

void kube_close(struct kube_client *client)
{
	if (!client)
		return;
	http_client_free(client->http);
	free(client);
}
