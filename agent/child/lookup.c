/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup - what a container's own files say about a process: its home and its program.
 *
 * The image is not trusted: its passwd file is data here, bounded and read by hand, and never goes
 * through the C library, which would read it with the agent's eyes.
 */
#include "agent/child/lookup.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum { PASSWD_UID = 2, PASSWD_HOME = 5 };

/* Field number FIELD of the passwd line LINE of LEN bytes. */
static char *field_of(const char *line, size_t len, unsigned field)
{
	const char *end = line + len;
	const char *stop;

	for (; field > 0; field--) {
		line = memchr(line, ':', (size_t)(end - line));
		if (!line)
			return NULL;
		line++;
	}
	stop = memchr(line, ':', (size_t)(end - line));
	return xstrndup(line, (size_t)((stop ? stop : end) - line));
}

static bool is_user(const char *line, size_t len, uid_t uid)
{
	_free_ char *field = field_of(line, len, PASSWD_UID);
	struct error ignored;
	uint32_t value;

	return field && parse_u32(field, "user", UINT32_MAX, &value, &ignored) >= 0 && value == uid;
}

char *lookup_home(const char *passwd, uid_t uid)
{
	while (*passwd) {
		size_t len = strcspn(passwd, "\n");

		if (is_user(passwd, len, uid)) {
			_free_ char *home = field_of(passwd, len, PASSWD_HOME);

			return str_empty(home) ? xstrdup("/") : TAKE_PTR(home);
		}
		passwd += len;
		passwd += *passwd == '\n';
	}
	return xstrdup("/");
}

const char *lookup_env(char *const *env, const char *name)
{
	const char *value = NULL;
	size_t len = strlen(name);

	for (; env && *env; env++)
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			value = *env + len + 1;
	return value;
}

struct name {
	const char *text;
	size_t len;
	size_t at; /* among the entries */
};

static int compare_names(const struct name *a, const struct name *b)
{
	int order = memcmp(a->text, b->text, min_size(a->len, b->len));

	return order ? order : a->len < b->len ? -1 : a->len > b->len ? 1 : 0;
}

static int by_name(const void *a_, const void *b_)
{
	const struct name *a = a_, *b = b_;
	int order = compare_names(a, b);

	return order ? order : a->at < b->at ? -1 : a->at > b->at ? 1 : 0;
}

/* Sorted, as a namespace with thousands of services has tens of thousands of variables. */
static bool *find_last(char *const *entries, size_t n)
{
	bool *is_last = xcalloc(n + 1, sizeof(*is_last));
	_free_ struct name *names = xcalloc(n + 1, sizeof(*names));

	for (size_t i = 0; i < n; i++)
		names[i] = (struct name){ entries[i], strcspn(entries[i], "="), i };
	qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; i < n; i++)
		is_last[names[i].at] = i + 1 == n || compare_names(&names[i], &names[i + 1]);
	return is_last;
}

strv lookup_environment(char *const *entries, size_t n)
{
	_free_ bool *is_last = find_last(entries, n);
	strv env = NULL;

	for (size_t i = 0; i < n; i++)
		if (is_last[i] && strcmp(entries[i], "HOME=") != 0)
			strv_add(&env, entries[i]);
	return env;
}

/* 0 if PROGRAM is a file; whether it may be executed is for execve(2) to say, which looks with the
 * capabilities the process will have. */
static int look_at(const char *program)
{
	struct stat st;

	if (stat(program, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : -EACCES;
}

int lookup_program(const char *file, const char *path, char **ret_program, struct error *e)
{
	_strv_ strv dirs = NULL;
	int found = -ENOENT;

	if (str_empty(file))
		return fail(e, EINVAL, "executable file has no name");
	if (strchr(file, '/')) {
		int r = look_at(file);

		if (r == -EACCES)
			return fail(e, EACCES, "cannot execute '%s': %s", file, LOOKUP_DENIED);
		if (r < 0)
			return fail(e, -r, "executable file not found: '%s': %m", file);
		*ret_program = xstrdup(file);
		return 0;
	}
	dirs = strv_split(path ? path : DEFAULT_PATH, ":");
	for (char *const *dir = dirs; dir && *dir; dir++) {
		_free_ char *program = path_join(*dir, file);
		int r = look_at(program);

		if (r >= 0 && access(program, X_OK) == 0) {
			*ret_program = TAKE_PTR(program);
			return 0;
		}
		if (r >= 0 || r == -EACCES)
			found = -EACCES;
	}
	return fail(e, -found, "executable file not found in $PATH: '%s': %m", file);
}
