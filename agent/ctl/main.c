/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kata-agent-ctl - call one method of an agent by hand.
 *
 * There is no table of methods here: the descriptors that protoc-c made know every method, its
 * request and its answer, and pbjson turns both into JSON.  The answer goes to standard output, a
 * refusal to standard error with the agent's own words.  One call per run, on the main thread.
 */

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/rpc/client.h"
#include "lib/rpc/message.h"
#include "lib/rpc/pbjson.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/health.pb-c.h"
#include "lib/sock.h"
#include "lib/str.h"

#define REQUEST_MAX (4 * MIB)
#define TIMEOUT_S   60
#define RETRY_MS    50

static const char usage[] =
	"Usage: kata-agent-ctl --server-address ADDRESS [OPTION...] METHOD [JSON | @FILE]\n"
	"Call METHOD of the agent at ADDRESS with the request JSON (an empty one if left out) and "
	"print\n"
	"the answer: as JSON, or verbatim if it is made of bytes or lines.\n"
	"\n"
	"  -a, --server-address ADDRESS  unix://PATH, vsock://CID:PORT or hvsock://PATH:PORT\n"
	"  -d, --data FILE               bytes for the request's member of bytes; - is standard "
	"input\n"
	"  -t, --timeout SECONDS         give up after that time, connecting included (60)\n"
	"  -r, --retry                   try again while nobody listens there\n"
	"  -l, --list                    print every method with its request and answer\n"
	"  -v, --version                 print the version\n"
	"  -h, --help                    print this\n";

static const struct {
	const ProtobufCServiceDescriptor *descriptor;
	const char *wire_name;
} services[] = {
	{ &agent__agent_service__descriptor, "grpc.AgentService" },
	{ &health__health__descriptor, "grpc.Health" },
};

struct options {
	const char *address;
	const char *method;
	const char *request;
	const char *data_file;
	uint32_t timeout_s;
	bool retries;
};

/* One call under way. */
struct ctl {
	struct loop *loop;
	struct io timer;
	const char *method;
	uint32_t timeout_s;
};

static void list_methods(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		for (unsigned j = 0; j < services[i].descriptor->n_methods; j++) {
			const ProtobufCMethodDescriptor *m = &services[i].descriptor->methods[j];

			(void)printf("%-31s %-37s %s\n", m->name, m->input->short_name,
				     m->output->short_name);
		}
}

static int find_method(const char *name, struct rpc_call *ret_call, struct error *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		const ProtobufCMethodDescriptor *m =
			protobuf_c_service_descriptor_get_method_by_name(services[i].descriptor,
									 name);

		if (!m)
			continue;
		*ret_call = (struct rpc_call){ .service = services[i].wire_name,
					       .name = m->name,
					       .in = m->input,
					       .out = m->output };
		return 0;
	}
	return fail(e, EINVAL, "the agent protocol has no method '%.64s' (see --list)", name);
}

/* The bytes member of a message of TYPE; JSON has no notation for it. */
static const ProtobufCFieldDescriptor *bytes_of(const ProtobufCMessageDescriptor *type)
{
	for (unsigned i = 0; i < type->n_fields; i++)
		if (type->fields[i].type == PROTOBUF_C_TYPE_BYTES)
			return &type->fields[i];
	return NULL;
}

static int read_data(const char *path, void *message, struct error *e)
{
	const ProtobufCMessage *base = message;
	const ProtobufCFieldDescriptor *field = bytes_of(base->descriptor);
	ProtobufCBinaryData *data;
	char *bytes;
	int r;

	if (!field)
		return fail(e, EINVAL, "%s has no member for --data", base->descriptor->short_name);
	data = (void *)((char *)message + field->offset);
	if (str_equal(path, "-"))
		r = file_read_fd(STDIN_FILENO, "standard input", REQUEST_MAX, &bytes, &data->len,
				 e);
	else
		r = file_read(path, REQUEST_MAX, &bytes, &data->len, e);
	if (r == 0)
		data->data = (uint8_t *)bytes;
	return r;
}

static int parse_request(const struct rpc_call *call, const char *text, void *ret_message,
			 struct error *e)
{
	_strv_ strv unknown = NULL;
	int r = pbjson_parse(text, strlen(text), call->in->short_name, call->in, &unknown,
			     ret_message, e);

	if (r == 0 && unknown)
		return fail(e, EINVAL, "%s has no member '%.64s'", call->in->short_name,
			    unknown[0]);
	return r;
}

/* The request is JSON, "@FILE" with JSON in it, or nothing. */
static int read_request(const struct rpc_call *call, const struct options *o, void *ret_message,
			struct error *e)
{
	_free_ char *content = NULL;
	const char *text = o->request ? o->request : "{}";
	_message_ void *message = NULL;
	int r;

	if (text[0] == '@') {
		r = file_read(text + 1, REQUEST_MAX, &content, NULL, e);
		if (r < 0)
			return r;
		text = content;
	}
	r = parse_request(call, text, &message, e);
	if (r == 0 && o->data_file)
		r = read_data(o->data_file, message, e);
	if (r == 0)
		*(void **)ret_message = TAKE_PTR(message);
	return r;
}

/* The lines of an answer that is one long text, or NULL. */
static const char *text_of(const ProtobufCMessage *out)
{
	const ProtobufCFieldDescriptor *field = out->descriptor->fields;
	const char *text;

	if (out->descriptor->n_fields != 1 || field->label == PROTOBUF_C_LABEL_REPEATED ||
	    field->type != PROTOBUF_C_TYPE_STRING)
		return NULL;
	text = *(char *const *)((const char *)out + field->offset);
	return strchr(text, '\n') ? text : NULL;
}

static void print_answer(const void *out)
{
	const ProtobufCMessage *base = out;
	const ProtobufCFieldDescriptor *field = bytes_of(base->descriptor);
	_json_ struct json_object *object = NULL;
	const char *text = text_of(base);

	if (field) {
		const ProtobufCBinaryData *data = (const void *)((const char *)out + field->offset);

		if (data->len)
			(void)fwrite(data->data, 1, data->len, stdout);
	} else if (text) {
		(void)fputs(text, stdout);
	} else {
		object = pbjson_write(out);
		(void)printf("%s\n", json_text(object));
	}
}

static bool is_not_there_yet(int r)
{
	return r == -ECONNREFUSED || r == -ECONNRESET || r == -ENOENT || r == -ENODEV ||
	       r == -ENETUNREACH;
}

static int dial(const struct options *o, uint64_t deadline_ms, struct error *e)
{
	struct sock_address address;
	int r = sock_parse(o->address, &address, e);

	if (r < 0)
		return r;
	for (;;) {
		struct error late;

		r = sock_connect(&address, deadline_ms, NULL, e);
		if (r >= 0 || !o->retries || !is_not_there_yet(r) ||
		    wait_pause(RETRY_MS, "agent", deadline_ms, NULL, &late) < 0)
			return r;
	}
}

static void on_timeout(struct io *io, uint32_t events)
{
	struct ctl *ctl = CONTAINER_OF(io, struct ctl, timer);

	(void)events;
	timer_read(io->fd);
	(void)fprintf(stderr, "kata-agent-ctl: no answer to %s within %u s\n", ctl->method,
		      ctl->timeout_s);
	loop_stop(ctl->loop, 1);
}

static void on_answer(void *arg, void *out, const struct error *error)
{
	struct ctl *ctl = arg;

	if (!out) {
		(void)fprintf(stderr, "kata-agent-ctl: %s: %s\n", ctl->method, error->msg);
		loop_stop(ctl->loop, 1);
		return;
	}
	print_answer(out);
	loop_stop(ctl->loop, 0);
}

static int call(struct ctl *ctl, int own_fd, const struct rpc_call *what, const void *request,
		struct error *e)
{
	_cleanup_(rpc_client_freep) struct rpc_client *client =
		rpc_client_new(ctl->loop, own_fd, e);

	if (!client)
		return -e->code;
	ctl->timer = (struct io){ .fd = timer_open(e), .ready = on_timeout };
	if (ctl->timer.fd < 0 || loop_add(ctl->loop, &ctl->timer, EPOLLIN, e) < 0)
		return -e->code;
	timer_arm(ctl->timer.fd, (uint64_t)ctl->timeout_s * 1000, 0);
	if (rpc_call_async(client, what, request, on_answer, ctl, e) < 0)
		return -e->code;
	return loop_run(ctl->loop);
}

static int run(const struct options *o, struct error *e)
{
	_cleanup_(loop_freep) struct loop *loop = loop_new(e);
	struct ctl ctl = {
		.loop = loop, .timer.fd = -1, .method = o->method, .timeout_s = o->timeout_s
	};
	_message_ void *request = NULL;
	struct rpc_call what;
	int r;

	if (!loop)
		return -e->code;
	r = find_method(o->method, &what, e);
	if (r == 0)
		r = read_request(&what, o, &request, e);
	if (r == 0)
		r = dial(o, deadline_in((uint64_t)o->timeout_s * 1000), e);
	if (r >= 0)
		r = call(&ctl, r, &what, request, e);
	loop_del(loop, &ctl.timer);
	(void)close_fd(ctl.timer.fd);
	return r;
}

/* Returns -1 to go on, else the exit status. */
static int parse_arguments(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "server-address", required_argument, NULL, 'a' },
		{ "data", required_argument, NULL, 'd' },
		{ "timeout", required_argument, NULL, 't' },
		{ "retry", no_argument, NULL, 'r' },
		{ "list", no_argument, NULL, 'l' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct error e;
	int c;

	while ((c = getopt_long(argc, argv, "a:d:t:rlvh", options, NULL)) >= 0) {
		switch (c) {
		case 'a':
			o->address = optarg;
			break;
		case 'd':
			o->data_file = optarg;
			break;
		case 't':
			if (parse_u32(optarg, "timeout", 86400, &o->timeout_s, &e) == 0)
				break;
			(void)fprintf(stderr, "kata-agent-ctl: %s\n", e.msg);
			return 2;
		case 'r':
			o->retries = true;
			break;
		case 'l':
			list_methods();
			return 0;
		case 'v':
			(void)printf("kata-agent-ctl version %s\n", KATA_VERSION);
			return 0;
		case 'h':
			(void)fputs(usage, stdout);
			return 0;
		default:
			(void)fputs(usage, stderr);
			return 2;
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct options o = { .timeout_s = TIMEOUT_S };
	struct error e = { 0 };
	int status = parse_arguments(argc, argv, &o);

	if (status >= 0)
		return status;
	if (!o.address || optind >= argc || argc - optind > 2) {
		(void)fputs(usage, stderr);
		return 2;
	}
	o.method = argv[optind];
	o.request = argv[optind + 1];
	log_open("kata-agent-ctl", STDERR_FILENO, LOG_TEXT, LOG_LEVEL_WARN);
	status = run(&o, &e);
	if (status < 0)
		(void)fprintf(stderr, "kata-agent-ctl: %s\n", e.msg);
	return status == 0 ? 0 : 1;
}
