/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scripted-agent - the agent of a guest that is not there.
 *
 * A thread for each connection reads requests and answers them; what has to wait for the end of a
 * process is parked and answered by whoever ends it.  One lock is around everything that changes,
 * the sending included.
 */

#include "tests/unit/scripted-agent.h"

#include "tests/unit/rpc-peer.h"

#include <signal.h>

#include "lib/base.h"
#include "lib/file.h"
#include "lib/rpc/proto/agent.pb-c.h"

#define PROCESSES_MAX   64
#define PARKED_MAX      256
#define SCRIPTS_MAX     64
#define CONNECTIONS_MAX 16
#define NAME_MAX_LEN    80
#define INTERNAL        13

struct process {
	char container[NAME_MAX_LEN];
	char exec[NAME_MAX_LEN];
	bool has_exited;
	bool has_written; /* its output was read */
	int status;
};

/* A call that is answered later. */
struct parked {
	int fd;
	uint32_t stream;
	const ProtobufCMessageDescriptor *answer;
	size_t process;
};

struct connection {
	pthread_t thread;
	int fd;
};

static struct {
	pthread_mutex_t lock;
	struct process processes[PROCESSES_MAX];
	size_t n_processes;
	struct parked parked[PARKED_MAX];
	size_t n_parked;
	struct {
		const char *method;
		enum agent_action action;
		enum agent_action after; /* that one */
		unsigned calls;
		unsigned first; /* which of all calls was its first */
	} scripts[SCRIPTS_MAX];
	size_t n_scripts;
	unsigned n_calls;
	struct connection connections[CONNECTIONS_MAX];
	size_t n_connections;
	const char *output;
	bool forgets_told;
} agent = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void lock(void)
{
	(void)pthread_mutex_lock(&agent.lock);
}

static void unlock(void)
{
	(void)pthread_mutex_unlock(&agent.lock);
}

/* The script of METHOD, a name that stays. */
static size_t script_of(const char *method)
{
	for (size_t i = 0; i < agent.n_scripts; i++)
		if (strcmp(agent.scripts[i].method, method) == 0)
			return i;
	peer_check(agent.n_scripts < SCRIPTS_MAX, "too many methods");
	agent.scripts[agent.n_scripts].method = xstrdup(method);
	return agent.n_scripts++;
}

void agent_reset(void)
{
	lock();
	for (size_t i = 0; i < agent.n_scripts; i++)
		free((char *)(uintptr_t)agent.scripts[i].method);
	memset(agent.scripts, 0, sizeof(agent.scripts));
	agent.n_scripts = agent.n_processes = agent.n_parked = 0;
	agent.n_calls = 0;
	agent.output = NULL;
	agent.forgets_told = false;
	unlock();
}

void agent_next(const char *method, enum agent_action action)
{
	lock();
	agent.scripts[script_of(method)].action = action;
	unlock();
}

void agent_always(const char *method, enum agent_action action)
{
	size_t i;

	lock();
	i = script_of(method);
	agent.scripts[i].action = agent.scripts[i].after = action;
	unlock();
}

bool agent_is_hanging(const char *method)
{
	bool hangs;

	lock();
	hangs = agent.scripts[script_of(method)].action == AGENT_HANGS;
	unlock();
	return hangs;
}

unsigned agent_calls(const char *method)
{
	unsigned n;

	lock();
	n = agent.scripts[script_of(method)].calls;
	unlock();
	return n;
}

bool agent_called_before(const char *method, const char *other)
{
	bool is_before;

	lock();
	is_before = agent.scripts[script_of(method)].first < agent.scripts[script_of(other)].first;
	unlock();
	return is_before;
}

void agent_output(const char *text)
{
	lock();
	agent.output = text;
	unlock();
}

void agent_forgets_told(void)
{
	lock();
	agent.forgets_told = true;
	unlock();
}

static void send_error(int fd, uint32_t stream, const char *text)
{
	Ttrpc__Response response = TTRPC__RESPONSE__INIT;
	Rpc__Status status = RPC__STATUS__INIT;
	_free_ uint8_t *bytes = NULL;
	size_t len;

	status.code = INTERNAL;
	status.message = (char *)(uintptr_t)text;
	response.status = &status;
	len = message_pack(&response, &bytes);
	peer_frame(fd, stream, TTRPC_RESPONSE, 0, bytes, len);
}

/* An answer with nothing set, which all methods can give. */
static void send_empty(int fd, uint32_t stream)
{
	Ttrpc__Response response = TTRPC__RESPONSE__INIT;
	_free_ uint8_t *bytes = NULL;
	size_t len = message_pack(&response, &bytes);

	peer_frame(fd, stream, TTRPC_RESPONSE, 0, bytes, len);
}

static void send_output(const struct parked *p, struct process *process)
{
	Agent__ReadStreamResponse answer = AGENT__READ_STREAM_RESPONSE__INIT;

	if (agent.output && !process->has_written) {
		answer.data.data = (uint8_t *)(uintptr_t)agent.output;
		answer.data.len = strlen(agent.output);
	}
	process->has_written = true;
	peer_answer(p->fd, p->stream, &answer);
}

static void answer_parked(const struct parked *p)
{
	struct process *process = &agent.processes[p->process];
	Agent__WaitProcessResponse answer = AGENT__WAIT_PROCESS_RESPONSE__INIT;

	if (p->answer == &agent__read_stream_response__descriptor) {
		send_output(p, process);
		return;
	}
	answer.status = process->status;
	if (agent.forgets_told)
		process->has_written = true;
	peer_answer(p->fd, p->stream, &answer);
}

/* Waits first: an agent that forgets then has nothing more to be read. */
static void answer_all_of(size_t process)
{
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < agent.n_parked; i++) {
			bool is_wait =
				agent.parked[i].answer == &agent__wait_process_response__descriptor;

			if (agent.parked[i].process != process || is_wait != (pass == 0))
				continue;
			answer_parked(&agent.parked[i]);
			agent.parked[i] = agent.parked[--agent.n_parked];
			i--;
		}
}

static size_t find_process(const char *container, const char *exec)
{
	size_t i = 0;

	while (i < agent.n_processes && (strcmp(agent.processes[i].container, container) != 0 ||
					 strcmp(agent.processes[i].exec, exec) != 0))
		i++;
	return i;
}

static void add_process(const char *container, const char *exec)
{
	struct process *p = &agent.processes[agent.n_processes++];

	peer_check(agent.n_processes <= PROCESSES_MAX, "too many processes");
	*p = (struct process){ .has_exited = false };
	(void)snprintf(p->container, sizeof(p->container), "%s", container);
	(void)snprintf(p->exec, sizeof(p->exec), "%s", exec);
}

static void end_process(size_t i, int status)
{
	if (agent.processes[i].has_exited)
		return;
	agent.processes[i].has_exited = true;
	agent.processes[i].status = status;
	answer_all_of(i);
}

void agent_exit(const char *container, const char *exec, int status)
{
	size_t i;

	lock();
	i = find_process(container, exec);
	peer_check(i < agent.n_processes, "no such process");
	end_process(i, status);
	unlock();
}

static void end_container(const char *container, const char *exec, int status)
{
	for (size_t i = 0; i < agent.n_processes; i++)
		if (strcmp(agent.processes[i].container, container) == 0 &&
		    (!exec[0] || strcmp(agent.processes[i].exec, exec) == 0))
			end_process(i, status);
}

/* A request, decoded; every request that matters here begins with the same two members. */
struct request {
	int fd;
	uint32_t stream;
	const char *method;
	const ProtobufCBinaryData *payload;
};

static void *decode(const struct request *r, const ProtobufCMessageDescriptor *type)
{
	struct error e;
	void *message = NULL;

	peer_check(message_unpack(type, r->payload->data, r->payload->len, &message, &e) >= 0,
		   r->method);
	return message;
}

static void create_container(const struct request *r)
{
	_message_ Agent__CreateContainerRequest *in =
		decode(r, &agent__create_container_request__descriptor);

	add_process(in->container_id, in->exec_id);
	send_empty(r->fd, r->stream);
}

static void exec_process(const struct request *r)
{
	_message_ Agent__ExecProcessRequest *in =
		decode(r, &agent__exec_process_request__descriptor);

	add_process(in->container_id, in->exec_id);
	send_empty(r->fd, r->stream);
}

static void signal_process(const struct request *r)
{
	_message_ Agent__SignalProcessRequest *in =
		decode(r, &agent__signal_process_request__descriptor);

	send_empty(r->fd, r->stream);
	if (in->signal == SIGKILL || in->signal == SIGTERM)
		end_container(in->container_id, in->exec_id, 128 + (int)in->signal);
}

static void remove_container(const struct request *r)
{
	_message_ Agent__RemoveContainerRequest *in =
		decode(r, &agent__remove_container_request__descriptor);

	end_container(in->container_id, "", 128 + SIGKILL);
	send_empty(r->fd, r->stream);
}

static void park(const struct request *r, const ProtobufCMessageDescriptor *answer,
		 const char *container, const char *exec)
{
	struct parked p = { r->fd, r->stream, answer, find_process(container, exec) };

	if (p.process == agent.n_processes) {
		send_error(r->fd, r->stream, "no such process");
	} else if (agent.processes[p.process].has_exited) {
		answer_parked(&p);
	} else {
		peer_check(agent.n_parked < PARKED_MAX, "too many calls that wait");
		agent.parked[agent.n_parked++] = p;
	}
}

static void wait_process(const struct request *r)
{
	_message_ Agent__WaitProcessRequest *in =
		decode(r, &agent__wait_process_request__descriptor);

	park(r, &agent__wait_process_response__descriptor, in->container_id, in->exec_id);
}

static void read_stream(const struct request *r)
{
	_message_ Agent__ReadStreamRequest *in = decode(r, &agent__read_stream_request__descriptor);

	park(r, &agent__read_stream_response__descriptor, in->container_id, in->exec_id);
}

/* Nobody is ever short of memory, or asks for a name. */
static void never(const struct request *r)
{
	(void)r;
}

static const struct {
	const char *method;
	void (*answer)(const struct request *r);
} answers[] = {
	{ "CreateContainer", create_container },
	{ "ExecProcess", exec_process },
	{ "SignalProcess", signal_process },
	{ "RemoveContainer", remove_container },
	{ "WaitProcess", wait_process },
	{ "ReadStdout", read_stream },
	{ "ReadStderr", read_stream },
	{ "GetOOMEvent", never },
	{ "GetQuestion", never },
};

static void answer(const struct request *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		if (strcmp(answers[i].method, r->method) == 0) {
			answers[i].answer(r);
			return;
		}
	send_empty(r->fd, r->stream);
}

/* False if the connection is to end. */
static bool act(const struct request *r)
{
	size_t i = script_of(r->method);
	enum agent_action action = agent.scripts[i].action;

	agent.n_calls++;
	if (agent.scripts[i].calls++ == 0)
		agent.scripts[i].first = agent.n_calls;
	agent.scripts[i].action = agent.scripts[i].after;
	if (action == AGENT_ANSWERS)
		answer(r);
	else if (action == AGENT_FAILS)
		send_error(r->fd, r->stream, "scripted");
	return action != AGENT_CLOSES;
}

static bool serve_one(int fd)
{
	_message_ Ttrpc__Request *request = NULL;
	_free_ uint8_t *data = NULL;
	struct ttrpc_frame frame;
	struct error e;
	bool goes_on;

	if (!peer_read_frame(fd, &frame, &data))
		return false;
	peer_check(message_unpack(&ttrpc__request__descriptor, data, frame.len, &request, &e) >= 0,
		   "not a request");
	lock();
	goes_on = act(
		&(const struct request){ fd, frame.stream, request->method, &request->payload });
	unlock();
	return goes_on;
}

/* What waits on a connection that ends is never answered. */
static void forget_parked(int fd)
{
	lock();
	for (size_t i = 0; i < agent.n_parked; i++)
		if (agent.parked[i].fd == fd)
			agent.parked[i--] = agent.parked[--agent.n_parked];
	(void)shutdown(fd, SHUT_RDWR);
	unlock();
}

static void *serve_thread(void *arg)
{
	int fd = (int)(intptr_t)arg;

	while (serve_one(fd))
		;
	forget_parked(fd);
	return NULL;
}

void agent_serve(int own_fd)
{
	size_t i;

	lock();
	i = agent.n_connections++;
	peer_check(i < CONNECTIONS_MAX, "too many connections");
	agent.connections[i].fd = own_fd;
	peer_check(pthread_create(&agent.connections[i].thread, NULL, serve_thread,
				  (void *)(intptr_t)own_fd) == 0,
		   "no thread");
	unlock();
}

void agent_hang_up(void)
{
	struct connection ended[CONNECTIONS_MAX];
	size_t n;

	lock();
	n = agent.n_connections;
	memcpy(ended, agent.connections, sizeof(ended));
	agent.n_connections = 0;
	for (size_t i = 0; i < n; i++)
		(void)shutdown(ended[i].fd, SHUT_RDWR);
	unlock();
	for (size_t i = 0; i < n; i++) {
		(void)pthread_join(ended[i].thread, NULL);
		(void)close_fd(ended[i].fd);
	}
}
