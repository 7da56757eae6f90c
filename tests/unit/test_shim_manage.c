/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_shim_manage - the management socket of a shim, asked by friends and by others.
 *
 * The sandbox is not there: what would ask its guest is replaced here.
 */

#include "tests/unit/folder.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/sock.h"
#include "lib/wire.h"
#include "runtime/pod/op.h"
#include "runtime/sandbox/management.h"
#include "runtime/sandbox/volume.h"
#include "runtime/shim/front.h"
#include "runtime/shim/manage.h"
#include "tests/unit/rpc-peer.h"

#define POOL_THREADS 64
#define LARGE        (2 * MIB)

struct fixture {
	struct peer_loop io;
	struct shim shim;
	char *dir;
	char *socket;
};

/* What /wait waits for, and what says that it does. */
static sem_t gate, waiting;
static uint64_t patience_ms = NO_DEADLINE;

int __wrap_volume_stats(struct sandbox *s, const char *path, char **ret_json, struct error *e);
int __wrap_volume_resize(struct sandbox *s, const char *path, uint64_t bytes, struct error *e);
const struct vmm *__wrap_sandbox_vmm(const struct sandbox *s);
const struct vsock *__wrap_vmm_vsock(const struct vmm *vmm);
uint64_t __wrap_deadline_in(uint64_t wait_ms);
uint64_t __real_deadline_in(uint64_t wait_ms);
void __wrap_op_ask(struct op *op, enum client_call call, const void *request);
char *__wrap_metrics_gather(struct sandbox *s, char *const *containers,
			    struct metrics_sample *ret_sample);

static void take_rules(struct op *op, const Agent__SetIPTablesRequest *request)
{
	if (request->data.len == 0 || request->data.data[0] != '*')
		op->result = fail(&op->error, EIO, "iptables-restore ended with status 1");
}

/* The agent has rules of each family, takes others that begin as rules do, and no policy. */
void __wrap_op_ask(struct op *op, enum client_call call, const void *request)
{
	Agent__GetIPTablesResponse *rules;
	const char *text;

	if (call == CLIENT_GET_IPTABLES) {
		rules = message_new(&agent__get_iptables_response__descriptor);
		text = ((const Agent__GetIPTablesRequest *)request)->is_ipv6 ? "*six\n" : "*four\n";
		rules->data.data = (uint8_t *)xstrdup(text);
		rules->data.len = strlen(text);
		op->answer = rules;
	} else if (call == CLIENT_SET_IPTABLES) {
		take_rules(op, request);
	} else {
		op->result = fail(&op->error, ENOSYS, "agent: SetPolicy: no policy here");
	}
	op->finish(op);
	op_free(op);
}

char *__wrap_metrics_gather(struct sandbox *s, char *const *containers,
			    struct metrics_sample *ret_sample)
{
	(void)s;
	(void)containers;
	*ret_sample = (struct metrics_sample){ 0 };
	return xstrdup("kata_guest_x 1\n");
}

int __wrap_volume_stats(struct sandbox *s, const char *path, char **ret_json, struct error *e)
{
	(void)s;
	if (strcmp(path, "/none") == 0)
		return fail(e, ENOENT, "the guest has no file system on '%s'", path);
	if (strcmp(path, "/wait") == 0) {
		(void)sem_post(&waiting);
		(void)sem_wait(&gate);
	}
	*ret_json = xasprintf("{\"is\":\"%s\"}", path);
	if (strcmp(path, "/large") == 0) {
		free(*ret_json);
		*ret_json = xcalloc(LARGE + 1, 1);
		memset(*ret_json, 'x', LARGE);
	}
	return 0;
}

int __wrap_volume_resize(struct sandbox *s, const char *path, uint64_t bytes, struct error *e)
{
	(void)s;
	return bytes == 4096 ? 0 : fail(e, ENOSPC, "'%s' has no %" PRIu64 " bytes", path, bytes);
}

const struct vmm *__wrap_sandbox_vmm(const struct sandbox *s)
{
	(void)s;
	return NULL;
}

const struct vsock *__wrap_vmm_vsock(const struct vmm *vmm)
{
	static const struct vsock vsock = { .kind = VSOCK_VHOST, .cid = 7, .vhost_fd = -1 };

	(void)vmm;
	return &vsock;
}

/* The server's patience alone, where a test sets it. */
uint64_t __wrap_deadline_in(uint64_t wait_ms)
{
	uint64_t set_ms = __atomic_load_n(&patience_ms, __ATOMIC_SEQ_CST);
	bool is_set = wait_ms == WIRE_HTTP_PATIENCE_MS && set_ms != NO_DEADLINE;

	return __real_deadline_in(is_set ? set_ms : wait_ms);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct pod_params params = {
		.held = -1, .id = "pod", .namespace_ = "default", .max_threads = POOL_THREADS
	};
	struct error e;

	*state = f;
	patience_ms = NO_DEADLINE;
	(void)sem_init(&gate, 0, 0);
	(void)sem_init(&waiting, 0, 0);
	f->dir = folder_new();
	f->socket = path_join(f->dir, "s");
	f->io.loop = loop_new(&e);
	params.loop = f->io.loop;
	assert_return_code(shim_open(&f->shim, &params, NULL, &e), 0);
	f->shim.pod.stage = POD_RUNNING;
	f->shim.manage = manage_new(&f->shim, f->socket, &e);
	assert_non_null(f->shim.manage);
	peer_loop_start(&f->io);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	peer_loop_end(&f->io);
	shim_close(&f->shim);
	loop_free(f->io.loop);
	folder_remove(f->dir);
	free(f->socket);
	free(f);
	return 0;
}

static const struct management_question anything = { .method = "GET",
						     .target = "/",
						     .wait_ms = 1000 };

static int ask(struct fixture *f, const char *method, const char *target, const char *body,
	       char **ret_answer, struct error *e)
{
	const struct management_question q = {
		.method = method, .target = target, .body = body, .wait_ms = PEER_PATIENCE_MS
	};

	return management_ask(f->socket, &q, ret_answer, e);
}

/* A client that only sends TEXT. */
static int dial(struct fixture *f, const char *text)
{
	_free_ char *url = xasprintf("unix://%s", f->socket);
	struct sock_address a;
	struct error e;
	int fd;

	assert_return_code(sock_parse(url, &a, &e), 0);
	fd = sock_connect(&a, __real_deadline_in(PEER_PATIENCE_MS), NULL, &e);
	assert_return_code(fd, e.code);
	peer_send(fd, text, strlen(text));
	return fd;
}

/* What comes on FD until its end, which is closed.  Caller frees. */
static char *read_all(int own_fd)
{
	size_t len = 0;
	char *text = xcalloc(WIRE_ANSWER_MAX, 1);

	while (len < WIRE_ANSWER_MAX - 1 && peer_receive(own_fd, text + len, 1))
		len++;
	(void)close_fd(own_fd);
	return text;
}

static void test_what_is_served_is_answered(void **state)
{
	static const struct {
		const char *method, *target, *body, *answer;
	} cases[] = {
		{ "GET", "/agent-url", NULL, "vsock://7:1024" },
		{ "GET", "/iptables", NULL, "*four" },
		{ "GET", "/ip6tables", NULL, "*six" },
		{ "PUT", "/iptables", "*filter\nCOMMIT\n", "" },
		{ "PUT", "/ip6tables", "*filter\nCOMMIT\n", "" },
		{ "GET", "/direct-volume/stats?path=%2Fdev%2Fsdb", NULL, "{\"is\":\"/dev/sdb\"}" },
		{ "POST", "/direct-volume/resize", "{\"VolumePath\":\"/d\",\"Size\":4096}", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *answer = NULL;
		struct error e;

		if (ask(*state, cases[i].method, cases[i].target, cases[i].body, &answer, &e) < 0)
			fail_msg("%s: %s", cases[i].target, e.msg);
		assert_string_equal(answer, cases[i].answer);
	}
}

static void test_what_is_not_served_is_refused_by_name(void **state)
{
	static const struct {
		const char *method, *target, *body, *why;
	} cases[] = {
		{ "GET", "/debug/vars", NULL, "this shim does not serve '/debug/vars' (404)" },
		{ "POST", "/iptables", "*", "'/iptables' takes only GET and PUT (405)" },
		{ "GET", "/policy", NULL, "'/policy' takes only PUT (405)" },
		{ "PUT", "/iptables", "x", "iptables-restore ended with status 1 (500)" },
		{ "PUT", "/policy", "x", "agent: SetPolicy: no policy here (501)" },
		{ "GET", "/agent-url/", NULL, "this shim does not serve '/agent-url/' (404)" },
		{ "POST", "/agent-url", "{}", "'/agent-url' takes only GET (405)" },
		{ "GET", "/direct-volume/resize", NULL, "takes only POST (405)" },
		{ "GET", "/direct-volume/stats", NULL, "'path' is missing (400)" },
		{ "GET", "/direct-volume/stats?path=/none", NULL, "system on '/none' (404)" },
		{ "POST", "/direct-volume/resize", "{", "(400)" },
		{ "POST", "/direct-volume/resize", "[1]", "'Size' is missing (400)" },
		{ "POST", "/direct-volume/resize", "{\"Size\":1}", "'Size' is missing (400)" },
		{ "POST", "/direct-volume/resize", "{\"VolumePath\":\"/d\",\"Size\":\"1\"}",
		  "'Size' is missing (400)" },
		{ "POST", "/direct-volume/resize", "{\"VolumePath\":\"/d\",\"Size\":-1}",
		  "'Size' is missing (400)" },
		{ "POST", "/direct-volume/resize", "{\"VolumePath\":\"/d\",\"Size\":0}",
		  "'Size' is missing (400)" },
		{ "POST", "/direct-volume/resize", "{\"VolumePath\":\"/d\",\"Size\":8192}",
		  "'/d' has no 8192 bytes (500)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *answer = NULL;
		struct error e = { 0 };
		int r = ask(*state, cases[i].method, cases[i].target, cases[i].body, &answer, &e);

		if (r != -EREMOTEIO || !str_ends(e.msg, cases[i].why))
			fail_msg("%s %s: %d, %s", cases[i].method, cases[i].target, r, e.msg);
	}
}

static void test_metrics_are_gathered_and_counted(void **state)
{
	struct fixture *f = *state;
	_free_ char *text = read_all(dial(f, "GET /metrics HTTP/1.1\r\n\r\n"));

	assert_true(str_starts(text, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(text, "Content-Type: text/plain; version=0.0.4"));
	assert_non_null(strstr(text, "# TYPE kata_shim_rpc_durations_histogram_milliseconds"));
	assert_true(str_ends(text, "kata_guest_x 1\n"));
}

static void test_large_rules_are_taken(void **state)
{
	_free_ char *rules = xcalloc(WIRE_REQUEST_BODY_MAX, 1);
	_free_ char *answer = NULL;
	struct error e = { 0 };

	memset(rules, '*', WIRE_REQUEST_BODY_MAX - 1);
	assert_return_code(ask(*state, "PUT", "/iptables", rules, &answer, &e), e.code);
}

/* As they were recorded from kata-runtime 4.1.0. */
static void test_requests_of_upstreams_programs_are_served(void **state)
{
	static const struct {
		const char *text, *end;
	} cases[] = {
		{ "GET /agent-url HTTP/1.1\r\nHost: shim\r\nUser-Agent: Go-http-client/1.1\r\n"
		  "Accept-Encoding: gzip\r\nConnection: close\r\n\r\n",
		  "vsock://7:1024" },
		{ "GET /metrics HTTP/1.1\r\nHost: shim\r\nUser-Agent: Go-http-client/1.1\r\n"
		  "Accept-Encoding: gzip\r\nConnection: close\r\n\r\n",
		  "kata_guest_x 1\n" },
		{ "PUT /iptables HTTP/1.1\r\nHost: shim\r\nUser-Agent: Go-http-client/1.1\r\n"
		  "Content-Length: 15\r\nContent-Type: application/octet-stream\r\n"
		  "Accept-Encoding: gzip\r\nConnection: close\r\n\r\n*filter\nCOMMIT\n",
		  "\r\n\r\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = read_all(dial(*state, cases[i].text));

		if (!str_starts(text, "HTTP/1.1 200 OK\r\n") || !str_ends(text, cases[i].end))
			fail_msg("'%s': '%s'", cases[i].text, text);
	}
}

struct staging {
	struct loop_task task;
	struct shim *shim;
	enum pod_stage stage;
	sem_t done;
};

static void on_staging(struct loop_task *task)
{
	struct staging *s = CONTAINER_OF(task, struct staging, task);

	s->shim->pod.stage = s->stage;
	(void)sem_post(&s->done);
}

static void set_stage(struct fixture *f, enum pod_stage stage)
{
	struct staging s = { .task = { .run = on_staging }, .shim = &f->shim, .stage = stage };

	(void)sem_init(&s.done, 0, 0);
	loop_post(f->io.loop, &s.task);
	(void)sem_wait(&s.done);
}

static void test_sandbox_that_does_not_run_is_not_asked(void **state)
{
	static const enum pod_stage stages[] = { POD_EMPTY, POD_STARTING, POD_STOPPING, POD_ENDING,
						 POD_STOPPED };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
		_free_ char *answer = NULL;
		struct error e;

		set_stage(f, stages[i]);
		assert_int_equal(ask(f, "GET", "/agent-url", NULL, &answer, &e), -EREMOTEIO);
		assert_non_null(strstr(e.msg, "(503)"));
	}
}

static void test_no_request_is_answered_and_closed(void **state)
{
	static const struct {
		const char *text, *first;
	} cases[] = {
		{ "hello\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n" },
		{ "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
		  "HTTP/1.1 501 Not Implemented\r\n" },
		{ "PUT /policy HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n",
		  "HTTP/1.1 413 Content Too Large\r\n" },
		{ "GET /agent-url HTTP/1.1\r\n\r\nGET /agent-url HTTP/1.1\r\n\r\n",
		  "HTTP/1.1 200 OK\r\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *answer = read_all(dial(*state, cases[i].text));

		if (!str_starts(answer, cases[i].first))
			fail_msg("'%s': '%s'", cases[i].text, answer);
	}
}

static void test_only_root_may_connect(void **state)
{
	const struct fixture *f = *state;
	struct stat st;

	assert_return_code(lstat(f->socket, &st), errno);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_socket_of_a_dead_shim_is_replaced(void **state)
{
	struct fixture *f = *state;
	_free_ char *path = path_join(f->dir, "left");
	_free_ char *answer = NULL;
	struct shim other = { .pod = { .loop = loop_new(&(struct error){ 0 }) } };
	struct sock_address a = { .kind = SOCK_KIND_UNIX };
	struct error e;

	memcpy(a.path, path, strlen(path) + 1);
	(void)close_fd(sock_listen(&a, &e));
	assert_int_equal(management_ask(path, &anything, &answer, &e), -ECONNREFUSED);
	other.manage = manage_new(&other, path, &e);
	assert_non_null(other.manage);
	manage_free(other.manage);
	loop_free(other.pod.loop);
}

static void test_slow_clients_keep_nobody_out(void **state)
{
	struct fixture *f = *state;
	int slow[3 * WIRE_SHIM_PEERS_MAX];
	_free_ char *answer = NULL;
	_free_ char *nothing = NULL;
	struct error e = { 0 };

	/* Who is dropped here is dropped for their number, however slow the machine is. */
	__atomic_store_n(&patience_ms, 10 * 60 * UINT64_C(1000), __ATOMIC_SEQ_CST);
	for (size_t i = 0; i < ARRAY_SIZE(slow); i++)
		slow[i] = dial(f, "GET /agent-url HTTP");
	assert_return_code(ask(f, "GET", "/agent-url", NULL, &answer, &e), e.code);
	nothing = read_all(slow[0]);
	assert_string_equal(nothing, "");
	/* The youngest of them may go on. */
	peer_send(slow[ARRAY_SIZE(slow) - 1], "/1.1\r\n\r\n", 8);
	free(answer);
	answer = read_all(slow[ARRAY_SIZE(slow) - 1]);
	assert_true(str_ends(answer, "vsock://7:1024"));
	for (size_t i = 1; i < ARRAY_SIZE(slow) - 1; i++)
		(void)close_fd(slow[i]);
}

static void test_client_that_says_no_more_is_dropped(void **state)
{
	_free_ char *answer = NULL;

	__atomic_store_n(&patience_ms, 50, __ATOMIC_SEQ_CST);
	answer = read_all(dial(*state, "GET /agent-url HTTP/1.1\r\n"));
	assert_string_equal(answer, "");
}

static void test_client_that_does_not_read_is_dropped(void **state)
{
	_free_ char *answer = NULL;
	struct pollfd p;

	__atomic_store_n(&patience_ms, 50, __ATOMIC_SEQ_CST);
	p.fd = dial(*state, "GET /direct-volume/stats?path=/large HTTP/1.1\r\n\r\n");
	p.events = POLLRDHUP;
	assert_int_equal(poll(&p, 1, PEER_PATIENCE_MS), 1);
	answer = read_all(p.fd);
	assert_in_range(strlen(answer), 1, LARGE - 1);
}

static void test_answer_larger_than_the_socket_arrives(void **state)
{
	_free_ char *answer = NULL;
	struct error e = { 0 };

	assert_return_code(
		ask(*state, "GET", "/direct-volume/stats?path=/large", NULL, &answer, &e), e.code);
	assert_int_equal(strlen(answer), LARGE);
}

static void test_while_all_are_at_work_the_next_waits(void **state)
{
	static const char ask_wait[] = "GET /direct-volume/stats?path=/wait HTTP/1.1\r\n\r\n";
	struct fixture *f = *state;
	int busy[WIRE_SHIM_PEERS_MAX], next;
	_free_ char *answer = NULL;
	struct pollfd p;

	for (size_t i = 0; i < ARRAY_SIZE(busy); i++)
		busy[i] = dial(f, ask_wait);
	for (size_t i = 0; i < ARRAY_SIZE(busy); i++)
		(void)sem_wait(&waiting);
	/* Whoever hangs up is still at work. */
	busy[0] = close_fd(busy[0]);
	next = dial(f, "GET /agent-url HTTP/1.1\r\n\r\n");
	p = (struct pollfd){ .fd = next, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 50), 0);
	for (size_t i = 0; i < ARRAY_SIZE(busy); i++)
		(void)sem_post(&gate);
	answer = read_all(next);
	assert_true(str_ends(answer, "vsock://7:1024"));
	for (size_t i = 1; i < ARRAY_SIZE(busy); i++) {
		_free_ char *said = read_all(busy[i]);

		assert_true(str_ends(said, "{\"is\":\"/wait\"}"));
	}
}

static void test_sandbox_without_a_shim_is_named(void **state)
{
	_free_ char *answer = NULL;
	struct error e;

	(void)state;
	assert_int_equal(management_ask_sandbox("no-such-sandbox", &anything, &answer, &e), -ESRCH);
	assert_non_null(strstr(e.msg, "'no-such-sandbox'"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_served_is_answered),
		TEST(test_what_is_not_served_is_refused_by_name),
		TEST(test_metrics_are_gathered_and_counted),
		TEST(test_large_rules_are_taken),
		TEST(test_requests_of_upstreams_programs_are_served),
		TEST(test_sandbox_that_does_not_run_is_not_asked),
		TEST(test_no_request_is_answered_and_closed),
		TEST(test_only_root_may_connect),
		TEST(test_socket_of_a_dead_shim_is_replaced),
		TEST(test_slow_clients_keep_nobody_out),
		TEST(test_client_that_says_no_more_is_dropped),
		TEST(test_client_that_does_not_read_is_dropped),
		TEST(test_answer_larger_than_the_socket_arrives),
		TEST(test_while_all_are_at_work_the_next_waits),
		TEST(test_sandbox_without_a_shim_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
