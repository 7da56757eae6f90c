/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server - the answering side of ttRPC.
 *
 * A connection owns its requests and lives until the last of them is released, so a handler may
 * take as long as it likes after its caller has gone.  A request is released when its handler has
 * returned and, if that deferred it, when somebody has answered; both facts are recorded by the io
 * thread, whichever thread they happen on.  Answers are serialised where they are made and handed
 * to the io thread through a list with a lock and an eventfd.  One timer serves all deadlines.
 *
 * Limits: lib/wire.h.  No streaming methods.
 */

#include "lib/rpc/server.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "lib/listener.h"
#include "lib/rpc/conn.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/ttrpc.pb-c.h"
#include "lib/str.h"

#define RESPONSE_PAYLOAD 2 /* the number of that field of a Ttrpc__Response */

struct entrance {
	struct entrance *next;
	struct rpc_server *server;
	struct listener listener;
};

struct connection {
	struct conn conn;
	struct rpc_server *server;
	struct connection *next;
	struct connection **prev;
	struct rpc_request *requests;
	unsigned n_requests;
	unsigned n_work; /* of them, those that take a thread */
	size_t n_bytes;  /* of the frames of these */
	struct cancel cancel;
	bool has_ended;
};

struct rpc_request {
	struct connection *connection;
	struct rpc_request *next;
	struct rpc_request **prev;
	struct rpc_request *next_answer;
	const struct rpc_method *method;
	Ttrpc__Request *envelope; /* without its payload */
	ProtobufCMessage *in;     /* until the handler has returned */
	uint8_t *reply;           /* a Ttrpc__Response, once there is one */
	size_t reply_len;
	uint64_t deadline_ms;
	uint64_t since_ms; /* when it came */
	uint32_t stream;
	uint32_t len; /* of the frame */
	struct job job;
	bool is_deferred; /* the handler's, until it has returned */
	bool is_running;  /* the handler has not returned, as far as the io thread knows */
	bool is_replied;  /* the answer to a deferred one has come */
	bool is_answered; /* the caller has got something; more would be dropped */
};

struct rpc_server {
	struct loop *loop;
	struct work_pool *pool;
	struct rpc_service service;
	struct entrance *entrances;
	struct connection *connections;
	unsigned n_connections;
	struct io timer;
	uint64_t timer_ms;    /* when it expires; NO_DEADLINE: disarmed */
	struct io answer;     /* readable while `answers` is not empty */
	pthread_mutex_t lock; /* guards what follows */
	struct rpc_request *answers;
	struct rpc_request **last_answer;
};

static void connection_free(struct connection *c)
{
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	conn_close(&c->conn);
	cancel_done(&c->cancel);
	free(c);
}

static void request_free(struct rpc_request *req)
{
	*req->prev = req->next;
	if (req->next)
		req->next->prev = req->prev;
	req->connection->n_requests--;
	req->connection->n_work -= req->method->where == RPC_WORK;
	req->connection->n_bytes -= req->len;
	message_free(req->envelope);
	message_free(req->in);
	free(req->reply);
	free(req);
}

static void request_release(struct rpc_request *req)
{
	struct connection *c = req->connection;

	request_free(req);
	if (c->has_ended && !c->requests)
		connection_free(c);
}

static size_t pack_status(enum rpc_status code, const struct error *e, uint8_t **ret_bytes)
{
	Ttrpc__Response response = TTRPC__RESPONSE__INIT;
	Rpc__Status status = RPC__STATUS__INIT;
	_free_ char *message = xstrdup(e->msg);

	status.code = (int32_t)code;
	status.message = message;
	response.status = &status;
	return message_pack(&response, ret_bytes);
}

static void set_reply_error(struct rpc_request *req, const struct error *e)
{
	req->reply_len = pack_status(rpc_status_of(e->code), e, &req->reply);
}

static void set_reply(struct rpc_request *req, const void *out)
{
	const Ttrpc__Response response = TTRPC__RESPONSE__INIT;
	struct error e;

	if (protobuf_c_message_get_packed_size(out) > WIRE_FRAME_MAX - KIB) {
		(void)fail(&e, EMSGSIZE, "answer to '%s' is larger than a message can be",
			   req->method->name);
		set_reply_error(req, &e);
		return;
	}
	req->reply_len = message_pack_in(&response, RESPONSE_PAYLOAD, out, &req->reply);
}

static void send_frame(struct connection *c, uint32_t stream, const uint8_t *data, size_t len)
{
	struct error e;

	if (c->has_ended)
		return;
	/* What does not fit in the output has no reader: end the stream, ended() follows. */
	if (conn_send(&c->conn, stream, TTRPC_RESPONSE, data, len, &e) < 0)
		(void)shutdown(c->conn.io.fd, SHUT_RDWR);
}

static void send_status(struct connection *c, uint32_t stream, enum rpc_status code,
			const struct error *e)
{
	_free_ uint8_t *bytes = NULL;
	size_t len = pack_status(code, e, &bytes);

	send_frame(c, stream, bytes, len);
}

static void answer(struct rpc_request *req)
{
	const struct rpc_service *service = &req->connection->server->service;

	if (!req->is_answered)
		send_frame(req->connection, req->stream, req->reply, req->reply_len);
	if (service->answered)
		service->answered(service->context, req->method, now_ms() - req->since_ms);
	req->is_answered = true;
}

/* Runs the handler; the reply is set unless it was deferred. */
static void run_handler(struct rpc_request *req)
{
	_message_ void *out = message_new(req->method->out);
	struct error e = { .code = EIO, .msg = "the handler gave no reason" };
	int r = req->method->handle(req, req->in, out, &e);

	message_free(TAKE_PTR(req->in));
	if (r == RPC_DEFERRED && req->is_deferred)
		return;
	req->is_deferred = false;
	if (r == 0)
		set_reply(req, out);
	else
		set_reply_error(req, &e);
}

/* On the io thread, after run_handler(). */
static void handler_done(struct rpc_request *req)
{
	req->is_running = false;
	if (req->is_deferred && !req->is_replied)
		return;
	answer(req);
	request_release(req);
}

static void run_job(struct job *job)
{
	run_handler(CONTAINER_OF(job, struct rpc_request, job));
}

static void job_done(struct job *job)
{
	handler_done(CONTAINER_OF(job, struct rpc_request, job));
}

static void start(struct rpc_request *req)
{
	struct rpc_server *server = req->connection->server;
	const struct rpc_service *service = &server->service;
	struct work_queue *queue = NULL;

	req->is_running = true;
	if (req->method->where == RPC_INLINE) {
		run_handler(req);
		handler_done(req);
		return;
	}
	if (service->queue_of)
		queue = service->queue_of(service->context, req->method, req->in);
	req->job.run = run_job;
	req->job.done = job_done;
	if (queue)
		work_submit(queue, &req->job);
	else
		work_submit_alone(server->pool, &req->job);
}

/* On the io thread: what other threads and deferring handlers have answered. */
static void take_answers(struct io *io, uint32_t events)
{
	struct rpc_server *server = CONTAINER_OF(io, struct rpc_server, answer);
	struct rpc_request *req, *next;
	uint64_t count;

	(void)events;
	(void)!read(io->fd, &count, sizeof(count));
	(void)pthread_mutex_lock(&server->lock);
	req = server->answers;
	server->answers = NULL;
	server->last_answer = &server->answers;
	(void)pthread_mutex_unlock(&server->lock);
	for (; req; req = next) {
		next = req->next_answer;
		req->is_replied = true;
		answer(req);
		if (!req->is_running)
			request_release(req);
	}
}

static void hand_in(struct rpc_request *req)
{
	struct rpc_server *server = req->connection->server;
	uint64_t one = 1;

	(void)pthread_mutex_lock(&server->lock);
	req->next_answer = NULL;
	*server->last_answer = req;
	server->last_answer = &req->next_answer;
	(void)!write(server->answer.fd, &one, sizeof(one));
	(void)pthread_mutex_unlock(&server->lock);
}

static void arm_timer(struct rpc_server *server, uint64_t deadline_ms)
{
	uint64_t now = now_ms();

	if (deadline_ms >= server->timer_ms)
		return;
	server->timer_ms = deadline_ms;
	timer_arm(server->timer.fd, deadline_ms > now ? deadline_ms - now : 1, 0);
}

/* Answers for C's handlers that are late; returns the next deadline. */
static uint64_t expire(struct connection *c, uint64_t now)
{
	uint64_t next_ms = NO_DEADLINE;
	struct error e;

	for (struct rpc_request *req = c->requests; req; req = req->next) {
		if (req->is_answered)
			continue;
		if (req->deadline_ms > now) {
			next_ms = min_u64(next_ms, req->deadline_ms);
			continue;
		}
		(void)fail(&e, ETIMEDOUT, "'%s' passed the deadline of its caller",
			   req->method->name);
		send_status(c, req->stream, RPC_DEADLINE_EXCEEDED, &e);
		req->is_answered = true;
	}
	return next_ms;
}

static void timer_expired(struct io *io, uint32_t events)
{
	struct rpc_server *server = CONTAINER_OF(io, struct rpc_server, timer);
	uint64_t next_ms = NO_DEADLINE, now = now_ms();

	(void)events;
	timer_read(io->fd);
	server->timer_ms = NO_DEADLINE;
	for (struct connection *c = server->connections; c; c = c->next)
		next_ms = min_u64(next_ms, expire(c, now));
	arm_timer(server, next_ms);
}

/* The name by which the table knows the service NAME. */
static const char *service_name(const struct rpc_service *service, const char *name)
{
	for (size_t i = 0; i < service->n_aliases; i++)
		if (str_equal(service->aliases[i].name, name))
			return service->aliases[i].of;
	return name;
}

static int find_method(const struct rpc_service *service, const Ttrpc__Request *envelope,
		       const struct rpc_method **ret_method, struct error *e)
{
	const char *name = service_name(service, envelope->service);
	bool is_known = false;

	for (size_t i = 0; i < service->n_methods; i++) {
		const struct rpc_method *method = &service->methods[i];

		if (!str_equal(method->service, name))
			continue;
		is_known = true;
		if (str_equal(method->name, envelope->method)) {
			*ret_method = method;
			return 0;
		}
	}
	if (is_known)
		return fail(e, ENOSYS, "service '%.100s' has no method '%.100s'", envelope->service,
			    envelope->method);
	return fail(e, ENOSYS, "no service '%.100s' here", envelope->service);
}

/* TIMEOUT_NANO is what the caller had left: 0 is no deadline, less has passed already. */
static uint64_t deadline_of(int64_t timeout_nano)
{
	if (timeout_nano == 0)
		return NO_DEADLINE;
	if (timeout_nano < 0)
		return 0;
	return deadline_in(((uint64_t)timeout_nano + 999999) / 1000000);
}

static void request_add(struct connection *c, struct rpc_request *req)
{
	req->connection = c;
	req->next = c->requests;
	req->prev = &c->requests;
	if (req->next)
		req->next->prev = &req->next;
	c->requests = req;
	c->n_requests++;
	c->n_work += req->method->where == RPC_WORK;
	c->n_bytes += req->len;
}

/* What ends others (a signal) is small and runs at once: those others do not keep it out. */
static int check_room(const struct connection *c, const struct rpc_method *method, size_t len,
		      struct error *e)
{
	bool is_inline = method->where == RPC_INLINE;

	if (is_inline ? c->n_requests >= WIRE_PARKED_MAX : c->n_work >= WIRE_CALLS_MAX)
		return fail(e, ENOSPC, "%u requests are under way on this connection",
			    is_inline ? c->n_requests : c->n_work);
	if (is_inline && len <= WIRE_SMALL_CALL_MAX)
		return 0;
	if (c->n_bytes + len > WIRE_CALL_BYTES_MAX)
		return fail(e, ENOSPC, "requests of %zu bytes are under way on this connection",
			    c->n_bytes);
	return 0;
}

/* Decodes the payload and frees it: a request that waits shall be small. */
static int decode(Ttrpc__Request *envelope, const struct rpc_method *method,
		  ProtobufCMessage **ret_in, struct error *e)
{
	if (message_unpack(method->in, envelope->payload.data, envelope->payload.len, ret_in, e) <
	    0)
		return fail_wrap(e, "request of '%s'", method->name);
	free(TAKE_PTR(envelope->payload.data));
	envelope->payload.len = 0;
	return 0;
}

/* Takes the request of FRAME; a failure is what its caller is answered. */
static int take_request(struct connection *c, const struct ttrpc_frame *frame, struct error *e)
{
	_message_ Ttrpc__Request *envelope = NULL;
	const struct rpc_method *method = NULL;
	ProtobufCMessage *in = NULL;
	struct rpc_request *req;
	int r;

	r = message_unpack(&ttrpc__request__descriptor, frame->data, frame->len, &envelope, e);
	if (r < 0)
		return r;
	r = find_method(&c->server->service, envelope, &method, e);
	if (r < 0)
		return r;
	if (frame->flags & TTRPC_REMOTE_OPEN)
		return fail(e, ENOSYS, "'%s' does not take a stream of messages", method->name);
	r = check_room(c, method, frame->len, e);
	if (r < 0)
		return r;
	r = decode(envelope, method, &in, e);
	if (r < 0)
		return r;
	req = xcalloc(1, sizeof(*req));
	req->method = method;
	req->stream = frame->stream;
	req->len = frame->len;
	req->deadline_ms = deadline_of(envelope->timeout_nano);
	req->since_ms = now_ms();
	req->envelope = TAKE_PTR(envelope);
	req->in = in;
	request_add(c, req);
	arm_timer(c->server, req->deadline_ms);
	start(req);
	return 0;
}

static bool is_under_way(const struct connection *c, uint32_t stream)
{
	const struct rpc_request *req = c->requests;

	while (req && req->stream != stream)
		req = req->next;
	return req != NULL;
}

/* Numbers need not rise: a client with several threads (ttrpc of Rust) takes its numbers in one
 * order and may send in another. */
static int check_stream(struct connection *c, const struct ttrpc_frame *frame, struct error *e)
{
	if (frame->stream % 2 == 0)
		return fail(e, EINVAL, "stream %" PRIu32 " is not one of a client: it is even",
			    frame->stream);
	if (frame->type == TTRPC_DATA)
		return fail(e, EINVAL, "stream %" PRIu32 " takes no data", frame->stream);
	if (is_under_way(c, frame->stream))
		return fail(e, EINVAL, "stream %" PRIu32 " is under way already", frame->stream);
	return 0;
}

static enum rpc_status refusal_of(const struct error *e)
{
	return e->code == EBADMSG ? RPC_INVALID_ARGUMENT : rpc_status_of(e->code);
}

/* Types that the protocol may get one day are ignored, as its description asks. */
static void on_frame(struct conn *conn, const struct ttrpc_frame *frame)
{
	struct connection *c = CONTAINER_OF(conn, struct connection, conn);
	struct error e;
	int r;

	if (frame->type != TTRPC_REQUEST && frame->type != TTRPC_DATA)
		return;
	r = check_stream(c, frame, &e);
	if (r >= 0)
		r = take_request(c, frame, &e);
	if (r < 0)
		send_status(c, frame->stream, refusal_of(&e), &e);
}

static void on_oversized(struct conn *conn, const struct ttrpc_frame *frame, const struct error *e)
{
	if (frame->type == TTRPC_REQUEST || frame->type == TTRPC_DATA)
		send_status(CONTAINER_OF(conn, struct connection, conn), frame->stream,
			    RPC_RESOURCE_EXHAUSTED, e);
}

static void on_ended(struct conn *conn, const struct error *e)
{
	struct connection *c = CONTAINER_OF(conn, struct connection, conn);
	struct rpc_server *server = c->server;

	(void)e;
	conn_close(conn);
	c->has_ended = true;
	cancel_raise(&c->cancel);
	server->n_connections--;
	if (!c->requests)
		connection_free(c);
	for (struct entrance *at = server->entrances; at; at = at->next)
		listener_go_on(&at->listener);
	if (server->service.closed)
		server->service.closed(server->service.context);
}

static const struct conn_ops ops = { on_frame, on_oversized, on_ended };

int rpc_server_serve(struct rpc_server *server, int own_fd, struct error *e)
{
	_close_ int fd = own_fd;
	_free_ struct connection *c = xcalloc(1, sizeof(*c));
	int r;

	r = cancel_init(&c->cancel, e);
	if (r < 0)
		return r;
	r = conn_open(&c->conn, server->loop, TAKE_FD(fd), &ops, e);
	if (r < 0) {
		cancel_done(&c->cancel);
		return r;
	}
	c->server = server;
	c->next = server->connections;
	c->prev = &server->connections;
	if (c->next)
		c->next->prev = &c->next;
	server->connections = TAKE_PTR(c);
	server->n_connections++;
	return 0;
}

static void on_accepted(struct listener *l, int own_fd)
{
	struct rpc_server *server = CONTAINER_OF(l, struct entrance, listener)->server;
	struct error e;

	if (rpc_server_serve(server, own_fd, &e) < 0)
		listener_pause(l);
	if (server->n_connections < WIRE_RPC_PEERS_MAX)
		return;
	for (struct entrance *at = server->entrances; at; at = at->next)
		listener_hold(&at->listener);
}

int rpc_server_listen(struct rpc_server *server, int own_fd, struct error *e)
{
	_free_ struct entrance *at = xcalloc(1, sizeof(*at));
	int r = listener_open(&at->listener, server->loop, own_fd, on_accepted, e);

	if (r < 0)
		return r;
	at->server = server;
	if (server->n_connections >= WIRE_RPC_PEERS_MAX)
		listener_hold(&at->listener);
	at->next = server->entrances;
	server->entrances = TAKE_PTR(at);
	return 0;
}

struct rpc_server *rpc_server_new(struct loop *loop, struct work_pool *pool,
				  const struct rpc_service *service, struct error *e)
{
	_cleanup_(rpc_server_freep) struct rpc_server *server = xcalloc(1, sizeof(*server));

	server->loop = loop;
	server->pool = pool;
	server->service = *service;
	server->timer_ms = NO_DEADLINE;
	server->last_answer = &server->answers;
	server->timer = (struct io){ .fd = -1, .ready = timer_expired };
	server->answer = (struct io){ .fd = -1, .ready = take_answers };
	(void)pthread_mutex_init(&server->lock, NULL);
	server->timer.fd = timer_open(e);
	if (server->timer.fd < 0)
		return NULL;
	server->answer.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->answer.fd < 0) {
		(void)fail(e, errno, "cannot make an eventfd: %m");
		return NULL;
	}
	if (loop_add(loop, &server->timer, EPOLLIN, e) < 0 ||
	    loop_add(loop, &server->answer, EPOLLIN, e) < 0)
		return NULL;
	return TAKE_PTR(server);
}

static void entrances_free(struct rpc_server *server)
{
	struct entrance *at, *next;

	for (at = server->entrances; at; at = next) {
		next = at->next;
		listener_close(&at->listener);
		free(at);
	}
}

void rpc_server_free(struct rpc_server *server)
{
	if (!server)
		return;
	if (server->answer.fd >= 0)
		take_answers(&server->answer, 0);
	entrances_free(server);
	while (server->connections) {
		while (server->connections->requests)
			request_free(server->connections->requests);
		connection_free(server->connections);
	}
	loop_del(server->loop, &server->timer);
	loop_del(server->loop, &server->answer);
	(void)close_fd(server->timer.fd);
	(void)close_fd(server->answer.fd);
	(void)pthread_mutex_destroy(&server->lock);
	free(server);
}

void *rpc_context(const struct rpc_request *req)
{
	return req->connection->server->service.context;
}

const struct work_queue *rpc_queue(const struct rpc_request *req)
{
	return req->job.queue;
}

uint64_t rpc_deadline_ms(const struct rpc_request *req)
{
	return req->deadline_ms;
}

const struct cancel *rpc_cancel(const struct rpc_request *req)
{
	return &req->connection->cancel;
}

bool rpc_is_abandoned(const struct rpc_request *req)
{
	const struct connection *c = req->connection;
	struct pollfd p = { .fd = c->conn.io.fd, .events = POLLRDHUP };

	return req->is_answered || c->has_ended || poll(&p, 1, 0) > 0;
}

int rpc_defer(struct rpc_request *req)
{
	req->is_deferred = true;
	return RPC_DEFERRED;
}

void rpc_reply(struct rpc_request *req, const void *out)
{
	set_reply(req, out);
	hand_in(req);
}

void rpc_reply_error(struct rpc_request *req, const struct error *e)
{
	set_reply_error(req, e);
	hand_in(req);
}
