/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve - answer GET requests about the daemon itself from the io thread.
 *
 * HTTP is libwebsockets'; who may connect and for how long is ours.  The library never waits: each
 * connection is watched by our loop, which hands it what happened (lws_service_fd()), so it needs
 * neither a thread nor an event library, and any build of it will do.  It closes a descriptor
 * before it says so, when the number may be another's already: what is watched is a duplicate of
 * ours.  It wants to write exactly when it keeps bytes that did not go at once, or when we asked
 * for it: the two things watch() looks at.  Its own timers are not used.  Strangers can hold
 * neither memory nor descriptors, and can keep nobody out: a connection that is slow is dropped
 * after 5 s, and there are at most 32, 8 of them from one address; for one more the oldest goes, of
 * that address first.  A probe that sends its request at once is answered as soon as it is
 * accepted.  Limits: no TLS, one answer per connection, at most 4 MiB, all of it in memory.  Io
 * thread.
 */
#include "lib/http/serve.h"

#include <fcntl.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/listener.h"
#include "lib/log.h"
#include "lib/str.h"
#include "lib/wait.h"
#include "lib/wire.h"

#define BACKLOG      128
#define HEAD_MAX     512
#define PATH_LEN_MAX 1024
#define SPARE_FDS    4 /* of the library itself, and one peer more until the oldest is gone */

struct peer {
	struct io io; /* our own descriptor of the connection, which is watched */
	int library_fd;
	struct lws *wsi;
	struct http_server *server;
	struct peer *next; /* younger */
	struct sockaddr_storage address;
	uint64_t deadline_ms;
	uint32_t events; /* being watched */
	char *body;      /* LWS_PRE bytes, then what is to be sent after the header */
	size_t len;
	bool is_answered;
};

struct http_server {
	struct listener listener;
	struct io timer; /* expires with the oldest peer */
	struct loop *loop;
	const struct http_route *routes;
	void *context;
	struct lws_context *lws;
	struct lws_vhost *vhost;
	struct peer *peers; /* oldest first */
	struct peer *busy;  /* whom the library works for; NULL if it has ended meanwhile */
};

/* ---- peers ---- */

static void peer_free(struct peer *p)
{
	struct http_server *server = p->server;
	struct peer **at = &server->peers;

	while (*at && *at != p)
		at = &(*at)->next;
	if (*at)
		*at = p->next;
	if (server->busy == p)
		server->busy = NULL;
	loop_del(server->loop, &p->io);
	(void)close_fd(p->io.fd);
	free(p->body);
	free(p);
}

/* Ends it now; the library closes the descriptor and tells us, which frees P.  Only to a connection
 * that has hung up does it not try to send first what it keeps. */
static void peer_drop(struct peer *p)
{
	struct lws_pollfd gone = { .fd = p->library_fd, .events = 0, .revents = LWS_POLLHUP };

	(void)lws_service_fd(p->server->lws, &gone);
}

static void watch(struct peer *p)
{
	uint32_t events = EPOLLIN;

	if (lws_partial_buffered(p->wsi) || p->body)
		events |= EPOLLOUT;
	if (events == p->events)
		return;
	p->events = events;
	loop_mod(p->server->loop, &p->io, events);
}

/* Has the library handle EVENTS of P, which may end it. */
static void serve(struct peer *p, uint32_t events)
{
	struct http_server *server = p->server;
	struct lws_pollfd pollfd = {
		.fd = p->library_fd,
		.events = (short)p->events,
		.revents = (short)events,
	};

	server->busy = p;
	(void)lws_service_fd(server->lws, &pollfd);
	if (server->busy == p)
		watch(p);
	server->busy = NULL;
}

static void on_peer(struct io *io, uint32_t events)
{
	serve(CONTAINER_OF(io, struct peer, io), events);
}

/* ---- answers ---- */

static int send_head(struct peer *p, const struct http_answer *a, size_t len)
{
	const char *type = a->content_type ? a->content_type : "text/plain; charset=utf-8";
	unsigned char head[LWS_PRE + HEAD_MAX];
	unsigned char *at = head + LWS_PRE, *end = head + sizeof(head) - 1;
	static const unsigned char close_name[] = "connection:", close_value[] = "close";

	if (lws_add_http_header_status(p->wsi, a->status, &at, end) ||
	    lws_add_http_header_by_token(p->wsi, WSI_TOKEN_HTTP_CONTENT_TYPE,
					 (const unsigned char *)type, (int)strlen(type), &at,
					 end) ||
	    lws_add_http_header_content_length(p->wsi, len, &at, end) ||
	    lws_add_http_header_by_name(p->wsi, close_name, close_value, sizeof(close_value) - 1,
					&at, end) ||
	    lws_finalize_write_http_header(p->wsi, head + LWS_PRE, &at, end))
		return -1;
	return 0;
}

/* A negative value ends the connection once all is sent. */
static int send_answer(struct peer *p, const struct http_answer *a, bool is_head)
{
	size_t len = min_size(a->body ? strlen(a->body) : 0, WIRE_ANSWER_MAX);

	p->is_answered = true;
	if (send_head(p, a, len) < 0 || is_head || len == 0)
		return -1;
	p->body = xmalloc(LWS_PRE + len);
	p->len = len;
	memcpy(p->body + LWS_PRE, a->body, len);
	lws_callback_on_writable(p->wsi);
	return 0;
}

static int send_body(struct peer *p)
{
	char *body = TAKE_PTR(p->body);

	/* What does not go at once is kept by the library, which then wants to write. */
	if (body)
		(void)lws_write(p->wsi, (unsigned char *)body + LWS_PRE, p->len,
				LWS_WRITE_HTTP_FINAL);
	free(body);
	return -1;
}

static int answer(struct peer *p, const char *path)
{
	struct http_answer a = { .status = 200 };
	const struct http_route *route = p->server->routes;
	bool is_head = lws_hdr_total_length(p->wsi, WSI_TOKEN_HEAD_URI) > 0;
	int r;

	if (!is_head && lws_hdr_total_length(p->wsi, WSI_TOKEN_GET_URI) <= 0) {
		a = (struct http_answer){ .status = 405, .body = xstrdup("only GET and HEAD\n") };
	} else {
		while (route->path && strcmp(route->path, path) != 0)
			route++;
		if (route->path)
			route->answer(p->server->context, &a);
		else
			a = (struct http_answer){ .status = 404, .body = xstrdup("not found\n") };
	}
	r = send_answer(p, &a, is_head);
	free(a.body);
	return r;
}

/* The library's only way to us. */
static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		    size_t len)
{
	struct peer *p = wsi ? lws_get_opaque_user_data(wsi) : NULL;

	(void)user;
	if (!p)
		return 0;
	switch ((int)reason) {
	case LWS_CALLBACK_HTTP: {
		_free_ char *path = xstrndup(in, min_size(len, PATH_LEN_MAX));

		return p->is_answered ? -1 : answer(p, path);
	}
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return send_body(p);
	case LWS_CALLBACK_WSI_DESTROY:
		peer_free(p);
		return 0;
	default:
		return 0;
	}
}

static void arm_timer(struct http_server *server)
{
	const struct peer *oldest = server->peers;
	uint64_t now = now_ms();

	if (oldest)
		timer_arm(server->timer.fd,
			  oldest->deadline_ms > now ? oldest->deadline_ms - now : 1, 0);
}

static void on_timer(struct io *io, uint32_t events)
{
	struct http_server *server = CONTAINER_OF(io, struct http_server, timer);
	uint64_t now = now_ms();

	(void)events;
	timer_read(io->fd);
	while (server->peers && server->peers->deadline_ms <= now)
		peer_drop(server->peers);
	arm_timer(server);
}

static bool is_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}

/* Who has to go now that there is one more, from ADDRESS; NULL if nobody. */
static struct peer *find_victim(const struct http_server *server,
				const struct sockaddr_storage *address)
{
	struct peer *oldest_there = NULL;
	unsigned n = 0, n_there = 0;

	for (struct peer *p = server->peers; p; p = p->next) {
		n++;
		if (!is_same_address(&p->address, address))
			continue;
		n_there++;
		if (!oldest_there)
			oldest_there = p;
	}
	if (n_there > WIRE_HTTP_ADDRESS_MAX)
		return oldest_there;
	return n > WIRE_HTTP_PEERS_MAX ? server->peers : NULL;
}

/* Takes OWN_FD in any case; NULL if there is no room for one more. */
static struct peer *peer_new(struct http_server *server, int own_fd)
{
	struct peer **end = &server->peers;
	struct peer *p = xcalloc(1, sizeof(*p));
	socklen_t len = sizeof(p->address);
	struct error e;

	p->server = server;
	p->library_fd = own_fd;
	p->io = (struct io){ .fd = fcntl(own_fd, F_DUPFD_CLOEXEC, 3), .ready = on_peer };
	p->events = EPOLLIN;
	p->deadline_ms = deadline_in(WIRE_HTTP_PATIENCE_MS);
	(void)getpeername(own_fd, (struct sockaddr *)&p->address, &len);
	if (p->io.fd < 0)
		(void)close_fd(own_fd);
	else
		p->wsi = lws_adopt_socket_vhost(server->vhost, own_fd);
	if (!p->wsi) {
		(void)close_fd(p->io.fd);
		free(p);
		return NULL;
	}
	while (*end)
		end = &(*end)->next;
	*end = p;
	(void)lws_set_opaque_user_data(p->wsi, p);
	if (loop_add(server->loop, &p->io, EPOLLIN, &e) >= 0)
		return p;
	peer_drop(p);
	return NULL;
}

static void on_accepted(struct listener *l, int own_fd)
{
	struct http_server *server = CONTAINER_OF(l, struct http_server, listener);
	struct peer *p = peer_new(server, own_fd);
	struct peer *victim;

	if (!p) {
		listener_pause(l);
		return;
	}
	victim = find_victim(server, &p->address);
	if (victim)
		peer_drop(victim);
	serve(p, EPOLLIN);
	arm_timer(server);
}

/* ---- the library ---- */

static void on_log(int level, const char *line)
{
	(void)level;
	log_debug("libwebsockets: %.*s", (int)strcspn(line, "\n"), line);
}

static int start_library(struct http_server *server, struct error *e)
{
	static const struct lws_protocols protocols[] = {
		{ .name = "http", .callback = on_event, .tx_packet_size = 0 },
		{ .name = NULL },
	};
	const struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = protocols,
		.fd_limit_per_thread = WIRE_HTTP_PEERS_MAX + SPARE_FDS,
		.max_http_header_data2 = WIRE_REQUEST_MAX,
		.max_http_header_pool2 = WIRE_HTTP_PEERS_MAX + 1,
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
	};

	lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
	server->lws = lws_create_context(&info);
	server->vhost = server->lws ? lws_create_vhost(server->lws, &info) : NULL;
	return server->vhost ? 0 : fail(e, ENOMEM, "cannot start libwebsockets");
}

int http_server_new(struct loop *loop, int own_fd, const struct http_route *routes, void *context,
		    struct http_server **ret_server, struct error *e)
{
	_cleanup_(http_server_freep) struct http_server *server = xcalloc(1, sizeof(*server));
	int r;

	*server = (struct http_server){
		.timer = { .fd = -1, .ready = on_timer },
		.loop = loop,
		.routes = routes,
		.context = context,
	};
	r = listener_open(&server->listener, loop, own_fd, on_accepted, e);
	if (r < 0 || start_library(server, e) < 0)
		return -e->code;
	server->timer.fd = timer_open(e);
	if (server->timer.fd < 0 || loop_add(loop, &server->timer, EPOLLIN, e) < 0)
		return -e->code;
	*ret_server = TAKE_PTR(server);
	return 0;
}

void http_server_free(struct http_server *server)
{
	if (!server)
		return;
	while (server->peers)
		peer_drop(server->peers);
	if (server->lws)
		lws_context_destroy(server->lws);
	listener_close(&server->listener);
	loop_del(server->loop, &server->timer);
	(void)close_fd(server->timer.fd);
	free(server);
}

int http_listen(uint16_t port, struct error *e)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in any4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	_close_ int fd = -1;
	int on = 1;
	int r;

	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		/* A node without IPv6. */
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			return fail(e, errno, "cannot make a socket: %m");
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		r = bind(fd, (const struct sockaddr *)&any4, sizeof(any4));
	} else {
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		r = bind(fd, (const struct sockaddr *)&any, sizeof(any));
	}
	if (r < 0 || listen(fd, BACKLOG) < 0)
		return fail(e, errno, "cannot listen on port %u: %m", port);
	return TAKE_FD(fd);
}
