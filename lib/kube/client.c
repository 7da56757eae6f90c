/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client - requests to the API server, repeated until they are answered.
 *
 * A node's agent outlives API servers: refused connections, timeouts, 429 and 5xx are normal and
 * are repeated, after Retry-After where the server says it, else after a random pause below a
 * doubling bound.  A refusal is repeated as well, until it has lasted (answer.c).  After that the
 * same call is believed at once, so a right that was never given costs its wait once; and so are
 * other calls until one is not refused, so an account that is no more costs its wait once.  All
 * verbs used here may be repeated: reads, applies, patches of absolute values, deletes, and creates
 * of objects with a fixed name.  One thread at a time.
 */
#include "lib/kube/client.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "lib/kube/answer.h"
#include "lib/log.h"

#define TRY_MS         30000
#define REFUSAL_MS     5000
#define BACKOFF_MS     800
#define BACKOFF_CAP_MS 30000
#define BURST          10
#define PER_SECOND     5

struct kube_client {
	const struct owner *owner;
	struct http_client *http;
	struct backoff backoff;
	uint64_t bucket_ms; /* when the bucket was last empty, in the past */
	uint64_t token_ms;  /* one request more every so often */
	unsigned burst;
	struct kube_plugin *plugin; /* that logs in; NULL: none */
	struct kube_credential credential;
	uint64_t refusal_ms;
	strv believed;        /* what was refused for so long, see refusal_key() */
	bool is_refusing_all; /* the last answer was such a refusal */
};

/* One try, and what became of it. */
struct attempt {
	const struct kube_call *call;
	unsigned status; /* 0: no answer came */
	enum kube_next next;
	int64_t asked_ms;          /* pause that the server asks for; -1: none */
	uint64_t refused_until_ms; /* until then a refusal is doubted; 0: none was seen */
	bool is_logged_in;         /* for this very call */
};

/* A token bucket: some at once, then one every so often. */
static int wait_turn(struct kube_client *client, const struct kube_call *call, struct error *e)
{
	uint64_t now = now_ms();
	uint64_t full_ms = client->burst * client->token_ms;
	int r;

	if (client->bucket_ms + full_ms < now)
		client->bucket_ms = now - full_ms;
	if (client->bucket_ms + client->token_ms > now) {
		r = wait_pause(client->bucket_ms + client->token_ms - now, call->path,
			       call->deadline_ms, call->cancel, e);
		if (r < 0)
			return r;
	}
	client->bucket_ms += client->token_ms;
	return 0;
}

/* Has the plugin log in where that was not done or has expired. */
static int log_in(struct kube_client *client, struct attempt *a, struct error *e)
{
	_credential_ struct kube_credential fresh = { 0 };
	struct kube_credential *c = &client->credential;

	if (!client->plugin || kube_credential_is_good(c, time(NULL)))
		return 0;
	if (kube_plugin_run(client->plugin, a->call->deadline_ms, a->call->cancel, &fresh, e) < 0)
		return -e->code;
	kube_credential_done(c);
	*c = fresh;
	fresh = (struct kube_credential){ 0 };
	a->is_logged_in = true;
	http_client_identify(client->http, c->token, c->cert_pem, c->key_pem);
	return 0;
}

/* What the server does not take is not good, whatever it says of itself.  Whether to log in anew:
 * once for a call. */
static bool doubts_login(struct kube_client *client, const struct attempt *a)
{
	if (!client->plugin || a->status != 401 || a->is_logged_in)
		return false;
	client->credential.expires_s = 0;
	return true;
}

/* What did not come through may the next time; an answer that is none comes from somebody in
 * between, who may go. */
static enum kube_next next_without_status(int r)
{
	static const int passing[] = { EAGAIN, ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH };

	for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
		if (r == -passing[i])
			return KUBE_LATER;
	return r == -EPROTO ? KUBE_INSIST : KUBE_BELIEVE;
}

static int take_answer(struct attempt *a, const struct http_response *response,
		       struct json_object **ret_object, struct error *e)
{
	_json_ struct json_object *body = NULL;
	const struct kube_answer *answer;
	const char *message;
	int r = json_parse(response->body, response->len, a->call->path, &body, e);

	a->status = response->status;
	answer = kube_answer(response->status, body);
	a->next = answer->next;
	a->asked_ms = response->retry_after_ms >= 0 ? response->retry_after_ms
						    : kube_answer_asks_ms(body);
	if (answer->next != KUBE_DONE) {
		message = json_get_str(body, "message");
		return fail(e, answer->error, "%s %s: %u: %s",
			    a->call->method ? a->call->method : "GET", a->call->path,
			    response->status, message ? message : "no reason given");
	}
	if (r < 0) {
		a->next = KUBE_INSIST;
		return fail(e, EPROTO, "%s: the answer is no JSON", a->call->path);
	}
	if (ret_object)
		*ret_object = TAKE_PTR(body);
	return 0;
}

/* Messages may have anything in them: what a guest printed, a name cut in the middle of a letter.
 * The API server refuses a body that is not UTF-8.  Caller frees. */
static char *valid_text(struct json_object *body)
{
	char *text = xstrdup(json_text(body));

	utf8_repair(text);
	return text;
}

static int try_once(struct kube_client *client, struct attempt *a, struct json_object **ret_object,
		    struct error *e)
{
	_http_response_ struct http_response response = { 0 };
	const struct kube_call *call = a->call;
	_free_ char *body = call->body ? valid_text(call->body) : NULL;
	const struct http_request request = {
		.method = call->method,
		.path = call->path,
		.content_type = call->content_type,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.deadline_ms = min_u64(call->deadline_ms, deadline_in(TRY_MS)),
		.cancel = call->cancel,
	};
	int r = http_do(client->http, &request, &response, e);

	a->status = 0;
	a->asked_ms = -1;
	if (r < 0) {
		a->next = next_without_status(r);
		return r;
	}
	return take_answer(a, &response, ret_object, e);
}

/* Caller frees. */
static char *refusal_key(const struct kube_call *call)
{
	return xasprintf("%s %.*s", call->method ? call->method : "GET",
			 (int)strcspn(call->path, "?"), call->path);
}

/* Whether it is too early to believe the refusal of A. */
static bool is_doubted(struct kube_client *client, struct attempt *a)
{
	_free_ char *key = refusal_key(a->call);

	if ((a->status == 410 && a->call->resumes) || (a->status == 409 && a->call->names_version))
		return false;
	if (client->is_refusing_all || strv_contains(client->believed, key))
		return false;
	if (a->refused_until_ms == 0)
		a->refused_until_ms = deadline_in(client->refusal_ms);
	if (now_ms() < a->refused_until_ms)
		return true;
	strv_add(&client->believed, key);
	client->is_refusing_all = true;
	return false;
}

static bool is_final(struct kube_client *client, struct attempt *a)
{
	if (a->next == KUBE_INSIST)
		return !is_doubted(client, a);
	a->refused_until_ms = 0;
	client->is_refusing_all = false;
	return a->next != KUBE_LATER;
}

/* Before the next try; one more falls on the moment from which a refusal is believed. */
static int pause_for(struct kube_client *client, const struct attempt *a, const char *why,
		     struct error *e)
{
	uint64_t pause_ms = backoff_asked(&client->backoff, a->asked_ms);
	uint64_t now = now_ms();

	if (a->refused_until_ms > now)
		pause_ms = min_u64(pause_ms, a->refused_until_ms - now);
	log_debug("%s; asking again in %" PRIu64 " ms", why, pause_ms);
	return wait_pause(pause_ms, a->call->path, a->call->deadline_ms, a->call->cancel, e);
}

/* No answer, or one of a server that did not get to its end. */
static bool is_lost(const struct attempt *a, int r)
{
	return r < 0 && (a->status == 0 || a->status >= 500);
}

int kube_do(struct kube_client *client, const struct kube_call *call,
	    struct json_object **ret_object, struct error *e)
{
	struct attempt a = { .call = call };
	struct error pause_error;
	int r;

	backoff_reset(&client->backoff);
	do {
		r = wait_turn(client, call, e);
		if (r >= 0)
			r = log_in(client, &a, e);
		if (r < 0)
			return r;
		r = try_once(client, &a, ret_object, e);
		if (call->ret_lost && is_lost(&a, r))
			*call->ret_lost = true;
		if (!doubts_login(client, &a) && is_final(client, &a))
			return r;
	} while (pause_for(client, &a, e->msg, &pause_error) >= 0);
	if (pause_error.code == ECANCELED)
		*e = pause_error;
	return -e->code;
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

void kube_set_rate(struct kube_client *client, unsigned per_second, unsigned burst)
{
	client->token_ms = 1000 / per_second;
	client->burst = burst;
}

void kube_set_refusal(struct kube_client *client, uint64_t wait_ms)
{
	client->refusal_ms = wait_ms;
}

const struct owner *kube_owner(const struct kube_client *client)
{
	return client->owner;
}

uint64_t kube_refusal_ms(const struct kube_client *client)
{
	return client->refusal_ms;
}

int kube_open(struct kube_config *config, const struct owner *owner,
	      struct kube_client **ret_client, struct error *e)
{
	_free_ char *agent = xasprintf("%s/" KATA_VERSION, owner->program);
	const struct http_target target = {
		.base_url = config->server,
		.user_agent = agent,
		.ca_file = config->ca_file,
		.ca_pem = config->ca_pem,
		.cert_pem = config->cert_pem,
		.key_pem = config->key_pem,
		.token_file = config->token_file,
		.token = config->token,
		.server_name = config->server_name,
		.is_insecure = config->is_insecure,
		.proxy = config->proxy,
		.heeds_environment = config->heeds_environment,
		.headers = config->impersonate,
	};
	_cleanup_(kube_closep) struct kube_client *client = xcalloc(1, sizeof(*client));
	int r;

	client->owner = owner;
	client->plugin = TAKE_PTR(config->plugin);
	kube_set_rate(client, PER_SECOND, BURST);
	kube_set_backoff(client, BACKOFF_MS, BACKOFF_CAP_MS);
	kube_set_refusal(client, REFUSAL_MS);
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
	strv_free(client->believed);
	kube_plugin_free(client->plugin);
	kube_credential_done(&client->credential);
	free(client);
}
