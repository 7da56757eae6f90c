/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_readback - the digest is that of what the file gives back, however it was written.
 */

#include "tests/unit/unit.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/host/readback.h"

#define TEXT_LEN (1 * MIB)

static int open_file(void)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static char *make_text(void)
{
	char *text = xmalloc(TEXT_LEN);

	for (size_t i = 0; i < TEXT_LEN; i++)
		text[i] = (char)(i * 7 + i / 251);
	return text;
}

/* The digest of TEXT written in pieces of PIECE bytes. */
static void digest_by(const char *text, size_t len, size_t piece, char ret_hex[SHA256_HEX + 1])
{
	_cleanup_(readback_freep) struct readback *r = NULL;
	_close_ int fd = open_file();
	struct error e;

	assert_int_equal(readback_begin(fd, "file", &r, &e), 0);
	for (size_t at = 0; at < len; at += piece) {
		size_t n = min_size(piece, len - at);

		assert_int_equal(write(fd, text + at, n), n);
		readback_add(r, n);
	}
	assert_int_equal(readback_end(r, ret_hex, &e), 0);
}

static void test_digest_is_the_files_however_it_was_written(void **state)
{
	static const size_t lengths[] = { 0, 1, 4096, 256 * KIB, 256 * KIB + 1, TEXT_LEN };
	static const size_t pieces[] = { 4093, 256 * KIB, TEXT_LEN };
	_free_ char *text = make_text();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		for (size_t k = 0; k < ARRAY_SIZE(pieces); k++) {
			char wanted[SHA256_HEX + 1], actual[SHA256_HEX + 1];

			sha256_bytes(text, lengths[i], wanted);
			digest_by(text, lengths[i], pieces[k], actual);
			assert_string_equal(actual, wanted);
		}
}

static void test_file_that_gives_less_back_is_told(void **state)
{
	_cleanup_(readback_freep) struct readback *r = NULL;
	_close_ int fd = open_file();
	char digest[SHA256_HEX + 1] = "";
	struct error e = { 0 };

	(void)state;
	assert_int_equal(readback_begin(fd, "file", &r, &e), 0);
	assert_int_equal(write(fd, "some", 4), 4);
	readback_add(r, 5);
	assert_int_equal(readback_end(r, digest, &e), -EIO);
	assert_non_null(strstr(e.msg, "file"));
	assert_string_equal(digest, "");
}

static void test_what_was_changed_meanwhile_is_another(void **state)
{
	_cleanup_(readback_freep) struct readback *r = NULL;
	_close_ int fd = open_file();
	char wanted[SHA256_HEX + 1], actual[SHA256_HEX + 1];
	struct error e;

	(void)state;
	sha256_bytes("the text", 8, wanted);
	assert_int_equal(readback_begin(fd, "file", &r, &e), 0);
	assert_int_equal(write(fd, "the text", 8), 8);
	assert_int_equal(pwrite(fd, "T", 1, 0), 1);
	readback_add(r, 8);
	assert_int_equal(readback_end(r, actual, &e), 0);
	assert_string_not_equal(actual, wanted);
}

static void test_one_that_is_given_up_ends(void **state)
{
	struct readback *r = NULL;
	_close_ int fd = open_file();
	struct error e;

	(void)state;
	assert_int_equal(readback_begin(fd, "file", &r, &e), 0);
	readback_free(r);
	readback_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digest_is_the_files_however_it_was_written),
		cmocka_unit_test(test_file_that_gives_less_back_is_told),
		cmocka_unit_test(test_what_was_changed_meanwhile_is_another),
		cmocka_unit_test(test_one_that_is_given_up_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
