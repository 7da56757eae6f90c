/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_shim_names - what a guest asks of a name server, and what is taken for an answer.
 */

#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/rpc/proto/agent.pb-c.h"
#include "runtime/pod/names.h"
#include "runtime/sandbox/client.h"
#include "runtime/sandbox/name-server.h"

static struct {
	struct pod pod;
	struct name_server server;
	int fd; /* of the name server, at */
	struct sockaddr_in at;
	/* The call that waits for a question. */
	void (*arrived)(void *arg, void *out, const struct error *error);
	void *arg;
	unsigned n_asked, n_forgotten;
	uint64_t id; /* of the last answer */
	char text[64];
} t;

const struct name_server *__wrap_sandbox_name_server(const struct sandbox *s);
struct rpc_client *__wrap_sandbox_rpc(struct sandbox *s);
int __wrap_rpc_call_async(struct rpc_client *client, const struct rpc_call *call, const void *in,
			  void (*done)(void *arg, void *out, const struct error *error), void *arg,
			  struct error *e);
void __wrap_rpc_call_forget(struct rpc_client *client, const void *arg);
int __real_connect(int fd, const struct sockaddr *to, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len);

const struct name_server *__wrap_sandbox_name_server(const struct sandbox *s)
{
	(void)s;
	return &t.server;
}

struct rpc_client *__wrap_sandbox_rpc(struct sandbox *s)
{
	(void)s;
	return NULL;
}

int __wrap_rpc_call_async(struct rpc_client *client, const struct rpc_call *call, const void *in,
			  void (*done)(void *arg, void *out, const struct error *error), void *arg,
			  struct error *e)
{
	(void)client;
	(void)e;
	if (client_which(call) == CLIENT_GET_QUESTION) {
		const Agent__GetQuestionRequest *request = in;

		assert_string_equal(request->address, "127.0.0.11");
		t.arrived = done;
		t.arg = arg;
		t.n_asked++;
	} else {
		const Agent__Question *answer = in;

		t.id = answer->id;
		memcpy(t.text, answer->data.data, answer->data.len);
		t.text[answer->data.len] = '\0';
	}
	return 0;
}

void __wrap_rpc_call_forget(struct rpc_client *client, const void *arg)
{
	(void)client;
	assert_ptr_equal(arg, t.pod.names);
	t.n_forgotten++;
}

/* What is meant for the name server comes to the test's. */
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	const struct sockaddr_in *server = (const struct sockaddr_in *)(const void *)to;

	if (to->sa_family == AF_UNSPEC)
		return __real_connect(fd, to, len);
	assert_int_equal(len, sizeof(*server));
	assert_int_equal(ntohl(server->sin_addr.s_addr), 0x7f00000b);
	assert_int_equal(ntohs(server->sin_port), 53);
	return __real_connect(fd, (const struct sockaddr *)&t.at, sizeof(t.at));
}

static int open_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	return fd;
}

static int setup(void **state)
{
	socklen_t len = sizeof(t.at);
	struct error e;

	(void)state;
	memset(&t, 0, sizeof(t));
	t.server.is_there = true;
	t.pod.stage = POD_RUNNING;
	t.pod.loop = loop_new(&e);
	t.fd = open_socket();
	t.at = (struct sockaddr_in){ .sin_family = AF_INET };
	assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &t.at.sin_addr), 1);
	assert_int_equal(bind(t.fd, (const struct sockaddr *)&t.at, len), 0);
	assert_int_equal(getsockname(t.fd, (struct sockaddr *)&t.at, &len), 0);
	for (size_t i = 0; i < NAME_SERVER_QUESTIONS; i++)
		t.server.sockets[i] = open_socket();
	names_look(&t.pod);
	assert_non_null(t.pod.names);
	names_look(&t.pod);
	assert_int_equal(t.n_asked, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	names_free(t.pod.names);
	assert_int_equal(t.n_forgotten, 1);
	(void)close(t.fd);
	for (size_t i = 0; i < NAME_SERVER_QUESTIONS; i++)
		(void)close(t.server.sockets[i]);
	loop_free(t.pod.loop);
	return 0;
}

static void question(uint64_t id, const char *text)
{
	Agent__Question q = AGENT__QUESTION__INIT;

	q.id = id;
	q.data = (ProtobufCBinaryData){ strlen(text), (uint8_t *)(uintptr_t)text };
	t.arrived(t.arg, &q, NULL);
}

static unsigned rounds;

static void go_round(struct loop_task *task)
{
	if (--rounds > 0)
		loop_post(t.pod.loop, task);
	else
		loop_stop(t.pod.loop, 0);
}

/* Lets what has arrived be taken. */
static void settle(void)
{
	struct loop_task task = { .run = go_round };

	rounds = 8;
	loop_post(t.pod.loop, &task);
	(void)loop_run(t.pod.loop);
}

static void answer_to(const struct sockaddr_in *to, const char *text)
{
	assert_int_equal(
		sendto(t.fd, text, strlen(text), 0, (const struct sockaddr *)to, sizeof(*to)),
		strlen(text));
	settle();
}

/* Returns who asks the server for TEXT. */
static struct sockaddr_in expect_question(const char *text)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char got[64] = "";

	assert_int_equal(
		recvfrom(t.fd, got, sizeof(got) - 1, MSG_DONTWAIT, (struct sockaddr *)&from, &len),
		strlen(text));
	assert_string_equal(got, text);
	return from;
}

static void test_questions_and_answers_find_each_other(void **state)
{
	struct sockaddr_in one, two;

	(void)state;
	question(7, "one");
	question(8, "two");
	assert_int_equal(t.n_asked, 3);
	one = expect_question("one");
	two = expect_question("two");
	answer_to(&two, "second");
	assert_int_equal(t.id, 8);
	assert_string_equal(t.text, "second");
	answer_to(&one, "first");
	assert_int_equal(t.id, 7);
}

static void test_what_nobody_asked_for_is_no_answer(void **state)
{
	_close_ int stranger = open_socket();
	struct sockaddr_in one;

	(void)state;
	question(7, "one");
	one = expect_question("one");
	assert_int_equal(
		sendto(stranger, "a stranger's", 12, 0, (const struct sockaddr *)&one, sizeof(one)),
		12);
	settle();
	assert_int_equal(t.id, 0);
	answer_to(&one, "the server's");
	assert_int_equal(t.id, 7);
	t.id = 0;
	answer_to(&one, "once more");
	assert_int_equal(t.id, 0);
}

/* What the kernel remembers of a port, a rule of a server that has gone, ends with the question. */
static void test_no_question_is_asked_from_the_port_of_another(void **state)
{
	struct sockaddr_in first, last = { .sin_port = 0 };

	(void)state;
	question(1, "name");
	first = expect_question("name");
	for (uint64_t id = 2; id <= NAME_SERVER_QUESTIONS + 1; id++) {
		question(id, "name");
		last = expect_question("name");
		assert_int_not_equal(last.sin_port, first.sin_port);
	}
	answer_to(&first, "late");
	assert_int_equal(t.id, 0);
	answer_to(&last, "in time");
	assert_int_equal(t.id, NAME_SERVER_QUESTIONS + 1);
}

static void test_a_server_that_is_not_there_is_asked_again(void **state)
{
	(void)state;
	(void)close(t.fd);
	for (uint64_t id = 1; id <= 2 * NAME_SERVER_QUESTIONS; id++) {
		question(id, "name");
		settle();
	}
	t.fd = open_socket();
	assert_int_equal(bind(t.fd, (const struct sockaddr *)&t.at, sizeof(t.at)), 0);
	question(99, "name");
	(void)expect_question("name");
}

static void test_an_agent_that_refuses_is_not_asked_again(void **state)
{
	struct error e;

	(void)state;
	(void)fail(&e, ENOSYS, "no such method");
	t.arrived(t.arg, NULL, &e);
	assert_int_equal(t.n_asked, 1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_questions_and_answers_find_each_other),
		TEST(test_what_nobody_asked_for_is_no_answer),
		TEST(test_no_question_is_asked_from_the_port_of_another),
		TEST(test_a_server_that_is_not_there_is_asked_again),
		TEST(test_an_agent_that_refuses_is_not_asked_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
