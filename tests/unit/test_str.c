/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_str - lists, numbers and ids; errors and buffers beside them.
 */

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/str.h"

static void test_strv_split_and_join_leave_out_empty_parts(void **state)
{
	_strv_ strv parts = strv_split(",a,,b,c,", ",");
	_free_ char *joined = strv_join(parts, "--");
	_free_ char *nothing = strv_join(NULL, ",");

	(void)state;
	assert_int_equal(strv_len(parts), 3);
	assert_string_equal(joined, "a--b--c");
	assert_string_equal(nothing, "");
	assert_true(strv_contains(parts, "b"));
	assert_false(strv_contains(parts, "bb"));
	assert_null(strv_split("", ","));
}

static void test_pattern_matches_each_part_of_a_path_by_itself(void **state)
{
	static const struct {
		const char *path;
		const char *pattern;
		bool matches;
	} cases[] = {
		{ "/etc/a.toml", "/etc/*.toml", true },
		{ "/etc/.a.toml", "/etc/*.toml", true },
		{ "/etc/d/a.toml", "/etc/*.toml", false },
		{ "/etc/d/a.toml", "/etc/*/*.toml", true },
		{ "/etc/d/a.toml", "/etc?d/a.toml", false },
		{ "/etc/a.toml", "/etc/a.toml", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(str_matches(cases[i].path, cases[i].pattern), cases[i].matches);
}

static void test_parse_u64_takes_the_whole_string_or_refuses(void **state)
{
	static const struct {
		const char *s;
		uint64_t max;
		int result;
		uint64_t value;
	} cases[] = {
		{ "0", 10, 0, 0 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -ERANGE, 0 },
		{ "11", 10, -ERANGE, 0 },
		{ "", 10, -EINVAL, 0 },
		{ "-1", UINT64_MAX, -EINVAL, 0 },
		{ "+1", UINT64_MAX, -EINVAL, 0 },
		{ " 1", 10, -EINVAL, 0 },
		{ "1 ", 10, -EINVAL, 0 },
		{ "1x", 10, -EINVAL, 0 },
		{ "0x1", 10, -EINVAL, 0 },
	};
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 0;

		assert_int_equal(parse_u64(cases[i].s, "number", cases[i].max, &value, &e),
				 cases[i].result);
		assert_int_equal(value, cases[i].value);
	}
}

static void test_parse_size_knows_kubernetes_suffixes(void **state)
{
	static const struct {
		const char *s;
		int result;
		uint64_t value;
	} cases[] = {
		{ "512", 0, 512 },     { "2Ki", 0, 2048 },
		{ "1M", 0, 1000000 },  { "3Gi", 0, 3 * GIB },
		{ "Mi", -EINVAL, 0 },  { "1.5Gi", -EINVAL, 0 },
		{ "1mi", -EINVAL, 0 }, { "99999999999Ti", -ERANGE, 0 },
	};
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 0;

		assert_int_equal(parse_size(cases[i].s, "memory", &value, &e), cases[i].result);
		assert_int_equal(value, cases[i].value);
	}
}

static void test_parse_signed_octal_hex_bool(void **state)
{
	struct error e;
	int64_t number;
	uint32_t mode;
	uint64_t address;
	bool flag;

	(void)state;
	assert_int_equal(parse_i64("-5", "number", -5, 5, &number, &e), 0);
	assert_int_equal(number, -5);
	assert_int_equal(parse_i64("-6", "number", -5, 5, &number, &e), -ERANGE);
	assert_int_equal(parse_octal("0755", "mode", 07777, &mode, &e), 0);
	assert_int_equal(mode, 0755);
	assert_int_equal(parse_octal("8", "mode", 07777, &mode, &e), -EINVAL);
	assert_int_equal(parse_hex("8000000", "block size", UINT64_MAX, &address, &e), 0);
	assert_int_equal(address, 0x8000000);
	assert_int_equal(parse_bool("TRUE", "flag", &flag, &e), 0);
	assert_true(flag);
	assert_int_equal(parse_bool("on", "flag", &flag, &e), -EINVAL);
}

static void test_check_id_refuses_what_could_leave_a_folder(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "../x", ".a", "-a", "a b", "a\n" };
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(check_id(bad[i], "container id", 128, &e), -EINVAL);
	assert_int_equal(check_id(NULL, "container id", 128, &e), -EINVAL);
	assert_int_equal(check_id("a_b.c-9", "container id", 128, &e), 0);
	assert_int_equal(check_id("a", "exec id", 76, &e), 0);
	assert_int_equal(check_id("abc", "container id", 2, &e), -EINVAL);
}

static void assert_valid(const char *text)
{
	size_t left = strlen(text), len;

	for (; left > 0; text += len, left -= len) {
		len = utf8_length(text, left);
		assert_true(len > 0);
	}
}

static void test_fail_wrap_puts_text_in_front_and_keeps_the_code(void **state)
{
	struct error e;

	(void)state;
	assert_int_equal(fail(&e, ENOENT, "cannot open '%s': %m", "x"), -ENOENT);
	assert_int_equal(fail_wrap(&e, "starting vm '%s'", "y\nz"), -ENOENT);
	assert_string_equal(e.msg, "starting vm 'y z': cannot open 'x': No such file or directory");
}

/* An answer whose status is no valid text is lost as a whole, wherever the message is cut. */
static void test_an_error_is_valid_text_however_it_is_cut(void **state)
{
	char name[1024], wrapped[1024];
	struct error e;

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(name); i += 2)
		memcpy(name + i, "\xc3\xa9", 2);
	name[sizeof(name) - 1] = '\0';
	name[sizeof(name) - 2] = '\0';
	for (int shift = 0; shift < 4; shift++) {
		assert_int_equal(fail(&e, ENOENT, "%.*s%s", shift, "abc", name), -ENOENT);
		assert_valid(e.msg);
		(void)snprintf(wrapped, sizeof(wrapped), "%.*s%.*s", shift, "abc", 505, name);
		assert_int_equal(fail_wrap(&e, "%s", wrapped), -ENOENT);
		assert_valid(e.msg);
	}
	assert_int_equal(fail(&e, EIO, "lone \xe9, cursor \033[2J, tab\t"), -EIO);
	assert_string_equal(e.msg, "lone ?, cursor ?[2J, tab ");
}

static void test_buf_over_its_maximum_refuses_and_keeps_its_bytes(void **state)
{
	_buf_ struct buf b;
	struct error e;

	(void)state;
	buf_init(&b, 8);
	assert_int_equal(buf_add(&b, "12345", 5, &e), 0);
	assert_int_equal(buf_add(&b, "6789", 4, &e), -EMSGSIZE);
	assert_int_equal(b.len, 5);
	buf_consume(&b, 4);
	assert_int_equal(buf_add(&b, "6789abc", 7, &e), 0);
	assert_memory_equal(b.data, "56789abc", 8);
}

static void test_buf_many_appends_and_consumes_keep_order(void **state)
{
	_buf_ struct buf b;
	struct error e;
	uint8_t next_in = 0, next_out = 0;

	(void)state;
	buf_init(&b, 64 * KIB);
	for (unsigned round = 0; round < 2000; round++) {
		for (unsigned i = 0; i < 1 + round % 37; i++, next_in++)
			assert_int_equal(buf_add(&b, &next_in, 1, &e), 0);
		for (unsigned i = 0; b.len && i < 1 + round % 31; i++, next_out++) {
			assert_int_equal(b.data[0], next_out);
			buf_consume(&b, 1);
		}
	}
	for (; b.len; next_out++) {
		assert_int_equal(b.data[0], next_out);
		buf_consume(&b, 1);
	}
	assert_int_equal(next_in, next_out);
}

static void test_bytes_become_hex_digits(void **state)
{
	static const uint8_t bytes[] = { 0x02, 0xab, 0xff };
	_free_ char *plain = hex_encode(bytes, sizeof(bytes));
	_free_ char *joined = hex_join(bytes, sizeof(bytes), ':');
	_free_ char *nothing = hex_join(bytes, 0, ':');

	(void)state;
	assert_string_equal(plain, "02abff");
	assert_string_equal(joined, "02:ab:ff");
	assert_string_equal(nothing, "");
}

static void test_percent_decode_takes_escapes_only(void **state)
{
	static const char *const cases[][2] = {
		{ "a%20b%2Fc", "a b/c" }, { "%e2%82%ac", "\xe2\x82\xac" }, { "100%", "100%" },
		{ "%4", "%4" },           { "%zz%4x", "%zz%4x" },          { "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = xstrdup(cases[i][0]);

		percent_decode(text);
		assert_string_equal(text, cases[i][1]);
	}
}

static void test_text_of_a_peer_moves_no_cursor(void **state)
{
	char line[] = "a\n\x1b[2J\x7f\xc2\x9b\xc2\xa0\xc3\xa4\t";
	char text[] = "a\n\x1b[2J\x7f\xc2\x9b\xc2\xa0\xc3\xa4\t";

	(void)state;
	str_make_printable(line);
	assert_string_equal(line, "a??[2J???\xc2\xa0\xc3\xa4?");
	text_make_printable(text);
	assert_string_equal(text, "a\n?[2J???\xc2\xa0\xc3\xa4\t");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strv_split_and_join_leave_out_empty_parts),
		cmocka_unit_test(test_pattern_matches_each_part_of_a_path_by_itself),
		cmocka_unit_test(test_parse_u64_takes_the_whole_string_or_refuses),
		cmocka_unit_test(test_parse_size_knows_kubernetes_suffixes),
		cmocka_unit_test(test_parse_signed_octal_hex_bool),
		cmocka_unit_test(test_check_id_refuses_what_could_leave_a_folder),
		cmocka_unit_test(test_fail_wrap_puts_text_in_front_and_keeps_the_code),
		cmocka_unit_test(test_an_error_is_valid_text_however_it_is_cut),
		cmocka_unit_test(test_buf_over_its_maximum_refuses_and_keeps_its_bytes),
		cmocka_unit_test(test_buf_many_appends_and_consumes_keep_order),
		cmocka_unit_test(test_bytes_become_hex_digits),
		cmocka_unit_test(test_percent_decode_takes_escapes_only),
		cmocka_unit_test(test_text_of_a_peer_moves_no_cursor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
