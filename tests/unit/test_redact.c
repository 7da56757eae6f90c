/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_redact - secrets do not stay in texts and objects, whatever they are written in.
 */

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "lib/redact-json.h"
#include "lib/redact.h"
#include "lib/wait.h"

#define JWT "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.c2lnbmF0dXJl"

static void test_lines_of_a_value_go_with_it(void **state)
{
	static const struct {
		const char *text;
		const char *redacted;
	} cases[] = {
		/* TOML */
		{ "auth = [\n  \"hunter2\", # ]\n]\nnext = 1", "auth = ...\nnext = 1" },
		{ "token = \"\"\"\nhunter2\n\"\"\"\nnext = 1", "token = ...\nnext = 1" },
		{ "token = '''\nhunter2'''\nnext = 1", "token = ...\nnext = 1" },
		{ "x = { user = \"u\", password = \"hunter2\" }",
		  "x = { user = \"u\", password = ..." },
		{ "'password' = 'hunter2'", "'password' = ..." },
		{ "[host.\"https://r\".header]\n  x-r = \"hunter2\"\n[host]\n  x = 1",
		  "[host.\"https://r\".header]\n  x-r = ...\n[host]\n  x = 1" },
		/* YAML */
		{ "token: |\n  hunter2\n\n  hunter2\nnext: 1", "token: ...\nnext: 1" },
		{ "tokens:\n- hunter2\n- hunter2\nnext: 1", "tokens:...\nnext: 1" },
		{ "{name: x, token: hunter2}", "{name: x, token: ..." },
		{ "- name: A_TOKEN\n  value: hunter2\n- name: B\n  value: kept",
		  "- name: A_TOKEN\n  value: ...\n- name: B\n  value: kept" },
		{ "- value: hunter2\n  name: A_TOKEN\n", "- value: ...\n  name: A_TOKEN\n" },
		{ "users:\n- name: a\n  user:\n    x: hunter2\nkind: Config",
		  "users:...\nkind: Config" },
		{ "contexts:\n- context:\n    user: a\n", "contexts:\n- context:\n    user: a\n" },
		{ "client-certificate-data: aHVudGVyMg==", "client-certificate-data: ..." },
		/* JSON */
		{ "  \"Authorization\": [\n    \"hunter2\"\n  ],\n  \"a\": 1",
		  "  \"Authorization\": ...\n  \"a\": 1" },
		/* services and command lines */
		{ "Environment=A=hunter2 \"B=hunter2 c\" HTTP_PROXY=http://p:1 D='hunter2 e'",
		  "Environment=A=... \"B=... HTTP_PROXY=http://p:1 D=..." },
		{ "Environment=A=hunter2 \\\n  B=hunter2\nExecStart=/x",
		  "Environment=A=... \\\n  B=...\nExecStart=/x" },
		{ "PASSWORD=a \\\n hunter2\nnext", "PASSWORD=...\nnext" },
		{ "PASSWORD=\"a\nhunter2\"\nnext", "PASSWORD=...\nnext" },
		{ "run --password hunter2", "run --password ..." },
		{ "run --token -v", "run --token -v" },
		{ "pwd=ab", "pwd=.." },
		/* by their place and look */
		{ "-----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY-----\nx",
		  "-----BEGIN EC PRIVATE KEY-----...-----END EC PRIVATE KEY-----\nx" },
		{ "-----BEGIN PRIVATE KEY-----\nhunter2", "-----BEGIN PRIVATE KEY-----..." },
		{ "https://hunter2@github.com/x", "https://...@github.com/x" },
		{ "ssh://git@github.com/x", "ssh://git@github.com/x" },
		{ "postgres://u:hunter2@h/d", "postgres://u:...@h/d" },
		{ "Basic dXNlcjpodW50ZXIyCg== x", "Basic ... x" },
		{ "a " JWT " b", "a ... b" },
		{ "got ghp_abcdefghij0123456789 b", "got ghp_... b" },
		{ "curl -H 'Cookie: a=hunter2'", "curl -H 'Cookie: ..." },
		/* prose and what only looks like it */
		{ "basic authentication is off", "basic authentication is off" },
		{ "sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		  "sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "default_memory = 2048\nenable_annotations = [\n  \"a\",\n]",
		  "default_memory = 2048\nenable_annotations = [\n  \"a\",\n]" },
		{ "user: root", "user: root" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = xstrdup(cases[i].text);

		redact_text(text);
		assert_string_equal(text, cases[i].redacted);
	}
}

static void test_line_of_a_key_without_its_beginning_is_none(void **state)
{
	char text[] =
		"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDHunter2hunter2\r\n"
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";

	(void)state;
	redact_text(text);
	assert_string_equal(
		text, "...\nba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
}

static void test_objects_have_no_secret(void **state)
{
	static const char text[] =
		"{\"auths\":{\"r\":{\"auth\":\"hunter2\"}},\"tokens\":[\"hunter2\"],\"pwd\":1,"
		"\"users\":[{\"name\":\"a\",\"user\":{\"x\":\"hunter2\"}}],"
		"\"HttpHeaders\":{\"X-R\":\"hunter2\"},"
		"\"items\":[{\"key\":\"a.b_token\",\"value\":\"hunter2\"},"
		"{\"name\":\"A_SECRET\",\"value\":\"hunter2\"}],"
		"\"env\":[\"A_TOKEN=hunter2\",\"B=kept\"],\"automountToken\":true,"
		"\"proxies\":{\"http-proxy\":\"http://u:hunter2@p\"}}";
	_json_ struct json_object *object = NULL;
	const char *said;
	struct error e;

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), "it", &object, &e), 0);
	redact_json(object);
	said = json_object_to_json_string_ext(object, JSON_C_TO_STRING_NOSLASHESCAPE);
	if (strstr(said, "hunter2"))
		fail_msg("%s", said);
	assert_non_null(strstr(said, "B=kept"));
	assert_non_null(strstr(said, "\"automountToken\":true"));
	assert_string_equal(json_get_str(object, "pwd"), "...");
}

/* What somebody writes in order that it takes long. */
static void test_time_grows_with_the_length_alone(void **state)
{
	static const char *const begins[] = { "", "token=[" };
	static const char *const pieces[] = {
		"https://a:b@c ",
		"://",
		"eyJ.",
		"eyJ-",
		"token=[",
		"token='",
		"token: {\n",
		"name: token\n",
		"bearer ",
		"\"",
		"\"\\'",
		"\\\"",
		"Environment=\"",
		"-----BEGIN PRIVATE KEY-----",
		"users:\n",
		"ghp_",
		"[a.header]\n",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
	};
	enum { LONG = 1 << 19 };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(pieces); i++) {
		const char *piece = pieces[i / 2];
		size_t n = strlen(piece), at = strlen(begins[i % 2]);
		_free_ char *text = xmalloc(LONG + n);
		uint64_t begin_ms = now_ms();

		memcpy(text, begins[i % 2], at);
		for (; at < LONG; at += n)
			memcpy(text + at, piece, n);
		text[LONG] = '\0';
		redact_text(text);
		if (now_ms() - begin_ms > 10000)
			fail_msg("'%s' takes %llu ms", piece,
				 (unsigned long long)(now_ms() - begin_ms));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_of_a_value_go_with_it),
		cmocka_unit_test(test_line_of_a_key_without_its_beginning_is_none),
		cmocka_unit_test(test_objects_have_no_secret),
		cmocka_unit_test(test_time_grows_with_the_length_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
