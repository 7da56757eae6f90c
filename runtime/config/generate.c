/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config-generate - write what the tree keeps of the table of keys.
 *
 * For developers after a change of the table; not installed:
 *   config-generate file >runtime/config/configuration-qemu.toml
 *   config-generate reference >docs/configuration.md
 */

#include <stdio.h>
#include <string.h>

#include "lib/base.h"
#include "runtime/config/render.h"

static const struct {
	const char *name;
	void (*render)(FILE *out);
} outputs[] = {
	{ "file", render_file },
	{ "reference", render_reference },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(outputs); i++) {
		if (strcmp(argv[1], outputs[i].name) != 0)
			continue;
		outputs[i].render(stdout);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	fputs("usage: config-generate file|reference\n", stderr);
	return 2;
}
