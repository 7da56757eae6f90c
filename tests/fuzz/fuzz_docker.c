/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_docker - what Docker's daemon says of itself and of a container, and its command line.
 *
 * The input is each of them.  Whatever a command line is, the daemon is asked to judge our file and
 * no other, and to do nothing but that.
 */

#include <stdlib.h>

#include "tests/unit/owner.h"

#include "lib/host/docker.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_answer(const char *text, size_t len)
{
	const struct scope scope = { .owner = &test_owner, .root = "/opt/kata" };
	_json_ struct json_object *answer = NULL;
	_endpoint_state_ struct endpoint_state state = { 0 };
	struct live l = { .scope = &scope };
	struct error e;

	if (json_parse(text, len, "fuzz", &answer, &e) < 0)
		return;
	if (read_status(answer, &state, &e) >= 0 && !state.config)
		abort();
	add_container(&l, "some", answer);
	if (l.running > l.containers || (l.containers > 0) != (strv_len(l.users) > 0))
		abort();
	live_done(&l);
}

static void fuzz_words(const char *text, size_t len)
{
	_strv_ strv arguments = split_arguments(text, len);
	_strv_ strv argv = NULL;
	struct error e;
	size_t n;

	if (!is_daemon(arguments))
		return;
	strv_add(&argv, arguments[0]);
	if (set_file(&argv, arguments + 1, "/etc/docker/daemon.json", "/candidate", &e) < 0)
		return;
	n = strv_len(argv);
	if (n < 4 || !str_equal(argv[n - 3], "--validate") ||
	    !str_equal(argv[n - 2], CONFIG_FILE) || !str_equal(argv[n - 1], "/candidate"))
		abort();
	for (size_t i = 1; i < n - 2; i++)
		if (str_starts(argv[i], CONFIG_FILE "=") ||
		    (str_equal(argv[i], CONFIG_FILE) && i != n - 4))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *text = xstrndup((const char *)data, size);
	_free_ char *words = xmalloc(size + 1);

	memcpy(words, data, size);
	words[size] = '\0';
	fuzz_answer(text, strlen(text));
	fuzz_words(words, size);
	return 0;
}
