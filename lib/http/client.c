/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client - blocking HTTP requests over libcurl.
 *
 * Every request runs on the multi interface, because only that can be left at once when the caller
 * cancels.  Tokens and CA files are read anew for each request and connection: both rotate on a
 * node.  Answers are collected up to a limit; a stream is handed on piece by piece.  Limits: no
 * cookies, no redirects (an API server never sends one and a token must not follow it), no proxies
 * but those that the target names or lets the environment name.  One thread at a time.
 */
#include "lib/http/client.h"

#include <ctype.h>
#include <curl/curl.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "lib/file.h"
#include "lib/sock.h"
#include "lib/wire.h"

#define TOKEN_MAX         (64 * KIB)
#define CONNECT_MS        10000
#define POLL_MS           1000
#define RETRY_AFTER_MAX_S 3600

struct http_client {
	CURLM *multi;
	CURL *easy;
	struct http_target target;
	strv headers;     /* owned, as all of the target's members */
	char *url;        /* of the target, with the name that the server is asked for */
	char *connect_to; /* where that really is; NULL: there */
};

/* One request under way. */
struct exchange {
	const struct http_request *request;
	struct http_response *response;
	CURL *easy;
	uint64_t last_byte_ms;
	size_t header_bytes;
	int failed; /* -errno of on_data or of a limit */
	struct error *e;
};

static const struct {
	CURLcode code;
	int error;
} errnos[] = {
	{ CURLE_COULDNT_CONNECT, ECONNREFUSED },    { CURLE_COULDNT_RESOLVE_HOST, EHOSTUNREACH },
	{ CURLE_OPERATION_TIMEDOUT, ETIMEDOUT },    { CURLE_SSL_CONNECT_ERROR, ECONNRESET },
	{ CURLE_PEER_FAILED_VERIFICATION, EPROTO }, { CURLE_SSL_CACERT_BADFILE, EPROTO },
	{ CURLE_SSL_CERTPROBLEM, EPROTO },          { CURLE_URL_MALFORMAT, EINVAL },
	{ CURLE_UNSUPPORTED_PROTOCOL, EINVAL },
};

static void global_init(void)
{
	/* OpenSSL writes without MSG_NOSIGNAL. */
	sock_ignore_sigpipe();
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void target_copy(struct http_target *to, const struct http_target *from)
{
	*to = (struct http_target){
		.base_url = copy(from->base_url),
		.unix_socket = copy(from->unix_socket),
		.user_agent = copy(from->user_agent),
		.ca_file = copy(from->ca_file),
		.ca_pem = copy(from->ca_pem),
		.cert_pem = copy(from->cert_pem),
		.key_pem = copy(from->key_pem),
		.token_file = copy(from->token_file),
		.token = copy(from->token),
		.server_name = copy(from->server_name),
		.is_insecure = from->is_insecure,
		.proxy = copy(from->proxy),
		.heeds_environment = from->heeds_environment,
		.http2 = from->http2,
	};
}

static void target_done(struct http_target *t)
{
	const char **owned[] = { &t->base_url, &t->unix_socket, &t->user_agent, &t->ca_file,
				 &t->ca_pem,   &t->cert_pem,    &t->key_pem,    &t->token_file,
				 &t->token,    &t->server_name, &t->proxy };

	for (size_t i = 0; i < ARRAY_SIZE(owned); i++)
		free((void *)(uintptr_t)*owned[i]);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	size_t len = size * n;
	size_t max = x->request->max_response ? x->request->max_response : WIRE_BODY_MAX;
	long status = 0;

	x->last_byte_ms = now_ms();
	(void)curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	if (x->request->on_data && status >= 200 && status < 300) {
		x->failed = x->request->on_data(x->request->arg, bytes, len, x->e);
		return x->failed < 0 ? 0 : len;
	}
	if (len > max || x->response->len > max - len) {
		x->failed = fail(x->e, EFBIG, "the answer to '%s' is larger than %zu bytes",
				 x->request->path, max);
		return 0;
	}
	x->response->body = xrealloc(x->response->body, x->response->len + len + 1, 1);
	memcpy(x->response->body + x->response->len, bytes, len);
	x->response->len += len;
	x->response->body[x->response->len] = '\0';
	return len;
}

/* Seconds only: the API server never sends the date form. */
static int64_t parse_retry_after(const char *value)
{
	struct error ignored;
	uint64_t seconds;

	if (parse_u64(value, "Retry-After", UINT64_MAX, &seconds, &ignored) < 0)
		return -1;
	return (int64_t)min_u64(seconds, RETRY_AFTER_MAX_S) * 1000;
}

/* Of "HTTP/1.1 206 Partial Content". */
static void give_status(struct exchange *x, const char *line)
{
	_strv_ strv words = strv_split(line, " \r\n");

	if (x->request->on_header && strv_len(words) > 1)
		x->request->on_header(x->request->arg, ":status", words[1]);
}

static size_t on_header(char *bytes, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	_free_ char *line = xstrndup(bytes, size * n);
	char *colon = strchr(line + (line[0] == ':'), ':');
	char *value;

	x->last_byte_ms = now_ms();
	x->header_bytes += size * n;
	if (x->header_bytes > WIRE_HEADERS_MAX) {
		x->failed =
			fail(x->e, EFBIG,
			     "the headers of the answer to '%s' have more than %" PRIu64 " bytes",
			     x->request->path, WIRE_HEADERS_MAX);
		return 0;
	}
	if (str_starts(line, "HTTP/")) {
		give_status(x, line);
		return size * n;
	}
	if (!colon)
		return size * n;
	*colon = '\0';
	value = str_trim(colon + 1);
	for (char *c = line; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (strcmp(line, "retry-after") == 0)
		x->response->retry_after_ms = parse_retry_after(value);
	if (x->request->on_header)
		x->request->on_header(x->request->arg, line, value);
	return size * n;
}

static int set_token(struct http_client *client, struct error *e)
{
	_free_ char *text = NULL;
	const char *token = client->target.token;

	if (client->target.token_file) {
		if (file_read(client->target.token_file, TOKEN_MAX, &text, NULL, e) < 0)
			return fail_wrap(e, "reading the bearer token");
		token = str_trim(text);
	}
	if (!str_empty(token)) {
		curl_easy_setopt(client->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		curl_easy_setopt(client->easy, CURLOPT_XOAUTH2_BEARER, token);
	}
	return 0;
}

static void set_blob(CURL *easy, CURLoption option, const char *text)
{
	struct curl_blob blob = {
		.data = (void *)(uintptr_t)text,
		.len = strlen(text),
		.flags = CURL_BLOB_COPY,
	};

	curl_easy_setopt(easy, option, &blob);
}

static void set_tls(CURL *easy, const struct http_target *t)
{
	if (t->ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, t->ca_file);
	else if (t->ca_pem)
		set_blob(easy, CURLOPT_CAINFO_BLOB, t->ca_pem);
	if (t->cert_pem && t->key_pem) {
		set_blob(easy, CURLOPT_SSLCERT_BLOB, t->cert_pem);
		set_blob(easy, CURLOPT_SSLKEY_BLOB, t->key_pem);
	}
	if (t->is_insecure) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
}

static void set_connection(CURL *easy, const struct http_target *t)
{
	/* Whatever the environment of a pod says: the token is for nobody in between. */
	if (t->proxy || !t->heeds_environment)
		curl_easy_setopt(easy, CURLOPT_PROXY, t->proxy ? t->proxy : "");
	if (t->proxy)
		curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 30L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 15L);
	if (t->user_agent)
		curl_easy_setopt(easy, CURLOPT_USERAGENT, t->user_agent);
	if (t->unix_socket)
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, t->unix_socket);
	if (t->http2) {
		curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
				 (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
		/* curl 7.88 fails with a framing error on the second request of a connection when
		 * the first was answered by trailers alone, as gRPC answers errors. */
		curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	}
	set_tls(easy, t);
}

static void set_request(CURL *easy, const struct http_request *r)
{
	const char *method = r->method ? r->method : "GET";

	if (r->slow_s) {
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)r->slow_bytes);
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)r->slow_s);
	}
	if (r->body) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static struct curl_slist *header_list(const struct http_client *client,
				      const struct http_request *r)
{
	struct curl_slist *list = NULL;
	_free_ char *type = NULL;

	for (char *const *h = client->headers; h && *h; h++)
		list = curl_slist_append(list, *h);
	if (r->content_type) {
		type = xasprintf("Content-Type: %s", r->content_type);
		list = curl_slist_append(list, type);
	}
	/* curl would wait a second for a permission that nobody sends. */
	list = curl_slist_append(list, "Expect:");
	for (char *const *h = r->headers; h && *h; h++)
		list = curl_slist_append(list, *h);
	return list;
}

static int check_waits(const struct exchange *x, struct error *e)
{
	const struct http_request *r = x->request;

	if (r->cancel && cancel_is_raised(r->cancel))
		return fail(e, ECANCELED, "request '%s' was cancelled", r->path);
	if (now_ms() >= r->deadline_ms)
		return fail(e, ETIMEDOUT, "no answer to '%s' in time", r->path);
	if (r->idle_ms && now_ms() - x->last_byte_ms >= r->idle_ms)
		return fail(e, ETIMEDOUT, "nothing arrived from '%s' for %" PRIu64 " s", r->path,
			    r->idle_ms / 1000);
	return 0;
}

static int poll_ms(const struct exchange *x)
{
	uint64_t now = now_ms();
	uint64_t wait = POLL_MS;

	if (x->request->deadline_ms != NO_DEADLINE && x->request->deadline_ms > now)
		wait = min_u64(wait, x->request->deadline_ms - now);
	return (int)wait;
}

/* Returns the CURLcode in *ret_code once the transfer has ended by itself. */
static int run(struct http_client *client, struct exchange *x, CURLcode *ret_code, struct error *e)
{
	struct curl_waitfd extra = { .fd = -1, .events = CURL_WAIT_POLLIN };
	unsigned n_extra = 0;
	int running = 1;
	int left, r;
	CURLMsg *msg;

	if (x->request->cancel) {
		extra.fd = x->request->cancel->fd;
		n_extra = 1;
	}
	for (;;) {
		if (curl_multi_perform(client->multi, &running) != CURLM_OK)
			return fail(e, EIO, "the HTTP client failed on '%s'", x->request->path);
		if (!running)
			break;
		r = check_waits(x, e);
		if (r < 0)
			return r;
		(void)curl_multi_poll(client->multi, &extra, n_extra, poll_ms(x), NULL);
	}
	msg = curl_multi_info_read(client->multi, &left);
	*ret_code = msg && msg->msg == CURLMSG_DONE ? msg->data.result : CURLE_RECV_ERROR;
	return 0;
}

static int fail_curl(const struct http_client *client, const struct exchange *x, CURLcode code,
		     const char *detail, struct error *e)
{
	const char *socket = client->target.unix_socket;
	const char *to = socket ? socket : client->target.base_url;
	int error = ECONNRESET;
	long why = 0;

	/* libcurl speaks of the host in the URL, which is made up where a socket is asked. */
	if (socket && code == CURLE_COULDNT_CONNECT &&
	    curl_easy_getinfo(client->easy, CURLINFO_OS_ERRNO, &why) == CURLE_OK && why > 0)
		detail = strerror((int)why);

	for (size_t i = 0; i < ARRAY_SIZE(errnos); i++)
		if (errnos[i].code == code)
			error = errnos[i].error;
	return fail(e, error, "request '%s' to '%s': %s", x->request->path, to,
		    detail[0] ? detail : curl_easy_strerror(code));
}

static int perform(struct http_client *client, struct exchange *x, struct error *e)
{
	char detail[CURL_ERROR_SIZE] = "";
	CURLcode code = CURLE_OK;
	long status = 0;
	int r;

	curl_easy_setopt(client->easy, CURLOPT_ERRORBUFFER, detail);
	(void)curl_multi_add_handle(client->multi, client->easy);
	r = run(client, x, &code, e);
	(void)curl_multi_remove_handle(client->multi, client->easy);
	curl_easy_setopt(client->easy, CURLOPT_ERRORBUFFER, NULL);
	if (r < 0)
		return r;
	if (x->failed < 0)
		return x->failed;
	if (code != CURLE_OK)
		return fail_curl(client, x, code, detail, e);
	(void)curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
	x->response->status = (unsigned)status;
	return 0;
}

int http_do(struct http_client *client, const struct http_request *request,
	    struct http_response *ret_response, struct error *e)
{
	_http_response_ struct http_response response = { .retry_after_ms = -1 };
	_free_ char *url = xasprintf("%s%s", client->url, request->path);
	struct curl_slist *headers, *connect_to = NULL;
	struct exchange x = {
		.request = request,
		.response = &response,
		.easy = client->easy,
		.last_byte_ms = now_ms(),
		.e = e,
	};
	int r;

	/* Forgets the options of the last request, keeps its connection. */
	curl_easy_reset(client->easy);
	set_connection(client->easy, &client->target);
	r = set_token(client, e);
	if (r < 0)
		return r;
	set_request(client->easy, request);
	headers = header_list(client, request);
	if (client->connect_to)
		connect_to = curl_slist_append(NULL, client->connect_to);
	curl_easy_setopt(client->easy, CURLOPT_CONNECT_TO, connect_to);
	curl_easy_setopt(client->easy, CURLOPT_URL, url);
	curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(client->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(client->easy, CURLOPT_WRITEDATA, &x);
	curl_easy_setopt(client->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(client->easy, CURLOPT_HEADERDATA, &x);
	r = perform(client, &x, e);
	curl_slist_free_all(headers);
	curl_slist_free_all(connect_to);
	if (r < 0)
		return r;
	if (!response.body)
		response.body = xstrdup("");
	*ret_response = response;
	response = (struct http_response){ 0 };
	return 0;
}

void http_response_done(struct http_response *r)
{
	free(r->body);
	*r = (struct http_response){ 0 };
}

/* curl asks for the name that the URL has: so it gets one with the name that is wanted, which leads
 * to where the server is, and the header with its own name. */
static void set_name(struct http_client *client)
{
	const char *base = client->target.base_url;
	const char *name = client->target.server_name;
	const char *host = strstr(base, "://");
	size_t host_len, port_len;
	const char *port;

	client->url = xstrdup(base);
	if (!name || !host)
		return;
	host += strlen("://");
	host_len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
	port = host + host_len;
	port_len = strcspn(port, "/");
	free(client->url);
	client->url = xasprintf("%.*s%s%s", (int)(host - base), base, name, port);
	client->connect_to = xasprintf("::%.*s:", (int)host_len, host);
	strv_addf(&client->headers, "Host: %.*s%.*s", (int)host_len, host, (int)port_len, port);
}

void http_client_identify(struct http_client *client, const char *token, const char *cert_pem,
			  const char *key_pem)
{
	struct http_target *t = &client->target;
	const char **old[] = { &t->token, &t->cert_pem, &t->key_pem };
	const char *const new[] = { token, cert_pem, key_pem };

	for (size_t i = 0; i < ARRAY_SIZE(old); i++) {
		free((void *)(uintptr_t)*old[i]);
		*old[i] = copy(new[i]);
	}
}

int http_client_new(const struct http_target *target, struct http_client **ret_client,
		    struct error *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct http_client *client;

	(void)pthread_once(&once, global_init);
	client = xcalloc(1, sizeof(*client));
	client->multi = curl_multi_init();
	client->easy = curl_easy_init();
	target_copy(&client->target, target);
	strv_add_all(&client->headers, target->headers);
	set_name(client);
	if (client->multi && client->easy) {
		*ret_client = client;
		return 0;
	}
	http_client_free(client);
	return fail(e, ENOMEM, "cannot start the HTTP client");
}

void http_client_free(struct http_client *client)
{
	if (!client)
		return;
	if (client->easy)
		curl_easy_cleanup(client->easy);
	if (client->multi)
		(void)curl_multi_cleanup(client->multi);
	target_done(&client->target);
	strv_free(client->headers);
	free(client->url);
	free(client->connect_to);
	free(client);
}

char *http_escape(const char *s)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = xmalloc(strlen(s) * 3 + 1);
	char *o = out;

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (isalnum(c) || strchr("-._~", c)) {
			*o++ = (char)c;
			continue;
		}
		*o++ = '%';
		*o++ = digits[c >> 4];
		*o++ = digits[c & 15];
	}
	*o = '\0';
	return out;
}
