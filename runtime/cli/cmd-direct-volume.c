/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-direct-volume - kata-runtime direct-volume: records of volumes that the guest mounts itself.
 *
 * For storage drivers: add one before the pod starts, instead of mounting the volume, and remove it
 * when the volume is unpublished (runtime/sandbox/direct.h).  In between the guest is asked through
 * the shim (runtime/sandbox/management.h).  A sandbox that had the volume leaves its name in the
 * record, so each is asked until one has it.
 */

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/wait.h"
#include "runtime/cli/cli.h"
#include "runtime/sandbox/direct.h"
#include "runtime/sandbox/management.h"

#define STATS_MS  15000
#define RESIZE_MS 90000

struct arguments {
	const char *path;
	const char *info;
	const char *size;
};

static int add(const struct arguments *a, struct error *e)
{
	if (!a->info)
		return fail(e, EINVAL, "--mount-info is missing");
	return direct_add(DIRECT_ROOT, a->path, a->info, e);
}

static int remove_record(const struct arguments *a, struct error *e)
{
	return direct_remove(DIRECT_ROOT, a->path, e);
}

static int ask(const char *path, const struct management_question *q, char **ret_answer,
	       struct error *e)
{
	_strv_ strv ids = NULL;
	int result = direct_sandboxes(DIRECT_ROOT, path, &ids, e);

	for (size_t i = 0; ids && ids[i]; i++) {
		struct error why;
		int r = management_ask_sandbox(ids[i], q, ret_answer, &why);

		if (r >= 0)
			return 0;
		if (i > 0 && r == -ESRCH)
			continue;
		*e = why;
		result = r;
	}
	return result;
}

static int stats(const struct arguments *a, struct error *e)
{
	_direct_ struct direct d = { 0 };
	_free_ char *disk = NULL;
	_free_ char *target = NULL;
	_free_ char *answer = NULL;
	int r = direct_read(DIRECT_ROOT, a->path, &d, e);

	if (r < 0)
		return r;
	disk = management_escape(d.device);
	target = xasprintf(MANAGEMENT_VOLUME_STATS "?" MANAGEMENT_PATH "=%s", disk);
	r = ask(a->path,
		&(struct management_question){
			.method = "GET", .target = target, .wait_ms = STATS_MS },
		&answer, e);
	if (r >= 0)
		printf("%s\n", answer);
	return r;
}

static int resize(const struct arguments *a, struct error *e)
{
	_json_ struct json_object *body = json_object_new_object();
	_direct_ struct direct d = { 0 };
	_free_ char *answer = NULL;
	struct management_question q = { .method = "POST",
					 .target = MANAGEMENT_VOLUME_RESIZE,
					 .wait_ms = RESIZE_MS };
	uint64_t size;
	int r;

	if (!a->size)
		return fail(e, EINVAL, "--size is missing");
	r = parse_u64(a->size, "--size", INT64_MAX, &size, e);
	if (r >= 0 && size == 0)
		r = fail(e, EINVAL, "--size is 0");
	if (r >= 0)
		r = direct_read(DIRECT_ROOT, a->path, &d, e);
	if (r < 0)
		return r;
	json_set_str(body, "VolumePath", d.device);
	json_set_int(body, "Size", (int64_t)size);
	q.body = json_text(body);
	return ask(a->path, &q, &answer, e);
}

static const struct {
	const char *name;
	int (*run)(const struct arguments *a, struct error *e);
} actions[] = {
	{ "add", add },     { "remove", remove_record }, { "delete", remove_record },
	{ "stats", stats }, { "resize", resize },
};

static int parse(int argc, char **argv, struct arguments *ret, struct error *e)
{
	static const struct option options[] = {
		{ "volume-path", required_argument, NULL, 'p' },
		{ "mount-info", required_argument, NULL, 'i' },
		{ "size", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == 'p')
			ret->path = optarg;
		else if (option == 'i')
			ret->info = optarg;
		else if (option == 's')
			ret->size = optarg;
		else
			return fail(e, EINVAL, "unknown option");
	}
	if (optind < argc)
		return fail(e, EINVAL, "'%s' is too much", argv[optind]);
	return ret->path ? 0 : fail(e, EINVAL, "--volume-path is missing");
}

int cmd_direct_volume(const struct cli *cli, int argc, char **argv, struct error *e)
{
	struct arguments arguments = { 0 };
	int r;

	(void)cli;
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(actions); i++) {
		if (strcmp(actions[i].name, argv[1]) != 0)
			continue;
		r = cli_need_root(argv[1], e);
		if (r >= 0)
			r = parse(argc - 1, argv + 1, &arguments, e);
		return r < 0 ? r : actions[i].run(&arguments, e);
	}
	return fail(e, EINVAL, "say add, remove, stats or resize");
}
