/* SPDX-License-Identifier: Apache-2.0 */
/*
 * completion - scripts for shells, which ask a program what fits.
 *
 * In the texts "~" is the program and "%" its name as functions of a shell may have it.  Any
 * thread.
 */
#include "lib/completion.h"

#include <string.h>

#include "lib/view.h"

static const char bash_script[] =
	"_%() {\n"
	"\tlocal IFS=$'\\n'\n"
	"\tCOMPREPLY=($(~ __complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null |"
	" grep -v '^:'))\n"
	"}\n"
	"complete -F _% ~\n";

static const char zsh_script[] =
	"#compdef ~\n"
	"_%() {\n"
	"\tlocal -a found\n"
	"\tfound=(${(f)\"$(~ __complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null |"
	" grep -v '^:')\"})\n"
	"\tcompadd -a found\n"
	"}\n"
	"compdef _% ~\n";

static const char fish_script[] =
	"function __%\n"
	"\tset -l words (commandline -opc) (commandline -ct)\n"
	"\t~ __complete -- $words[2..-1] 2>/dev/null | string match -v ':*'\n"
	"end\n"
	"complete -c ~ -f -a '(__%)'\n";

static const struct {
	const char *shell;
	const char *script;
} scripts[] = { { "bash", bash_script }, { "zsh", zsh_script }, { "fish", fish_script } };

static void put(const char *script, const char *program, FILE *out)
{
	for (const char *c = script; *c; c++) {
		if (*c == '~')
			(void)fputs(program, out);
		else if (*c != '%')
			(void)fputc(*c, out);
		else
			for (const char *p = program; *p; p++)
				(void)fputc(*p == '-' ? '_' : *p, out);
	}
}

int completion_script(const char *program, const char *shell, FILE *out, struct error *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++)
		if (strcmp(scripts[i].shell, shell) == 0) {
			put(scripts[i].script, program, out);
			return 0;
		}
	return fail(e, EINVAL, "'%s' is none of bash, zsh and fish", shell);
}

void completion_add_shells(const char *prefix, strv *found)
{
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++)
		if (str_starts(scripts[i].shell, prefix))
			strv_add(found, scripts[i].shell);
}

void completion_add_formats(const char *before, const char *prefix, strv *found)
{
	_free_ char *all = view_formats(" ");
	_strv_ strv formats = strv_split(all, " ");

	if (strcmp(before, "-o") != 0 && strcmp(before, "--output") != 0)
		return;
	for (char **f = formats; f && *f; f++)
		if (str_starts(*f, prefix))
			strv_add(found, *f);
}

/* What somebody is to write in place of it is written in capitals. */
static bool is_literal(const char *word)
{
	return strspn(word, "abcdefghijklmnopqrstuvwxyz-") == strlen(word);
}

void completion_add_usage(const char *usage, const char *prefix, strv *found)
{
	_strv_ strv words = strv_split(usage, " []|");

	for (char **w = words; w && *w; w++)
		if (is_literal(*w) && str_starts(*w, prefix) && (**w == '-') == (*prefix == '-'))
			strv_add(found, *w);
}

void completion_answer(char *const *found, FILE *out)
{
	for (; found && *found; found++)
		(void)fprintf(out, "%s\n", *found);
	(void)fputs(":4\n", out);
}
