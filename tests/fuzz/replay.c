/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay - run a fuzz target over its corpus in a normal build.
 *
 * The argument is a folder; every regular file in it is one input.  An empty corpus is a failure: a
 * replay that ran nothing proves nothing.  A crash or a sanitizer's report fails the test.
 */

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>

#include "lib/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX (8 * MIB)

int main(int argc, char **argv)
{
	struct error e;
	unsigned count = 0;
	struct dirent *entry;
	DIR *dir;

	if (argc != 2 || !(dir = opendir(argv[1]))) {
		(void)fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
		return 2;
	}
	while ((entry = readdir(dir))) {
		_free_ char *path = path_join(argv[1], entry->d_name);
		_free_ char *text = NULL;
		size_t len;

		if (entry->d_type != DT_REG)
			continue;
		if (file_read(path, INPUT_MAX, &text, &len, &e) < 0) {
			(void)fprintf(stderr, "%s\n", e.msg);
			return 1;
		}
		(void)LLVMFuzzerTestOneInput((const uint8_t *)text, len);
		count++;
	}
	(void)closedir(dir);
	(void)printf("%u inputs\n", count);
	return count ? 0 : 1;
}
