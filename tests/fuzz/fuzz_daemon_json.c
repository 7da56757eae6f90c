/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_daemon_json - a runtime into any text that passes for daemon.json, and out again.
 *
 * With it the text must still be one, and have the runtime; without it, it must be the one that it
 * was, byte for byte, unless somebody wrote the blanks that mark what is ours.
 */
#include <string.h>

#include "lib/host/docker-parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* It has the blanks that say that braces are ours. */
static bool is_marked(const char *text)
{
	return strstr(text, "{ \n") || strstr(text, "{ \r\n") || strstr(text, "{  ");
}

static void edit(const char *text)
{
	_json_ struct json_object *value = json_object_new_object();
	_json_ struct json_object *root = NULL;
	_free_ char *with = NULL, *without = NULL, *is = NULL;
	_strv_ strv names = daemon_json_names(text);
	struct error e;

	if (strv_contains(names, "kata"))
		return;
	json_set_str(value, "runtimeType", "/a\"b/c");
	with = daemon_json_add(text, "kata", value);
	require(daemon_json_parse(with, "edited", &root, &e) >= 0);
	is = daemon_json_runtime(with, "kata");
	require(is && strstr(is, "/a\\\"b/c"));
	without = daemon_json_remove(with, "kata");
	require(is_marked(text) || str_equal(without, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_json_ struct json_object *root = NULL;
	_free_ char *text = xstrndup((const char *)data, size);
	struct error e;

	if (strlen(text) == size && daemon_json_parse(text, "fuzz", &root, &e) >= 0)
		edit(text);
	return 0;
}
