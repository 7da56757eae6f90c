/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve - answer GET requests about the daemon itself from the io thread.
 *
 * Probes come every few seconds from the kubelet for the life of the node, so the server costs no
 * thread, no TLS and no library.  A connection is read until its header is complete (at most
 * 8 KiB), answered and closed.  Strangers can hold neither memory nor descriptors, and can keep
 * nobody out: a connection that is slow is dropped after 5 s, and there are at most 32, 8 of them
 * from one address; for one more the oldest goes, of that address first.  A probe that sends its
 * request at once is answered as soon as it is accepted.  Io thread.
 */
#include "lib/http/serve.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/buf.h"
#include "lib/listener.h"
#include "lib/str.h"
#include "lib/wait.h"
#include "lib/wire.h"

#define BACKLOG 128

struct peer {
	struct io io;
	struct http_server *server;
	struct peer *next; /* younger */
	struct sockaddr_storage address;
	uint64_t deadline_ms;
	struct buf in;
	struct buf out;
};

struct http_server {
	struct listener listener;
	struct io timer; /* expires with the oldest peer */
	struct loop *loop;
	const struct http_route *routes;
	void *context;
	struct peer *peers; /* oldest first */
};

static const struct {
	unsigned status;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 400, "Bad Request" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 503, "Service Unavailable" },
};

static const char *reason_of(unsigned status)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

static void peer_free(struct peer *p)
{
	struct http_server *server = p->server;
	struct peer **at = &server->peers;

	while (*at && *at != p)
		at = &(*at)->next;
	if (*at)
		*at = p->next;
	loop_del(server->loop, &p->io);
	p->io.fd = close_fd(p->io.fd);
	buf_done(&p->in);
	buf_done(&p->out);
	free(p);
}

int http_parse_request(const char *bytes, size_t len, char **ret_path, bool *ret_is_head,
		       struct error *e)
{
	const char *end = memmem(bytes, len, "\r\n\r\n", 4);
	const char *line_end, *path, *path_end, *query;
	bool is_head;

	if (!end)
		return 0;
	line_end = memchr(bytes, '\r', len);
	path = memchr(bytes, ' ', (size_t)(line_end - bytes));
	if (!path)
		return fail(e, EINVAL, "not an HTTP request");
	is_head = path - bytes == 4 && memcmp(bytes, "HEAD", 4) == 0;
	if (!is_head && !(path - bytes == 3 && memcmp(bytes, "GET", 3) == 0))
		return fail(e, ENOSYS, "only GET and HEAD are served");
	path++;
	path_end = memchr(path, ' ', (size_t)(line_end - path));
	if (!path_end || *path != '/' || memchr(path, '\0', (size_t)(path_end - path)))
		return fail(e, EINVAL, "not an HTTP request");
	query = memchr(path, '?', (size_t)(path_end - path));
	if (query)
		path_end = query;
	*ret_path = xstrndup(path, (size_t)(path_end - path));
	*ret_is_head = is_head;
	return 1;
}

static void queue_answer(struct peer *p, const struct http_answer *a, bool is_head)
{
	const char *type = a->content_type ? a->content_type : "text/plain; charset=utf-8";
	size_t len = a->body ? strlen(a->body) : 0;
	_free_ char *head = NULL;
	struct error ignored;

	head = xasprintf(
		"HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		"Connection: close\r\n\r\n",
		a->status, reason_of(a->status), type, len);
	(void)buf_add(&p->out, head, strlen(head), &ignored);
	if (!is_head && len > 0)
		(void)buf_add(&p->out, a->body, len, &ignored);
}

static void answer(struct peer *p, const char *path, bool is_head)
{
	struct http_answer a = { .status = 200 };
	const struct http_route *route = p->server->routes;

	while (route->path && strcmp(route->path, path) != 0)
		route++;
	if (route->path)
		route->answer(p->server->context, &a);
	else
		a = (struct http_answer){ .status = 404, .body = xstrdup("not found\n") };
	queue_answer(p, &a, is_head);
	free(a.body);
}

static void refuse(struct peer *p, const struct error *e)
{
	struct http_answer a = {
		.status = e->code == ENOSYS ? 405 : 400,
		.body = xasprintf("%s\n", e->msg),
	};

	queue_answer(p, &a, false);
	free(a.body);
}

static void peer_write(struct peer *p)
{
	struct error e;
	ssize_t n = buf_send(&p->out, p->io.fd, &e);

	if (p->out.len == 0 || (n < 0 && n != -EAGAIN))
		peer_free(p);
}

static void peer_read(struct peer *p)
{
	_free_ char *path = NULL;
	bool is_head = false;
	struct error e;
	ssize_t n;
	int r;

	n = buf_read(&p->in, p->io.fd, WIRE_REQUEST_MAX, &e);
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		peer_free(p);
		return;
	}
	r = http_parse_request((const char *)p->in.data, p->in.len, &path, &is_head, &e);
	if (r == 0 && p->in.len < WIRE_REQUEST_MAX)
		return;
	if (r == 0)
		r = fail(&e, EINVAL, "the request header is longer than %" PRIu64 " bytes",
			 WIRE_REQUEST_MAX);
	if (r < 0)
		refuse(p, &e);
	else
		answer(p, path, is_head);
	loop_mod(p->server->loop, &p->io, EPOLLOUT);
}

static void on_peer(struct io *io, uint32_t events)
{
	struct peer *p = CONTAINER_OF(io, struct peer, io);

	if (events & EPOLLOUT)
		peer_write(p);
	else if (events & EPOLLIN)
		peer_read(p);
	else
		peer_free(p);
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
		peer_free(server->peers);
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

static struct peer *peer_new(struct http_server *server, int own_fd)
{
	struct peer **end = &server->peers;
	struct peer *p = xcalloc(1, sizeof(*p));
	socklen_t len = sizeof(p->address);

	p->server = server;
	p->io = (struct io){ .fd = own_fd, .ready = on_peer };
	p->deadline_ms = deadline_in(WIRE_HTTP_PATIENCE_MS);
	(void)getpeername(own_fd, (struct sockaddr *)&p->address, &len);
	buf_init(&p->in, WIRE_REQUEST_MAX);
	buf_init(&p->out, WIRE_ANSWER_MAX);
	while (*end)
		end = &(*end)->next;
	*end = p;
	return p;
}

static void on_accepted(struct listener *l, int own_fd)
{
	struct http_server *server = CONTAINER_OF(l, struct http_server, listener);
	struct peer *p = peer_new(server, own_fd);
	struct peer *victim;
	struct error e;

	victim = find_victim(server, &p->address);
	if (loop_add(server->loop, &p->io, EPOLLIN, &e) < 0) {
		peer_free(p);
		listener_pause(l);
		return;
	}
	if (victim)
		peer_free(victim);
	peer_read(p);
	arm_timer(server);
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
	if (r < 0)
		return r;
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
		peer_free(server->peers);
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
