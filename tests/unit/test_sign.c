/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sign - keys and signatures that minisign 0.11 made are taken, anything else is not.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "lib/host/sign.h"
#include "lib/str.h"

#define TEXT  "hello\n"
#define LINE  "RWQw3/8JbKbS1ptpxtS/wD/4lBL8IxHyJ7AwA8xVL/6mwa84EOLp8Rzf"
#define NAME  "D6D2A66C09FFDF30"
#define KEY   "untrusted comment: minisign public key " NAME "\n" LINE "\n"
#define OTHER "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
#define MADE  "untrusted comment: signature from minisign secret key\n"
#define HASHED                                                              \
	"RUQw3/8JbKbS1gbGk0HUbwUx1MLbLt432LfZa647G6I3jC7lD3nwV99LB93YrzrkI" \
	"41Qy81oo486kwjQ+Cy7KG69I2lUS3MUqQU=\n"
#define OF_HASHED                                                           \
	"0d9ecHL0bdUTBKHkoff6uG0s4CLdq4UiOUbT4QDApcihWAnlASEbdbbzS5bvhKlX4" \
	"K6DyzzUF1tCJUC4vmJRAA=="
#define PLAIN                                                               \
	"RWQw3/8JbKbS1v88dhHTOrvFiAVdf41Ce1LH80FSkzVxMSD9eiUePqqr6S3T/0ecX" \
	"rrzcEynJDOQoKPDcqjeJJhTesQQkpgkpQE=\n"
#define OF_PLAIN                                                           \
	"M"                                                                \
	"yu/k2OCXz9JTJYKN+g4Jw0khffW+0b4oAaI7vrw3F5PTnVTAG7G4+Y44mqmuEc1j" \
	"4/ZmnF+RWbEzHjJyyEUDg==\n"

#define GOOD   MADE HASHED "trusted comment: trust me\n" OF_HASHED
#define LEGACY MADE PLAIN "trusted comment: timestamp:1795971175\tfile:f\n" OF_PLAIN

static int check(const char *key_text, const char *text, size_t len, const char *signature,
		 char **ret_comment, struct error *e)
{
	struct sign_key key;

	assert_int_equal(sign_key_parse(key_text, "key", &key, e), 0);
	return sign_check(&key, text, len, signature, "f", ret_comment, e);
}

static void test_key_of_minisign_is_read_in_either_form(void **state)
{
	static const char *const texts[] = { KEY, LINE, LINE "\n", "\n " LINE " \r\n",
					     "untrusted comment: a\r\n" LINE "\r\n" };
	struct sign_key key;
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_free_ char *line = NULL;

		assert_int_equal(sign_key_parse(texts[i], "key", &key, &e), 0);
		assert_string_equal(sign_key_name(&key).s, NAME);
		line = sign_key_text(&key);
		assert_string_equal(line, LINE);
	}
}

static void test_key_that_is_none_is_refused_with_what_it_is(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} cases[] = {
		{ "", "is not what minisign calls a public key" },
		{ "untrusted comment: a\n", "is no Ed25519 public key" },
		{ "a comment\n" LINE "\n", "is not what minisign calls" },
		{ KEY LINE "\n", "is not what minisign calls" },
		{ "RWQw3/8JbKbS1ptpxtS/wD/4lBL8IxHyJ7AwA8xVL/6mwa84EOLp8Rz", "is no Ed25519" },
		{ LINE "AAAA", "is no Ed25519" },
		{ "RWQw3/8JbKbS1ptpxtS/wD/4lBL8IxHyJ7AwA8xVL/6mwa84EOLp8Rz=", "is no Ed25519" },
		{ "RWQw3/8JbKbS1ptpxtS/wD/4lBL8IxHyJ7AwA8xVL/6mwa84EOLp8R*f", "is no Ed25519" },
		{ "RUQw3/8JbKbS1ptpxtS/wD/4lBL8IxHyJ7AwA8xVL/6mwa84EOLp8Rzf", "is no Ed25519" },
		{ "untrusted comment: minisign encrypted secret key\n"
		  "RWRTY0IyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		  "AAAA"
		  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		  "AAAA"
		  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		  "is a secret key" },
	};
	struct sign_key key;
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(sign_key_parse(cases[i].text, "key", &key, &e), -EINVAL);
		if (!strstr(e.msg, cases[i].why))
			fail_msg("case %zu says: %s", i, e.msg);
	}
}

static void test_signature_of_either_form_is_right(void **state)
{
	static const struct {
		const char *signature;
		const char *comment;
	} cases[] = {
		{ GOOD, "trust me" },
		{ GOOD "\n", "trust me" },
		{ MADE HASHED "trusted comment: trust me\r\n" OF_HASHED "\r\n", "trust me" },
		{ LEGACY, "timestamp:1795971175?file:f" },
		{ "untrusted comment: anything\n" HASHED "trusted comment: trust me\n" OF_HASHED,
		  "trust me" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *comment = NULL;
		struct error e;

		if (check(KEY, TEXT, strlen(TEXT), cases[i].signature, &comment, &e) < 0)
			fail_msg("case %zu: %s", i, e.msg);
		assert_string_equal(comment, cases[i].comment);
	}
}

static void test_signature_that_is_not_right_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char *key;
		const char *text;
		const char *signature;
		int code;
		const char *why;
	} cases[] = {
		{ KEY, "hello", GOOD, EBADMSG, "'f' is not what key " NAME " signed" },
		{ KEY, "hello", LEGACY, EBADMSG, "'f' is not what key" },
		{ KEY, "", GOOD, EBADMSG, "'f' is not what key" },
		{ OTHER, TEXT, GOOD, EKEYREJECTED, "'f' is signed with key " NAME ", not with E7" },
		{ KEY, TEXT, MADE HASHED "trusted comment: trust us\n" OF_HASHED, EBADMSG,
		  "the comment in the signature of 'f'" },
		{ KEY, TEXT, MADE HASHED "trusted comment: trust me\n" OF_PLAIN, EBADMSG,
		  "the comment in the signature of 'f'" },
		{ KEY, TEXT, MADE PLAIN "trusted comment: trust me\n" OF_HASHED, EBADMSG,
		  "the comment in the signature of 'f'" },
		{ KEY, TEXT, "", EINVAL, "has not the 4 lines" },
		{ KEY, TEXT, MADE HASHED, EINVAL, "has not the 4 lines" },
		{ KEY, TEXT, GOOD "\nmore", EINVAL, "has not the 4 lines" },
		{ KEY, TEXT, GOOD "\n\n", EINVAL, "has not the 4 lines" },
		{ KEY, TEXT, MADE HASHED "comment: trust me\n" OF_HASHED, EINVAL,
		  "its comments do not begin" },
		{ KEY, TEXT, HASHED HASHED "trusted comment: trust me\n" OF_HASHED, EINVAL,
		  "its comments do not begin" },
		{ KEY, TEXT, MADE LINE "\ntrusted comment: trust me\n" OF_HASHED, EINVAL,
		  "its second line is not 74 bytes" },
		{ KEY, TEXT, MADE HASHED "trusted comment: trust me\n" LINE, EINVAL,
		  "its last line is not 64 bytes" },
		{ KEY, TEXT, MADE "QUJ3" HASHED "trusted comment: trust me\n" OF_HASHED, EINVAL,
		  "its second line" },
		{ KEY, TEXT,
		  MADE "QUIw3/8JbKbS1gbGk0HUbwUx1MLbLt432LfZa647G6I3jC7lD3nwV99LB93YrzrkI"
		       "41Qy81oo486kwjQ+Cy7KG69I2lUS3MUqQU=\ntrusted comment: trust me\n" OF_HASHED,
		  EINVAL, "its algorithm is unknown" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *comment = NULL;
		struct error e;

		if (check(cases[i].key, cases[i].text, strlen(cases[i].text), cases[i].signature,
			  &comment, &e) != -cases[i].code ||
		    !strstr(e.msg, cases[i].why))
			fail_msg("case %zu says: %s", i, e.msg);
		assert_null(comment);
	}
}

/* Every bit of key, bytes and both signatures counts. */
static void test_no_bit_of_what_is_signed_may_change(void **state)
{
	char signature[] = GOOD;
	struct error e;

	(void)state;
	for (size_t i = strlen(MADE); i < strlen(signature); i++) {
		char *comment = NULL;

		signature[i] ^= 1;
		assert_true(check(KEY, TEXT, strlen(TEXT), signature, &comment, &e) < 0);
		assert_null(comment);
		signature[i] ^= 1;
	}
	for (size_t bit = 0; bit < 8 * strlen(TEXT); bit++) {
		char text[] = TEXT;
		char *comment = NULL;

		text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
		assert_int_equal(check(KEY, text, strlen(text), GOOD, &comment, &e), -EBADMSG);
	}
}

/* The name of a key is no secret: whoever takes it for his own key has not the right point. */
static void test_key_with_anothers_name_does_not_sign_for_it(void **state)
{
	struct sign_key key, other;
	char *comment = NULL;
	struct error e;

	(void)state;
	assert_int_equal(sign_key_parse(KEY, "key", &key, &e), 0);
	assert_int_equal(sign_key_parse(OTHER, "key", &other, &e), 0);
	assert_false(sign_key_equal(&key, &other));
	memcpy(other.id, key.id, sizeof(key.id));
	assert_false(sign_key_equal(&key, &other));
	assert_int_equal(sign_check(&other, TEXT, strlen(TEXT), GOOD, "f", &comment, &e), -EBADMSG);
}

static void test_longest_comment_is_bounded(void **state)
{
	_free_ char *comment = xcalloc(1, SIGN_TEXT_MAX);
	_free_ char *long_one = NULL, *huge = NULL;
	char *told = NULL;
	struct error e;

	(void)state;
	memset(comment, 'x', 8193);
	long_one = xasprintf(MADE HASHED "trusted comment: %s\n" OF_HASHED, comment);
	assert_int_equal(check(KEY, TEXT, strlen(TEXT), long_one, &told, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "longer than 8192"));
	memset(comment, 'x', SIGN_TEXT_MAX - 1);
	huge = xasprintf("untrusted comment: %s\n" HASHED "trusted comment: trust me\n" OF_HASHED,
			 comment);
	assert_int_equal(check(KEY, TEXT, strlen(TEXT), huge, &told, &e), -EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_of_minisign_is_read_in_either_form),
		cmocka_unit_test(test_key_that_is_none_is_refused_with_what_it_is),
		cmocka_unit_test(test_signature_of_either_form_is_right),
		cmocka_unit_test(test_signature_that_is_not_right_is_refused_with_a_reason),
		cmocka_unit_test(test_no_bit_of_what_is_signed_may_change),
		cmocka_unit_test(test_key_with_anothers_name_does_not_sign_for_it),
		cmocka_unit_test(test_longest_comment_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
