/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names - carry what the guest asks of a name server in the pod's network namespace.
 *
 * Docker serves names at 127.0.0.11 of that namespace, behind rules there that lead to a port of
 * its own; the guest has another loopback.  The agent listens in the guest and is asked for one
 * question at a time, which is sent from here by a socket of the namespace, so that the rules hold
 * for it.  Each question under way has a socket, the oldest gives its own up: so answers are told
 * apart without reading them, and what a guest can ask at once is bounded.  Each is asked from a
 * port of its own, as any program's is: a late answer to another is not taken for its, and the
 * kernel remembers no rule of before for it (a daemon that was restarted makes others).  Nothing
 * else can be reached by it than that one server.  Io thread.
 */

#include "runtime/pod/names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/log.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "runtime/sandbox/client.h"
#include "runtime/sandbox/name-server.h"

#define NAMES_PORT 53
#define SLOTS      NAME_SERVER_QUESTIONS
#define ANSWER_MAX 4096

struct slot {
	struct io io;
	struct names *names;
	uint64_t id; /* of the question under way; 0: none */
};

struct names {
	struct pod *pod;
	char *address;
	struct sockaddr_in server;
	struct slot slots[SLOTS];
	unsigned next;
};

static void answered(void *arg, void *out, const struct error *error)
{
	(void)arg;
	if (!out)
		log_debug("an answer of the name server: %s", error->msg);
}

static void on_answer(struct io *io, uint32_t events)
{
	struct slot *slot = CONTAINER_OF(io, struct slot, io);
	struct names *n = slot->names;
	Agent__Question answer = AGENT__QUESTION__INIT;
	uint8_t data[ANSWER_MAX];
	ssize_t got = recv(io->fd, data, sizeof(data), MSG_DONTWAIT);
	struct error e;

	(void)events;
	if (got < 0 || slot->id == 0)
		return;
	answer.id = slot->id;
	answer.data = (ProtobufCBinaryData){ .len = (size_t)got, .data = data };
	slot->id = 0;
	if (rpc_call_async(sandbox_rpc(n->pod->sandbox), client_call_of(CLIENT_ANSWER_QUESTION),
			   &answer, answered, n, &e) < 0)
		answered(n, NULL, &e);
}

static int ask_server(const struct names *n, int fd, const ProtobufCBinaryData *question)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	uint8_t late[ANSWER_MAX];

	if (connect(fd, &none, sizeof(none)) < 0)
		return -1;
	while (recv(fd, late, sizeof(late), MSG_DONTWAIT) >= 0 || errno == ECONNREFUSED)
		;
	if (connect(fd, (const struct sockaddr *)&n->server, sizeof(n->server)) < 0)
		return -1;
	return send(fd, question->data, question->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static void ask_guest(struct names *n);

static void question_arrived(void *arg, void *out, const struct error *error)
{
	struct names *n = arg;
	const Agent__Question *question = out;
	struct slot *slot = &n->slots[n->next++ % SLOTS];

	if (!question) {
		if (error->code != ECONNRESET && error->code != ECANCELED)
			log_warn("names at '%s' are not found: %s", n->address, error->msg);
		return;
	}
	slot->id = question->id;
	if (ask_server(n, slot->io.fd, &question->data) < 0)
		log_debug("cannot ask the name server '%s': %m", n->address);
	ask_guest(n);
}

static void ask_guest(struct names *n)
{
	Agent__GetQuestionRequest request = AGENT__GET_QUESTION_REQUEST__INIT;
	struct error e;

	request.address = n->address;
	if (rpc_call_async(sandbox_rpc(n->pod->sandbox), client_call_of(CLIENT_GET_QUESTION),
			   &request, question_arrived, n, &e) < 0)
		log_debug("no questions for the name server: %s", e.msg);
}

static int add_slots(struct names *n, struct error *e)
{
	const int *fds = sandbox_name_server(n->pod->sandbox)->sockets;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < SLOTS; i++) {
		n->slots[i].io = (struct io){ fds[i], on_answer };
		r = loop_add(n->pod->loop, &n->slots[i].io, EPOLLIN, e);
		if (r >= 0)
			n->slots[i].names = n;
	}
	return r;
}

void names_free(struct names *own_names)
{
	struct names *n = own_names;

	if (!n)
		return;
	rpc_call_forget(sandbox_rpc(n->pod->sandbox), n);
	for (size_t i = 0; i < SLOTS; i++)
		if (n->slots[i].names)
			loop_del(n->pod->loop, &n->slots[i].io);
	free(n->address);
	free(n);
}

static struct names *names_new(struct pod *pod)
{
	const char *address = name_server_address(sandbox_name_server(pod->sandbox));
	struct names *n;
	struct error e;

	if (!address || pod->has_foreign_agent)
		return NULL;
	n = xcalloc(1, sizeof(*n));
	n->pod = pod;
	n->address = xstrdup(address);
	n->server = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(NAMES_PORT) };
	if (inet_pton(AF_INET, address, &n->server.sin_addr) != 1 || add_slots(n, &e) < 0) {
		log_warn("names at '%s' will not be found", address);
		names_free(n);
		return NULL;
	}
	ask_guest(n);
	return n;
}

void names_look(struct pod *pod)
{
	if (!pod->names && pod->stage == POD_RUNNING)
		pod->names = names_new(pod);
}
