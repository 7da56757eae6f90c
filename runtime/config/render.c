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
#include "runtime/config/foreign.h"

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

/* Whether row I is the first of its table; *before is the one before it among those shown. */
static bool begins_section(const struct field *row, const struct field **before)
{
	bool begins = !*before || strcmp(row->section, (*before)->section) != 0;

	*before = row;
	return begins;
}

void render_file(FILE *out)
{
	const struct field *before = NULL;
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
		_free_ char *section = field_section(&fields[i], c.vmm);

		if (!field_is_of(&fields[i], c.vmm))
			continue;
		if (begins_section(&fields[i], &before))
			fprintf(out, "\n[%s]\n", section);
		fputc('\n', out);
		put_key(out, &fields[i], &c);
	}
	config_done(&c);
}

static const char *annotation_group(const struct field *row)
{
	if (row->vmms)
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
		fprintf(out, "`%s.%s`%s", annotation_group(row), row->annotation,
			row->is_for_pods ? ", any pod" : "");
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
	"else. A wrong type or a value outside its limits is an error with file and line, and so "
	"is what this\n"
	"version does not have: another hypervisor than those below, a key of "
	"[upstream's](#keys-of-upstreams-files) with a value\n"
	"that asks for more, or an unknown key whose name speaks of protection. Any other unknown "
	"key is ignored\n"
	"with a warning.\n"
	"\n"
	"A configuration is for one hypervisor: the one that `hypervisor_name` in `[runtime]` "
	"names, or else the one\n"
	"that has a table, or else the first one below. Beside `hypervisor_name`, tables of other "
	"hypervisors are skipped.\n"
	"\n"
	"Paths below `/opt/kata` are taken from the version that the runtime belongs to, so that a "
	"sandbox\n"
	"never mixes two versions.\n"
	"\n"
	"The column *annotation* names what a pod may set, below `io.katacontainers.config.`, if "
	"`enable_annotations`\n"
	"allows it or, where it says so, without; everything else there is refused, but for keys "
	"of "
	"upstream's that\n"
	"are not here with a value that asks for nothing.\n";

static void put_table(FILE *out, const struct config *c, bool (*is_meant)(const struct field *row))
{
	const struct field *before = NULL;

	for (size_t i = 0; i < n_fields; i++) {
		_free_ char *section = field_section(&fields[i], c->vmm);

		if (!is_meant(&fields[i]) || !field_is_of(&fields[i], c->vmm))
			continue;
		if (begins_section(&fields[i], &before))
			fprintf(out,
				"\n## [%s]\n\n| key | value | default | annotation | meaning |\n"
				"|---|---|---|---|---|\n",
				section);
		put_row(out, &fields[i], c);
	}
}

static bool is_of_hypervisors(const struct field *row)
{
	return row->vmms != 0;
}

static bool is_of_all(const struct field *row)
{
	return row->vmms == 0;
}

static const char foreign_head[] =
	"\n## Keys of upstream's files\n"
	"\n"
	"They are read without a word where they have a value of the third column, which asks for "
	"nothing that\n"
	"could be missed, and refused with file and line where they have another. "
	"`hypervisor` stands for the table of\n"
	"any hypervisor.\n"
	"\n"
	"| table | key | taken | else asks for |\n"
	"|---|---|---|---|\n";

static void put_foreign(FILE *out, const struct foreign *row)
{
	const char *taken = row->harmless ? row->harmless : "anything";

	fprintf(out, "| `%s` | `%s` | %s | %s |\n", row->section,
		strcmp(row->key, FOREIGN_ANY_KEY) == 0 ? "..." : row->key,
		*taken ? taken : "false, 0, \"\" or []", row->asks ? row->asks : "");
}

void render_reference(FILE *out)
{
	struct config c;

	config_init(&c, NULL);
	fputs(reference_head, out);
	for (size_t v = 0; v < n_config_vmms; v++) {
		config_use_vmm(&c, &config_vmms[v]);
		put_table(out, &c, is_of_hypervisors);
	}
	put_table(out, &c, is_of_all);
	fputs(foreign_head, out);
	for (size_t i = 0; i < n_foreigns; i++)
		put_foreign(out, &foreigns[i]);
	config_done(&c);
}

void render_values(FILE *out, const struct config *c, const char *prefix)
{
	const struct field *before = NULL;

	for (size_t i = 0; i < n_fields; i++) {
		_free_ char *section = field_section(&fields[i], c->vmm);
		_free_ char *value = field_text(&fields[i], c);
		bool is_first = !before;

		if (!field_is_of(&fields[i], c->vmm))
			continue;
		if (begins_section(&fields[i], &before))
			fprintf(out, "%s[%s%s]\n", is_first ? "" : "\n", prefix, section);
		fprintf(out, "%s = %s\n", fields[i].key, value);
	}
}
