/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_config - read any bytes as configuration, then one line of them as an annotation.
 *
 * What was read must settle or be refused, and dump as text that reads back.
 */

#include <stdio.h>
#include <string.h>

#include "runtime/config/config.h"
#include "runtime/config/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_back(const struct config *c)
{
	_config_ struct config again;
	_free_ char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct error e;

	render_values(out, c, "");
	(void)fclose(out);
	config_init(&again, "/v");
	if (config_read_text(&again, text, len, "dump", &e) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *text = xstrndup((const char *)data, size);
	_config_ struct config c;
	struct error e;
	char *value;

	config_init(&c, "/v");
	if (config_read_text(&c, (const char *)data, size, "fuzz", &e) == 0) {
		read_back(&c);
		(void)config_settle(&c, &e);
	}
	value = strchr(text, '=');
	if (value) {
		*value++ = '\0';
		(void)config_annotate(&c, text, value, &e);
	}
	return 0;
}
