/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign-check - what lib/host/sign says of a signature, for a script: sign-check KEY FILE SIGNATURE
 * prints the trusted comment and ends with 0, or says why not and ends with 1.
 */

#include <stdio.h>

#include "lib/file.h"
#include "lib/host/sign.h"

#define FILE_MAX (16 * MIB)

static int check(char *const *argv, char **ret_comment, struct error *e)
{
	_free_ char *key_text = NULL, *bytes = NULL, *signature = NULL;
	struct sign_key key;
	size_t len;

	if (file_read(argv[1], SIGN_TEXT_MAX, &key_text, NULL, e) < 0 ||
	    file_read(argv[2], FILE_MAX, &bytes, &len, e) < 0 ||
	    file_read(argv[3], SIGN_TEXT_MAX, &signature, NULL, e) < 0 ||
	    sign_key_parse(key_text, argv[1], &key, e) < 0)
		return -e->code;
	return sign_check(&key, bytes, len, signature, argv[2], ret_comment, e);
}

int main(int argc, char **argv)
{
	_free_ char *comment = NULL;
	struct error e;

	if (argc != 4) {
		(void)fprintf(stderr, "usage: %s KEY FILE SIGNATURE\n", argv[0]);
		return 2;
	}
	if (check(argv, &comment, &e) < 0) {
		(void)fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	(void)printf("%s\n", comment);
	return 0;
}
