/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mountinfo - read the kernel's list of mounts.
 *
 * Fields are separated by blanks, so the kernel writes those in names as octal escapes; here they
 * are names again.  Any thread.
 */
#include "lib/mountinfo.h"

#include <stdlib.h>

#include "lib/file.h"
#include "lib/str.h"

enum { FIELD_ID = 0, FIELD_PARENT = 1, FIELD_ROOT = 3, FIELD_POINT = 4, FIELD_OPTIONS = 5 };

static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

static bool parse_line(const char *line, struct mountinfo_entry *ret_entry)
{
	_strv_ strv fields = strv_split(line, " ");
	struct error ignored;

	if (strv_len(fields) <= FIELD_OPTIONS ||
	    parse_u64(fields[FIELD_ID], "mount", UINT64_MAX, &ret_entry->id, &ignored) < 0 ||
	    parse_u64(fields[FIELD_PARENT], "mount", UINT64_MAX, &ret_entry->parent, &ignored) < 0)
		return false;
	unescape(fields[FIELD_ROOT]);
	unescape(fields[FIELD_POINT]);
	ret_entry->root = xstrdup(fields[FIELD_ROOT]);
	ret_entry->point = xstrdup(fields[FIELD_POINT]);
	ret_entry->options = xstrdup(fields[FIELD_OPTIONS]);
	return true;
}

void mountinfo_parse(const char *text, struct mountinfo *ret_info)
{
	_strv_ strv lines = strv_split(text, "\n");
	struct mountinfo info = { .entries = xcalloc(strv_len(lines) + 1, sizeof(*info.entries)) };

	for (char *const *line = lines; line && *line; line++)
		info.n += parse_line(*line, &info.entries[info.n]);
	*ret_info = info;
}

int mountinfo_read(struct mountinfo *ret_info, struct error *e)
{
	_free_ char *text = NULL;
	int r = file_read("/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL, e);

	if (r < 0)
		return r;
	mountinfo_parse(text, ret_info);
	return 0;
}

void mountinfo_done(struct mountinfo *info)
{
	for (size_t i = 0; i < info->n; i++) {
		free(info->entries[i].root);
		free(info->entries[i].point);
		free(info->entries[i].options);
	}
	free(info->entries);
	*info = (struct mountinfo){ 0 };
}
