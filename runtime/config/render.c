/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render - write the table of keys out: as the shipped file, as the reference page, as a dump.
 *
 * The first two are kept in the tree; a test compares them with what this file writes, so the
 * table, the file and the page cannot drift apart.  Any thread.
 */

#include "runtime/config/render.h"

#include <string.h>

#include "runtime/config/config.h"
#include "runtime/config/fields.h"

#define COLUMN_MAX 98

/* Words of TEXT in lines of at most COLUMN_MAX characters, each beginning with "# ". */
static void put_comment(FILE *out, const char *text)
{
	_strv_ strv words = strv_split(text, " ");
	size_t column = 0;

	for (char *const *w = words; w && *w; w++) {
		if (column > 0 && column + 1 + strlen(*w) > COLUMN_MAX) {
			fputc('\n', out);
			column = 0;
		}
		column += (size_t)fprintf(out, column > 0 ? " %s" : "# %s", *w);
	}
	fputc('\n', out);
}

static char *limits_text(const struct field *row)
{
	if (row->choices)
		return xasprintf("one of: %s", row->choices);
	if (row->type == FIELD_UINT || row->type == FIELD_REAL)
		return xasprintf("%.0f to %.0f", row->min, row->max);
	return xstrdup("");
}

static void put_key(FILE *out, const struct field *row, const struct config *c)
{
	_free_ char *value = field_text(row, c);
	_free_ char *limits = limits_text(row);
	_free_ char *help = NULL;

	help = *limits ? xasprintf("%s (%s)", row->help, limits) : xstrdup(row->help);
	put_comment(out, help);
	fprintf(out, "%s = %s\n", row->key, value);
}

static bool begins_section(size_t i)
{
	return i == 0 || strcmp(fields[i].section, fields[i - 1].section) != 0;
}

void render_file(FILE *out)
{
	struct config c;

	config_init(&c, NULL);
	fputs("# SPDX-License-Identifier: Apache-2.0\n#\n", out);
	put_comment(out,
		    "Kata Containers, virtual machines by QEMU. Do not edit: an upgrade replaces "
		    "this file. Settings of your own go into files below "
		    "/etc/kata-containers/config.d beside a copy of this file as "
		    "/etc/kata-containers/configuration.toml; they are read in the order of "
		    "their names, and contain only what differs.");
	put_comment(out,
		    "Paths below /opt/kata mean the version of Kata Containers that the runtime "
		    "itself belongs to.");
	for (size_t i = 0; i < n_fields; i++) {
		if (begins_section(i))
			fprintf(out, "\n[%s]\n", fields[i].section);
		fputc('\n', out);
		put_key(out, &fields[i], &c);
	}
	config_done(&c);
}

static const char *annotation_group(const struct field *row)
{
	if (str_starts(row->section, "hypervisor."))
		return "hypervisor";
	return str_starts(row->section, "agent.") ? "agent" : "runtime";
}

/* A vertical bar ends a cell. */
static void put_cell(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void put_row(FILE *out, const struct field *row, const struct config *c)
{
	_free_ char *value = field_text(row, c);
	_free_ char *limits = limits_text(row);

	fprintf(out, "| `%s` | %s%s%s | `", row->key, field_type_name(row->type),
		*limits ? ", " : "", limits);
	put_cell(out, value);
	fputs("` | ", out);
	if (row->annotation)
		fprintf(out, "`%s.%s`", annotation_group(row), row->annotation);
	fputs(" | ", out);
	put_cell(out, row->help);
	fputs(" |\n", out);
}

static const char reference_head[] =
	"# Configuration reference\n"
	"\n"
	"<!-- Written from runtime/config/fields.c by config-generate; a test fails when it "
	"differs. -->\n"
	"\n"
	"The runtime reads the first of these files that exists:\n"
	"\n"
	"1. the one named by the container engine (shim option `ConfigPath`), by the launcher\n"
	"   that it runs for a handler, or by `KATA_CONF_FILE`; it must lie in "
	"`/etc/kata-containers` or in the installed version;\n"
	"2. `/etc/kata-containers/configuration.toml`;\n"
	"3. `share/defaults/kata-containers/configuration.toml` of the version that the runtime "
	"belongs to.\n"
	"\n"
	"Then every file of `config.d` beside it, in the order of the names. A file sets the keys "
	"that it\n"
	"contains; a list is replaced as a whole. Every file must belong to root and be writable "
	"by "
	"nobody\n"
	"else. An unknown key is ignored with a warning; a wrong type or a value outside its "
	"limits "
	"is an\n"
	"error with file and line.\n"
	"\n"
	"Paths below `/opt/kata` are taken from the version that the runtime belongs to, so that a "
	"sandbox\n"
	"never mixes two versions.\n"
	"\n"
	"The column *annotation* names what a pod may set, below `io.katacontainers.config.`, if "
	"`enable_annotations`\n"
	"allows it; everything else there is refused.\n";

void render_reference(FILE *out)
{
	struct config c;

	config_init(&c, NULL);
	fputs(reference_head, out);
	for (size_t i = 0; i < n_fields; i++) {
		if (begins_section(i))
			fprintf(out,
				"\n## [%s]\n\n| key | value | default | annotation | meaning |\n"
				"|---|---|---|---|---|\n",
				fields[i].section);
		put_row(out, &fields[i], &c);
	}
	config_done(&c);
}

void render_values(FILE *out, const struct config *c, const char *prefix)
{
	for (size_t i = 0; i < n_fields; i++) {
		_free_ char *value = field_text(&fields[i], c);

		if (begins_section(i))
			fprintf(out, "%s[%s%s]\n", i == 0 ? "" : "\n", prefix, fields[i].section);
		fprintf(out, "%s = %s\n", fields[i].key, value);
	}
}
