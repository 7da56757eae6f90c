/* SPDX-License-Identifier: Apache-2.0 */
/*
 * give - hand the content of a file to the shim of a sandbox.
 */

#include "runtime/cli/give.h"

#include <getopt.h>
#include <string.h>

#include "lib/file.h"
#include "lib/wire.h"
#include "runtime/cli/cli.h"
#include "runtime/sandbox/management.h"

#define GIVE_MS 15000

int give_parse(int argc, char **argv, struct give_options *ret, struct error *e)
{
	static const struct option options[] = {
		{ "sandbox-id", required_argument, NULL, 's' },
		{ "v6", no_argument, NULL, '6' },
		{ NULL, 0, NULL, 0 },
	};
	int option, r;

	*ret = (struct give_options){ 0 };
	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == 's')
			ret->id = optarg;
		else if (option == '6')
			ret->is_ipv6 = true;
		else
			return fail(e, EINVAL, "see 'kata-runtime help'");
	}
	if (!ret->id)
		return fail(e, EINVAL, "--sandbox-id is missing");
	r = check_id(ret->id, "sandbox id", 128, e);
	if (r < 0)
		return r;
	if (optind < argc)
		ret->file = argv[optind++];
	return optind < argc ? fail(e, EINVAL, "'%s' is too much", argv[optind]) : 0;
}

int give_file(const struct give_options *options, const char *target, struct error *e)
{
	struct management_question q = { .method = "PUT",
					 .target = target,
					 .type = "application/octet-stream",
					 .wait_ms = GIVE_MS };
	_free_ char *content = NULL;
	_free_ char *answer = NULL;
	size_t len;
	int r;

	if (!options->file)
		return fail(e, EINVAL, "the file is missing");
	r = file_read(options->file, WIRE_REQUEST_BODY_MAX, &content, &len, e);
	if (r < 0)
		return r;
	if (strlen(content) != len)
		return fail(e, EINVAL, "'%s' is no text", options->file);
	q.body = content;
	return management_ask_sandbox(options->id, &q, &answer, e);
}
