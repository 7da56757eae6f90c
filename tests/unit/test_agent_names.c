/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agent_names - questions to a name server that is on the host, and who gets which answer.
 */

#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/network/names.h"
#include "lib/rpc/proto/agent.pb-c.h"

#define ADDRESS "127.0.0.11"

/* A request is known by its address only. */
static struct rpc_request *const first = (struct rpc_request *)1, *const second =
									  (struct rpc_request *)2;

static struct {
	struct loop *loop;
	uint64_t id; /* of the last question */
	char text[64];
	struct rpc_request *replied;
	int code; /* of the last error */
	bool is_abandoned;
} seen;

int __wrap_rpc_defer(struct rpc_request *req);
void __wrap_rpc_reply(struct rpc_request *req, const void *out);
void __wrap_rpc_reply_error(struct rpc_request *req, const struct error *e);
bool __wrap_rpc_is_abandoned(const struct rpc_request *req);

int __wrap_rpc_defer(struct rpc_request *req)
{
	(void)req;
	return RPC_DEFERRED;
}

void __wrap_rpc_reply(struct rpc_request *req, const void *out)
{
	const Agent__Question *question = out;

	seen.replied = req;
	seen.id = question->id;
	memcpy(seen.text, question->data.data, question->data.len);
	seen.text[question->data.len] = '\0';
	loop_stop(seen.loop, 0);
}

void __wrap_rpc_reply_error(struct rpc_request *req, const struct error *e)
{
	seen.replied = req;
	seen.code = e->code;
}

bool __wrap_rpc_is_abandoned(const struct rpc_request *req)
{
	(void)req;
	return seen.is_abandoned;
}

struct fixture {
	struct names *names;
	uint16_t port;
	int programs[2];
};

static int program(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET, ADDRESS, &at.sin_addr), 1);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static uint16_t free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET, ADDRESS, &at.sin_addr), 1);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin_port);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct error e;

	memset(&seen, 0, sizeof(seen));
	seen.loop = loop_new(&e);
	f->names = names_new(seen.loop);
	f->port = free_port();
	assert_int_equal(names_wait(f->names, first, ADDRESS, f->port, &e), RPC_DEFERRED);
	for (size_t i = 0; i < ARRAY_SIZE(f->programs); i++)
		f->programs[i] = program(f->port);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(f->programs); i++)
		(void)close(f->programs[i]);
	names_free(f->names);
	loop_free(seen.loop);
	free(f);
	return 0;
}

static void ask(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
	loop_run(seen.loop);
	assert_string_equal(seen.text, text);
}

static void expect_answer(int fd, const char *text)
{
	char got[64] = "";

	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), strlen(text));
	assert_string_equal(got, text);
}

static void test_answers_go_to_who_asked_in_whatever_order(void **state)
{
	struct fixture *f = *state;
	struct error e;
	uint64_t id;

	ask(f->programs[0], "one");
	id = seen.id;
	assert_int_equal(names_wait(f->names, second, ADDRESS, f->port, &e), RPC_DEFERRED);
	ask(f->programs[1], "two");
	assert_ptr_equal(seen.replied, second);
	assert_int_equal(names_answer(f->names, seen.id, "second", 6, &e), 0);
	assert_int_equal(names_answer(f->names, id, "first", 5, &e), 0);
	expect_answer(f->programs[0], "first");
	expect_answer(f->programs[1], "second");
	assert_int_equal(names_answer(f->names, id, "again", 5, &e), -ENOENT);
}

static void test_a_question_waits_for_who_fetches_it(void **state)
{
	struct fixture *f = *state;
	struct error e;

	ask(f->programs[0], "one");
	assert_int_equal(send(f->programs[1], "two", 3, 0), 3);
	assert_int_equal(names_wait(f->names, second, ADDRESS, f->port, &e), RPC_DEFERRED);
	loop_run(seen.loop);
	assert_string_equal(seen.text, "two");
}

static void test_one_waits_at_a_time_unless_it_has_gone(void **state)
{
	struct fixture *f = *state;
	struct error e;

	assert_int_equal(names_wait(f->names, second, ADDRESS, f->port, &e), -EBUSY);
	assert_null(seen.replied);
	seen.is_abandoned = true;
	assert_int_equal(names_wait(f->names, second, ADDRESS, f->port, &e), RPC_DEFERRED);
	assert_ptr_equal(seen.replied, first);
	names_cancel(f->names);
	assert_ptr_equal(seen.replied, second);
	assert_int_equal(seen.code, ECANCELED);
}

/* A container may be a name server itself. */
static void test_a_program_may_listen_at_the_port_of_every_address(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in every = { .sin_family = AF_INET, .sin_port = htons(f->port) };
	_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const int yes = 1;
	char got[8];

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&every, sizeof(every)), 0);
	ask(f->programs[0], "one");
	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), -1);
}

static void test_only_a_loopback_address_is_listened_at(void **state)
{
	static const char *const others[] = { "0.0.0.0", "10.0.0.1", "", "127.0.0.1x", "::1" };
	struct names *n = names_new(seen.loop);
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_int_equal(names_wait(n, first, others[i], 0, &e), -EINVAL);
	names_free(n);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers_go_to_who_asked_in_whatever_order),
		TEST(test_a_question_waits_for_who_fetches_it),
		TEST(test_one_waits_at_a_time_unless_it_has_gone),
		TEST(test_a_program_may_listen_at_the_port_of_every_address),
		TEST(test_only_a_loopback_address_is_listened_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
