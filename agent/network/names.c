/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names - carry what programs ask of a name server at a loopback address to the host.
 *
 * Docker's name server listens at 127.0.0.11 of the pod's network namespace, which is on the host;
 * the guest has a loopback of its own.  So this listens there instead, for datagrams, and the
 * runtime fetches one at a time and brings the answers.  Nothing is kept but who asked: while
 * nobody fetches, questions wait in the socket, whose kernel drops what is too many; who gets no
 * answer asks again.  Io thread.
 */

#include "agent/network/names.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/log.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/str.h"

#include "agent/sandbox.h"

#define NAMES_PORT   53
#define QUESTION_MAX 4096
#define ASKED_MAX    64 /* whose answers are waited for */

struct asked {
	uint64_t id; /* 0: none */
	struct sockaddr_in from;
};

struct names {
	struct loop *loop;
	struct io io; /* fd -1 before the first call; watched while somebody waits */
	struct rpc_request *waits;
	struct asked asked[ASKED_MAX];
	uint64_t last_id;
};

static void on_question(struct io *io, uint32_t events)
{
	struct names *n = CONTAINER_OF(io, struct names, io);
	struct asked *a = &n->asked[(n->last_id + 1) % ASKED_MAX];
	Agent__Question answer = AGENT__QUESTION__INIT;
	uint8_t data[QUESTION_MAX];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t got;

	(void)events;
	got = recvfrom(io->fd, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *)&from, &len);
	if (got < 0)
		return;
	answer.id = ++n->last_id;
	*a = (struct asked){ answer.id, from };
	answer.data = (ProtobufCBinaryData){ .len = (size_t)got, .data = data };
	loop_del(n->loop, io);
	rpc_reply(n->waits, &answer);
	n->waits = NULL;
}

struct names *names_new(struct loop *loop)
{
	struct names *n = xcalloc(1, sizeof(*n));

	n->loop = loop;
	n->io = (struct io){ -1, on_question };
	return n;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	if (n->waits)
		loop_del(n->loop, &n->io);
	(void)close_fd(n->io.fd);
	free(n);
}

static int listen_at(const char *address, uint16_t port, struct error *e)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	const int yes = 1;
	_close_ int fd = -1;

	if (inet_pton(AF_INET, address, &at.sin_addr) != 1 ||
	    ntohl(at.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
		return fail(e, EINVAL, "'%.64s' is no loopback address", address);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* A server in a container may listen at the port of every address, beside us. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)) < 0 ||
	    bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		return fail(e, errno, "cannot listen at '%s': %m", address);
	return TAKE_FD(fd);
}

int names_wait(struct names *n, struct rpc_request *req, const char *address, uint16_t port,
	       struct error *e)
{
	if (n->waits && !rpc_is_abandoned(n->waits))
		return fail(e, EBUSY, "somebody waits for questions already");
	names_cancel(n);
	if (n->io.fd < 0)
		n->io.fd = listen_at(address, port, e);
	if (n->io.fd < 0 || loop_add(n->loop, &n->io, EPOLLIN, e) < 0)
		return -e->code;
	n->waits = req;
	return rpc_defer(req);
}

int names_answer(struct names *n, uint64_t id, const void *data, size_t len, struct error *e)
{
	struct asked *a = &n->asked[id % ASKED_MAX];

	if (id == 0 || a->id != id)
		return fail(e, ENOENT, "nobody waits for an answer to this question");
	a->id = 0;
	/* Who has gone meanwhile needs none. */
	(void)sendto(n->io.fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL,
		     (const struct sockaddr *)&a->from, sizeof(a->from));
	return 0;
}

void names_cancel(struct names *n)
{
	struct error e;

	if (!n->waits)
		return;
	(void)fail(&e, ECANCELED, "the sandbox ends, or somebody else waits");
	loop_del(n->loop, &n->io);
	rpc_reply_error(n->waits, &e);
	n->waits = NULL;
}

int names_rpc_get(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const struct sandbox *sb = rpc_context(req);
	const Agent__GetQuestionRequest *request = in;

	(void)out;
	return names_wait(sb->names, req, request->address, NAMES_PORT, e);
}

int names_rpc_answer(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const struct sandbox *sb = rpc_context(req);
	const Agent__Question *answer = in;

	(void)out;
	return names_answer(sb->names, answer->id, answer->data.data, answer->data.len, e);
}
