/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-direct-volume - kata-runtime direct-volume: records of volumes that the guest mounts itself.
 *
 * For storage drivers: add one before the pod starts, instead of mounting the volume, and remove it
 * when the volume is unpublished (runtime/sandbox/direct.h).
 */

#include <getopt.h>
#include <string.h>

#include "runtime/cli/cli.h"
#include "runtime/sandbox/direct.h"

struct arguments {
	const char *path;
	const char *info;
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

static const struct {
	const char *name;
	int (*run)(const struct arguments *a, struct error *e);
} actions[] = {
	{ "add", add },
	{ "remove", remove_record },
	{ "delete", remove_record },
};

static int parse(int argc, char **argv, struct arguments *ret, struct error *e)
{
	static const struct option options[] = {
		{ "volume-path", required_argument, NULL, 'p' },
		{ "mount-info", required_argument, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == 'p')
			ret->path = optarg;
		else if (option == 'i')
			ret->info = optarg;
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
	return fail(e, EINVAL, "say add or remove");
}
