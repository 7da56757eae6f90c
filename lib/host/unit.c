/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit - restart or reload a service through systemd's own socket.
 *
 * The private socket needs no bus daemon and works for root from inside a container; on it every
 * signal of the manager arrives unasked.  A request is answered with a job; its JobRemoved signal
 * says how it ended.  The job can end before the answer is read, so signals are kept until it is
 * known. May block, with a deadline; a cancel is seen within half a second.
 *
 * Of several units the one that runs is meant: a node of rke2 has those of both roles, and starting
 * the other one stops it.  What has failed did run; a systemd before 230 cannot be asked.
 *
 * systemd may read a request together with the end of the handshake and then looks at it only when
 * something more arrives: a request that stays without answer is followed by pings.
 */
#include "lib/host/unit.h"

#include <dbus/dbus.h>
#include <string.h>

#include "lib/file.h"
#include "lib/str.h"

#define SYSTEMD      "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER      "org.freedesktop.systemd1.Manager"
#define PEER         "org.freedesktop.DBus.Peer"
#define NO_SUCH_UNIT SYSTEMD ".NoSuchUnit"
#define SLICE_MS     500
#define QUIET_MS     (SLICE_MS / 2)

struct job {
	DBusConnection *bus;
	dbus_uint32_t serial;
	int (*on_reply)(struct job *job, DBusMessage *m, struct error *e);
	char *path;   /* of the job, once known */
	strv removed; /* "PATH RESULT" of jobs that ended before */
	char *unit;   /* the one that runs, if that was asked */
	bool is_done;
};

static void set_string(char **to, DBusMessageIter *i)
{
	const char *s = NULL;
	int type = dbus_message_iter_get_arg_type(i);

	if (type == DBUS_TYPE_STRING || type == DBUS_TYPE_OBJECT_PATH)
		dbus_message_iter_get_basic(i, &s);
	str_set(to, s);
}

/* JobRemoved(u id, o job, s unit, s result) */
static void on_removed(struct job *job, DBusMessage *m)
{
	_free_ char *path = NULL;
	_free_ char *result = NULL;
	DBusMessageIter i;

	if (!dbus_message_iter_init(m, &i) || !dbus_message_iter_next(&i))
		return;
	set_string(&path, &i);
	if (!dbus_message_iter_next(&i) || !dbus_message_iter_next(&i))
		return;
	set_string(&result, &i);
	if (path && result)
		strv_addf(&job->removed, "%s %s", path, result);
}

static int on_job(struct job *job, DBusMessage *m, struct error *e)
{
	DBusMessageIter i;
	_free_ char *why = NULL;

	if (dbus_message_iter_init(m, &i))
		set_string(dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_ERROR ? &why : &job->path,
			   &i);
	if (dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_ERROR)
		return fail(e, dbus_message_is_error(m, NO_SUCH_UNIT) ? ENXIO : EREMOTEIO,
			    "systemd refuses: %s", why ? why : dbus_message_get_error_name(m));
	return job->path ? 0 : fail(e, EPROTO, "systemd's answer names no job");
}

/* a(ssssssouso): name, description, load state, active state, and so on */
static int on_units(struct job *job, DBusMessage *m, struct error *e)
{
	DBusMessageIter list, one;

	(void)e;
	job->is_done = true;
	if (dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_ERROR ||
	    !dbus_message_has_signature(m, "a(ssssssouso)"))
		return 0;
	(void)dbus_message_iter_init(m, &list);
	for (dbus_message_iter_recurse(&list, &one);
	     !job->unit && dbus_message_iter_get_arg_type(&one) == DBUS_TYPE_STRUCT;
	     (void)dbus_message_iter_next(&one)) {
		_free_ char *name = NULL;
		_free_ char *state = NULL;
		DBusMessageIter field;

		dbus_message_iter_recurse(&one, &field);
		set_string(&name, &field);
		for (unsigned i = 0; i < 3; i++)
			(void)dbus_message_iter_next(&field);
		set_string(&state, &field);
		if (!str_equal(state, "inactive"))
			job->unit = TAKE_PTR(name);
	}
	return 0;
}

static int on_message(struct job *job, DBusMessage *m, struct error *e)
{
	if (dbus_message_is_signal(m, MANAGER, "JobRemoved"))
		on_removed(job, m);
	else if (dbus_message_get_reply_serial(m) == job->serial)
		return job->on_reply(job, m, e);
	return 0;
}

/* Looks whether our job is among those that ended. */
static int check_removed(struct job *job, struct error *e)
{
	size_t len = job->path ? strlen(job->path) : 0;

	for (char **r = job->removed; len > 0 && r && *r; r++) {
		if (strncmp(*r, job->path, len) != 0 || (*r)[len] != ' ')
			continue;
		job->is_done = true;
		if (strcmp(*r + len + 1, "done") != 0)
			return fail(e, EREMOTEIO, "the job ended as '%s'", *r + len + 1);
	}
	return 0;
}

static void ping(struct job *job)
{
	DBusMessage *m = dbus_message_new_method_call(SYSTEMD, MANAGER_PATH, PEER, "Ping");

	if (!m)
		return;
	dbus_message_set_no_reply(m, TRUE);
	(void)dbus_connection_send(job->bus, m, NULL);
	dbus_message_unref(m);
}

/* Sends and receives for one slice. */
static int exchange(struct job *job, struct error *e)
{
	uint64_t began = now_ms();

	if (!dbus_connection_read_write(job->bus, SLICE_MS))
		return fail(e, ECONNRESET, "systemd closed the connection");
	if (!job->path && now_ms() - began >= QUIET_MS)
		ping(job);
	return 0;
}

static int wait_job(struct job *job, uint64_t deadline_ms, const struct cancel *cancel,
		    struct error *e)
{
	DBusMessage *m;
	int r = 0;

	while (!job->is_done) {
		if (cancel && cancel_is_raised(cancel))
			return fail(e, ECANCELED, "cancelled");
		if (now_ms() >= deadline_ms)
			return fail(e, ETIMEDOUT, "systemd did not finish in time");
		if (exchange(job, e) < 0)
			return -e->code;
		while (r >= 0 && (m = dbus_connection_pop_message(job->bus)) != NULL) {
			r = on_message(job, m, e);
			dbus_message_unref(m);
		}
		if (r < 0 || check_removed(job, e) < 0)
			return -e->code;
	}
	return 0;
}

/* M is consumed. */
static int send_request(struct job *job, DBusMessage *own_m, bool is_whole, struct error *e)
{
	bool is_sent = own_m && is_whole && dbus_connection_send(job->bus, own_m, &job->serial);

	if (own_m)
		dbus_message_unref(own_m);
	return is_sent ? 0 : fail(e, EIO, "cannot send the request");
}

static int ask_job(struct job *job, const char *method, const char *unit, struct error *e)
{
	static const char mode[] = "replace";
	const char *mode_arg = mode;
	DBusMessage *m = dbus_message_new_method_call(NULL, MANAGER_PATH, MANAGER, method);
	bool is_whole = m && dbus_message_append_args(m, DBUS_TYPE_STRING, &unit, DBUS_TYPE_STRING,
						      &mode_arg, DBUS_TYPE_INVALID);

	return send_request(job, m, is_whole, e);
}

static int ask_units(struct job *job, const char *const *units, struct error *e)
{
	DBusMessage *m =
		dbus_message_new_method_call(NULL, MANAGER_PATH, MANAGER, "ListUnitsByNames");
	int n = 0;

	while (units[n])
		n++;
	return send_request(job, m,
			    m && dbus_message_append_args(m, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING,
							  &units, n, DBUS_TYPE_INVALID),
			    e);
}

static int connect_to(const char *socket, DBusConnection **ret_bus, struct error *e)
{
	_free_ char *address = xasprintf("unix:path=%s", socket);
	DBusError error;

	if (!file_exists(socket))
		return fail(e, ENOENT, "there is no systemd at '%s'", socket);
	dbus_error_init(&error);
	*ret_bus = dbus_connection_open_private(address, &error);
	if (*ret_bus) {
		dbus_connection_set_exit_on_disconnect(*ret_bus, FALSE);
		return 0;
	}
	(void)fail(e, ECONNREFUSED, "cannot connect to systemd at '%s': %s", socket, error.message);
	dbus_error_free(&error);
	return -e->code;
}

static void job_done(struct job *job)
{
	free(job->path);
	free(job->unit);
	strv_free(job->removed);
}

static int do_one(DBusConnection *bus, const char *method, const char *unit, uint64_t deadline_ms,
		  const struct cancel *cancel, struct error *e)
{
	_cleanup_(job_done) struct job job = { .bus = bus, .on_reply = on_job };
	int r = ask_job(&job, method, unit, e);

	return r < 0 ? r : wait_job(&job, deadline_ms, cancel, e);
}

/* *RET_UNIT is NULL where there is but one, or none runs. */
static int find_running(DBusConnection *bus, const char *const *units, uint64_t deadline_ms,
			const struct cancel *cancel, char **ret_unit, struct error *e)
{
	_cleanup_(job_done) struct job job = { .bus = bus, .on_reply = on_units };
	int r;

	*ret_unit = NULL;
	if (!units[1])
		return 0;
	r = ask_units(&job, units, e);
	if (r >= 0)
		r = wait_job(&job, deadline_ms, cancel, e);
	if (r >= 0)
		*ret_unit = TAKE_PTR(job.unit);
	return r;
}

static int do_first(DBusConnection *bus, const char *method, const char *const *units,
		    uint64_t deadline_ms, const struct cancel *cancel, struct error *e)
{
	const char *verb = strcmp(method, "ReloadUnit") == 0 ? "reloading" : "restarting";
	_free_ char *running = NULL;
	int r = find_running(bus, units, deadline_ms, cancel, &running, e);

	if (r < 0)
		return fail_wrap(e, "%s '%s'", verb, *units);
	do {
		const char *unit = running ? running : *units;

		r = do_one(bus, method, unit, deadline_ms, cancel, e);
		if (r < 0)
			(void)fail_wrap(e, "%s '%s'", verb, unit);
	} while (r == -ENXIO && !running && *++units);
	return r;
}

int unit_do(const char *socket, const char *job, const char *const *units, uint64_t deadline_ms,
	    const struct cancel *cancel, struct error *e)
{
	DBusConnection *bus = NULL;
	int r = connect_to(socket, &bus, e);

	if (r < 0)
		return r;
	r = do_first(bus, job, units, deadline_ms, cancel, e);
	dbus_connection_close(bus);
	dbus_connection_unref(bus);
	return r;
}
