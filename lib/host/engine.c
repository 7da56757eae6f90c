/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine - choose the driver for the machine's container engine, and make it take up its
 * configuration.
 *
 * An engine whose version is none of its driver's is refused before anything is touched.  A restart
 * goes through systemd where there is one; the command that is configured for machines without is
 * used on no other.  May block.
 */
#include "lib/host/engine.h"

#include <string.h>

#include "lib/host/containerd.h"
#include "lib/host/crio.h"
#include "lib/host/docker.h"
#include "lib/host/nerdctl.h"
#include "lib/host/task.h"
#include "lib/host/unit.h"

static const struct engine_driver *const drivers[] = { &containerd_driver, &crio_driver,
						       &docker_driver, &nerdctl_driver };

const struct engine_driver *engine_driver(const struct flavour *flavour)
{
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (strcmp(drivers[i]->name, flavour->driver) == 0)
			return drivers[i];
	return NULL;
}

/* "containerd://1.6.20~ds1" without the name, which must be the driver's, and "v2.4.2" without the
 * letter. */
static int skip_name(const struct engine_driver *driver, const char *version,
		     const char **ret_number, struct error *e)
{
	const char *colon = strstr(version, "://");
	size_t len = colon ? (size_t)(colon - version) : 0;
	const char *number = colon ? colon + 3 : version;

	if (colon && (len != strlen(driver->name) || strncmp(version, driver->name, len) != 0))
		return fail(e, ENOTSUP, "container runtime '%s' is not supported; %s is", version,
			    driver->name);
	*ret_number = number + (*number == 'v');
	return 0;
}

static int parse_number(const char **number, const char *version, unsigned *ret_value,
			struct error *e)
{
	_free_ char *digits = xstrndup(*number, strspn(*number, "0123456789"));
	uint32_t value;
	int r = parse_u32(digits, "version", 1000, &value, e);

	if (r < 0)
		return fail_wrap(e, "container runtime version '%s'", version);
	*ret_value = value;
	*number += strlen(digits);
	return 0;
}

int engine_set_version(struct engine *engine, const char *version, struct error *e)
{
	const struct engine_driver *driver = engine->driver;
	const char *number = NULL;
	unsigned major = 0, minor = 0;

	if (skip_name(driver, version, &number, e) < 0 ||
	    parse_number(&number, version, &major, e) < 0)
		return -e->code;
	if (*number == '.') {
		number++;
		if (parse_number(&number, version, &minor, e) < 0)
			return -e->code;
	}
	if (major < driver->min_major || major > driver->max_major)
		return fail(e, ENOTSUP, "%s '%s' is not supported; %u.x to %u.x are", driver->name,
			    version, driver->min_major, driver->max_major);
	str_set(&engine->version, version);
	engine->major = major;
	engine->minor = minor;
	return 0;
}

int engine_identify(struct engine *engine, uint64_t deadline_ms, const struct cancel *cancel,
		    struct error *e)
{
	_free_ char *version = NULL;
	int r = engine->driver->ask_version(engine->socket, deadline_ms, cancel, &version, e);

	return r < 0 ? r : engine_set_version(engine, version, e);
}

int engine_identify_program(struct engine *engine, uint64_t deadline_ms,
			    const struct cancel *cancel, struct error *e)
{
	_task_result_ struct task_result result = { 0 };
	_strv_ strv argv = NULL;
	_strv_ strv words = NULL;

	strv_add(&argv, engine->driver->program);
	strv_add(&argv, "--version");
	if (engine->exec(engine, argv, deadline_ms, cancel, &result, e) < 0)
		return -e->code;
	/* "containerd github.com/containerd/containerd v2.4.2 ...", "Docker version 26.1.5, ...",
	 * "crio version 1.36.3". */
	words = strv_split(result.out, " ,\n");
	if (result.status != 0 || strv_len(words) < 3)
		return fail(e, EPROTO, "'%s --version' does not say which it is",
			    engine->driver->program);
	return engine_set_version(engine, words[2], e);
}

/* Length of "1.6.20" in "1.6.20~ds1". */
static size_t numbers_len(const char *number)
{
	size_t len = 0;

	for (unsigned i = 0; i < 3; i++) {
		size_t dot = i > 0;
		size_t digits;

		if (dot && number[len] != '.')
			break;
		digits = strspn(number + len + dot, "0123456789");
		if (digits == 0)
			break;
		len += dot + digits;
	}
	return len;
}

int engine_is_kind(const struct engine *engine, const char *version, struct error *e)
{
	const char *number = NULL;

	return skip_name(engine->driver, version, &number, e);
}

int engine_must_be(const struct engine *engine, const char *version, struct error *e)
{
	const char *theirs = NULL;
	const char *ours = NULL;
	size_t len;
	int r = skip_name(engine->driver, version, &theirs, e);

	if (r < 0 || skip_name(engine->driver, engine->version, &ours, e) < 0)
		return -e->code;
	/* "Unknown", of one that was just restarted. */
	if (numbers_len(theirs) == 0)
		return 0;
	len = numbers_len(ours);
	if (numbers_len(theirs) == len && strncmp(ours, theirs, len) == 0)
		return 0;
	return fail(e, EINVAL,
		    "the kubelet uses '%s', but %s '%s' listens on '%s': is it another one?  Name "
		    "the kubelet's in K8S_DISTRIBUTION, or in KATA_CONTAINERD_SOCKET and "
		    "KATA_CONTAINERD_DIR",
		    version, engine->driver->name, engine->version, engine->socket);
}

static int restart_by_command(const struct engine *engine, uint64_t deadline_ms,
			      const struct cancel *cancel, struct error *e)
{
	_task_result_ struct task_result result = { 0 };
	int r = engine->exec(engine, engine->restart_command, deadline_ms, cancel, &result, e);

	if (r < 0)
		return r;
	if (result.status != 0)
		return fail(e, EREMOTEIO, "'%s' ended with status %u: %.300s",
			    engine->restart_command[0], result.status, str_trim(result.err));
	return 0;
}

int engine_activate(const struct engine *engine, uint64_t deadline_ms, const struct cancel *cancel,
		    struct error *e)
{
	static const char *const jobs[] = {
		[ACTIVATE_RESTART] = "RestartUnit",
		[ACTIVATE_RELOAD] = "ReloadUnit",
	};
	int r;

	if (engine->flavour->activation == ACTIVATE_NOTHING)
		return 0;
	r = unit_do(UNIT_SOCKET, jobs[engine->flavour->activation], engine->flavour->units,
		    deadline_ms, cancel, e);
	if (r != -ENOENT)
		return r;
	if (strv_len(engine->restart_command) > 0)
		return restart_by_command(engine, deadline_ms, cancel, e);
	return fail(e, ENOENT,
		    "there is no systemd at '" UNIT_SOCKET
		    "'; say in KATA_RESTART_COMMAND how %s is restarted",
		    engine->driver->name);
}

struct handler *engine_known_handlers(const struct known_handler *list, size_t n)
{
	struct handler *all = xcalloc(n, sizeof(*all));

	for (size_t i = 0; i < n; i++)
		all[i] = (struct handler){
			.name = list[i].name,
			.runtime_path = list[i].runtime_path,
			.launcher = list[i].launcher,
		};
	return all;
}

int engine_plan_removal(const struct engine *engine, const struct known_handler *list, size_t n,
			struct edit *ret_edit, struct error *e)
{
	_free_ struct handler *all = engine_known_handlers(list, n);
	const struct handlers none = { .list = all, .n = n, .presence = HANDLERS_ABSENT };

	return engine->driver->plan(engine, &none, ret_edit, e);
}

void engine_done(struct engine *engine)
{
	free(engine->version);
	*engine = (struct engine){ 0 };
}
