/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_DATAGRAMS_H
#define TESTS_FUZZ_DATAGRAMS_H

#include <stddef.h>
#include <stdint.h>

/* A socket in our kernel's place, which has the input to say, whatever it is asked: datagrams, each
 * behind two bytes of length, and then nothing for ever. */
struct datagrams {
	int fd;
	int peer;
};

struct datagrams datagrams_open(const uint8_t *data, size_t size);
void datagrams_close(struct datagrams *d);

#endif
