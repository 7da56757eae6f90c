/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_shim_events - events for an engine that is away, comes back or hangs up: a real ttRPC server
 * in the same loop, which notes the pid of each.
 */

#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/events.pb-c.h"
#include "lib/rpc/proto/forward.pb-c.h"
#include "lib/rpc/server.h"
#include "lib/sock.h"
#include "runtime/shim/events.h"

#define KEPT_MAX 2048 /* as runtime/shim/events.c has it */
#define PIDS_MAX (2 * KEPT_MAX)
#define AWAY_MS  700 /* longer than until the next try */
#define LONG_MS  20000

struct engine {
	struct loop *loop;
	struct events *events;
	struct io timer; /* when it starts to listen */
	char dir[32];
	char *path;
	struct rpc_server *server;
	uint32_t pids[PIDS_MAX];
	size_t n_pids;
	bool hangs_up; /* once, instead of an answer, and listens again */
	struct loop_task hang_up;
};

static int take(struct rpc_request *req, const void *in, void *out, struct error *e);

static const struct rpc_method methods[] = {
	{ "containerd.services.events.ttrpc.v1.Events", "Forward",
	  &forward__forward_request__descriptor, &pb__empty__descriptor, RPC_INLINE, take },
};

static int take(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	struct engine *engine = rpc_context(req);
	const Forward__ForwardRequest *request = in;
	const Containerd__Envelope *envelope = request->envelope;
	_message_ Events__TaskStart *event = NULL;

	(void)out;
	assert_string_equal(envelope->topic, "/tasks/start");
	assert_string_equal(envelope->event->type_url, "containerd.events.TaskStart");
	assert_int_equal(message_unpack(&events__task_start__descriptor,
					envelope->event->value.data, envelope->event->value.len,
					&event, e),
			 0);
	assert_true(engine->n_pids < PIDS_MAX);
	engine->pids[engine->n_pids++] = event->pid;
	if (!engine->hangs_up)
		return 0;
	engine->hangs_up = false;
	loop_post(engine->loop, &engine->hang_up);
	return rpc_defer(req);
}

static void hang_up(struct loop_task *task)
{
	struct engine *engine = CONTAINER_OF(task, struct engine, hang_up);

	rpc_server_free(TAKE_PTR(engine->server));
	timer_arm(engine->timer.fd, 1, 0);
}

static void engine_listen(struct engine *engine)
{
	const struct rpc_service service = { .methods = methods,
					     .n_methods = ARRAY_SIZE(methods),
					     .context = engine };
	_free_ char *url = xasprintf("unix://%s", engine->path);
	struct sock_address address;
	struct error e;

	assert_int_equal(sock_parse(url, &address, &e), 0);
	engine->server = rpc_server_new(engine->loop, NULL, &service, &e);
	assert_non_null(engine->server);
	assert_true(rpc_server_listen(engine->server, sock_listen(&address, &e), &e) >= 0);
}

static void on_timer(struct io *io, uint32_t flags)
{
	struct engine *engine = CONTAINER_OF(io, struct engine, timer);

	(void)flags;
	timer_read(io->fd);
	engine_listen(engine);
}

static int setup(void **state)
{
	struct engine *engine = xcalloc(1, sizeof(*engine));
	struct error e;

	(void)snprintf(engine->dir, sizeof(engine->dir), "/tmp/test_events.XXXXXX");
	assert_non_null(mkdtemp(engine->dir));
	engine->path = path_join(engine->dir, "engine");
	engine->hang_up.run = hang_up;
	engine->loop = loop_new(&e);
	engine->events = events_new(engine->loop, engine->path, "k8s.io", &e);
	assert_non_null(engine->events);
	engine->timer = (struct io){ .fd = timer_open(&e), .ready = on_timer };
	assert_true(loop_add(engine->loop, &engine->timer, EPOLLIN, &e) >= 0);
	*state = engine;
	return 0;
}

static int teardown(void **state)
{
	struct engine *engine = *state;
	struct error e;

	events_free(engine->events);
	rpc_server_free(engine->server);
	loop_del(engine->loop, &engine->timer);
	(void)close_fd(engine->timer.fd);
	loop_free(engine->loop);
	assert_true(tree_remove(engine->dir, &e) >= 0);
	free(engine->path);
	free(engine);
	return 0;
}

static void publish(struct engine *engine, uint32_t first, uint32_t last)
{
	for (uint32_t pid = first; pid <= last; pid++) {
		Events__TaskStart event = EVENTS__TASK_START__INIT;

		event.container_id = (char[]){ "c" };
		event.pid = pid;
		events_publish(engine->events, "/tasks/start", &event);
	}
}

static void stop(void *arg)
{
	loop_stop(arg, 0);
}

/* Until all is delivered. */
static void drain(struct engine *engine)
{
	events_drain(engine->events, LONG_MS, stop, engine->loop);
	assert_int_equal(loop_run(engine->loop), 0);
}

static void test_events_wait_for_an_engine_that_is_away(void **state)
{
	struct engine *engine = *state;

	publish(engine, 1, 3);
	timer_arm(engine->timer.fd, AWAY_MS, 0);
	drain(engine);
	assert_int_equal(engine->n_pids, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(engine->pids[i], i + 1);
}

static void test_an_event_whose_answer_was_lost_is_told_again(void **state)
{
	static const uint32_t told[] = { 1, 1, 2 };
	struct engine *engine = *state;

	engine->hangs_up = true;
	engine_listen(engine);
	publish(engine, 1, 2);
	drain(engine);
	assert_int_equal(engine->n_pids, ARRAY_SIZE(told));
	assert_memory_equal(engine->pids, told, sizeof(told));
}

/* The one that is under way and the newest are kept. */
static void test_an_engine_that_stays_away_costs_little(void **state)
{
	struct engine *engine = *state;

	publish(engine, 1, KEPT_MAX + 100);
	engine_listen(engine);
	drain(engine);
	assert_int_equal(engine->n_pids, KEPT_MAX);
	assert_int_equal(engine->pids[0], 1);
	for (uint32_t i = 1; i < KEPT_MAX; i++)
		assert_int_equal(engine->pids[i], 100 + i + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_events_wait_for_an_engine_that_is_away, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_an_event_whose_answer_was_lost_is_told_again,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_engine_that_stays_away_costs_little, setup,
						teardown),
	};

	log_open("test_shim_events", -1, LOG_TEXT, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
