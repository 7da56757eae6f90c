/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layers - fill in mounts that name earlier ones.
 *
 * Templates are those of containerd's mount manager: "{{ mount N }}", "{{ source N }}",
 * "{{ target N }}" and "{{ overlay FIRST LAST }}", in either order.  Of the options that are meant
 * for the mount manager itself only those that make folders are known; another one is refused,
 * since to leave it out could mean to use unverified what was to be verified.  Pure.
 */

#include "runtime/sandbox/layers.h"

#include <stdio.h>
#include <string.h>

#define MANAGER_OPTION "X-containerd."
#define FOLDER_OPTION  "X-containerd.mkdir.path="
#define FOLDER_MODE    0700 /* without one of its own */
#define LAYERS_MAX     1024

static const char *const prefixes[] = { "format/", "mkdir/" };

/* TYPE without its prefixes, borrowed. */
static const char *plain_type(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (str_starts(type, prefixes[i]))
			return plain_type(type + strlen(prefixes[i]));
	return type;
}

bool layers_are(const struct rootfs_mount *mounts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (plain_type(mounts[i].type) != mounts[i].type)
			return true;
	return n == 1 && str_equal(mounts[0].type, "erofs");
}

/* The places that a template may name. */
struct places {
	const struct layers_place *list;
	size_t n;
};

static int put_place(FILE *out, const struct places *p, const char *word, size_t number,
		     struct error *e)
{
	const struct layers_place *place = NULL;

	if (number >= p->n)
		return fail(e, EINVAL, "there is no mount %zu before it", number);
	place = &p->list[number];
	/* The mounts before the last have no target of their own. */
	if (!str_equal(word, "target"))
		(void)fputs(str_equal(word, "source") ? place->source : place->point, out);
	return 0;
}

static int put_overlay(FILE *out, const struct places *p, size_t first, size_t last,
		       struct error *e)
{
	bool up = first <= last;
	size_t n = (up ? last - first : first - last) + 1;
	int r = n > LAYERS_MAX ? fail(e, E2BIG, "%zu layers are too many", n) : 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		if (i > 0)
			(void)fputc(':', out);
		r = put_place(out, p, "mount", up ? first + i : first - i, e);
	}
	return r;
}

/* TEXT is what stands between the braces. */
static int put_value(FILE *out, const char *text, const struct places *p, struct error *e)
{
	static const char *const words[] = { "mount", "source", "target" };
	_strv_ strv parts = strv_split(text, " \t");
	size_t n = strv_len(parts);
	uint32_t number[2] = { 0, 0 };
	int r = n == 2 || n == 3 ? 0 : -EINVAL;

	for (size_t i = 1; r >= 0 && i < n; i++)
		r = parse_u32(parts[i], "number", LAYERS_MAX, &number[i - 1], e);
	if (r >= 0 && n == 3 && str_equal(parts[0], "overlay"))
		return put_overlay(out, p, number[0], number[1], e);
	for (size_t i = 0; r >= 0 && n == 2 && i < ARRAY_SIZE(words); i++)
		if (str_equal(parts[0], words[i]))
			return put_place(out, p, words[i], number[0], e);
	return fail(e, EINVAL, "'{{%.64s}}' is not understood", text);
}

/* Caller frees *ret. */
static int fill(const char *text, const struct places *p, char **ret, struct error *e)
{
	char *result = NULL;
	size_t len;
	FILE *out = open_memstream(&result, &len);
	const char *open;
	int r = 0;

	while (r >= 0 && (open = strstr(text, "{{")) != NULL) {
		const char *close = strstr(open, "}}");
		_free_ char *inner = NULL;

		if (!close) {
			r = fail(e, EINVAL, "'%.64s' has no end", open);
			break;
		}
		inner = xstrndup(open + 2, (size_t)(close - open) - 2);
		(void)fprintf(out, "%.*s", (int)(open - text), text);
		r = put_value(out, inner, p, e);
		text = close + 2;
	}
	(void)fputs(text, out);
	(void)fclose(out);
	if (r < 0)
		free(result);
	else
		*ret = result;
	return r;
}

static int take_option(const char *option, struct layers_mount *m, struct error *e)
{
	if (str_starts(option, FOLDER_OPTION))
		strv_add(&m->folders, option + strlen(FOLDER_OPTION));
	else if (str_starts(option, MANAGER_OPTION))
		return fail(e, ENOTSUP, "the mount option '%.128s' is not supported", option);
	else
		strv_add(&m->options, option);
	return 0;
}

int layers_fill(const struct rootfs_mount *m, const struct layers_place *places, size_t n,
		struct layers_mount *ret, struct error *e)
{
	const struct places p = { places, n };
	_layers_mount_ struct layers_mount filled = { .type = xstrdup(plain_type(m->type)) };
	int r = fill(m->source ? m->source : "", &p, &filled.source, e);

	for (size_t i = 0; r >= 0 && i < m->n_options; i++) {
		_free_ char *option = NULL;

		r = fill(m->options[i], &p, &option, e);
		if (r >= 0)
			r = take_option(option, &filled, e);
	}
	if (r < 0)
		return fail_wrap(e, "mount of type '%.32s'", m->type);
	*ret = filled;
	filled = (struct layers_mount){ 0 };
	return 0;
}

void layers_mount_done(struct layers_mount *m)
{
	free(m->type);
	free(m->source);
	strv_free(m->options);
	strv_free(m->folders);
	*m = (struct layers_mount){ 0 };
}

int layers_folder(const char *folder, char **ret_path, mode_t *ret_mode, struct error *e)
{
	const char *colon = strchr(folder, ':');
	uint32_t mode = FOLDER_MODE;
	int r = colon ? parse_octal(colon + 1, "mode of a folder", 0777, &mode, e) : 0;

	if (r < 0)
		return r;
	*ret_path = colon ? xstrndup(folder, (size_t)(colon - folder)) : xstrdup(folder);
	*ret_mode = mode;
	return 0;
}
