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

/* What a pod asks for stands behind it. */
#define ANNOTATIONS "\n# annotations\n"

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

/* Each line of TEXT, "name=value". */
static void annotate(struct config *c, const char *text)
{
	_strv_ strv lines = strv_split(text, "\n");
	struct error e;

	for (size_t i = 0; i < strv_len(lines); i++) {
		char *value = strchr(lines[i], '=');

		if (!value)
			continue;
		*value++ = '\0';
		(void)config_annotate(c, lines[i], value, &e);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *text = xstrndup((const char *)data, size);
	char *annotations = strstr(text, ANNOTATIONS);
	size_t len = annotations ? (size_t)(annotations - text) : size;
	_config_ struct config c;
	struct error e;

	config_init(&c, "/v");
	if (config_read_text(&c, (const char *)data, len, "fuzz", &e) == 0) {
		read_back(&c);
		if (annotations)
			annotate(&c, annotations + strlen(ANNOTATIONS));
		(void)config_settle(&c, &e);
	}
	return 0;
}
