/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine-life - a driver's whole life beside the engine that runs.
 *
 * Arguments: FLAVOUR ACTION..., where ACTION is
 *
 *  - present, absent: configure, and have it taken up by the program "restart" in /usr/local/bin;
 *
 *  - handlers: what it has in use;
 *
 *  - users: what still uses ours;
 *
 *  - task ROOTFS CONFIG: run what the OCI configuration says, in that root, by runc.
 *
 * For a machine without a kubelet, on which a program that sets it up runs itself.  Exit status 0,
 * or 1 with the reason; of the first two 2 if nothing had to be changed.
 */
#include <stdio.h>
#include <string.h>

#include "lib/host/endpoint.h"
#include "lib/host/engine.h"
#include "lib/host/live.h"
#include "tests/it/engine-program.h"

#define WAIT_MS 120000

static const struct handler handlers[] = {
	{ "kata-qemu", "/opt/kata/bin/containerd-shim-kata-v2",
	  "/opt/kata/share/defaults/kata-containers/configuration-qemu.toml", "/etc/kata/l", NULL },
};

static const struct owner owner = { .program = "kata-deploy", .name = "kata-deploy" };

static int run_here(const struct engine *engine, char *const *argv, uint64_t deadline_ms,
		    const struct cancel *cancel, struct task_result *ret_result, struct error *e)
{
	_strv_ strv own = strv_copy(argv);

	(void)engine;
	if (!strchr(own[0], '/')) {
		free(own[0]);
		own[0] = path_join("/usr/sbin", argv[0]);
	}
	return program_run(own, deadline_ms, cancel, ret_result, e);
}

static int change(const struct engine *engine, enum presence presence, struct error *e)
{
	const struct handlers all = { handlers, ARRAY_SIZE(handlers), presence };
	const struct engine_driver *driver = engine->driver;
	_edit_ struct edit edit = { 0 };

	if (driver->plan(engine, &all, &edit, e) < 0)
		return -e->code;
	if (!edit_is_needed(&edit))
		return 2;
	if (driver->validate(engine, &edit, &all, deadline_in(WAIT_MS), NULL, e) < 0 ||
	    edit_apply(&edit, e) < 0)
		return -e->code;
	return engine_activate(engine, deadline_in(WAIT_MS), NULL, e);
}

static int print_handlers(const struct engine *engine, struct error *e)
{
	_endpoint_state_ struct endpoint_state s = { 0 };
	int r = engine->driver->status(engine->socket, deadline_in(WAIT_MS), NULL, &s, e);

	for (char **h = s.handlers; r >= 0 && h && *h; h++)
		puts(*h);
	if (r >= 0 && !endpoint_lacks(&s, handlers, ARRAY_SIZE(handlers)))
		puts("ours as it should be");
	return r;
}

static int print_users(const struct engine *engine, struct error *e)
{
	_live_ struct live l = { 0 };
	_free_ char *text = NULL;
	int r = engine->driver->live(engine->socket, deadline_in(WAIT_MS), NULL, &l, e);

	if (r < 0)
		return r;
	text = live_text(&l);
	puts(live_is_used(&l) ? text : "none");
	return 0;
}

static int run_task(const struct engine *engine, const char *rootfs, const char *config,
		    struct error *e)
{
	_json_ struct json_object *oci = NULL;
	_task_result_ struct task_result result = { 0 };
	_free_ char *dir = path_parent(rootfs);
	struct task_spec spec = {
		.socket = engine->socket,
		.namespace = "kata-deploy",
		.id = "life",
		.runtime = "io.containerd.runc.v2",
		.rootfs = rootfs,
		.fifo_dir = dir,
	};
	int r = json_read_file(config, MIB, &oci, e);

	spec.oci = oci;
	if (r >= 0)
		r = engine->driver->run(&spec, deadline_in(WAIT_MS), NULL, &result, e);
	if (r < 0)
		return r;
	printf("%s%s", result.out, result.err);
	return (int)result.status;
}

static int act(const struct engine *engine, char **argv, int argc, struct error *e)
{
	const char *action = argv[0];

	if (str_equal(action, "present"))
		return change(engine, HANDLERS_PRESENT, e);
	if (str_equal(action, "absent"))
		return change(engine, HANDLERS_ABSENT, e);
	if (str_equal(action, "handlers"))
		return print_handlers(engine, e);
	if (str_equal(action, "users"))
		return print_users(engine, e);
	if (str_equal(action, "task") && argc == 3)
		return run_task(engine, argv[1], argv[2], e);
	return fail(e, EINVAL, "no such action");
}

int main(int argc, char **argv)
{
	_strv_ strv restart = NULL;
	struct engine engine = { .owner = &owner, .exec = run_here };
	struct error e = { 0 };
	int r;

	if (argc < 3)
		return 64;
	strv_add(&restart, "/usr/local/bin/restart");
	engine.restart_command = restart;
	r = flavour_find(argv[1], &engine.flavour, &e);
	if (r >= 0) {
		engine.driver = engine_driver(engine.flavour);
		engine.dir = engine.flavour->dir;
		engine.main_file = engine.flavour->main_file;
		engine.socket = engine.flavour->socket;
		r = engine_identify(&engine, deadline_in(WAIT_MS), NULL, &e);
	}
	if (r >= 0)
		r = act(&engine, argv + 2, argc - 2, &e);
	engine_done(&engine);
	if (r < 0)
		fprintf(stderr, "%s\n", e.msg);
	return r < 0 ? 1 : r;
}
