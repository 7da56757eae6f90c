/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_trial - what a trial makes of an engine that fails, hangs or runs something else.
 *
 * The CRI service is a function in place of grpc_call(): it has a few sandboxes and one manner.
 */

#include "tests/unit/folder.h"

#include "lib/host/trial.h"
#include "lib/http/grpc.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/cri.pb-c.h"

#define SANDBOXES_MAX 16
#define VERSION       "/opt/kata/versions/2"

enum answer { RUNS, REFUSES, HANGS, DIES };

static struct {
	char *records;
	enum answer ours, others; /* of a handler, and of the default one */
	bool is_dead;
	const char *version;    /* what the record of ours says; NULL: there is none */
	const char *by_default; /* the runtime of others */
	unsigned deaf;          /* which list from now on gets no answer; 0: none */
	unsigned stopped;       /* sandboxes that somebody stops at once */
	unsigned n;
	bool is_there[SANDBOXES_MAX];
} cri;

int __wrap_grpc_call(struct http_client *client, const struct grpc_method *method, const void *in,
		     void *ret_out, char *const *headers, uint64_t deadline_ms,
		     const struct cancel *cancel, struct error *e);

static int run(const Cri__RunPodSandboxRequest *in, Cri__RunPodSandboxResponse *out,
	       uint64_t deadline_ms, const struct cancel *cancel, struct error *e)
{
	bool is_ours = *in->runtime_handler != '\0';
	const Cri__Label *network = in->config->n_annotations ? in->config->annotations[0] : NULL;
	enum answer answer = is_ours ? cri.ours : cri.others;

	/* The node's network is asked for, which a shim of ours refuses without this. */
	assert_true(network && str_ends(network->key, ".runtime.internetworking_model") &&
		    strcmp(network->value, "none") == 0);
	cri.is_dead |= answer == DIES;
	if (cri.is_dead)
		return fail(e, ECONNRESET, "the engine is gone");
	if (answer == HANGS || now_ms() >= deadline_ms)
		return wait_pause(60000, "the answer", deadline_ms, cancel, e);
	if (answer == REFUSES)
		return fail(e, EREMOTEIO, is_ours ? "no such handler" : "no image");
	assert_in_range(cri.n, 0, SANDBOXES_MAX - 1);
	out->pod_sandbox_id = xasprintf("s%u", cri.n);
	cri.is_there[cri.n++] = true;
	if (is_ours && cri.version) {
		_free_ char *name = xasprintf("%s/state.json", out->pod_sandbox_id);
		_free_ char *text = xasprintf("{\"version_dir\":\"%s\"}", cri.version);

		folder_put(cri.records, name, text);
	}
	return 0;
}

static void list(Cri__ListPodSandboxResponse *out)
{
	out->items = xcalloc(SANDBOXES_MAX, sizeof(Cri__PodSandbox *));
	for (unsigned i = 0; i < cri.n; i++) {
		if (!cri.is_there[i])
			continue;
		out->items[out->n_items] = message_new(&cri__pod_sandbox__descriptor);
		out->items[out->n_items++]->id = xasprintf("s%u", i);
	}
}

static void look(Cri__PodSandboxStatusResponse *out)
{
	bool is_stopped = cri.stopped > 0;

	cri.stopped -= is_stopped;
	out->status = message_new(&cri__pod_sandbox_status__descriptor);
	out->status->state = is_stopped ? CRI__POD_SANDBOX_STATE__SANDBOX_NOTREADY
					: CRI__POD_SANDBOX_STATE__SANDBOX_READY;
}

static int say(Cri__StatusResponse *out, struct error *e)
{
	Cri__StatusResponse__InfoEntry *info =
		message_new(&cri__status_response__info_entry__descriptor);

	if (cri.is_dead) {
		message_free(info);
		return fail(e, ECONNREFUSED, "the engine is gone");
	}
	out->info = xcalloc(1, sizeof(info));
	out->info[out->n_info++] = info;
	info->key = xstrdup("config");
	info->value = xasprintf("{\"containerd\":{\"defaultRuntimeName\":\"%s\"}}", cri.by_default);
	return 0;
}

int __wrap_grpc_call(struct http_client *client, const struct grpc_method *method, const void *in,
		     void *ret_out, char *const *headers, uint64_t deadline_ms,
		     const struct cancel *cancel, struct error *e)
{
	void *out = method->out ? message_new(method->out) : NULL;
	const char *name = path_base(method->path);
	int r = 0;

	(void)client;
	(void)headers;
	if (str_equal(name, "RunPodSandbox"))
		r = run(in, out, deadline_ms, cancel, e);
	else if (str_equal(name, "ListPodSandbox") && cri.deaf > 0 && --cri.deaf == 0)
		r = fail(e, ECONNRESET, "the engine has hung up");
	else if (str_equal(name, "ListPodSandbox"))
		list(out);
	else if (str_equal(name, "PodSandboxStatus"))
		look(out);
	else if (str_equal(name, "Status"))
		r = say(out, e);
	else if (str_equal(name, "RemovePodSandbox"))
		cri.is_there[((const Cri__PodSandboxRequest *)in)->pod_sandbox_id[1] - '0'] = false;
	if (r < 0 || !ret_out)
		message_free(out);
	else
		*(void **)ret_out = out;
	return r;
}

static struct trial trial_of_ours(void)
{
	return (struct trial){
		.socket = "/nonexistent",
		.handler = "kata-qemu",
		.version_dir = VERSION,
		.records = cri.records,
		.owner = "kata-deploy",
	};
}

static int try_it(const struct cancel *cancel, struct error *e)
{
	const struct trial trial = trial_of_ours();

	return trial_run(&trial, deadline_in(100), cancel, e);
}

static void begin(enum answer ours, enum answer others)
{
	memset(&cri, 0, sizeof(cri));
	cri.records = folder_new();
	cri.ours = ours;
	cri.others = others;
	cri.version = VERSION;
	cri.by_default = "runc";
}

/* Whatever came of it, nothing stays. */
static void end(void)
{
	for (unsigned i = 0; i < cri.n; i++)
		assert_false(cri.is_there[i]);
	folder_remove(cri.records);
}

static void test_handler_is_blamed_only_if_the_default_one_runs(void **state)
{
	static const struct {
		enum answer ours, others;
		int r;
	} cases[] = {
		{ RUNS, REFUSES, 0 },           { REFUSES, RUNS, -EREMOTEIO },
		{ REFUSES, REFUSES, -ENODATA }, { HANGS, RUNS, -ETIMEDOUT },
		{ HANGS, REFUSES, -ENODATA },   { DIES, RUNS, -ECONNRESET },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error e = { 0 };
		int r;

		begin(cases[i].ours, cases[i].others);
		r = try_it(NULL, &e);
		if (r != cases[i].r)
			fail_msg("case %zu: %d, %s", i, r, e.msg);
		end();
	}
}

static void test_engine_without_sandboxes_is_known_before_a_change(void **state)
{
	static const struct {
		enum answer others;
		const char *by_default;
		int r;
	} cases[] = {
		{ RUNS, "runc", 0 },
		{ REFUSES, "runc", -ENODATA },
		{ HANGS, "runc", -ENODATA },
		{ REFUSES, "kata-qemu", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error e = { 0 };
		struct trial trial;
		int r;

		begin(REFUSES, cases[i].others);
		cri.by_default = cases[i].by_default;
		trial = trial_of_ours();
		r = trial_of_others(&trial, deadline_in(100), NULL, &e);
		if (r != cases[i].r)
			fail_msg("case %zu: %d, %s", i, r, e.msg);
		end();
	}
}

static void test_handler_that_is_the_default_one_is_blamed(void **state)
{
	struct error e;

	(void)state;
	begin(REFUSES, REFUSES);
	cri.by_default = "kata-qemu";
	assert_int_equal(try_it(NULL, &e), -EREMOTEIO);
	end();
}

static void test_sandbox_of_somebody_else_is_no_proof(void **state)
{
	struct error e;

	(void)state;
	begin(RUNS, RUNS);
	cri.version = NULL;
	assert_int_equal(try_it(NULL, &e), -EPROTO);
	end();
	begin(RUNS, RUNS);
	cri.version = "/opt/kata/versions/1";
	assert_int_equal(try_it(NULL, &e), -EPROTO);
	end();
}

static void test_sandbox_that_was_stopped_is_run_again_and_not_for_ever(void **state)
{
	struct error e;

	(void)state;
	begin(RUNS, RUNS);
	cri.stopped = 2;
	assert_int_equal(try_it(NULL, &e), 0);
	assert_int_equal(cri.n, 3);
	end();
	begin(RUNS, RUNS);
	cri.stopped = 3;
	assert_int_equal(try_it(NULL, &e), -EAGAIN);
	end();
}

static void test_engine_that_hangs_up_once_keeps_no_sandbox(void **state)
{
	struct error e;

	(void)state;
	begin(RUNS, RUNS);
	cri.deaf = 2;
	assert_int_equal(try_it(NULL, &e), 0);
	assert_int_equal(cri.n, 1);
	end();
}

static void test_cancelled_trial_says_nothing_of_the_engine(void **state)
{
	struct cancel cancel;
	struct error e;

	(void)state;
	assert_int_equal(cancel_init(&cancel, &e), 0);
	cancel_raise(&cancel);
	begin(HANGS, REFUSES);
	assert_int_equal(try_it(&cancel, &e), -ECANCELED);
	end();
	cancel_done(&cancel);
}

static void test_what_a_killed_trial_left_is_removed(void **state)
{
	struct error e;

	(void)state;
	begin(RUNS, RUNS);
	cri.is_there[cri.n++] = true;
	assert_int_equal(trial_clear("/nonexistent", "kata-deploy", &e), 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handler_is_blamed_only_if_the_default_one_runs),
		cmocka_unit_test(test_engine_without_sandboxes_is_known_before_a_change),
		cmocka_unit_test(test_handler_that_is_the_default_one_is_blamed),
		cmocka_unit_test(test_sandbox_of_somebody_else_is_no_proof),
		cmocka_unit_test(test_sandbox_that_was_stopped_is_run_again_and_not_for_ever),
		cmocka_unit_test(test_engine_that_hangs_up_once_keeps_no_sandbox),
		cmocka_unit_test(test_cancelled_trial_says_nothing_of_the_engine),
		cmocka_unit_test(test_what_a_killed_trial_left_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
