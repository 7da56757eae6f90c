/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manage - the management socket: root asks this shim about its sandbox, over HTTP.
 *
 * A second front end of the pod, and built like the Task service: the io thread takes the
 * request and decides whether it is allowed, an op does what may block, and the answer goes out
 * from the io thread again.  A client that is slow so holds no thread and cannot delay the
 * sandbox's end; it has 5 s for its request and 5 s for its answer, and of those that are not at
 * work the oldest goes when there are too many.  While all are at work nobody more is taken.
 *
 * Only root may connect: the socket is 0600 in a folder of 0700.  It lies beside the sandbox's
 * record and goes with it, at the end of this shim or by `delete` after a crash.  One request and
 * one answer per connection; no TLS.  Io thread.
 */

#include "runtime/shim/manage.h"

#include <string.h>
#include <sys/stat.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/listener.h"
#include "lib/log.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/sock.h"
#include "lib/wait.h"
#include "lib/wire.h"
#include "runtime/pod/op.h"
#include "runtime/sandbox/management.h"
#include "runtime/sandbox/volume.h"
#include "runtime/shim/request.h"

#define TEXT    "text/plain; charset=utf-8"
#define JSON    "application/json"
#define METRICS "text/plain; version=0.0.4; charset=utf-8"

struct manage_peer {
	struct manage_peer *next; /* younger */
	struct manage *manage;
	struct io io;         /* not watched while it is at work */
	uint64_t deadline_ms; /* of its request, later of its answer */
	bool is_working;      /* an op refers to it */
	bool is_answered;
	const char *type; /* of the answer, when it comes from an op */
	struct metrics_sample sample;
	struct buf in, out;
};

struct manage {
	struct shim *shim;
	struct listener listener;
	struct io timer;
	struct manage_peer *peers; /* oldest first */
	unsigned n_peers, n_working;
};

/* What errors of ours are in HTTP; anything else is the server's. */
static const struct {
	int code;
	unsigned status;
} statuses[] = {
	{ 0, 200 },        { EBADMSG, 400 }, { EINVAL, 400 }, { ENOENT, 404 }, { EPROTOTYPE, 405 },
	{ EMSGSIZE, 413 }, { EFBIG, 413 },   { ENOSYS, 501 }, { EBUSY, 503 },  { ECANCELED, 503 },
};

static const struct {
	unsigned status;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 400, "Bad Request" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 413, "Content Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 503, "Service Unavailable" },
};

static unsigned status_of(int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (statuses[i].code == code)
			return statuses[i].status;
	return 500;
}

static const char *reason_of(unsigned status)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "";
}

/* ---- peers ---- */

static void peer_free(struct manage_peer *p)
{
	struct manage *m = p->manage;
	struct manage_peer **at = &m->peers;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	m->n_peers--;
	loop_del(m->shim->pod.loop, &p->io);
	(void)close_fd(p->io.fd);
	buf_done(&p->in);
	buf_done(&p->out);
	free(p);
}

static void arm_timer(const struct manage *m)
{
	uint64_t now = now_ms(), first = NO_DEADLINE;

	for (const struct manage_peer *p = m->peers; p; p = p->next)
		if (!p->is_working)
			first = min_u64(first, p->deadline_ms);
	if (first != NO_DEADLINE)
		timer_arm(m->timer.fd, first > now ? first - now : 1, 0);
}

/* Sends what goes; P is gone afterwards if that was all. */
static void send_some(struct manage_peer *p)
{
	struct error e;
	ssize_t n = buf_send(&p->out, p->io.fd, &e);

	if ((n < 0 && n != -EAGAIN) || p->out.len == 0)
		peer_free(p);
}

/* P waits for an answer; it may be gone afterwards. */
static void answer(struct manage_peer *p, unsigned status, const char *type, const char *body)
{
	_free_ char *text = xasprintf(
		"HTTP/1.1 %u %s\r\nContent-Type: %s\r\n"
		"Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
		status, reason_of(status), type, strlen(body), body);
	struct error e;

	p->is_answered = true;
	p->deadline_ms = deadline_in(WIRE_HTTP_PATIENCE_MS);
	loop_mod(p->manage->shim->pod.loop, &p->io, EPOLLOUT);
	if (buf_add(&p->out, text, strlen(text), &e) < 0)
		peer_free(p);
	else
		send_some(p);
}

static void answer_error(struct manage_peer *p, const struct error *why)
{
	_free_ char *body = xasprintf("%s\n", why->msg);

	answer(p, status_of(why->code), TEXT, body);
}

/* ---- what is asked ---- */

/* Of an op: what it is about, and what goes out. */
struct question {
	struct manage_peer *peer;
	char *path;
	uint64_t bytes;
	strv containers;
	char *text;
};

static void free_question(void *user)
{
	struct question *q = user;

	free(q->path);
	strv_free(q->containers);
	free(q->text);
	free(q);
}

static void op_answered(struct op *op)
{
	const struct question *q = op->user;
	struct manage_peer *p = q->peer;
	struct manage *m = p->manage;
	struct error e;

	p->is_working = false;
	if (--m->n_working < WIRE_SHIM_PEERS_MAX)
		listener_go_on(&m->listener);
	if (loop_add(m->shim->pod.loop, &p->io, EPOLLOUT, &e) < 0)
		peer_free(p);
	else if (op->result < 0)
		answer_error(p, &op->error);
	else
		answer(p, 200, p->type, q->text ? q->text : "");
	arm_timer(m);
}

/* An op for P, which waits for it and then gets an answer of TYPE. */
static struct op *begin(struct manage_peer *p, const char *type)
{
	struct manage *m = p->manage;
	struct op *op = op_new(&m->shim->pod, NULL);
	struct question *q = xcalloc(1, sizeof(*q));

	op->sandbox = m->shim->pod.sandbox;
	q->peer = p;
	op->user = q;
	op->free_user = free_question;
	op->finish = op_answered;
	p->type = type;
	p->is_working = true;
	/* A hang-up would be told again and again. */
	loop_del(m->shim->pod.loop, &p->io);
	if (++m->n_working == WIRE_SHIM_PEERS_MAX)
		listener_hold(&m->listener);
	return op;
}

/* Has WORK done for P. */
static void submit(struct manage_peer *p, int (*work)(struct op *op, struct error *e),
		   char *own_path, uint64_t bytes, const char *type)
{
	struct op *op = begin(p, type);
	struct question *q = op->user;

	q->path = own_path;
	q->bytes = bytes;
	op->work = work;
	op_submit(op, OP_ALONE);
}

static int ask_agent_url(struct manage_peer *p, const struct request *r, struct error *e)
{
	const struct vmm *vmm = sandbox_vmm(p->manage->shim->pod.sandbox);
	_free_ char *url = vsock_url(vmm_vsock(vmm), VSOCK_PORT_AGENT);

	(void)r;
	(void)e;
	answer(p, 200, TEXT, url);
	return 0;
}

static int stats_work(struct op *op, struct error *e)
{
	struct question *q = op->user;

	return volume_stats(op->sandbox, q->path, &q->text, e);
}

static int ask_volume_stats(struct manage_peer *p, const struct request *r, struct error *e)
{
	char *path = request_parameter(r, MANAGEMENT_PATH);

	if (!path)
		return fail(e, EINVAL, "the parameter '" MANAGEMENT_PATH "' is missing");
	submit(p, stats_work, path, 0, JSON);
	return 0;
}

static int resize_work(struct op *op, struct error *e)
{
	const struct question *q = op->user;

	return volume_resize(op->sandbox, q->path, q->bytes, e);
}

static int ask_volume_resize(struct manage_peer *p, const struct request *r, struct error *e)
{
	_json_ struct json_object *object = NULL;
	struct json_object *size;
	const char *path;
	int result = json_parse(r->body, r->body_len, "the request", &object, e);

	if (result < 0)
		return result;
	path = json_get_str(object, "VolumePath");
	size = json_at(object, "Size");
	if (!path || !json_object_is_type(size, json_type_int) || json_object_get_int64(size) <= 0)
		return fail(e, EINVAL, "'VolumePath' or 'Size' is missing");
	submit(p, resize_work, xstrdup(path), json_object_get_uint64(size), TEXT);
	return 0;
}

static int metrics_work(struct op *op, struct error *e)
{
	struct question *q = op->user;

	(void)e;
	q->text = metrics_gather(op->sandbox, q->containers, &q->peer->sample);
	return 0;
}

static void metrics_gathered(struct op *op)
{
	struct question *q = op->user;
	_free_ char *gathered = TAKE_PTR(q->text);

	q->text = metrics_text(q->peer->manage->shim->metrics, gathered, &q->peer->sample);
	op_answered(op);
}

static int ask_metrics(struct manage_peer *p, const struct request *r, struct error *e)
{
	struct op *op = begin(p, METRICS);
	struct question *q = op->user;

	(void)r;
	(void)e;
	for (const struct task *task = op->pod->tasks; task; task = task->next)
		if (task->container)
			strv_add(&q->containers, task->id);
	op->work = metrics_work;
	op->finish = metrics_gathered;
	op_submit(op, OP_ALONE);
	return 0;
}

static bool is_ipv6(const struct request *r)
{
	return strcmp(r->path, MANAGEMENT_IP6TABLES) == 0;
}

static void rules_arrived(struct op *op)
{
	const Agent__GetIPTablesResponse *answer = op->answer;
	struct question *q = op->user;

	if (op->result >= 0)
		q->text = xstrndup((const char *)answer->data.data, answer->data.len);
	op_answered(op);
}

static int ask_rules(struct manage_peer *p, const struct request *r, struct error *e)
{
	Agent__GetIPTablesRequest request = AGENT__GET_IPTABLES_REQUEST__INIT;
	struct op *op = begin(p, TEXT);

	(void)e;
	request.is_ipv6 = is_ipv6(r);
	op->wants_answer = true;
	op->finish = rules_arrived;
	op_ask(op, CLIENT_GET_IPTABLES, &request);
	return 0;
}

static int give_rules(struct manage_peer *p, const struct request *r, struct error *e)
{
	Agent__SetIPTablesRequest request = AGENT__SET_IPTABLES_REQUEST__INIT;

	(void)e;
	request.is_ipv6 = is_ipv6(r);
	request.data.data = (uint8_t *)r->body;
	request.data.len = r->body_len;
	op_ask(begin(p, TEXT), CLIENT_SET_IPTABLES, &request);
	return 0;
}

static int give_policy(struct manage_peer *p, const struct request *r, struct error *e)
{
	Agent__SetPolicyRequest request = AGENT__SET_POLICY_REQUEST__INIT;

	if (strlen(r->body) != r->body_len)
		return fail(e, EINVAL, "the policy is no text");
	request.policy = r->body;
	op_ask(begin(p, TEXT), CLIENT_SET_POLICY, &request);
	return 0;
}

static const struct {
	const char *path;
	const char *method;
	/* Answers P, submits an op that will, or fails. */
	int (*ask)(struct manage_peer *p, const struct request *r, struct error *e);
} calls[] = {
	{ MANAGEMENT_AGENT_URL, "GET", ask_agent_url },
	{ MANAGEMENT_METRICS, "GET", ask_metrics },
	{ MANAGEMENT_IPTABLES, "GET", ask_rules },
	{ MANAGEMENT_IPTABLES, "PUT", give_rules },
	{ MANAGEMENT_IP6TABLES, "GET", ask_rules },
	{ MANAGEMENT_IP6TABLES, "PUT", give_rules },
	{ MANAGEMENT_POLICY, "PUT", give_policy },
	{ MANAGEMENT_VOLUME_STATS, "GET", ask_volume_stats },
	{ MANAGEMENT_VOLUME_RESIZE, "POST", ask_volume_resize },
};

static int dispatch(struct manage_peer *p, const struct request *r, struct error *e)
{
	_free_ char *methods = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		char *before = methods;

		if (strcmp(calls[i].path, r->path) != 0)
			continue;
		if (strcmp(calls[i].method, r->method) == 0) {
			if (p->manage->shim->pod.stage != POD_RUNNING)
				return fail(e, EBUSY, "the sandbox does not run");
			return calls[i].ask(p, r, e);
		}
		methods = before ? xasprintf("%s and %s", before, calls[i].method)
				 : xstrdup(calls[i].method);
		free(before);
	}
	if (methods)
		return fail(e, EPROTOTYPE, "'%s' takes only %s", r->path, methods);
	return fail(e, ENOENT, "this shim does not serve '%.128s'", r->path);
}

/* ---- connections ---- */

static void on_request(struct manage_peer *p)
{
	_request_ struct request r = { 0 };
	struct error e;
	int result = request_parse(p->in.data, p->in.len, &r, &e);

	if (result == 0)
		return;
	if (result > 0)
		result = dispatch(p, &r, &e);
	if (result < 0)
		answer_error(p, &e);
}

static void on_peer(struct io *io, uint32_t events)
{
	struct manage_peer *p = CONTAINER_OF(io, struct manage_peer, io);
	struct manage *m = p->manage;
	struct error e;
	ssize_t n;

	(void)events;
	if (p->is_answered) {
		send_some(p);
	} else {
		n = buf_read(&p->in, io->fd, WIRE_READ_MAX, &e);
		if (n > 0)
			on_request(p);
		else if (n != -EAGAIN)
			peer_free(p);
	}
	arm_timer(m);
}

static void on_timer(struct io *io, uint32_t events)
{
	struct manage *m = CONTAINER_OF(io, struct manage, timer);
	struct manage_peer *p = m->peers, *next;
	uint64_t now = now_ms();

	(void)events;
	timer_read(io->fd);
	for (; p; p = next) {
		next = p->next;
		if (!p->is_working && p->deadline_ms <= now)
			peer_free(p);
	}
	arm_timer(m);
}

static void drop_oldest(struct manage *m)
{
	struct manage_peer *p = m->peers;

	while (p && p->is_working)
		p = p->next;
	if (p)
		peer_free(p);
}

static void on_accepted(struct listener *l, int own_fd)
{
	struct manage *m = CONTAINER_OF(l, struct manage, listener);
	struct manage_peer *p = xcalloc(1, sizeof(*p)), **end = &m->peers;
	struct error e;

	if (m->n_peers >= WIRE_SHIM_PEERS_MAX)
		drop_oldest(m);
	while (*end)
		end = &(*end)->next;
	*end = p;
	m->n_peers++;
	p->manage = m;
	p->io = (struct io){ .fd = own_fd, .ready = on_peer };
	p->deadline_ms = deadline_in(WIRE_HTTP_PATIENCE_MS);
	buf_init(&p->in, WIRE_REQUEST_MAX + WIRE_REQUEST_BODY_MAX);
	buf_init(&p->out, WIRE_ANSWER_MAX);
	if (loop_add(m->shim->pod.loop, &p->io, EPOLLIN, &e) < 0) {
		peer_free(p);
		listener_pause(l);
	}
	arm_timer(m);
}

static int open_socket(const char *path, struct error *e)
{
	_free_ char *url = xasprintf("unix://%s", path);
	struct sock_address a;
	_close_ int fd = -1;
	int r = sock_parse(url, &a, e);

	if (r < 0)
		return r;
	fd = sock_listen(&a, e);
	if (fd < 0)
		return fd;
	if (chmod(path, 0600) < 0)
		return fail(e, errno, "cannot keep '%s' to root: %m", path);
	return TAKE_FD(fd);
}

struct manage *manage_new(struct shim *shim, const char *path, struct error *e)
{
	struct manage *m = xcalloc(1, sizeof(*m));
	int fd;

	*m = (struct manage){ .shim = shim,
			      .listener = LISTENER_NONE,
			      .timer = { .fd = timer_open(e), .ready = on_timer } };
	fd = m->timer.fd < 0 ? -1 : open_socket(path, e);
	if (fd >= 0 && listener_open(&m->listener, shim->pod.loop, fd, on_accepted, e) >= 0 &&
	    loop_add(shim->pod.loop, &m->timer, EPOLLIN, e) >= 0)
		return m;
	manage_free(m);
	return NULL;
}

void manage_free(struct manage *m)
{
	if (!m)
		return;
	while (m->peers)
		peer_free(m->peers);
	listener_close(&m->listener);
	loop_del(m->shim->pod.loop, &m->timer);
	(void)close_fd(m->timer.fd);
	free(m);
}
