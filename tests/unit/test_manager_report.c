/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_manager_report - what is in a report for who is to help, and in which form.
 */

#include "tests/unit/folder.h"

#include <openssl/evp.h>
#include <sys/stat.h>

#include "manager/report/report.h"

#define MAIN_FILE "kata/current/share/defaults/kata-containers/configuration.toml"
#define DROP_INS  "etc/config.d/"

/* What 'diagnose' says of the machine below DIR.  Caller frees. */
static char *said(const char *dir, const char *format)
{
	_free_ char *root = path_join(dir, "kata");
	_free_ char *etc = path_join(dir, "etc");
	char verb[] = "diagnose";
	char *words[] = { verb, NULL };
	const struct options o = { .root = root, .etc = etc, .arguments = words, .output = format };
	struct manager m = { .options = &o };
	char *text = NULL;
	size_t size = 0;
	struct error e;

	m.out = open_memstream(&text, &size);
	if (cmd_diagnose(&m, &e) != 0)
		fail_msg("%s", e.msg);
	(void)fclose(m.out);
	return text;
}

static struct json_object *said_object(const char *dir)
{
	_free_ char *text = said(dir, "json");
	struct json_object *object = NULL;
	struct error e;

	if (json_parse(text, strlen(text), "it", &object, &e) < 0)
		fail_msg("%s", e.msg);
	return object;
}

static bool has_error(struct json_object *all, const char *part, const char *words)
{
	struct json_object *errors = json_at(all, "errors");
	bool has = false;

	for (size_t i = 0; i < json_len(errors); i++) {
		const char *text = json_object_get_string(json_item(errors, i));

		has |= str_starts(text, part) && strstr(text, words);
	}
	return has;
}

/* ---- what is in it ---- */

static void test_report_goes_on_without_a_part(void **state)
{
	_json_ struct json_object *all = said_object(*state);

	assert_non_null(json_at(all, "status"));
	assert_non_null(json_at(all, "check"));
	assert_null(json_at(all, "configuration"));
	assert_true(has_error(all, "configuration", "no configuration"));
	assert_true(has_error(all, "assets", "no configuration"));
}

static void test_report_has_no_secret(void **state)
{
	_json_ struct json_object *all = NULL;
	_free_ char *text = NULL;

	folder_put(*state, MAIN_FILE,
		   "[hypervisor.qemu]\n"
		   "kernel_params = \"proxy=http://me:hunter2@h agent.password=hunter2\"\n");
	folder_put(*state, DROP_INS "x.toml", "[agent.kata]\ntoken = [\n  \"hunter2\",\n]\n");
	all = said_object(*state);
	text = xstrdup(json_object_to_json_string_ext(all, JSON_C_TO_STRING_NOSLASHESCAPE));
	assert_non_null(strstr(text, "proxy=http://me:...@h"));
	assert_null(strstr(text, "hunter2"));
}

static void test_what_is_no_file_is_told_and_not_read(void **state)
{
	_free_ char *fifo = path_join(*state, DROP_INS "a.toml");
	_free_ char *link = path_join(*state, DROP_INS "b.toml");
	_json_ struct json_object *all = NULL;

	folder_put(*state, DROP_INS "c.toml", "[runtime]\n");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(symlink("/dev/zero", link), 0);
	all = said_object(*state);
	assert_true(has_error(all, "configurationFiles", "a.toml' is no file"));
	assert_true(has_error(all, "configurationFiles", "b.toml' is no file"));
	assert_int_equal(json_object_object_length(json_at(all, "configurationFiles")), 1);
}

static void test_files_and_bytes_have_a_limit(void **state)
{
	enum { MANY = 100, LONG = 300 * 1024 };
	_free_ char *text = xmalloc(LONG + 1);
	_json_ struct json_object *all = NULL;
	struct json_object *files;

	memset(text, 'x', LONG);
	text[LONG] = '\0';
	for (int i = 0; i < MANY; i++) {
		_free_ char *name = xasprintf(DROP_INS "%02d.toml", i);

		folder_put(*state, name, i == 0 ? text : "");
	}
	all = said_object(*state);
	files = json_at(all, "configurationFiles");
	assert_in_range(json_object_object_length(files), 10, MANY - 1);
	json_object_object_foreach(files, name, value)
	{
		(void)name;
		assert_in_range(strlen(json_object_get_string(value)), 0, 70000);
	}
}

static void test_assets_are_read(void **state)
{
	_free_ char *kernel = path_join(*state, "kata/current/share/kata-containers/vmlinux");
	_free_ char *text = xasprintf("[hypervisor.qemu]\nkernel = \"%s\"\n", kernel);
	_json_ struct json_object *all = NULL;
	struct json_object *asset;

	folder_put(*state, MAIN_FILE, text);
	folder_put(*state, "kata/current/share/kata-containers/vmlinux", "abc");
	all = said_object(*state);
	asset = json_find(json_at(all, "assets"), "asset", "kernel");
	assert_string_equal(json_get_str(asset, "sha256"),
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(json_get_int(asset, "size", 0), 3);
	asset = json_find(json_at(all, "assets"), "asset", "hypervisor");
	assert_non_null(strstr(json_get_str(asset, "problem"), "No such file"));
}

/* ---- in which form ---- */

static void test_what_a_machine_says_does_not_end_its_block(void **state)
{
	_free_ char *text = NULL;

	folder_put(*state, MAIN_FILE, "[hypervisor.qemu]\nkernel_params = \"a=```` b\"\n");
	text = said(*state, NULL);
	assert_non_null(strstr(text, "## Configuration in force\n\n`````\n"));
	assert_non_null(strstr(text, "<summary>What could not be seen</summary>"));
}

static void test_name_of_a_file_is_no_markup(void **state)
{
	static const char name[] = "`<img src=x onerror=alert(1)>`\n# h";
	_free_ char *path = xasprintf(DROP_INS "%s", name);
	_free_ char *markdown = NULL;
	_free_ char *html = NULL;

	folder_put(*state, path, "one\n</pre><script>alert(2)</script>\n");
	markdown = said(*state, "markdown");
	assert_non_null(strstr(markdown, "`<img src=x onerror=alert(1)>`?# h ``\n"));
	assert_null(strstr(markdown, "\n# h"));
	html = said(*state, "html");
	assert_non_null(strstr(html, "`&lt;img src=x onerror=alert(1)&gt;`"));
	assert_non_null(strstr(html, "&lt;/pre&gt;&lt;script&gt;alert(2)"));
	assert_null(strstr(html, "<img"));
	assert_null(strstr(html, "<script"));
}

static void test_page_allows_its_own_style_and_nothing_else(void **state)
{
	_free_ char *html = said(*state, "html");
	char *begin = strstr(html, "<style>");
	char *end = strstr(html, "</style>");
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned char base64[2 * EVP_MAX_MD_SIZE];
	_free_ char *policy = NULL;
	unsigned len = 0;

	assert_non_null(begin);
	assert_non_null(end);
	begin += strlen("<style>");
	assert_int_equal(EVP_Digest(begin, (size_t)(end - begin), digest, &len, EVP_sha256(), NULL),
			 1);
	assert_int_equal(EVP_EncodeBlock(base64, digest, (int)len), 44);
	policy = xasprintf("content=\"default-src 'none'; style-src 'sha256-%s'; ", base64);
	assert_non_null(strstr(html, policy));
	assert_null(strstr(html, "src="));
	assert_null(strstr(html, "href="));
}

static void test_output_that_is_none_names_the_nearest(void **state)
{
	const struct options o = { .output = "hmtl" };
	struct manager m = { .options = &o };
	struct error e;

	(void)state;
	assert_int_equal(cmd_diagnose(&m, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "did you mean 'html'?"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)
		TEST(test_report_goes_on_without_a_part),
		TEST(test_report_has_no_secret),
		TEST(test_what_is_no_file_is_told_and_not_read),
		TEST(test_files_and_bytes_have_a_limit),
		TEST(test_assets_are_read),
		TEST(test_what_a_machine_says_does_not_end_its_block),
		TEST(test_name_of_a_file_is_no_markup),
		TEST(test_page_allows_its_own_style_and_nothing_else),
		TEST(test_output_that_is_none_names_the_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
