/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_fetch - what a web server says of a file: status, headers, bodies, and where else it sends
 * one.
 *
 * A line "name: value" is a header, one of an equals sign a piece of the body; the first byte says
 * which part of the file is wanted.  Nobody is given more than that, and no redirection leads to
 * something else than http and https, nor from the second to the first.
 */

#include "lib/http/fetch.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WANTED 8
#define LENGTH 20

static void require(bool holds)
{
	if (!holds)
		abort();
}

static int count(void *arg, const void *bytes, size_t len, struct error *e)
{
	(void)memchr(bytes, '\n', len);
	(void)e;
	*(size_t *)arg += len;
	return 0;
}

static void be_sent(struct transfer *t)
{
	_url_ struct url at = { 0 };
	struct error e;

	require(url_parse("https://mirror.example/releases/index", &at, &e) >= 0);
	if (follow(t, &at, 0, &e) >= 0)
		require(str_starts(at.origin, "https://") && at.path[0] == '/');
}

static void hear(struct transfer *t, char *line)
{
	char *value = strstr(line, ": ");
	struct error e;

	if (line[0] == '=') {
		_strv_ strv headers = NULL;

		/* The next line is another answer's. */
		if (on_body(t, line + 1, strlen(line + 1), &e) < 0)
			t->is_begun = false;
		headers = make_headers(t);
	} else if (value) {
		*value = '\0';
		on_header(t, line, value + 2);
		be_sent(t);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t wish = size ? data[0] : 0;
	_free_ char *text = size ? xstrndup((const char *)data + 1, size - 1) : xstrdup("");
	_strv_ strv lines = strv_split(text, "\n");
	size_t got = 0;
	struct fetcher f = { 0 };
	struct fetch what = {
		.name = "file", .max = WANTED, .len = WANTED, .on_data = count, .arg = &got
	};
	struct transfer t = { .f = &f, .what = &what };

	if (wish & 1)
		what.len = FETCH_REST;
	if (wish & 2)
		what.total = LENGTH;
	if (wish & 4)
		what.offset = LENGTH - WANTED;
	for (size_t i = 0; i < strv_len(lines); i++)
		hear(&t, lines[i]);
	require(got <= WANTED && got == t.got);
	free(t.validator);
	answer_done(&t.answer);
	return 0;
}
