/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sha256 - the digest, on the examples of FIPS 180-4 and of NIST's test vectors.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "lib/sha256.h"

static void assert_digest(const char *text, size_t len, size_t times, size_t step,
			  const char *expected)
{
	char hex[SHA256_HEX + 1];
	struct sha256 s;

	sha256_init(&s);
	for (size_t i = 0; i < times; i++)
		for (size_t at = 0; at < len; at += step)
			sha256_add(&s, text + at, min_size(step, len - at));
	sha256_end(&s, hex);
	assert_string_equal(hex, expected);
}

static void test_sha256_of_the_standards_examples_is_theirs(void **state)
{
	static const struct {
		const char *text;
		size_t times;
		const char *digest;
	} cases[] = {
		{ "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
		  "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		  1, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
		{ "a", 1000000,
		  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_digest(cases[i].text, strlen(cases[i].text), cases[i].times, SIZE_MAX / 2,
			      cases[i].digest);
}

/* Around 56 and 64 bytes of a block the padding changes its form. */
static void test_sha256_in_any_pieces_is_the_same(void **state)
{
	static const struct {
		size_t len;
		const char *digest;
	} cases[] = {
		{ 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318" },
		{ 56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a" },
		{ 63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34" },
		{ 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb" },
		{ 65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0" },
		{ 119, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb" },
		{ 120, "2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c" },
		{ 128, "6836cf13bac400e9105071cd6af47084dfacad4e5e302c94bfed24e013afb73e" },
	};
	char text[128];

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t step = 1; step <= cases[i].len; step++)
			assert_digest(text, cases[i].len, 1, step, cases[i].digest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256_of_the_standards_examples_is_theirs),
		cmocka_unit_test(test_sha256_in_any_pieces_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
