/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine-edit - configure our handlers in a folder for the binary of an engine.
 *
 * Arguments: BINARY DIR, "present" or "absent", and, for more than a configuration of "k8s", the
 * flavour, the engine's socket and the snapshotter of the handler.
 *
 * What an installer does but for the restart: plan, validation by that very program, edit.  Its
 * exit status is 0 if a change was made, 2 if none was needed, 1 with the reason if it is refused.
 * Run by tests of it/.
 */
#include <stdio.h>
#include <string.h>

#include "lib/host/engine.h"
#include "lib/host/envoy.h"
#include "tests/it/engine-program.h"

#define WAIT_MS 60000

static const char *arg_binary;

static struct handler handlers[] = {
	{ "kata-qemu", "/opt/kata/bin/containerd-shim-kata-v2", "/opt/kata/c.toml", "/etc/kata/l",
	  NULL },
};

/* The binary in place of the daemon that listens on the socket. */
static int run_here(const struct engine *engine, char *const *argv, uint64_t deadline_ms,
		    const struct cancel *cancel, struct task_result *ret_result, struct error *e)
{
	_strv_ strv own = strv_copy(argv);

	(void)engine;
	if (str_starts(own[0], ENVOY_PEER))
		str_set(&own[0], arg_binary);
	return program_run(own, deadline_ms, cancel, ret_result, e);
}

/* "containerd github.com/containerd/containerd/v2 v2.0.5 ...", "crio version 1.36.3\n..." */
static int ask_version(struct engine *engine, struct error *e)
{
	_task_result_ struct task_result result = { 0 };
	static char program[] = ENVOY_PEER, option[] = "--version";
	char *argv[] = { program, option, NULL };
	_strv_ strv words = NULL;

	if (run_here(engine, argv, deadline_in(WAIT_MS), NULL, &result, e) < 0)
		return -e->code;
	words = strv_split(result.out, " \n");
	return strv_len(words) < 3 ? fail(e, EPROTO, "no version")
				   : engine_set_version(engine, words[2], e);
}

static int change(const struct engine *engine, enum presence presence, struct error *e)
{
	const struct handlers all = { handlers, ARRAY_SIZE(handlers), presence };
	const struct engine_driver *driver = engine->driver;
	_edit_ struct edit edit = { 0 };

	if (driver->plan(engine, &all, &edit, e) < 0)
		return -e->code;
	if (!edit_is_needed(&edit))
		return 0;
	if (driver->validate(engine, &edit, &all, deadline_in(WAIT_MS), NULL, e) < 0)
		return -e->code;
	return edit_apply(&edit, e) < 0 ? -e->code : 1;
}

static const struct owner owner = { .program = "kata-deploy", .name = "kata-deploy" };

int main(int argc, char **argv)
{
	struct engine engine = {
		.owner = &owner,
		.socket = "",
		.exec = run_here,
	};
	struct error e = { 0 };
	int r;

	if (argc < 4 || argc > 7)
		return 64;
	arg_binary = argv[1];
	engine.dir = argv[2];
	if (argc == 7) {
		engine.socket = argv[5];
		handlers[0].snapshotter = argv[6];
	}
	r = flavour_find(argc > 4 ? argv[4] : "k8s", &engine.flavour, &e);
	if (r >= 0) {
		engine.driver = engine_driver(engine.flavour);
		engine.main_file = engine.flavour->main_file;
		r = ask_version(&engine, &e);
	}
	if (r >= 0)
		r = change(&engine,
			   str_equal(argv[3], "absent") ? HANDLERS_ABSENT : HANDLERS_PRESENT, &e);
	engine_done(&engine);
	if (r < 0)
		fprintf(stderr, "%s\n", e.msg);
	return r < 0 ? 1 : r == 0 ? 2 : 0;
}
