/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_toml - parse any bytes; edit what parses and check that the edit holds.
 *
 * An edit that is accepted must leave a document that parses and has the new value, and removing it
 * must leave one that parses as well: the promise that containerd's configuration depends on.
 */

#include <string.h>

#include "lib/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void edit(const char *text)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_free_ char *with = NULL, *without = NULL;
	const struct toml *value;
	struct error e;

	if (toml_set(text, "plugins.'io.x'.runtimes.kata", "k", "41", &with, &e) < 0)
		return;
	require(toml_parse(with, strlen(with), "edited", &root, &e) == 0);
	value = toml_get(root, "plugins.'io.x'.runtimes.kata.k");
	require(value && value->type == TOML_INTEGER && value->integer == 41);
	(void)toml_remove_table(with, "plugins.'io.x'.runtimes.kata", &without, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_free_ char *text = xstrndup((const char *)data, size);
	struct error e;

	if (toml_parse((const char *)data, size, "fuzz", &root, &e) == 0 && strlen(text) == size)
		edit(text);
	return 0;
}
