/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_CONFIG_RENDER_H
#define RUNTIME_CONFIG_RENDER_H

#include <stdio.h>

struct config;

/* What is written from the table of keys. */

/* The configuration file as shipped: every key at its default, its help above it. */
void render_file(FILE *out);
/* The reference page, Markdown. */
void render_reference(FILE *out);
/* Every key of C with its value, as TOML tables whose names begin with PREFIX (may be ""). */
void render_values(FILE *out, const struct config *c, const char *prefix);

#endif
