/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmp - QEMU's machine protocol: one JSON object per line, in both directions.
 *
 * A command carries a number of ours as its id.  Until the line with that number comes, events are
 * put aside (the oldest are dropped beyond QMP_EVENTS_MAX) and answers with smaller numbers, which
 * belong to commands we gave up on, are forgotten.  Anything else breaks the connection for good:
 * a peer that does not follow the protocol is not asked a second time.
 */

#include "runtime/vmm/qemu/qmp.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/buf.h"

#define READ_SIZE 16384

struct qmp {
	int fd;
	bool is_broken;
	bool is_late; /* what came last came after the deadline of this call */
	struct buf in;
	size_t n_scanned; /* bytes of in that hold no newline */
	int64_t last_id;
	struct json_object *events[QMP_EVENTS_MAX];
	size_t n_events;
};

void qmp_free(struct qmp *qmp)
{
	if (!qmp)
		return;
	(void)close_fd(qmp->fd);
	buf_done(&qmp->in);
	for (size_t i = 0; i < qmp->n_events; i++)
		json_putp(&qmp->events[i]);
	free(qmp);
}

static int break_off(struct qmp *qmp, int r)
{
	qmp->is_broken = true;
	return r;
}

static void remove_event(struct qmp *qmp, size_t i)
{
	json_putp(&qmp->events[i]);
	qmp->n_events--;
	memmove(&qmp->events[i], &qmp->events[i + 1], (qmp->n_events - i) * sizeof(qmp->events[0]));
}

static void keep_event(struct qmp *qmp, struct json_object *own_event)
{
	if (qmp->n_events == QMP_EVENTS_MAX)
		remove_event(qmp, 0);
	qmp->events[qmp->n_events++] = own_event;
}

/* Appends what is there, waiting for it. */
static int read_more(struct qmp *qmp, uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	ssize_t n;
	int r;

	/* A peer that never stops talking is always ready to be read. */
	if (qmp->is_late)
		return fail(e, ETIMEDOUT, "waiting for qemu: it talks, but not of this");
	r = wait_fd(qmp->fd, POLLIN, "waiting for qemu", deadline_ms, c, e);
	if (r < 0)
		return r;
	qmp->is_late = now_ms() >= deadline_ms;
	n = buf_read(&qmp->in, qmp->fd, READ_SIZE, e);
	if (n == -EAGAIN)
		return 0;
	if (n == 0)
		n = fail(e, ECONNRESET, "qemu closed its control connection");
	return n < 0 ? break_off(qmp, (int)n) : 0;
}

/* The next line without its end; *ret_len bytes at the front of in, *ret_skip with the end. */
static int next_line(struct qmp *qmp, size_t *ret_len, uint64_t deadline_ms, const struct cancel *c,
		     struct error *e)
{
	const uint8_t *end;
	int r;

	for (;;) {
		end = NULL;
		if (qmp->in.len > qmp->n_scanned)
			end = memchr(qmp->in.data + qmp->n_scanned, '\n',
				     qmp->in.len - qmp->n_scanned);
		if (end) {
			*ret_len = (size_t)(end - qmp->in.data) + 1;
			qmp->n_scanned = 0;
			return 0;
		}
		qmp->n_scanned = qmp->in.len;
		r = read_more(qmp, deadline_ms, c, e);
		if (r < 0)
			return r;
	}
}

static int next_message(struct qmp *qmp, struct json_object **ret_message, uint64_t deadline_ms,
			const struct cancel *c, struct error *e)
{
	_json_ struct json_object *message = NULL;
	size_t len = 0;
	int r;

	if (qmp->is_broken)
		return fail(e, ECONNRESET, "the control connection to qemu is broken");
	r = next_line(qmp, &len, deadline_ms, c, e);
	if (r < 0)
		return r;
	r = json_parse((const char *)qmp->in.data, len, "message of qemu", &message, e);
	buf_consume(&qmp->in, len);
	if (r < 0)
		return break_off(qmp, r);
	if (!json_object_is_type(message, json_type_object))
		return break_off(qmp, fail(e, EPROTO, "message of qemu is not an object"));
	*ret_message = TAKE_PTR(message);
	return 0;
}

/* Takes over MESSAGE if it is an event. */
static bool take_event(struct qmp *qmp, struct json_object **message)
{
	if (!json_get_str(*message, "event"))
		return false;
	keep_event(qmp, TAKE_PTR(*message));
	return true;
}

static int refusal(struct json_object *message, const char *command, struct error *e)
{
	const char *text = json_get_str(message, "error.desc");

	return fail(e, EREMOTEIO, "qemu refused '%s': %.384s", command,
		    text ? text : "no reason given");
}

/* Waits for the answer to COMMAND, the last one sent. */
static int next_answer(struct qmp *qmp, const char *command, struct json_object **ret_result,
		       uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	struct json_object *result;
	int64_t id;
	int r;

	for (;;) {
		_json_ struct json_object *message = NULL;

		r = next_message(qmp, &message, deadline_ms, c, e);
		if (r < 0)
			return r;
		if (take_event(qmp, &message))
			continue;
		id = json_get_int(message, "id", -1);
		if (id >= 0 && id < qmp->last_id)
			continue;
		if (json_at(message, "error"))
			return refusal(message, command, e);
		result = json_at(message, "return");
		if (id != qmp->last_id || !result)
			return break_off(qmp, fail(e, EPROTO,
						   "qemu answered '%s' with a message "
						   "that is no answer",
						   command));
		if (ret_result)
			*ret_result = json_object_get(result);
		return 0;
	}
}

static ssize_t send_bytes(int fd, const char *bytes, size_t len, int passed_fd)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { .iov_len = len };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *header;

	memcpy(&iov.iov_base, &bytes, sizeof(bytes));
	if (passed_fd >= 0) {
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &passed_fd, sizeof(int));
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* A command that was sent in part cannot be taken back: the connection is broken then. */
static int send_all(struct qmp *qmp, const char *text, size_t len, int passed_fd,
		    uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	size_t done = 0;
	ssize_t n;
	int r;

	while (done < len) {
		r = wait_fd(qmp->fd, POLLOUT, "sending to qemu", deadline_ms, c, e);
		if (r < 0)
			return done ? break_off(qmp, r) : r;
		n = send_bytes(qmp->fd, text + done, len - done, done ? -1 : passed_fd);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return break_off(qmp, fail(e, errno, "cannot send to qemu: %m"));
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int qmp_call_fd(struct qmp *qmp, const char *command, struct json_object *own_arguments, int fd,
		struct json_object **ret_result, uint64_t deadline_ms, const struct cancel *c,
		struct error *e)
{
	_json_ struct json_object *request = json_object_new_object();
	_free_ char *line = NULL;
	int r;

	json_set_str(request, "execute", command);
	if (own_arguments)
		(void)json_object_object_add(request, "arguments", own_arguments);
	if (qmp->is_broken)
		return fail(e, ECONNRESET, "the control connection to qemu is broken");
	json_set_int(request, "id", ++qmp->last_id);
	qmp->is_late = false;
	line = xasprintf("%s\r\n", json_text(request));
	r = send_all(qmp, line, strlen(line), fd, deadline_ms, c, e);
	if (r < 0)
		return fail_wrap(e, "%s", command);
	r = next_answer(qmp, command, ret_result, deadline_ms, c, e);
	if (r < 0 && r != -EREMOTEIO)
		return fail_wrap(e, "%s", command);
	return r;
}

int qmp_call(struct qmp *qmp, const char *command, struct json_object *own_arguments,
	     struct json_object **ret_result, uint64_t deadline_ms, const struct cancel *c,
	     struct error *e)
{
	return qmp_call_fd(qmp, command, own_arguments, -1, ret_result, deadline_ms, c, e);
}

static bool is_event(struct json_object *event, const char *name, const char *device)
{
	if (!str_equal(json_get_str(event, "event"), name))
		return false;
	return !device || str_equal(json_get_str(event, "data.device"), device);
}

static bool find_event(struct qmp *qmp, const char *name, const char *device)
{
	for (size_t i = 0; i < qmp->n_events; i++) {
		if (!is_event(qmp->events[i], name, device))
			continue;
		remove_event(qmp, i);
		return true;
	}
	return false;
}

int qmp_wait_event(struct qmp *qmp, const char *name, const char *device, uint64_t deadline_ms,
		   const struct cancel *c, struct error *e)
{
	int r;

	qmp->is_late = false;
	while (!find_event(qmp, name, device)) {
		_json_ struct json_object *message = NULL;

		r = next_message(qmp, &message, deadline_ms, c, e);
		if (r < 0)
			return fail_wrap(e, "event %s", name);
		(void)take_event(qmp, &message);
	}
	return 0;
}

static int negotiate(struct qmp *qmp, uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	_json_ struct json_object *greeting = NULL;
	int r;

	r = next_message(qmp, &greeting, deadline_ms, c, e);
	if (r < 0)
		return r;
	if (!json_at(greeting, "QMP"))
		return break_off(qmp, fail(e, EPROTO, "what qemu said first is no greeting"));
	return qmp_call(qmp, "qmp_capabilities", NULL, NULL, deadline_ms, c, e);
}

int qmp_open(int own_fd, uint64_t deadline_ms, const struct cancel *c, struct qmp **ret_qmp,
	     struct error *e)
{
	_cleanup_(qmp_freep) struct qmp *qmp = xcalloc(1, sizeof(*qmp));
	int flags, r;

	qmp->fd = own_fd;
	buf_init(&qmp->in, QMP_LINE_MAX);
	flags = fcntl(own_fd, F_GETFL);
	if (flags < 0 || fcntl(own_fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return fail(e, errno, "cannot make qemu's control connection non-blocking: %m");
	r = negotiate(qmp, deadline_ms, c, e);
	if (r < 0)
		return r;
	*ret_qmp = TAKE_PTR(qmp);
	return 0;
}
