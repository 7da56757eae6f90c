/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_unit - restart a unit through a systemd that is slow, fast, refuses, fails or goes away.
 */

#include "tests/unit/folder.h"

#include <dbus/dbus.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "lib/host/unit.h"

#define JOB     "/org/freedesktop/systemd1/job/7"
#define MANAGER "org.freedesktop.systemd1.Manager"

enum manner {
	DONE,         /* answers, then tells the end of another job and of ours */
	DONE_AT_ONCE, /* tells the end before it answers */
	FAILED,
	REFUSES,
	SILENT,
	HANGS_UP,
	WAITS, /* looks at the request when something more arrives */
};

struct systemd {
	char *dir;
	char *socket;
	enum manner manner;
	DBusServer *server;
	DBusWatch *watch;
	DBusConnection *peer;
	DBusMessage *waiting; /* the request that it has not looked at */
	pthread_t thread;
	bool stops;
	unsigned unknown;  /* requests that are refused because there is no such unit */
	const char *state; /* of the second of the two units */
	char unit[64];     /* that was to be restarted */
};

static void send_removed(struct systemd *s, const char *job, const char *result)
{
	DBusMessage *m =
		dbus_message_new_signal("/org/freedesktop/systemd1", MANAGER, "JobRemoved");
	dbus_uint32_t id = 7;
	const char *unit = s->unit;

	(void)dbus_message_append_args(m, DBUS_TYPE_UINT32, &id, DBUS_TYPE_OBJECT_PATH, &job,
				       DBUS_TYPE_STRING, &unit, DBUS_TYPE_STRING, &result,
				       DBUS_TYPE_INVALID);
	(void)dbus_connection_send(s->peer, m, NULL);
	dbus_message_unref(m);
}

static void reply(struct systemd *s, DBusMessage *call)
{
	const char *job = JOB;
	bool is_refused = s->manner == REFUSES || s->unknown > 0;
	DBusMessage *m =
		is_refused ? dbus_message_new_error(call, "org.freedesktop.systemd1.NoSuchUnit",
						    "no such unit")
			   : dbus_message_new_method_return(call);

	if (!is_refused)
		(void)dbus_message_append_args(m, DBUS_TYPE_OBJECT_PATH, &job, DBUS_TYPE_INVALID);
	(void)dbus_connection_send(s->peer, m, NULL);
	dbus_message_unref(m);
}

static void add_unit(DBusMessageIter *list, const char *name, const char *state)
{
	const char *const texts[] = { name, "", "loaded", state, "", "" };
	const char *path = "/", *none = "";
	dbus_uint32_t no_job = 0;
	DBusMessageIter one;

	(void)dbus_message_iter_open_container(list, DBUS_TYPE_STRUCT, NULL, &one);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		(void)dbus_message_iter_append_basic(&one, DBUS_TYPE_STRING, &texts[i]);
	(void)dbus_message_iter_append_basic(&one, DBUS_TYPE_OBJECT_PATH, &path);
	(void)dbus_message_iter_append_basic(&one, DBUS_TYPE_UINT32, &no_job);
	(void)dbus_message_iter_append_basic(&one, DBUS_TYPE_STRING, &none);
	(void)dbus_message_iter_append_basic(&one, DBUS_TYPE_OBJECT_PATH, &path);
	(void)dbus_message_iter_close_container(list, &one);
}

/* Without a state it is older than the question. */
static void on_list(struct systemd *s, DBusMessage *call)
{
	DBusMessage *m = s->state ? dbus_message_new_method_return(call)
				  : dbus_message_new_error(call, DBUS_ERROR_UNKNOWN_METHOD, "?");
	DBusMessageIter i, list;

	if (s->state) {
		dbus_message_iter_init_append(m, &i);
		(void)dbus_message_iter_open_container(&i, DBUS_TYPE_ARRAY, "(ssssssouso)", &list);
		add_unit(&list, "k3s.service", "inactive");
		add_unit(&list, "containerd.service", s->state);
		(void)dbus_message_iter_close_container(&i, &list);
	}
	(void)dbus_connection_send(s->peer, m, NULL);
	dbus_message_unref(m);
}

static void on_restart(struct systemd *s, DBusMessage *call)
{
	const char *unit = "", *mode = "";

	(void)dbus_message_get_args(call, NULL, DBUS_TYPE_STRING, &unit, DBUS_TYPE_STRING, &mode,
				    DBUS_TYPE_INVALID);
	(void)snprintf(s->unit, sizeof(s->unit), "%s %s", unit, mode);
	if (s->unknown > 0) {
		reply(s, call);
		s->unknown--;
		return;
	}
	if (s->manner == DONE_AT_ONCE)
		send_removed(s, JOB, "done");
	if (s->manner != SILENT && s->manner != HANGS_UP)
		reply(s, call);
	if (s->manner == DONE || s->manner == FAILED || s->manner == WAITS) {
		send_removed(s, JOB "1", "canceled");
		send_removed(s, JOB, s->manner == FAILED ? "failed" : "done");
	}
	dbus_connection_flush(s->peer);
	if (s->manner == HANGS_UP)
		dbus_connection_close(s->peer);
}

static DBusHandlerResult on_message(DBusConnection *connection, DBusMessage *m, void *arg)
{
	struct systemd *s = arg;
	bool is_restart = dbus_message_is_method_call(m, MANAGER, "RestartUnit");

	(void)connection;
	if (dbus_message_is_method_call(m, MANAGER, "ListUnitsByNames")) {
		on_list(s, m);
	} else if (is_restart && s->manner == WAITS) {
		s->waiting = dbus_message_ref(m);
	} else if (is_restart) {
		on_restart(s, m);
	} else if (s->waiting) {
		on_restart(s, s->waiting);
		dbus_message_unref(s->waiting);
		s->waiting = NULL;
	}
	return DBUS_HANDLER_RESULT_HANDLED;
}

static void on_connection(DBusServer *server, DBusConnection *connection, void *arg)
{
	struct systemd *s = arg;

	(void)server;
	s->peer = dbus_connection_ref(connection);
	/* on_message() sees pings, too. */
	dbus_connection_set_route_peer_messages(connection, TRUE);
	(void)dbus_connection_add_filter(connection, on_message, s, NULL);
}

static dbus_bool_t add_watch(DBusWatch *watch, void *arg)
{
	((struct systemd *)arg)->watch = watch;
	return TRUE;
}

static void forget_watch(DBusWatch *watch, void *arg)
{
	(void)watch;
	(void)arg;
}

static void *systemd_main(void *arg)
{
	struct systemd *s = arg;

	while (!__atomic_load_n(&s->stops, __ATOMIC_ACQUIRE)) {
		struct pollfd p = { .fd = dbus_watch_get_unix_fd(s->watch), .events = POLLIN };

		if (!s->peer && poll(&p, 1, 20) > 0)
			(void)dbus_watch_handle(s->watch, DBUS_WATCH_READABLE);
		if (s->peer)
			(void)dbus_connection_read_write_dispatch(s->peer, 20);
	}
	return NULL;
}

static int restart(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		   struct error *e)
{
	static const char *const units[] = { "k3s.service", "containerd.service", NULL };

	return unit_do(socket, "RestartUnit", units, deadline_ms, cancel, e);
}

static void start(struct systemd *s, enum manner manner, unsigned unknown)
{
	_free_ char *address = NULL;
	DBusError error;

	*s = (struct systemd){ .dir = folder_new(), .manner = manner, .unknown = unknown };
	s->socket = path_join(s->dir, "private");
	address = xasprintf("unix:path=%s", s->socket);
	dbus_error_init(&error);
	s->server = dbus_server_listen(address, &error);
	assert_non_null(s->server);
	dbus_server_set_new_connection_function(s->server, on_connection, s, NULL);
	assert_true(
		dbus_server_set_watch_functions(s->server, add_watch, forget_watch, NULL, s, NULL));
	assert_int_equal(pthread_create(&s->thread, NULL, systemd_main, s), 0);
}

static void stop(struct systemd *s)
{
	__atomic_store_n(&s->stops, true, __ATOMIC_RELEASE);
	(void)pthread_join(s->thread, NULL);
	if (s->waiting)
		dbus_message_unref(s->waiting);
	if (s->peer) {
		dbus_connection_close(s->peer);
		dbus_connection_unref(s->peer);
	}
	dbus_server_disconnect(s->server);
	dbus_server_unref(s->server);
	folder_remove(s->dir);
	free(s->socket);
}

static void test_restart_ends_as_systemd_says(void **state)
{
	static const struct {
		enum manner manner;
		int result;
	} cases[] = {
		{ DONE, 0 },         { DONE_AT_ONCE, 0 },       { FAILED, -EREMOTEIO },
		{ REFUSES, -ENXIO }, { HANGS_UP, -ECONNRESET }, { WAITS, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct systemd s;
		struct error e = { 0 };
		int r;

		start(&s, cases[i].manner, 1);
		r = restart(s.socket, deadline_in(5000), NULL, &e);
		if (r != cases[i].result)
			fail_msg("case %zu: %d, %s", i, r, e.msg);
		stop(&s);
		assert_string_equal(s.unit, "containerd.service replace");
	}
}

/* On a server of rke2 the agent's unit is there, too, and starting it stops the server. */
static void test_restart_is_of_the_unit_that_runs(void **state)
{
	static const struct {
		const char *state, *unit;
	} cases[] = {
		{ NULL, "k3s.service replace" },
		{ "inactive", "k3s.service replace" },
		{ "active", "containerd.service replace" },
		{ "activating", "containerd.service replace" },
		{ "failed", "containerd.service replace" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct systemd s;
		struct error e;

		start(&s, DONE, 0);
		s.state = cases[i].state;
		assert_int_equal(restart(s.socket, deadline_in(5000), NULL, &e), 0);
		stop(&s);
		assert_string_equal(s.unit, cases[i].unit);
	}
}

static void test_restart_of_a_silent_systemd_times_out(void **state)
{
	struct systemd s;
	struct error e;

	(void)state;
	start(&s, SILENT, 0);
	assert_int_equal(restart(s.socket, deadline_in(100), NULL, &e), -ETIMEDOUT);
	stop(&s);
}

static void test_restart_that_is_cancelled_ends(void **state)
{
	struct cancel cancel;
	struct systemd s;
	struct error e;

	(void)state;
	assert_int_equal(cancel_init(&cancel, &e), 0);
	cancel_raise(&cancel);
	start(&s, SILENT, 0);
	assert_int_equal(restart(s.socket, deadline_in(5000), &cancel, &e), -ECANCELED);
	stop(&s);
	cancel_done(&cancel);
}

static void test_restart_without_systemd_says_so(void **state)
{
	struct error e;

	(void)state;
	assert_int_equal(restart("/nonexistent/private", deadline_in(100), NULL, &e), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart_ends_as_systemd_says),
		cmocka_unit_test(test_restart_is_of_the_unit_that_runs),
		cmocka_unit_test(test_restart_of_a_silent_systemd_times_out),
		cmocka_unit_test(test_restart_that_is_cancelled_ends),
		cmocka_unit_test(test_restart_without_systemd_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
