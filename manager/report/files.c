/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files - the parts of a report that are files, found by patterns of their paths.
 *
 * Only what is a file is read, and no more than a part of it.  Texts of JSON become objects, in
 * which secrets are known by the names of their keys whatever the lines are.
 */
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "manager/report/report.h"

#define FILES_MAX 64
#define FILE_MAX  (256 * KIB)

/* Bytes of a text's end that its lines are not: a program would stop at them. */
static void replace_zeros(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\0')
			text[i] = '?';
}

static char *read_from(int fd, const char *path, off_t at, size_t max, struct error *e)
{
	char *text = xmalloc(max + 1);
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < max) {
		/* What is made while it is read has no place to begin at. */
		n = at > 0 ? pread(fd, text + len, max - len, at + (off_t)len)
			   : read(fd, text + len, max - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0) {
		(void)fail(e, errno, "cannot read '%s': %m", path);
		free(text);
		return NULL;
	}
	text[len] = '\0';
	replace_zeros(text, len);
	return text;
}

char *report_slurp(struct report *r, const char *path, enum report_end end, size_t max)
{
	/* A fifo that nobody writes to would hold us. */
	_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct error e = { 0 };
	char *text = NULL;
	struct stat st;
	off_t at = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			strv_addf(&r->errors, "cannot open '%s': %s", path, strerror(errno));
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		strv_addf(&r->errors, "'%s' is no file", path);
		return NULL;
	}
	if (end == REPORT_TAIL && st.st_size > (off_t)max)
		at = st.st_size - (off_t)max;
	text = read_from(fd, path, at, max, &e);
	if (!text)
		strv_add(&r->errors, e.msg);
	return text;
}

static struct json_object *value_of(const char *path, char *text)
{
	struct json_object *object = NULL;
	struct error ignored;

	if ((str_ends(path, ".json") || str_ends(path, ".conflist")) &&
	    json_parse(text, strlen(text), path, &object, &ignored) >= 0)
		return object;
	utf8_repair(text);
	return json_object_new_string(text);
}

static void add_file(struct report *r, const char *path, struct json_object *files)
{
	_free_ char *text = NULL;
	_free_ char *name = xstrdup(path);

	utf8_repair(name);
	if (json_object_object_length(files) >= FILES_MAX || json_member(files, name))
		return;
	text = report_slurp(r, path, REPORT_HEAD, FILE_MAX);
	if (text)
		(void)json_object_object_add(files, name, value_of(path, text));
}

/* PATTERN with the places it names. */
static char *placed(const struct machine *k, const char *pattern)
{
	const struct {
		const char *name;
		const char *place;
	} places[] = { { "@root/", k->root }, { "@etc/", k->etc } };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (str_starts(pattern, places[i].name))
			return path_pattern(places[i].place, pattern + strlen(places[i].name));
	return xstrdup(pattern);
}

/* A folder that may not be looked into is told; glob(3) ends with it. */
static int is_forbidden(const char *path, int code)
{
	(void)path;
	return code == EACCES;
}

static void add_matches(struct report *r, const char *pattern, struct json_object *files)
{
	glob_t found;
	int status = glob(pattern, 0, is_forbidden, &found);

	if (status == GLOB_ABORTED)
		strv_addf(&r->errors, "cannot look for '%s': %s", pattern, strerror(EACCES));
	if (status != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		add_file(r, found.gl_pathv[i], files);
	globfree(&found);
}

struct json_object *report_files(struct report *r, const struct part *part)
{
	_json_ struct json_object *files = json_object_new_object();
	_machine_ struct machine k = { 0 };
	_strv_ strv patterns = strv_split(part->what, " ");
	struct error e;

	if (machine_open(r->m->options, &k, &e) < 0) {
		strv_add(&r->errors, e.msg);
		return NULL;
	}
	for (char **pattern = patterns; pattern && *pattern; pattern++) {
		_free_ char *path = placed(&k, *pattern);

		add_matches(r, path, files);
	}
	return json_object_object_length(files) > 0 ? json_object_get(files) : NULL;
}
