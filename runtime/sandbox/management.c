/* SPDX-License-Identifier: Apache-2.0 */
/*
 * management - ask the shim of a sandbox.
 *
 * The request is of HTTP/1.0, so that any server answers in one piece and closes: the answer is
 * what comes until then.  The shim may have been taken over by its guest, so it is bounded, and
 * what it says is shown as text.  Blocks until the deadline.
 */

#include "runtime/sandbox/management.h"

#include <string.h>
#include <sys/socket.h>

#include "lib/buf.h"
#include "lib/foreign.h"
#include "lib/json.h"
#include "lib/sock.h"
#include "lib/str.h"
#include "lib/wire.h"
#include "runtime/sandbox/state.h"

#define SOCKET      "shim-monitor.sock"
#define FOREIGN_MAX (16 * MIB)

/* Of shims in Go, and ours; of shims in Rust. */
static const char *const roots[] = { STATE_ROOT, "/run/kata" };

static char *socket_below(const char *root, const char *id)
{
	return xasprintf("%s/%s/" SOCKET, root, id);
}

char *management_socket(const char *id)
{
	return socket_below(STATE_ROOT, id);
}

char *management_escape(const char *s)
{
	static const char digits[] = "0123456789ABCDEF";
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789-._~";
	char *escaped = xmalloc(3 * strlen(s) + 1), *at = escaped;

	for (; *s; s++) {
		if (strchr(plain, *s)) {
			*at++ = *s;
			continue;
		}
		*at++ = '%';
		*at++ = digits[(uint8_t)*s >> 4];
		*at++ = digits[*s & 0xf];
	}
	*at = '\0';
	return escaped;
}

static int dial(const char *path, uint64_t deadline_ms, struct error *e)
{
	struct sock_address a = { .kind = SOCK_KIND_UNIX };

	if (strlen(path) >= sizeof(a.path))
		return fail(e, ENAMETOOLONG, "'%s' is too long for a socket", path);
	memcpy(a.path, path, strlen(path) + 1);
	return sock_connect(&a, deadline_ms, NULL, e);
}

static int send_all(int fd, struct buf *b, uint64_t deadline_ms, struct error *e)
{
	while (b->len > 0) {
		ssize_t n;
		int r = wait_fd(fd, POLLOUT, "the shim", deadline_ms, NULL, e);

		if (r < 0)
			return r;
		n = buf_send(b, fd, e);
		/* One that refuses what it has not read to its end: its answer is there already. */
		if (n == -EPIPE || n == -ECONNRESET)
			return 0;
		if (n < 0 && n != -EAGAIN)
			return (int)n;
	}
	return 0;
}

static int receive_all(int fd, struct buf *b, uint64_t deadline_ms, struct error *e)
{
	for (;;) {
		ssize_t n;
		int r = wait_fd(fd, POLLIN, "the shim", deadline_ms, NULL, e);

		if (r < 0)
			return r;
		n = buf_read(b, fd, WIRE_READ_MAX, e);
		if (n == 0 || n == -ECONNRESET)
			return 0;
		if (n < 0 && n != -EAGAIN)
			return (int)n;
	}
}

int management_parse(char *text, enum management_form form, char **ret_answer, struct error *e)
{
	char *blank = strstr(text, "\r\n\r\n");
	char *body = blank ? blank + strlen("\r\n\r\n") : NULL;
	uint32_t status = 0;
	char number[4] = "";

	if (!text[0])
		return fail(e, EPROTO, "the shim hung up without an answer");
	if (blank && (str_starts(text, "HTTP/1.0 ") || str_starts(text, "HTTP/1.1 ")))
		memcpy(number, text + strlen("HTTP/1.1 "), 3);
	if (!number[0] || parse_u32(number, "status", 999, &status, e) < 0)
		return fail(e, EPROTO, "the shim does not answer in HTTP");
	if (status == 200 && form == MANAGEMENT_TEXT) {
		text_make_printable(body);
		*ret_answer = xstrdup(body);
		return 0;
	}
	body = str_trim(body);
	str_make_printable(body);
	if (status != 200)
		return fail(e, EREMOTEIO, "the shim says: %.400s (%u)", body, status);
	*ret_answer = xstrdup(body);
	return 0;
}

static int talk(int fd, const struct management_question *q, struct buf *b, uint64_t deadline_ms,
		char **ret_answer, struct error *e)
{
	_free_ char *text = NULL;
	int r = send_all(fd, b, deadline_ms, e);

	buf_consume(b, b->len);
	if (r >= 0)
		r = receive_all(fd, b, deadline_ms, e);
	if (r < 0)
		return r;
	text = xstrndup((const char *)b->data, b->len);
	return management_parse(text, q->form, ret_answer, e);
}

int management_ask(const char *socket, const struct management_question *q, char **ret_answer,
		   struct error *e)
{
	_free_ char *request =
		q->body ? xasprintf(
				  "%s %s HTTP/1.0\r\nHost: shim\r\nContent-Type: %s\r\n"
				  "Content-Length: %zu\r\n\r\n%s",
				  q->method, q->target, q->type ? q->type : "application/json",
				  strlen(q->body), q->body)
			: xasprintf("%s %s HTTP/1.0\r\nHost: shim\r\n\r\n", q->method, q->target);
	uint64_t deadline_ms = deadline_in(q->wait_ms);
	_close_ int fd = dial(socket, deadline_ms, e);
	_buf_ struct buf b;
	int r;

	buf_init(&b, WIRE_ANSWER_MAX);
	if (fd < 0)
		return fd;
	r = buf_add(&b, request, strlen(request), e);
	return r < 0 ? r : talk(fd, q, &b, deadline_ms, ret_answer, e);
}

int management_ask_sandbox(const char *id, const struct management_question *q, char **ret_answer,
			   struct error *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		_free_ char *socket = socket_below(roots[i], id);
		int r = management_ask(socket, q, ret_answer, e);

		if (r != -ENOENT && r != -ECONNREFUSED)
			return r;
	}
	return fail(e, ESRCH, "sandbox '%s' has no shim that can be asked", id);
}

/* Upstream's shim in Rust (4.1) has no metrics of these, and aborts where they are missing. */
static bool is_fatal_to_measure(const char *hypervisor)
{
	return str_equal(hypervisor, "qemu") || str_equal(hypervisor, "firecracker");
}

int management_check_metrics(const char *run, const char *id, struct error *e)
{
	_free_ char *path = xasprintf("%s/kata/%s/state.json", run, id);
	_json_ struct json_object *state = NULL;
	const char *type;
	int r;

	if (foreign_kind(run, id) != FOREIGN_RUST)
		return 0;
	r = json_read_file(path, FOREIGN_MAX, &state, e);
	if (r < 0)
		return r;
	type = json_get_str(state, "hypervisor.hypervisor_type");
	if (is_fatal_to_measure(type))
		return fail(
			e, ENOTSUP,
			"the shim of sandbox '%s' is upstream's in Rust, which ends with its pod "
			"when it is asked for the metrics of '%s'",
			id, type);
	return 0;
}
